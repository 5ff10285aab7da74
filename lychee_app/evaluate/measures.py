"""How good an order is, and how honest its probabilities: of one query's images.

`measured` gives the figures, through scikit-learn and scipy. `drawn` gives them for the thousand drawn sets
of a bootstrap at once, where set by set would take seconds a query; tests hold the two together. A measure
that has no meaning for a set (AUC of one class) is nan there, and `undefined` says why.

Images that tie are taken in every order at once: no measure depends on how the file lists them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lychee_app.errors import LycheeError
from lychee_app.reasons import Reason

Floats = NDArray[np.float64]
BINS = 10
"""Of the probability, equally wide: those of the calibration error and its plot."""
AT = (1, 5, 10)
NAMES = ("ndcg_at_5", "ndcg_at_10", "map", *(f"precision_at_{k}" for k in AT), "auc", "spearman", "ece")
LOWER_IS_BETTER = frozenset({"ece"})


@dataclass(frozen=True)
class Sample:
    """What was scored and what is true of it, image by image: all (images,) or (draws, images).

    `strength` is what is ranked by (the margin, or a score), `chance` the probability that the judge gives,
    `relevance` the truth and `relevant` the truth as yes or no.
    """

    strength: Floats
    chance: Floats
    relevance: Floats
    relevant: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """Images."""
        return self.strength.shape[-1]

    def taken(self, places: NDArray[np.int64]) -> "Sample":
        """places: (draws, images)"""
        return Sample(
            self.strength[places], self.chance[places], self.relevance[places], self.relevant[places]
        )


def measured(sample: Sample) -> dict[str, float]:
    """Every measure by its name. sample: (images,). Raises LycheeError without scikit-learn."""
    metrics, one = library(), sample.taken(np.arange(sample.count)[None])
    found = {name: float(values[0]) for name, values in drawn(one).items()}
    strength, relevance, relevant = sample.strength, sample.relevance, sample.relevant
    if sample.count > 1 and relevance.any():
        for top in (5, 10):
            found[f"ndcg_at_{top}"] = float(metrics.ndcg_score([relevance], [strength], k=top))
    if relevant.any():
        found["map"] = float(metrics.average_precision_score(relevant, strength))
    if 0 < relevant.sum() < sample.count:
        found["auc"] = float(metrics.roc_auc_score(relevant, strength))
    return found


def drawn(sample: Sample) -> dict[str, Floats]:
    """The same of each draw, (draws,). sample: (draws, images)."""
    if not sample.count:
        return {name: np.full(len(sample.strength), np.nan) for name in NAMES}
    order = _Order(sample)
    return {
        **{f"ndcg_at_{top}": order.ndcg(top) for top in (5, 10)},
        "map": order.average_precision(),
        **{f"precision_at_{top}": order.precision(top) for top in AT},
        "auc": _auc(sample),
        "spearman": _spearman(sample),
        "ece": calibration_error(sample),
    }


def undefined(name: str, sample: Sample) -> Reason:
    """Why a measure is nan for this set of images."""
    if not sample.count:
        return Reason.of("eval-unscored")
    if name == "auc":
        return Reason.of("eval-one-class", n=sample.count, relevant=int(sample.relevant.sum()))
    if name == "spearman":
        return Reason.of("eval-alike", n=sample.count)
    return Reason.of("eval-none-relevant", n=sample.count)


def bins(sample: Sample) -> tuple[NDArray[np.int64], Floats, Floats]:
    """(images, their mean probability, their share of relevant ones), each (BINS,); nan for an empty bin.
    sample: (images,)."""
    place = _bin_of(sample.chance)
    count = np.bincount(place, minlength=BINS)
    sums = (np.bincount(place, each, BINS).astype(float) for each in (sample.chance, sample.relevant))
    chance, relevant = (_share(each, count) for each in sums)
    return count, chance, relevant


def calibration_error(sample: Sample) -> Floats:
    """Expected calibration error (Naeini et al. 2015): the distance between probability and share of relevant
    images in a bin, averaged over the images. (draws,)"""
    return np.abs(surplus(sample)).sum(axis=1) / sample.count


def surplus(sample: Sample) -> Floats:
    """By how many images a bin's probabilities promise more than are relevant: (draws, BINS)"""
    return _summed(sample, sample.chance - sample.relevant)


def binned(sample: Sample) -> tuple[Floats, Floats]:
    """Images in each bin, and relevant ones: (draws, BINS) each."""
    return _summed(sample, np.ones_like(sample.chance)), _summed(sample, sample.relevant.astype(float))


def _summed(sample: Sample, values: Floats) -> Floats:
    """values: (draws, images); their sums by bin: (draws, BINS)"""
    draws = len(values)
    place = _bin_of(sample.chance) + BINS * np.arange(draws)[:, None]
    return np.bincount(place.ravel(), values.ravel(), BINS * draws).reshape(draws, BINS).astype(float)


def _bin_of(chance: Floats) -> NDArray[np.int64]:
    return np.minimum((chance * BINS).astype(np.int64), BINS - 1)


def _auc(sample: Sample) -> Floats:
    """Chance that a relevant image stands above another; ties count half (Mann-Whitney)."""
    from scipy.stats import rankdata

    ranks, good = rankdata(sample.strength, axis=1), sample.relevant.sum(axis=1)
    above = (ranks * sample.relevant).sum(axis=1) - good * (good + 1) / 2
    return _share(above, good * (sample.count - good))


def _spearman(sample: Sample) -> Floats:
    """Pearson's correlation of the ranks."""
    from scipy.stats import rankdata

    first, second = (rankdata(each, axis=1) for each in (sample.strength, sample.relevance))
    first, second = (each - each.mean(axis=1, keepdims=True) for each in (first, second))
    return _share((first * second).sum(axis=1), np.sqrt((first**2).sum(axis=1) * (second**2).sum(axis=1)))


class _Order:
    """The images of each draw from the best down, with where each group of ties begins and ends."""

    def __init__(self, sample: Sample) -> None:
        order = np.argsort(-sample.strength, axis=1, kind="stable")
        strength = np.take_along_axis(sample.strength, order, axis=1)
        places = np.broadcast_to(np.arange(sample.count), order.shape)
        new = np.ones(order.shape, bool)
        new[:, 1:] = strength[:, 1:] != strength[:, :-1]
        last = np.roll(new, -1, axis=1)
        last[:, -1] = True
        self._first = np.maximum.accumulate(np.where(new, places, 0), axis=1)
        ends = np.where(last, places, sample.count)
        self._end = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1] + 1
        self._gains = np.take_along_axis(sample.relevance, order, axis=1)
        self._hits = np.take_along_axis(sample.relevant, order, axis=1).astype(float)

    def ndcg(self, top: int) -> Floats:
        """Linear gain, as scikit-learn's."""
        discount = 1 / np.log2(np.arange(2, min(top, self._gains.shape[1]) + 2))
        ideal = -np.sort(-self._gains, axis=1)
        found, best = (each[:, :top] @ discount for each in (self._levelled(self._gains), ideal))
        return _share(found, best)

    def average_precision(self) -> Floats:
        """Precision where each relevant image's group ends, averaged over the relevant images."""
        at_end = np.take_along_axis(_so_far(self._hits), self._end, axis=1) / self._end
        return _share((at_end * self._hits).sum(axis=1), self._hits.sum(axis=1))

    def precision(self, top: int) -> Floats:
        """Share of relevant images among the first `top`; of fewer images, still of `top`, as in TREC."""
        return self._levelled(self._hits)[:, :top].sum(axis=1) / top

    def _levelled(self, values: Floats) -> Floats:
        """Each image with the mean of those it ties with: what it is worth over all orders of them."""
        so_far = _so_far(values)
        to_end, to_first = (np.take_along_axis(so_far, at, axis=1) for at in (self._end, self._first))
        return (to_end - to_first) / (self._end - self._first)


def _so_far(values: Floats) -> Floats:
    """The sum of the first so many, from none to all: (draws, images + 1)"""
    return np.concatenate([np.zeros((len(values), 1)), values.cumsum(axis=1)], axis=1)


def _share(part: Floats, whole: NDArray[Any]) -> Floats:
    """nan where the whole is nothing."""
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)


def library() -> Any:
    """scikit-learn, which brings scipy. Raises LycheeError where it is not installed: call it before hours of
    scoring."""
    try:
        import sklearn.metrics
    except ImportError as error:
        raise LycheeError("eval-extra") from error
    return sklearn.metrics
