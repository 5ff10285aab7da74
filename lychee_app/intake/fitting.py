"""The size an image is shown to the model at, and the tiles one is shown in that would become too small."""

import math
from dataclasses import dataclass

from lychee_app.errors import ImageError
from lychee_app.records import ImageBudget

TILED_ASPECT, TILED_SHRINK = 3, 2
"""An image over three times as long as it is wide, of which less than half its size a side would be left."""
_TILE_ASPECT, _OVERLAP = 1.5, 1 / 8
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Tiling:
    """An image brought to the size of `sheet_px`, upright, is cut into `boxes` (left, top, right, bottom).

    All are of one size, overlap by an eighth, so that what lies across a cut is whole in one of them, and run
    from left to right or downwards.
    """

    sheet_px: tuple[int, int]
    boxes: tuple[Box, ...]

    @property
    def tile_px(self) -> tuple[int, int]:
        """(width, height) of each."""
        left, top, right, bottom = self.boxes[0]
        return right - left, bottom - top


def tiling(width_px: int, height_px: int, budget: ImageBudget) -> Tiling | None:
    """How an image is shown in tiles beside the whole; None where the whole shows it well enough.

    At most `budget.most_tiles`, each of no more tokens than the whole may have.
    """
    whole = fit(width_px, height_px, budget)
    short_px, long_px = sorted((width_px, height_px))
    aspect = long_px / short_px
    shrink = math.sqrt(width_px * height_px / (whole[0] * whole[1]))
    needed = math.ceil((aspect / _TILE_ASPECT - _OVERLAP) / (1 - _OVERLAP))
    count = min(budget.most_tiles, needed)
    if aspect <= TILED_ASPECT or shrink <= TILED_SHRINK or count < 2:
        return None
    each = round(long_px / (count - (count - 1) * _OVERLAP))
    tall = height_px > width_px
    tile = fit(*((short_px, each) if tall else (each, short_px)), budget)
    across, along = tile if tall else tile[::-1]
    length = max(along, round(long_px * across / short_px))
    starts = [round(index * (length - along) / (count - 1)) for index in range(count)]
    if tall:
        return Tiling((across, length), tuple((0, at, across, at + along) for at in starts))
    return Tiling((length, across), tuple((at, 0, at + along, across) for at in starts))


def fit(width_px: int, height_px: int, budget: ImageBudget) -> tuple[int, int]:
    """(width_px, height_px), multiples of `token_px`, within the budget and close to the shape given.

    This is `smart_resize` as published, in qwen_vl_utils and in transformers' image processor. Where the two
    disagree (one side under half a token) qwen_vl_utils is followed, for it is what meets the image
    first. Beyond both, no side is ever 0, the budget always holds, and so does `max_aspect` after rounding:
    the published processor leaves the size as it is (given max_tokens of four times min_tokens or more).
    Raises ImageError over `max_aspect`.
    """
    short_px, long_px = sorted((width_px, height_px))
    if short_px < 1 or long_px / short_px > budget.max_aspect:
        raise ImageError("aspect", width_px=width_px, height_px=height_px, limit=budget.max_aspect)
    columns, rows = _tokens(width_px, height_px, budget)
    return columns * budget.token_px, rows * budget.token_px


def _tokens(width_px: int, height_px: int, budget: ImageBudget) -> tuple[int, int]:
    """The grid of image tokens: (columns, rows)."""
    side = budget.token_px
    least, most = budget.min_tokens * side**2, budget.max_tokens * side**2
    columns, rows = max(1, round(width_px / side)), max(1, round(height_px / side))
    if columns * rows * side**2 > most:
        shrink = math.sqrt((height_px * width_px) / most)  # ** 0.5 may differ in its last bit, and so a token
        columns, rows = math.floor(width_px / shrink / side), math.floor(height_px / shrink / side)
    elif columns * rows * side**2 < least:
        grow = math.sqrt(least / (height_px * width_px))
        columns, rows = math.ceil(width_px * grow / side), math.ceil(height_px * grow / side)
    columns, rows = max(1, columns), max(1, rows)
    columns = min(columns, rows * budget.max_aspect, max(1, budget.max_tokens // rows))
    return columns, min(rows, columns * budget.max_aspect, max(1, budget.max_tokens // columns))
