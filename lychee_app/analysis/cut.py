"""Where to cut: at the largest gap between two neighbours in the ranking, if one stands out."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lychee_app.analysis.caveats import tells_little
from lychee_app.numbers import Mask, Numbers, count, numbers_of
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


def suggest_cut(images: Iterable[Scored] | Numbers) -> Cut | None:
    """The largest gap of the scores; if none stands out there, of the margins; else None.

    A gap stands out if it is at least LEAST_GAP wide and LEAST_TIMES the mean of the other gaps. From four
    images on, at least two and LEAST_BELOW_SHARE of all must be below it: one bad image is no reason to keep
    the rest. A single good image at the top may stand alone. Of equal gaps the higher one is taken. The
    cut-off lies in the middle of the gap. None where the scores tell little (caveats.py).
    """
    found = numbers_of(images)
    if tells_little(found):
        return None
    cut = _largest_gap(found, "score")
    return _largest_gap(found, "margin") if cut is None and has_margins(found) else cut


def above(images: Iterable[Scored], cutoff: Cutoff) -> list[Scored]:
    """The images at or above the cut-off, in the order given."""
    rows = list(images)
    held = is_above(numbers_of(rows), cutoff)
    return [row for row, is_held in zip(rows, held.tolist(), strict=True) if is_held]


def is_above(images: Iterable[Scored] | Numbers, cutoff: Cutoff) -> Mask:
    """Which are at or above the cut-off, (images,). A row without a margin (explain mode) is nowhere on that
    axis.

    Hardly a score is 10, and many are shown as 10.0: the end of that scale means what is shown so.
    """
    found = numbers_of(images)
    if cutoff.axis == "margin":
        return found.with_score & (found.margins >= cutoff.value)
    return found.scores >= min(cutoff.value, TOP_SHOWN)


def on_axis(images: Iterable[Scored] | Numbers, cutoff: Cutoff, axis: Axis) -> Cutoff | None:
    """The same cut-off on `axis`, by score = 10 * sigmoid(margin); None where that is not exact.

    It is not where a row has no margin (explain mode), and where scores are so near 0 or 10 that float64 no
    longer tells apart what the margins do: the images above must stay the same.
    """
    if cutoff.axis == axis:
        return cutoff
    found = numbers_of(images)
    value = 10 * sigmoid(cutoff.value) if axis == "score" else logit(cutoff.value / 10)
    twin = Cutoff(value, axis)
    exact = math.isfinite(value) and has_margins(found)
    return twin if exact and np.array_equal(is_above(found, twin), is_above(found, cutoff)) else None


def has_margins(found: Numbers) -> bool:
    """Whether every row with a score has one."""
    return not np.isnan(found.margins[found.with_score]).any()


def _largest_gap(found: Numbers, axis: Axis) -> Cut | None:
    values = (found.margins if axis == "margin" else found.scores)[found.with_score]
    values = np.sort(values[np.isfinite(values)])[::-1]
    gaps = values[:-1] - values[1:]
    gaps = gaps[: max(0, len(values) - _least_below(len(values)))]
    if not len(gaps):
        return None
    place = int(gaps.argmax())
    gap, others = float(gaps[place]), len(gaps) - 1
    if gap < LEAST_GAP[axis] or (others and gap < LEAST_TIMES * (float(gaps.sum()) - gap) / others):
        return None
    cutoff = Cutoff(_between(float(values[place + 1]), float(values[place])), axis)
    return Cut(cutoff, count(is_above(found, cutoff)), gap)


def _least_below(count: int) -> int:
    return 1 if count < 4 else max(2, math.ceil(count * LEAST_BELOW_SHARE))


def _between(low: float, high: float) -> float:
    """The middle, to a tenth where a tenth lies in the gap: what a slider shows is what is meant."""
    middle = (low + high) / 2
    return round(middle, 1) if low < round(middle, 1) <= high else middle
