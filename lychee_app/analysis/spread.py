"""How scores are spread: range, middle, skewness, and whether they still tell images apart."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lychee_app.numbers import Floats, Numbers, count, numbers_of
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


def spread(images: Iterable[Scored] | Numbers) -> Spread | None:
    """None when nothing is scored."""
    scores = _scores(images)
    if not len(scores):
        return None
    low, high = (float(edge) for edge in np.percentile(scores, (10, 90)))
    return Spread(len(scores), low, high, _skewness(scores))


def saturation(images: Iterable[Scored] | Numbers) -> tuple[int, int]:
    """How many images are shown as 10.0, and how many as 0.0: their scores no longer tell them apart."""
    scores = _scores(images)
    return count(scores >= 10 - NEAR_END), count(scores < NEAR_END)


def _scores(images: Iterable[Scored] | Numbers) -> Floats:
    found = numbers_of(images)
    return found.scores[found.with_score]


def _skewness(scores: Floats) -> float:
    mean, deviation = scores.mean(), scores.std()
    return 0.0 if deviation < 1e-9 else float((((scores - mean) / deviation) ** 3).mean())
