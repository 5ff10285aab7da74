"""Counting images by score or margin: every scored image is in exactly one bin."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lychee_app.ranking import is_scored, strength
from lychee_app.records import Axis, Scored

RANGES = (0.0, 6.0, 7.5, 8.5, 9.0, 9.5, 10.0)
"""Edges of the six named ranges; each begins where the one below it ends."""


@dataclass(frozen=True)
class Bin:
    """Images with low <= value < high on `axis`; the top bin holds its upper edge too.

    `upload_indexes` are in upload order.
    """

    low: float
    high: float
    axis: Axis
    upload_indexes: tuple[int, ...]

    @property
    def count(self) -> int:
        return len(self.upload_indexes)

    @property
    def label(self) -> str:
        """Half-open, as it is counted: "9.0–9.5" holds 9.0 and not 9.5."""
        if self.axis == "margin":
            return f"{self.low:g}–{self.high:g}"
        lowest = (self.low, self.high) == RANGES[:2]
        return f"<{self.high:g}" if lowest else f"{self.low:.1f}–{self.high:.1f}"


def range_bins(images: Iterable[Scored]) -> tuple[Bin, ...]:
    """The six named ranges, best first: [9.5, 10], [9, 9.5), [8.5, 9), [7.5, 8.5), [6, 7.5), [0, 6)."""
    return _bins(images, RANGES, "score")[::-1]


def even_bins(images: Iterable[Scored], count: int = 20) -> tuple[Bin, ...]:
    """`count` bins of equal width over 0 to 10, lowest first."""
    return _bins(images, [10 * step / count for step in range(count + 1)], "score")


def margin_bins(images: Iterable[Scored], count: int = 20) -> tuple[Bin, ...]:
    """At most `count` (2 or more) bins over the margins there are, lowest first, with round edges.

    For sets whose scores all round to 10.0 or 0.0: their margins still differ. Empty without margins.
    """
    images = [row for row in images if is_scored(row) and row.margin is not None]
    finite = [row.margin for row in images if row.margin is not None and math.isfinite(row.margin)]
    if not finite:
        return ()
    count = max(count, 2)
    width = _round_width((max(finite) - min(finite)) / count)
    low, high = math.floor(min(finite) / width), math.ceil(max(finite) / width)
    while high - low > count:
        width = _round_width(width * 1.5)
        low, high = math.floor(min(finite) / width), math.ceil(max(finite) / width)
    return _bins(images, [round(width * step, 9) for step in range(low, max(high, low + 1) + 1)], "margin")


def _bins(images: Iterable[Scored], edges: Sequence[float], axis: Axis) -> tuple[Bin, ...]:
    """Values past the outer edges are counted in the outer bins."""
    held: list[list[int]] = [[] for _ in edges[1:]]
    for row in images:
        if is_scored(row):
            index = bisect_right(edges, strength(row, axis)) - 1
            held[min(max(index, 0), len(held) - 1)].append(row.upload_index)
    return tuple(
        Bin(edges[place], edges[place + 1], axis, tuple(sorted(indexes)))
        for place, indexes in enumerate(held)
    )


def _round_width(at_least: float) -> float:
    """The smallest of 1, 2, 5 x 10^n that is not below; at least 0.01."""
    at_least = max(at_least, 0.01)
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= at_least * (1 - 1e-9))
