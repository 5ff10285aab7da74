"""How scores are spread: range, middle, skewness, and whether they still tell images apart."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lychee_app.ranking import is_scored
from lychee_app.records import Scored

NEAR_END = 0.05
"""A score this close to 0 or 10 is shown as 0.0 or 10.0."""


@dataclass(frozen=True)
class Spread:
    """Of the scored images. `low` and `high` are the 10th and 90th percentile, so one outlier moves neither.

    `skewness` is the Fisher-Pearson coefficient: above 0 the tail is on the right (few high scores, many low:
    "right-skewed"), below 0 on the left; 0 where all scores are equal.
    """

    count: int
    low: float
    high: float
    skewness: float

    @property
    def width(self) -> float:
        """Points between the 10th and the 90th percentile."""
        return self.high - self.low


def spread(images: Iterable[Scored]) -> Spread | None:
    """None when nothing is scored."""
    scores = scores_of(images)
    if not scores:
        return None
    return Spread(len(scores), _percentile(scores, 0.1), _percentile(scores, 0.9), _skewness(scores))


def saturation(images: Iterable[Scored]) -> tuple[int, int]:
    """How many images are shown as 10.0, and how many as 0.0: their scores no longer tell them apart."""
    scores = scores_of(images)
    return sum(score >= 10 - NEAR_END for score in scores), sum(score < NEAR_END for score in scores)


def scores_of(images: Iterable[Scored]) -> list[float]:
    """Ascending."""
    return sorted(row.score for row in images if row.score is not None and is_scored(row))


def _percentile(ordered: Sequence[float], share: float) -> float:
    """Linear between the two nearest."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def _skewness(scores: Sequence[float]) -> float:
    mean, deviation = statistics.fmean(scores), statistics.pstdev(scores)
    if deviation < 1e-9:
        return 0.0
    return statistics.fmean(((score - mean) / deviation) ** 3 for score in scores)
