"""Counting images by score or margin: every scored image is in exactly one bin."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from lychee_app.numbers import Mask, Numbers, numbers_of
from lychee_app.records import Axis, Scored

RANGES = (0.0, 6.0, 7.5, 8.5, 9.0, 9.5, 10.0)
"""Edges of the six named ranges; each begins where the one below it ends."""


@dataclass(frozen=True)
class Bin:
    """Images with low <= value < high on `axis`; the top bin holds its upper edge too.

    `upload_indexes` are in upload order; `mean_score` is that of its images, 0 where it has none.
    """

    low: float
    high: float
    axis: Axis
    upload_indexes: tuple[int, ...]
    mean_score: float = 0.0

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


def range_bins(images: Iterable[Scored] | Numbers) -> tuple[Bin, ...]:
    """The six named ranges, best first: [9.5, 10], [9, 9.5), [8.5, 9), [7.5, 8.5), [6, 7.5), [0, 6)."""
    found = numbers_of(images)
    return _bins(found, found.with_score, RANGES, "score")[::-1]


def even_bins(images: Iterable[Scored] | Numbers, count: int = 20) -> tuple[Bin, ...]:
    """`count` bins of equal width over 0 to 10, lowest first."""
    found = numbers_of(images)
    return _bins(found, found.with_score, [10 * step / count for step in range(count + 1)], "score")


def margin_bins(images: Iterable[Scored] | Numbers, count: int = 20) -> tuple[Bin, ...]:
    """At most `count` (2 or more) bins over the margins there are, lowest first, with round edges.

    For sets whose scores all round to 10.0 or 0.0: their margins still differ. Empty without margins.
    """
    found = numbers_of(images)
    held = found.with_score & ~np.isnan(found.margins)
    finite = found.margins[held & np.isfinite(found.margins)]
    if not len(finite):
        return ()
    least, most, count = float(finite.min()), float(finite.max()), max(count, 2)
    width = _round_width((most - least) / count)
    low, high = math.floor(least / width), math.ceil(most / width)
    while high - low > count:
        width = _round_width(width * 1.5)
        low, high = math.floor(least / width), math.ceil(most / width)
    edges = [round(width * step, 9) for step in range(low, max(high, low + 1) + 1)]
    return _bins(found, held, edges, "margin")


def _bins(found: Numbers, held: Mask, edges: Sequence[float], axis: Axis) -> tuple[Bin, ...]:
    """Of the rows that are held. Values past the outer edges are counted in the outer bins."""
    indices, scores = found.indices[held], found.scores[held]
    values = found.margins[held] if axis == "margin" else scores
    places = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)

    def made(place: int) -> Bin:
        within = places == place
        mean = float(scores[within].mean()) if within.any() else 0.0
        return Bin(edges[place], edges[place + 1], axis, tuple(np.sort(indices[within]).tolist()), mean)

    return tuple(made(place) for place in range(len(edges) - 1))


def _round_width(at_least: float) -> float:
    """The smallest of 1, 2, 5 x 10^n that is not below; at least 0.01."""
    at_least = max(at_least, 0.01)
    power = 10.0 ** math.floor(math.log10(at_least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= at_least * (1 - 1e-9))
