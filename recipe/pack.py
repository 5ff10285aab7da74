"""Packs the fetched art and rendered words into arrays small enough to travel to a GPU.

Knows pictures and fonts. Does not know scenes or queries. Sprites are cropped to what they show, padded to a
square of SPRITE_PX and stored as straight RGBA.
"""

import colorsys
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lychee_app.demo.words import words
from recipe.fetch import ArtSet
from recipe.vocabulary import named_objects

SPRITE_PX = 64
GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX = 24, 160
FONTS = (
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc",
    "/usr/share/fonts/opentype/noto/NotoSansCJK-Bold.ttc",
    "/usr/share/fonts/opentype/noto/NotoSerifCJK-Regular.ttc",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSerif.ttf",
    "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf",
)
_CJK_FONTS = 3
EXTRA_LINES = (
    "menu",
    "菜单",
    "today",
    "今日特价",
    "$ 3.50",
    "sale",
    "price list",
    "价目表",
    "¥28",
    "open",
    "hello",
)
# Hue ranges in degrees: (surely this colour, perhaps this colour), in the order of `vocabulary.COLOURS`.
_HUES = (((345, 372), (335, 400)), ((42, 64), (22, 75)), ((80, 165), (64, 185)),
         ((190, 252), (170, 275)), ((262, 312), (245, 335)))  # fmt: skip


# The sofa's character comes with a lamp of its own. Shares of the visible part (left, top, right, bottom)
# that show the sofa alone, so that "lamp" stays true.
_SOFA = "\U0001f6cb"
_SOFA_BOX = {
    "noto": (0, 0.47, 1, 1), "twemoji": (0, 0.36, 0.915, 1), "fluent-3d": (0, 0.53, 0.818, 1),
    "emojione": (0, 0.395, 1, 1), "fluent-flat": (0, 0.53, 0.81, 1), "openmoji": (0, 0.37, 0.86, 1),
}  # fmt: skip


@dataclass(frozen=True)
class Art:
    """Sprites of several styles: (styles, objects, 64, 64, 4) uint8, and what is known of each.

    `present` (styles, objects) bool; `natural` (styles, objects, 6): 1 the sprite is of that colour, 0.5
    it is not, nan undecided; `shades` (styles, objects, 2): dark and light end of its brightness, 0 to 1.
    """

    names: tuple[str, ...]
    sprites: NDArray[np.uint8]
    present: NDArray[np.bool_]
    natural: NDArray[np.float32]
    shades: NDArray[np.float32]

    def only(self, name: str) -> "Art":
        """One style of it."""
        at = [self.names.index(name)]
        return Art((name,), self.sprites[at], self.present[at], self.natural[at], self.shades[at])


@dataclass(frozen=True)
class Glyphs:
    """Rendered words: coverage (count, 24, 160) uint8, width in pixels, object number or -1."""

    masks: NDArray[np.uint8]
    widths: NDArray[np.int16]
    objects: NDArray[np.int16]


def open_object(art: ArtSet, modules: Path, character: str, px: int = SPRITE_PX) -> Image.Image | None:
    """RGBA, cropped to the visible part, centred on a transparent square of `px`; None if the set lacks
    it."""
    path = art.find(modules, character)
    if path is None:
        return None
    image = _visible(_open(path, 4 * px))
    if character == _SOFA:
        left, top, right, bottom = _SOFA_BOX[art.name]
        width, height = image.size
        kept = (round(left * width), round(top * height), round(right * width), round(bottom * height))
        image = _visible(image.crop(kept))
    scale = (px - 2) / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")
    square = Image.new("RGBA", (px, px))
    square.paste(image, ((px - size[0]) // 2, (px - size[1]) // 2))
    return square


def _visible(image: Image.Image) -> Image.Image:
    box = image.getchannel("A").point([0] * 25 + [255] * 231).getbbox()
    return image.crop(box or (0, 0, *image.size))


def _open(path: Path, width_px: int) -> Image.Image:
    if path.suffix == ".svg":
        import resvg_py  # pyright: ignore[reportMissingImports]  - the extra "recipe"

        data = bytes(resvg_py.svg_to_bytes(svg_string=path.read_text(encoding="utf-8"), width=width_px))
        return Image.open(BytesIO(data)).convert("RGBA")
    return Image.open(path).convert("RGBA")


def pack_art(modules: Path, sets: tuple[ArtSet, ...]) -> Art:
    """Opens every object of every set; a sprite that a set lacks stays empty and `present` says so."""
    objects = named_objects()
    sprites = np.zeros((len(sets), len(objects), SPRITE_PX, SPRITE_PX, 4), np.uint8)
    present = np.zeros(sprites.shape[:2], np.bool_)
    for s, art in enumerate(sets):
        for c, item in enumerate(objects):
            picture = open_object(art, modules, item.character)
            if picture is not None:
                sprites[s, c] = np.asarray(picture)
                present[s, c] = True
    return known_of(tuple(art.name for art in sets), sprites, present)


def known_of(names: tuple[str, ...], sprites: NDArray[np.uint8], present: NDArray[np.bool_]) -> Art:
    """The art with what is measured on its sprites: natural colours and shades."""
    natural = np.full((*present.shape, 6), np.nan, np.float32)
    shades = np.zeros((*present.shape, 2), np.float32)
    for s, c in zip(*present.nonzero(), strict=True):
        natural[s, c] = natural_colours(sprites[s, c])
        shades[s, c] = shades_of(sprites[s, c])
    return Art(names, sprites, present, natural, shades)


def natural_colours(sprite: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Per colour: 1 if at least 60 % of the sprite is surely of it, 0.5 if at most 12 % perhaps is, else
    nan."""
    pixels = sprite[sprite[..., 3] > 128][:, :3] / 255.0
    hsv = np.array([colorsys.rgb_to_hsv(*pixel) for pixel in pixels[::5]])
    hue, vivid, bright = hsv[:, 0] * 360, (hsv[:, 1] > 0.4) & (hsv[:, 2] > 0.3), hsv[:, 2]
    out = np.full(6, np.nan, np.float32)
    for index, (sure, perhaps) in enumerate(_HUES):
        shares = [float(np.mean(vivid & _between(hue, *span))) for span in (sure, perhaps)]
        out[index] = _verdict(*shares)
    out[5] = _verdict(float(np.mean(bright < 0.3)), float(np.mean(bright < 0.42)))
    return out


def _between(hue: NDArray[Any], low: float, high: float) -> NDArray[np.bool_]:
    return ((hue >= low) & (hue <= high)) | (hue + 360 <= high)


def _verdict(sure: float, perhaps: float) -> float:
    if sure >= 0.6:
        return 1.0
    return 0.5 if perhaps <= 0.12 else np.nan


def shades_of(sprite: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = sprite[sprite[..., 3] > 128][:, :3] @ np.array([0.299, 0.587, 0.114]) / 255.0
    low, high = np.percentile(grey, [5, 95])
    return np.array([low, max(high, low + 0.15)], np.float32)


def pack_glyphs(seed: int = 0) -> Glyphs:
    """Every object's name and one or two synonyms in both scripts, each in two fonts; and menu lines."""
    random = np.random.default_rng(seed)
    lines = [(line, -1) for line in EXTRA_LINES]
    for number, entry in enumerate(words()):
        also = [word for word in entry["also"] if len(word) < 14]
        lines += [(word, number) for word in (entry["en"], entry["zh"], *also[:3])]
    drawn = [(_glyph(line, random), number) for line, number in lines for _ in range(2)]
    masks = np.stack([mask for (mask, _), _ in drawn])
    widths = np.array([width for (_, width), _ in drawn], np.int16)
    return Glyphs(masks, widths, np.array([number for _, number in drawn], np.int16))


def _glyph(line: str, random: np.random.Generator) -> tuple[NDArray[np.uint8], int]:
    fonts = FONTS if line.isascii() else FONTS[:_CJK_FONTS]
    font = ImageFont.truetype(str(random.choice(list(fonts))), 18)
    shown = line.capitalize() if random.random() < 0.3 else line
    left, top, right, bottom = (round(x) for x in font.getbbox(shown))
    image = Image.new("L", (right - left + 2, max(bottom - top + 2, 8)))
    ImageDraw.Draw(image).text((1 - left, 1 - top), shown, fill=255, font=font)
    width = min(GLYPH_WIDTH_PX, max(8, round(image.width * GLYPH_HEIGHT_PX / image.height)))
    mask = np.zeros((GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX), np.uint8)
    mask[:, :width] = np.asarray(image.resize((width, GLYPH_HEIGHT_PX), Image.Resampling.BICUBIC))
    return mask, width


def save_arrays(path: Path, record: Art | Glyphs) -> None:
    np.savez_compressed(path, **vars(record))


def load_art(path: Path) -> Art:
    with np.load(path) as data:
        names = tuple(str(name) for name in data["names"])
        return Art(names, data["sprites"], data["present"], data["natural"], data["shades"])


def load_glyphs(path: Path) -> Glyphs:
    with np.load(path) as data:
        return Glyphs(data["masks"], data["widths"], data["objects"])
