"""The built-in suite's pairs: two drawn scenes that differ in one thing, and a query that the first answers.

A sheet for each kind lies in suite/, four pairs a row; `recipe.build_suite` drew them.
"""

import io
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

SUITE_FOLDER = Path(__file__).with_name("suite")
PAIRS_FILE = "pairs.json"
CELL_SIZE, COLUMNS = (384, 288), 8
"""Width and height in pixels. Not square: a square image at a square number of tokens falls to the next lower
one by rounding, in the published resizing."""


@dataclass(frozen=True)
class Scene:
    """One cell. `shows`: the English names of what is drawn there."""

    name: str
    picture: Image.Image
    shows: frozenset[str]

    @property
    def png(self) -> bytes:
        file = io.BytesIO()
        self.picture.save(file, "PNG", compress_level=1)
        return file.getvalue()


@dataclass(frozen=True)
class Pair:
    """`match` answers the query and `mismatch` does not. `also`: the same query mixed, and as translated from
    the Chinese and from the English; of some kinds only.
    """

    kind: str
    en: str
    zh: str
    match: Scene
    mismatch: Scene
    also: tuple[str, ...] = ()


@cache
def pairs() -> dict[str, tuple[Pair, ...]]:
    """By kind, in the order they are told of."""
    told = json.loads((SUITE_FOLDER / PAIRS_FILE).read_text(encoding="utf-8"))
    return {kind: _of_a_kind(kind, entries) for kind, entries in told.items()}


def _of_a_kind(kind: str, entries: list[dict[str, str | list[str]]]) -> tuple[Pair, ...]:
    with Image.open(SUITE_FOLDER / f"{kind}.webp") as image:
        sheet = image.convert("RGB")
    found = []
    for number, entry in enumerate(entries):
        scenes: list[Scene] = []
        for side in (0, 1):
            row, column = divmod(2 * number + side, COLUMNS)
            left, top = column * CELL_SIZE[0], row * CELL_SIZE[1]
            cell = sheet.crop((left, top, left + CELL_SIZE[0], top + CELL_SIZE[1]))
            shows = frozenset(entry["mismatch" if side else "match"])
            scenes.append(Scene(f"{kind}-{number + 1:02d}{'ab'[side]}.png", cell, shows))
        match, mismatch = scenes
        also = tuple(entry.get("also", ()))
        found.append(Pair(kind, str(entry["en"]), str(entry["zh"]), match, mismatch, also))
    return tuple(found)
