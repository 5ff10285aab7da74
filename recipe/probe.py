"""The self-test that a demo checkpoint brings along: a picture, a query it shows and one it does not."""

import json
from pathlib import Path

from PIL import Image

from lychee_app.demo.words import colours, words
from recipe.drawing import tinted
from recipe.specimens import load_specimens

_SIDE_PX, _OBJECT_PX = 168, 112
_SHOWN, _TINT, _MISSING = "umbrella", "red", "elephant"


def write_probe(folder: Path) -> None:
    """selftest.json and its picture, drawn from the art pack."""
    art, names = load_specimens("trained"), [entry["en"] for entry in words()]
    number, tint = names.index(_SHOWN), [entry["en"] for entry in colours()].index(_TINT)
    sprite = tinted(art.sprites[0, number], art.shades[0, number], tint)
    picture = Image.frombuffer("RGBa", sprite.shape[1::-1], sprite.tobytes(), "raw", "RGBa", 0, 1)
    picture = picture.resize((_OBJECT_PX, _OBJECT_PX), Image.Resampling.BICUBIC).convert("RGBA")
    image = Image.new("RGB", (_SIDE_PX, _SIDE_PX), "#efe6dd")
    corner = (_SIDE_PX - _OBJECT_PX) // 2
    image.paste(picture, (corner, corner), picture)
    image.save(folder / "selftest.png", optimize=True)
    probe = {"image": "selftest.png", "match": f"{_TINT} {_SHOWN}", "mismatch": _MISSING}
    (folder / "selftest.json").write_text(json.dumps(probe) + "\n", encoding="utf-8")
