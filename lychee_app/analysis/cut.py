"""Where to cut: at the largest gap between two neighbours in the ranking, if one stands out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from lychee_app.analysis.caveats import tells_little
from lychee_app.ranking import is_scored, strength
from lychee_app.records import Axis, Cutoff, Scored, logit, sigmoid

LEAST_GAP: dict[Axis, float] = {"score": 0.5, "margin": 1.0}
"""Points, or nats: a smaller gap is never suggested."""
LEAST_TIMES = 2.0
"""How many times the mean of the other gaps the largest must be. Evenly spread scores have a ratio of 1."""
TOP_SHOWN = 9.95
"""From here on a score is shown as 10.0: a cut-off there means all that are."""
LEAST_BELOW_SHARE = 0.1
"""A cut that leaves fewer images than this below it isolates outliers at the bottom and chooses nothing."""


@dataclass(frozen=True)
class Cut:
    """`count` images are at or above the cut-off; `gap` lies between the last of them and the next."""

    cutoff: Cutoff
    count: int
    gap: float


def suggest_cut(images: Iterable[Scored]) -> Cut | None:
    """The largest gap of the scores; if none stands out there, of the margins; else None.

    A gap stands out if it is at least LEAST_GAP wide and LEAST_TIMES the mean of the other gaps. From four
    images on, at least two and LEAST_BELOW_SHARE of all must be below it: one bad image is no reason to keep
    the rest. A single good image at the top may stand alone. Of equal gaps the higher one is taken. The
    cut-off lies in the middle of the gap. None where the scores tell little (caveats.py).
    """
    images = [row for row in images if is_scored(row)]
    if tells_little(images):
        return None
    found = _largest_gap(images, "score")
    if found is None and images and all(row.margin is not None for row in images):
        found = _largest_gap(images, "margin")
    return found


def above(images: Iterable[Scored], cutoff: Cutoff) -> list[Scored]:
    """The images at or above the cut-off, in the order given.

    Hardly a score is 10, and many are shown as 10.0: the end of that scale means what is shown so.
    """
    value = min(cutoff.value, TOP_SHOWN) if cutoff.axis == "score" else cutoff.value
    return [row for row in images if is_scored(row) and _place(row, cutoff.axis) >= value]


def on_axis(images: Iterable[Scored], cutoff: Cutoff, axis: Axis) -> Cutoff | None:
    """The same cut-off on `axis`, by score = 10 * sigmoid(margin); None where that is not exact.

    It is not where a row has no margin (explain mode), and where scores are so near 0 or 10 that float64 no
    longer tells apart what the margins do: the images above must stay the same.
    """
    if cutoff.axis == axis:
        return cutoff
    images = [row for row in images if is_scored(row)]
    value = 10 * sigmoid(cutoff.value) if axis == "score" else logit(cutoff.value / 10)
    twin = Cutoff(value, axis)
    exact = math.isfinite(value) and all(row.margin is not None for row in images)
    return twin if exact and above(images, twin) == above(images, cutoff) else None


def _largest_gap(images: Sequence[Scored], axis: Axis) -> Cut | None:
    values = sorted((strength(row, axis) for row in images), reverse=True)
    values = [value for value in values if math.isfinite(value)]
    gaps = [high - low for high, low in pairwise(values)]
    gaps = gaps[: len(values) - _least_below(len(values))]
    if not gaps:
        return None
    place = max(range(len(gaps)), key=lambda index: gaps[index])
    gap, rest = gaps[place], gaps[:place] + gaps[place + 1 :]
    if gap < LEAST_GAP[axis] or (rest and gap < LEAST_TIMES * sum(rest) / len(rest)):
        return None
    cutoff = Cutoff(_between(values[place + 1], values[place]), axis)
    return Cut(cutoff, len(above(images, cutoff)), gap)


def _least_below(count: int) -> int:
    return 1 if count < 4 else max(2, math.ceil(count * LEAST_BELOW_SHARE))


def _between(low: float, high: float) -> float:
    """The middle, to a tenth where a tenth lies in the gap: what a slider shows is what is meant."""
    middle = (low + high) / 2
    return round(middle, 1) if low < round(middle, 1) <= high else middle


def _place(row: Scored, axis: Axis) -> float:
    """A row without a margin (explain mode) is nowhere on that axis."""
    value = row.margin if axis == "margin" else row.score
    return -math.inf if value is None else value
