"""Measures with how far they can be trusted: intervals by bootstrap, and a paired test of two sides.

Of one query the images are drawn with replacement; over all queries the queries are, and then the images of
each. An interval holds the middle 95 of 100 draws in which the measure has a meaning. Two sides are compared
on the same draws of the images that both could score.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from lychee_app.evaluate import measures
from lychee_app.evaluate.answers import Answers
from lychee_app.evaluate.measures import NAMES, Floats, Sample
from lychee_app.reasons import Reason

DRAWS = 1000
FEWEST_QUERIES = 6
"""With n queries a paired test over them cannot say less than 2 / 2^n: below six never 0.05."""
_SEED = 7
_RESAMPLES = 9999


@dataclass(frozen=True)
class Figure:
    """`value` is None with a `reason`. `interval` is None where too few draws have a meaning."""

    value: float | None
    interval: tuple[float, float] | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class Measured:
    """One query's figures, or (`query` None) those of all together: the mean over the queries where there is
    a value; the calibration error over all images. `images` and `relevant` count what was scored.
    """

    query: str | None
    images: int
    relevant: int
    unscored: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Bin:
    """The images whose probability lies in one tenth: the mean of it, and the share of relevant ones; None
    without images.
    """

    images: int
    chance: float | None
    share: Figure


@dataclass(frozen=True)
class Evaluation:
    """`bins` go from the lowest probability up, over all queries."""

    answers: Answers
    overall: Measured
    queries: tuple[Measured, ...]
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Difference:
    """The second side's figure less the first's. `p_value`: of a sign-flip test over the queries, both sides
    being alike; None with a `reason`.
    """

    value: float | None
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    reason: Reason | None = None


def evaluate(answers: Answers, relevant_from: float, draws: int = DRAWS) -> Evaluation:
    """Raises LycheeError where scikit-learn is not installed."""
    samples = [one.sample(relevant_from) for one in answers.each]
    drawn = _Drawn(samples, draws)
    queries = [
        Measured(
            answer.query,
            sample.count,
            int(sample.relevant.sum()),
            len(answer.unscored),
            _figures(measures.measured(sample), drawn.of_query(number), [sample]),
        )
        for number, (answer, sample) in enumerate(zip(answers.each, samples, strict=True))
    ]
    whole = _pooled(samples)
    values = {name: _mean([_value(one, name) for one in queries]) for name in NAMES}
    values["ece"] = _calibration_error(samples)
    overall = Measured(
        None,
        sum(one.images for one in queries),
        sum(one.relevant for one in queries),
        sum(one.unscored for one in queries),
        _figures(values, drawn.overall(), samples),
    )
    bins = tuple(
        Bin(int(count), _known(chance), Figure(_known(share), _interval(shares)))
        for count, chance, share, shares in zip(*measures.bins(whole), drawn.shares().T, strict=True)
    )
    return Evaluation(answers, overall, tuple(queries), bins)


def compare(
    first: Answers, second: Answers, relevant_from: float, draws: int = DRAWS
) -> dict[str, Difference]:
    """By measure, over all queries. Both must come from the same truth."""
    pairs = []
    for one, other in zip(first.each, second.each, strict=True):
        unscored = frozenset(row.name for row in (*one.unscored, *other.unscored))
        pairs.append(tuple(each.sample(relevant_from, unscored) for each in (one, other)))
    sides = [[pair[side] for pair in pairs] for side in (0, 1)]
    before, after = (_Drawn(samples, draws).overall() for samples in sides)
    values = [[measures.measured(sample) for sample in samples] for samples in sides]
    found = {}
    for name in NAMES:
        each = np.array([[one[name] for one in side] for side in values])
        each = each[:, np.isfinite(each).all(axis=0)]
        interval = _interval(after[name] - before[name])
        value = float((each[1] - each[0]).mean()) if each.size else None
        if name == "ece":
            value = _known(_calibration_error(sides[1]) - _calibration_error(sides[0]))
        few = each.shape[1] < FEWEST_QUERIES
        p_value = None if few else _paired(each[0], each[1])
        reason = Reason.of("eval-few-queries", n=each.shape[1], least=FEWEST_QUERIES) if few else None
        found[name] = Difference(value, interval, p_value, reason)
    return found


class _Drawn:
    """Bootstrap draws of every query's images. The same seed draws the same images of sets of the same sizes,
    which is what pairs two sides.
    """

    def __init__(self, samples: Sequence[Sample], draws: int) -> None:
        self._samples = samples
        random = np.random.default_rng(_SEED)
        self._places = [random.integers(0, max(1, one.count), (draws, one.count)) for one in samples]
        self._queries = random.integers(0, len(samples), (draws, len(samples)))
        # Other images for each place of a draw: a query that is drawn twice must not err twice alike.
        self._rows = (np.arange(draws)[:, None] + np.arange(len(samples))) % draws
        self._each = [
            measures.drawn(one.taken(places)) for one, places in zip(samples, self._places, strict=True)
        ]

    def of_query(self, number: int) -> dict[str, Floats]:
        return self._each[number]

    def overall(self) -> dict[str, Floats]:
        found = {}
        for name in NAMES:
            picked = np.stack([each[name] for each in self._each])[self._queries, self._rows]
            known = np.isfinite(picked)
            some = np.where(known.any(axis=1), known.sum(axis=1), np.nan)
            found[name] = np.where(known, picked, 0).sum(axis=1) / some
        found["ece"] = self._overall_calibration_error()
        return found

    def shares(self) -> Floats:
        """Of relevant images in each bin, over all of the drawn queries together: (draws, BINS)"""
        counts, relevant = zip(*(measures.binned(one) for one in self._taken()), strict=True)
        count, part = self._together(counts), self._together(relevant)
        return np.divide(part, count, out=np.full(count.shape, np.nan), where=count > 0)

    def _taken(self) -> Iterator[Sample]:
        """Of each query the drawn images: (draws, images)"""
        return (one.taken(places) for one, places in zip(self._samples, self._places, strict=True))

    def _together(self, each: Iterable[Floats]) -> Floats:
        """Of each query (draws, BINS): the sum over the drawn queries."""
        return np.stack(tuple(each))[self._queries, self._rows].sum(axis=1)

    def _overall_calibration_error(self) -> Floats:
        """Over all images of the drawn queries together, for it is no mean over queries."""
        picked = self._together(measures.surplus(one) for one in self._taken())
        total = np.array([one.count for one in self._samples])[self._queries].sum(axis=1)
        return np.divide(np.abs(picked).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0)


def _figures(
    values: dict[str, float], draws: dict[str, Floats], samples: Sequence[Sample]
) -> dict[str, Figure]:
    found = {}
    for name in NAMES:
        value = _known(values[name])
        if value is None:
            fullest = max(samples, key=lambda one: one.count)
            found[name] = Figure(None, reason=measures.undefined(name, fullest))
        else:
            found[name] = Figure(value, _interval(draws[name]))
    return found


def _interval(draws: Floats) -> tuple[float, float] | None:
    known = draws[np.isfinite(draws)]
    if 2 * len(known) < len(draws):
        return None
    low, high = np.percentile(known, (2.5, 97.5))
    return float(low), float(high)


def _paired(first: Floats, second: Floats) -> float:
    """Exact up to 13 queries, else from 9,999 sign flips (Smucker, Allan and Carterette 2007)."""
    from scipy.stats import permutation_test

    if np.array_equal(first, second):
        return 1.0
    found = permutation_test(
        (first, second),
        lambda one, other, axis: (one - other).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=_RESAMPLES,
        rng=np.random.default_rng(_SEED),
    )
    return float(found.pvalue)


def _pooled(samples: Sequence[Sample]) -> Sample:
    parts = zip(*((one.strength, one.chance, one.relevance, one.relevant) for one in samples), strict=True)
    return Sample(*(np.concatenate(part) for part in parts))


def _calibration_error(samples: Sequence[Sample]) -> float:
    """Of all images together; nan without any."""
    whole = _pooled(samples)
    return (
        float(measures.calibration_error(whole.taken(np.arange(whole.count)[None]))[0])
        if whole.count
        else np.nan
    )


def _value(one: Measured, name: str) -> float:
    value = one.figures[name].value
    return np.nan if value is None else value


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else np.nan


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
