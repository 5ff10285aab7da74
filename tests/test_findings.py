"""What the page says of scores whose right answer is known, because they were made that way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import skew

from lychee_app.analysis import findings, suggest_cut
from lychee_app.analysis.findings import Finding
from tests.support.rows import explained, row, run_of
from tests.test_analysis import EXAMPLE

SPREAD = {"first_n_stand_out", "flat", "saturated", "skewed"}


def said(scores: list[float]) -> dict[str, Finding]:
    return {one.kind: one for one in findings(run_of(explained(scores)))}


def even(low: float, high: float, count: int) -> list[float]:
    return [low + (high - low) * step / (count - 1) for step in range(count)]


CASES: dict[str, tuple[list[float], set[str]]] = {
    "the published example": (EXAMPLE, {"first_n_stand_out", "skewed"}),
    "all from 5 to 7, a query too broad": (even(5, 7, 32), {"flat"}),
    "all nearly the same": ([4.0, 4.1, 4.0, 4.2, 4.1, 4.0], {"flat"}),
    "all the same": ([3.0] * 12, {"flat"}),
    "spread evenly from 0 to 10": (even(0, 10, 32), set()),
    "a few good ones far above many": (even(8.5, 9.5, 6) + even(1, 2, 20), {"first_n_stand_out", "skewed"}),
    "half and half": (even(8, 9, 10) + even(1, 2, 10), {"first_n_stand_out"}),
    "one good one": ([9.0, *even(2, 3, 15)], {"first_n_stand_out", "skewed"}),
    "one bad one below many good ones": ([*even(8, 9, 15), 1.0], {"flat"}),
    "two groups that are half a point apart": (even(6.6, 7, 8) + even(5.6, 6, 8), set()),
    "a long tail of good ones": ([10 - score for score in EXAMPLE], {"first_n_stand_out", "skewed"}),
    "too few to be called anything": ([5.0, 5.1, 5.2], set()),
    "none": ([], set()),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_said_of_a_list_is_what_it_was_made_to_show(name: str) -> None:
    scores, wanted = CASES[name]
    assert set(said(scores)) & SPREAD == wanted


def test_of_the_published_example_the_numbers_are_those_of_its_own_list() -> None:
    """Its text counts 2, 3, 4, 7, 8 and 8 images in the six ranges and sees a cliff after the tenth; its list
    has 2, 1, 1, 3, 1 and 24, and the widest gap after the eighth.
    """
    found = said(EXAMPLE)
    first = found["first_n_stand_out"]
    assert (first.count, first.total, round(first.value, 6)) == (8, 32, 1.5)
    assert (found["below_six"].count, found["below_six"].total) == (24, 32)
    assert found["skewed"].value == pytest.approx(skew(EXAMPLE))


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
    st.lists(st.floats(0, 1), min_size=2, max_size=40),
    st.floats(3, 8),
    st.randoms(),
)
def test_two_groups_that_lie_apart_are_told_apart_wherever_they_lie(
    upper: list[float], lower: list[float], apart: float, random
) -> None:
    if len(lower) < 0.1 * (len(upper) + len(lower)):
        return
    scores = [min(1 + apart + one, 10.0) for one in upper] + lower
    random.shuffle(scores)
    cut = suggest_cut(explained(scores))
    assert cut is not None
    assert cut.count == len(upper)
    assert said(scores)["first_n_stand_out"].count == len(upper)


@given(st.floats(0, 8), st.integers(6, 60), st.floats(0.05, 2.0))
def test_scores_that_are_spread_evenly_have_no_gap_and_are_flat_where_they_lie_within_two_points(
    low: float, count: int, width: float
) -> None:
    found = said(even(low, low + width, count))
    assert "first_n_stand_out" not in found
    assert "flat" in found


@given(st.lists(st.floats(4, 12), min_size=6, max_size=30))
def test_margins_that_all_show_as_ten_are_called_saturated_where_they_differ_as_well(
    margins: list[float],
) -> None:
    kinds = {one.kind for one in findings(run_of([row(at, 5 + margin) for at, margin in enumerate(margins)]))}
    assert "saturated" in kinds
    assert "flat" not in kinds
