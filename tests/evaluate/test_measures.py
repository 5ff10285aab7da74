"""The measures against cases worked by hand, and the many at once against scikit-learn one by one."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app.evaluate import measures
from lychee_app.evaluate.measures import NAMES, Sample, drawn, measured


def sample_of(strengths: Sequence[float], relevance: Sequence[float], relevant_from: float = 0.5) -> Sample:
    """The probability is the strength where that is one."""
    truth = np.array(relevance, float)
    strength = np.array(strengths, float)
    return Sample(strength, np.clip(strength, 0, 1), truth, truth >= relevant_from)


def test_a_ranking_worked_by_hand() -> None:
    """Best first: relevant, not, relevant, not."""
    found = measured(sample_of([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]))
    assert found["ndcg_at_5"] == pytest.approx((1 + 1 / 2) / (1 + 1 / math.log2(3)))
    assert found["map"] == pytest.approx((1 / 1 + 2 / 3) / 2)
    assert found["precision_at_1"] == 1
    assert found["precision_at_5"] == pytest.approx(2 / 5)
    assert found["precision_at_10"] == pytest.approx(2 / 10)
    assert found["auc"] == pytest.approx(3 / 4)
    assert found["spearman"] == pytest.approx(2 / math.sqrt(5 * 4))
    assert found["ece"] == pytest.approx((0.1 + 0.8 + 0.3 + 0.1) / 4)


def test_grades_worked_by_hand() -> None:
    """nDCG@5 with linear gain: gains 1, 3, 0, 2, 0, 3 by rank."""
    found = measured(sample_of([0.9, 0.8, 0.7, 0.6, 0.5, 0.4], [1, 3, 0, 2, 0, 3], relevant_from=2))
    gain = 1 / 1 + 3 / math.log2(3) + 2 / math.log2(5)
    best = 3 / 1 + 3 / math.log2(3) + 2 / math.log2(4) + 1 / math.log2(5)
    assert found["ndcg_at_5"] == pytest.approx(gain / best)
    assert found["map"] == pytest.approx((1 / 2 + 2 / 4 + 3 / 6) / 3)


def test_ties_count_as_all_their_orders_together_wherever_they_stand_in_the_file() -> None:
    for relevance in ([1, 0, 0], [0, 1, 0], [0, 0, 1]):
        found = measured(sample_of([0.5, 0.5, 0.5], relevance))
        assert found["precision_at_1"] == pytest.approx(1 / 3)
        assert found["auc"] == pytest.approx(1 / 2)
        assert found["ndcg_at_5"] == pytest.approx((1 + 1 / math.log2(3) + 1 / 2) / 3)
        assert found["map"] == pytest.approx(1 / 3)
        assert math.isnan(found["spearman"])


def test_the_calibration_error_weighs_each_bin_by_its_images() -> None:
    """Two images at 0.95 of which one is relevant, two at 0.15 of which none is."""
    found = measured(sample_of([0.95, 0.95, 0.15, 0.15], [1, 0, 0, 0]))
    assert found["ece"] == pytest.approx((2 * 0.45 + 2 * 0.15) / 4)
    count, chance, share = measures.bins(sample_of([0.95, 0.95, 0.15, 1.0], [1, 0, 0, 1]))
    assert count.tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 3]
    assert (chance[1], share[1]) == (pytest.approx(0.15), 0)
    assert share[9] == pytest.approx(2 / 3)
    assert np.isnan(chance[0])


@pytest.mark.parametrize(
    ("strengths", "relevance", "nameless", "code"),
    [
        ([0.9, 0.1], [0, 0], {"map", "auc", "ndcg_at_5", "ndcg_at_10", "spearman"}, "eval-one-class"),
        ([0.9, 0.1], [1, 1], {"auc", "spearman"}, "eval-one-class"),
        ([0.9], [1], {"auc", "spearman"}, "eval-one-class"),
        ([], [], set(NAMES), "eval-unscored"),
    ],
)
def test_what_has_no_meaning_is_not_a_number_and_says_why(
    strengths: list[float], relevance: list[float], nameless: set[str], code: str
) -> None:
    sample = sample_of(strengths, relevance)
    found = measured(sample)
    assert {name for name, value in found.items() if math.isnan(value)} == nameless
    assert measures.undefined("auc", sample).code == code


SETS = st.integers(2, 14).flatmap(
    lambda n: st.tuples(
        st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 0.9, 1.0]), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 0.3, 0.5, 1.0, 3.0]), min_size=n, max_size=n),
    )
)


@given(SETS)
def test_many_sets_at_once_are_measured_as_scikit_learn_and_scipy_measure_each(
    given_set: tuple[list[float], list[float]],
) -> None:
    from scipy.stats import spearmanr
    from sklearn.metrics import average_precision_score, ndcg_score, roc_auc_score

    sample = sample_of(*given_set)
    places = np.stack([np.arange(sample.count), np.arange(sample.count)[::-1]])
    for found in (
        {name: values[row] for name, values in drawn(sample.taken(places)).items()} for row in (0, 1)
    ):
        some, all_ = sample.relevant.any(), sample.relevant.all()
        if sample.relevance.any():
            ndcg = [ndcg_score([sample.relevance], [sample.strength], k=k) for k in (5, 10)]
            assert [found["ndcg_at_5"], found["ndcg_at_10"]] == pytest.approx(ndcg)
        if some:
            assert found["map"] == pytest.approx(average_precision_score(sample.relevant, sample.strength))
        if some and not all_:
            assert found["auc"] == pytest.approx(roc_auc_score(sample.relevant, sample.strength))
        if len(set(sample.strength)) > 1 and len(set(sample.relevance)) > 1:
            assert found["spearman"] == pytest.approx(spearmanr(sample.strength, sample.relevance).statistic)


def test_no_measure_changes_when_all_strengths_are_stretched() -> None:
    random = np.random.default_rng(3)
    strengths, relevance = random.normal(size=40), random.integers(0, 4, 40)
    first = sample_of(strengths, relevance, 2)
    second = Sample(np.exp(3 * first.strength), first.chance, first.relevance, first.relevant)
    assert measured(first) == pytest.approx(measured(second))
