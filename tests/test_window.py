"""What is shown of a large run is what a small one would show of the same rows."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app import analysis
from lychee_app.analysis.window import Columns, Wish
from lychee_app.ranking import best_axis, ranked
from lychee_app.records import Cutoff, Decision, Scored
from lychee_app.store.table import Table
from tests.support.rows import failed, row


def columns(rows: Sequence[Scored]) -> Columns:
    numbers = [
        np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        for values in ([each.score for each in rows], [each.margin for each in rows])
    ]
    indices = np.array([each.upload_index for each in rows], dtype=np.int64)
    return Columns(Table.of(indices, *numbers, [each.name for each in rows]))


def shown(rows: Sequence[Scored], wish: Wish, cutoff: Cutoff | None = None, **made: Decision) -> list[int]:
    found = columns(rows)
    decisions = {int(name[1:]): decision for name, decision in made.items()}
    return found.table.indices[found.shown(wish, decisions, cutoff)].tolist()


@st.composite
def some_rows(draw: st.DrawFn) -> list[Scored]:
    judged = draw(st.booleans())
    values = draw(st.lists(st.one_of(st.none(), st.integers(-3, 3)), max_size=12))
    return [
        failed(n) if value is None else row(n, float(value)) if judged else row(n, score=value + 3.0)
        for n, value in enumerate(values)
    ]


@given(some_rows())
def test_order_and_ranks_are_those_of_the_ranking(rows: list[Scored]) -> None:
    found, places = columns(rows), ranked(rows)
    assert found.table.indices[found.order].tolist() == [place.scored.upload_index for place in places]
    assert [found.rank(place.scored.upload_index) for place in places] == [place.rank for place in places]
    assert found.axis == best_axis(rows)


@given(some_rows(), st.floats(-4, 10), st.sampled_from(["score", "margin"]))
def test_above_a_cut_off_is_what_it_is_for_rows(rows: list[Scored], value: float, axis) -> None:
    cutoff = Cutoff(value, axis)
    whole = [place.scored for place in ranked(rows)]
    expected = [each.upload_index for each in analysis.above(whole, cutoff)]
    assert columns(rows).above(cutoff) == expected
    assert shown(rows, Wish("above"), cutoff) == expected


ROWS = [row(0, 1.0, name="b.jpg"), row(1, 3.0, name="A/1.jpg"), failed(2), row(3, -2.0, name="a/2.jpg")]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(), [1, 0, 3, 2]),
        (Wish("pick"), [1, 3]),
        (Wish("reject"), [0]),
        (Wish("undecided"), [2]),
        (Wish("unscored"), [2]),
        (Wish("above"), []),
        (Wish(text="a/"), [1, 3]),
        (Wish(text=" B.JPG "), [0]),
        (Wish(text=".*"), []),
        (Wish(low=5.0), [1, 0]),
        (Wish(high=5.0), [3]),
        (Wish("pick", low=5.0), [1]),
        (Wish(sort="upload"), [0, 1, 2, 3]),
        (Wish(sort="name"), [2, 1, 3, 0]),
    ],
)
def test_a_wish_leaves_these_in_its_order(wish: Wish, expected: list[int]) -> None:
    assert shown(ROWS, wish, i0="reject", i1="pick", i3="pick") == expected


def test_picks_are_listed_by_rank_and_those_that_are_gone_are_left_out() -> None:
    assert columns(ROWS).best_first([3, 99, 0, 1]) == [1, 0, 3]
    assert columns([]).shown(Wish(), {}, None).tolist() == []
