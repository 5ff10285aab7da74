"""A curve from picks and rejects: monotone, steady with few, and no curve where there is nothing to learn."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app.analysis import Calibration, calibrate
from lychee_app.reasons import Reason
from lychee_app.records import logit, sigmoid


def fitted(picks: list[float], rejects: list[float]) -> Calibration:
    found = calibrate(picks, rejects)
    assert isinstance(found, Calibration), found
    return found


def test_a_cut_off_lies_between_picks_and_rejects_that_do_not_overlap() -> None:
    found = fitted([4, 4.5, 5, 5.2, 5.5, 6, 6.3, 7], [-6, -5, -2, -1, 0.5, 1, 1.5, 2])
    assert 2 < found.cutoff.value < 4
    assert found.cutoff.axis == "margin"
    assert (found.picks, found.rejects, found.count) == (8, 8, 16)
    assert found.chance(found.cutoff.value) == pytest.approx(0.5)
    assert found.chance(6) > 0.9
    assert found.chance(0) < 0.1


def test_it_is_the_maximum_that_a_fine_grid_finds() -> None:
    margins = [3.0, 1.2, 2.2, -0.4, 4.1, 0.9, 2.7, 1.9, -3.0, -1.0, 0.2, 1.4, -2.2, 0.6, -0.9, 2.0]
    wanted = [True] * 8 + [False] * 8
    found = fitted(margins[:8], margins[8:])
    slopes, shifts = np.meshgrid(np.linspace(0.2, 3, 561), np.linspace(-4, 4, 801), indexing="ij")
    loss = (slopes - 1) ** 2 / 2 + shifts**2 / 32
    for margin, one in zip(margins, wanted, strict=True):
        chance = 0.02 + 0.96 / (1 + np.exp(-(slopes * margin + shifts)))
        loss -= np.log(chance if one else 1 - chance)
    at = np.unravel_index(loss.argmin(), loss.shape)
    assert found.slope == pytest.approx(slopes[at], abs=0.006)
    assert found.shift == pytest.approx(shifts[at], abs=0.011)


def test_one_slip_far_away_moves_the_cut_off_little() -> None:
    picks, rejects = [3 + 0.2 * n for n in range(12)], [-3 + 0.2 * n for n in range(12)]
    clean, slipped = fitted(picks, rejects), fitted([*picks, -7.5], rejects)
    assert abs(clean.cutoff.value - slipped.cutoff.value) < 0.7
    assert slipped.chance(4) > 0.9


def test_the_judges_own_probability_is_kept_where_it_is_right() -> None:
    random = np.random.default_rng(4)
    margins = random.normal(0, 2.5, 4000)
    wanted = random.random(4000) < 1 / (1 + np.exp(-margins))
    found = fitted(margins[wanted].tolist(), margins[~wanted].tolist())
    assert max(abs(found.chance(m) - sigmoid(m)) for m in np.linspace(-6, 6, 25)) < 0.07


@pytest.mark.parametrize(
    ("picks", "rejects", "code"),
    [
        ([3.0] * 8, [0.0] * 7, "calibration-few"),
        ([3.0] * 16, [], "calibration-few"),
        ([3.0] * 30, [0.0] * 2, "calibration-few"),
        ([], [], "calibration-few"),
        ([math.nan] * 9, [0.0] * 9, "calibration-few"),
        ([-4.0, -3.0, -2.0] * 6, [4.0, 3.0, 2.0] * 6, "calibration-no-order"),
    ],
)
def test_too_few_and_what_does_not_follow_the_score_give_no_curve_and_say_so(
    picks: list[float], rejects: list[float], code: str
) -> None:
    found = calibrate(picks, rejects)
    assert isinstance(found, Reason)
    assert found.code == code


MARGINS = st.lists(st.floats(-60, 60), min_size=3, max_size=20)


@given(MARGINS, MARGINS)
def test_whatever_is_decided_the_curve_rises_and_stays_a_probability(
    picks: list[float], rejects: list[float]
) -> None:
    found = calibrate(picks, rejects)
    if isinstance(found, Calibration):
        chances = [found.chance(margin) for margin in np.linspace(-60, 60, 41)]
        assert chances == sorted(chances)
        assert all(0 <= chance <= 1 for chance in chances)
        assert math.isfinite(found.cutoff.value)
    else:
        assert len(picks) + len(rejects) < 16 or found.code == "calibration-no-order"


@given(st.lists(st.tuples(st.floats(-9, 9), st.booleans()), min_size=16, max_size=30), st.randoms())
def test_the_order_of_decisions_does_not_matter(decided: list[tuple[float, bool]], random) -> None:
    turned = random.sample(decided, len(decided))
    first, second = (calibrate(*parted(each)) for each in (decided, turned))
    assert type(first) is type(second)
    if isinstance(first, Calibration) and isinstance(second, Calibration):
        assert first.slope == pytest.approx(second.slope, abs=1e-5)


def parted(decided: list[tuple[float, bool]]) -> list[list[float]]:
    return [[margin for margin, is_pick in decided if is_pick == wanted] for wanted in (True, False)]


def test_a_logit_takes_a_probability_back() -> None:
    for margin in (-20.0, -1.5, 0.0, 3.0, 20.0):
        assert logit(sigmoid(margin)) == pytest.approx(margin)
    assert (logit(0), logit(1)) == (-math.inf, math.inf)
