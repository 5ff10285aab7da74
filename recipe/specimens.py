"""The small art pack that lies in the package, so that fresh scenes can be drawn for measuring without a
fetch.

Three picture sheets: sprites of the trained art, sprites of an art set never trained on, and rendered words.
Lossy, and for measuring only: training uses the packed originals.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from recipe.pack import GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX, SPRITE_PX, Art, Glyphs, known_of

ART_FOLDER = Path(__file__).with_name("art")
_COLUMNS, _GLYPHS = 32, 480


def save_art(art: Art, name: str, folder: Path = ART_FOLDER) -> None:
    """Writes `name`.webp and what is known of the sprites."""
    flat = art.sprites.reshape(-1, SPRITE_PX, SPRITE_PX, 4)
    rows = -(-len(flat) // _COLUMNS)
    sheet = np.zeros((rows * _COLUMNS, SPRITE_PX, SPRITE_PX, 4), np.uint8)
    sheet[: len(flat)] = flat
    picture = sheet.reshape(rows, _COLUMNS, SPRITE_PX, SPRITE_PX, 4).swapaxes(1, 2)
    folder.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture.reshape(rows * SPRITE_PX, _COLUMNS * SPRITE_PX, 4))
    image.save(folder / f"{name}.webp", quality=72, alpha_quality=80, method=6)
    known = {"names": list(art.names), "present": art.present.astype(int).tolist()}
    (folder / f"{name}.json").write_text(json.dumps(known, separators=(",", ":")) + "\n")


@cache
def load_specimens(name: str, folder: Path = ART_FOLDER) -> Art:
    """The art saved as `name`: "trained" or "held-out"."""
    known = json.loads((folder / f"{name}.json").read_text())
    present = np.array(known["present"], bool)
    with Image.open(folder / f"{name}.webp") as image:
        sheet = np.asarray(image.convert("RGBA"))
    rows = sheet.shape[0] // SPRITE_PX
    cells = (
        sheet.reshape(rows, SPRITE_PX, _COLUMNS, SPRITE_PX, 4)
        .swapaxes(1, 2)
        .reshape(-1, SPRITE_PX, SPRITE_PX, 4)
    )
    return known_of(
        tuple(known["names"]), cells[: present.size].reshape(*present.shape, SPRITE_PX, SPRITE_PX, 4), present
    )


def save_glyphs(glyphs: Glyphs, folder: Path = ART_FOLDER) -> None:
    """Every few of the rendered words, as one grey sheet."""
    kept = np.linspace(0, len(glyphs.masks) - 1, _GLYPHS).astype(int)
    sheet = glyphs.masks[kept].reshape(_GLYPHS * GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX)
    Image.fromarray(sheet // 16 * 17).save(folder / "words.png", optimize=True)
    known = {"widths": glyphs.widths[kept].tolist(), "objects": glyphs.objects[kept].tolist()}
    (folder / "words.json").write_text(json.dumps(known, separators=(",", ":")) + "\n")


@cache
def load_glyph_specimens(folder: Path = ART_FOLDER) -> Glyphs:
    known = json.loads((folder / "words.json").read_text())
    with Image.open(folder / "words.png") as image:
        masks = np.asarray(image.convert("L")).reshape(-1, GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX)
    return Glyphs(masks, np.array(known["widths"], np.int16), np.array(known["objects"], np.int16))
