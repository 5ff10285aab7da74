"""What is shown of a large run is what a small one would show of the same rows."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app import analysis
from lychee_app.analysis.window import Columns, Wish
from lychee_app.domain import UNLIKE
from lychee_app.ranking import best_axis, ranked
from lychee_app.records import Cutoff, Decision, Scored
from lychee_app.store.parts import table_of
from lychee_app.store.table import Table
from tests.support.rows import TAKEN, failed, row, run_of


def columns(rows: Sequence[Scored], elements: int = 0) -> Columns:
    """By way of the columns in which a part has them."""
    return Columns(Table.read(table_of(rows, run_of()), elements))


def shown(rows: Sequence[Scored], wish: Wish, cutoff: Cutoff | None = None, **made: Decision) -> list[int]:
    found = columns(rows, 2)
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


SHOTS = [
    row(0, 1.0, elements=(2.0, 9.0), capture=TAKEN, width_px=40, height_px=30),
    row(1, 3.0, elements=(7.0, None), capture=replace(TAKEN, time="2025-01-01T00:00:00", camera="Canon R5")),
    failed(2),
    row(3, -2.0, elements=(8.0, 1.0), width_px=4000, height_px=3000),
]
"""Of two elements; TAKEN is of 2024, with a Nikon."""


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(of=0, low=5.0), [1, 3]),
        (Wish(of=1, high=5.0), [3]),
        (Wish(of=7, low=0.0), []),
        (Wish(sort="element:0"), [3, 1, 0, 2]),
        (Wish(sort="element:7"), [1, 0, 3, 2]),
        (Wish(sort="date"), [1, 0, 3, 2]),
        (Wish(sort="size"), [3, 0, 1, 2]),
        (Wish(sort="camera"), [1, 0, 3, 2]),
        (Wish(sort="lens"), [1, 0, 3, 2]),
        (Wish(text="nikon"), [0]),
    ],
)
def test_elements_and_what_files_say_filter_and_sort_too(wish: Wish, expected: list[int]) -> None:
    assert shown(SHOTS, wish) == expected


def test_only_what_every_other_filter_holds_is_shown() -> None:
    found = columns(SHOTS)
    assert found.table.indices[found.shown(Wish(), {}, None, [(0, 3, 9), [3, 2]])].tolist() == [3]


@given(some_rows(), st.lists(st.one_of(st.none(), st.floats(0, 10)), max_size=12))
def test_what_is_said_of_columns_is_what_is_said_of_rows(rows: list[Scored], parts) -> None:
    rows = [
        replace(row, elements=(part,), notes=(UNLIKE,) if row.upload_index == 2 else ())
        for row, part in zip(rows, parts, strict=False)
    ]
    run = run_of(rows, elements=("sofa",))
    table = columns(rows, 1).table
    assert analysis.findings(run, None, table) == analysis.findings(run)
    assert analysis.caveats(run, table) == analysis.caveats(run)
    assert analysis.range_bins(table) == analysis.range_bins(rows)
    assert analysis.margin_bins(table) == analysis.margin_bins(rows)
    assert analysis.suggest_cut(table) == analysis.suggest_cut(rows)


def test_picks_are_listed_by_rank_and_those_that_are_gone_are_left_out() -> None:
    assert columns(ROWS).best_first([3, 99, 0, 1]) == [1, 0, 3]
    assert columns([]).shown(Wish(), {}, None).tolist() == []
