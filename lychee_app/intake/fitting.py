"""The size an image is shown to the model at."""

import math

from lychee_app.errors import ImageError
from lychee_app.records import ImageBudget


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
