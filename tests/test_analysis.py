import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app.analysis import (
    above,
    caveats,
    compare,
    element_table,
    even_bins,
    findings,
    margin_bins,
    on_axis,
    range_bins,
    saturation,
    spread,
    suggest_cut,
    tells_little,
)
from lychee_app.analysis.findings import Finding, Kind
from lychee_app.domain import UNLIKE
from lychee_app.records import Cutoff, Run, Scored
from tests.support.rows import explained, failed, row, run_of

# The list a published example shows for 32 photos of cafes and one query.
EXAMPLE = [
    9.8, 9.5, 9.2, 8.7, 8.4, 7.9, 7.6, 6.8, 5.3, 4.1, 3.9, 3.7, 3.2, 2.8, 2.5, 2.1,
    1.9, 1.7, 1.5, 1.3, 1.2, 1.1, 1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1,
]  # fmt: skip


# --- bins


def test_the_six_ranges_leave_no_gap_and_take_their_lower_edge() -> None:
    rows = explained([10.0, 9.5, 9.4999, 9.0, 8.95, 8.5, 8.4, 7.5, 7.45, 6.0, 5.999, 0.0])
    bins = range_bins(rows)
    assert [(b.low, b.high) for b in bins] == [
        (9.5, 10.0), (9.0, 9.5), (8.5, 9.0), (7.5, 8.5), (6.0, 7.5), (0.0, 6.0),
    ]  # fmt: skip
    assert [b.upload_indexes for b in bins] == [(0, 1), (2, 3), (4, 5), (6, 7), (8, 9), (10, 11)]
    assert [b.label for b in bins] == ["9.5–10.0", "9.0–9.5", "8.5–9.0", "7.5–8.5", "6.0–7.5", "<6"]


def test_the_ranges_count_the_example_list_as_it_is() -> None:
    assert [b.count for b in range_bins(explained(EXAMPLE))] == [2, 1, 1, 3, 1, 24]


@given(st.lists(st.one_of(st.none(), st.floats(0, 10))), st.integers(1, 40))
def test_every_scored_image_is_in_exactly_one_bin(scores, count) -> None:
    rows = explained(scores)
    scored = [image.upload_index for image in rows if image.score is not None]
    for bins in (range_bins(rows), even_bins(rows, count)):
        assert sorted(index for b in bins for index in b.upload_indexes) == scored
    for b in even_bins(rows, count):
        for index in b.upload_indexes:
            score = scores[index]
            assert b.low <= score < b.high or (b.high == score == 10)


@given(st.lists(st.floats(-60, 60), min_size=1), st.integers(2, 40))
def test_margin_bins_hold_every_margin_within_their_edges(margins, count) -> None:
    bins = margin_bins([row(i, margin) for i, margin in enumerate(margins)], count)
    assert 1 <= len(bins) <= count
    assert sorted(index for b in bins for index in b.upload_indexes) == list(range(len(margins)))
    for b in bins:
        for index in b.upload_indexes:
            assert b.low - 1e-6 <= margins[index] <= b.high + 1e-6


def test_margin_bins_part_images_whose_scores_all_show_as_ten() -> None:
    rows = [row(i, 8.0 + i) for i in range(8)]
    assert {b.count for b in even_bins(rows)} == {0, 8}
    assert sum(b.count > 0 for b in margin_bins(rows)) == 8


def test_there_are_no_margin_bins_without_margins() -> None:
    assert margin_bins(explained([1.0, 2.0])) == ()


# --- the cut


def test_the_cut_of_the_example_list_lies_after_the_eighth_where_its_largest_gap_is() -> None:
    cut = suggest_cut(explained(EXAMPLE))
    assert cut is not None
    assert (cut.count, cut.cutoff.axis) == (8, "score")
    assert cut.gap == pytest.approx(1.5)
    assert 5.3 < cut.cutoff.value <= 6.8


def test_the_cut_does_not_depend_on_upload_order() -> None:
    assert suggest_cut(explained(EXAMPLE)) == suggest_cut(explained(EXAMPLE[::-1]))


def test_one_image_alone_at_the_bottom_is_no_place_to_cut() -> None:
    cut = suggest_cut(explained([9.0, 8.9, 8.8, 8.0, 7.9, 7.8, 7.7, 0.1]))
    assert cut is not None
    assert cut.count == 3


def test_one_image_alone_at_the_top_is() -> None:
    cut = suggest_cut(explained([9.0, 3.0, 2.9, 2.8, 2.7]))
    assert cut is not None
    assert (cut.count, cut.gap) == (1, pytest.approx(6.0))


def test_few_images_below_a_long_list_are_no_reason_to_keep_all_the_rest() -> None:
    top = [9.0 - 0.02 * i for i in range(40)]
    assert suggest_cut(explained([*top, 1.0, 0.9])) is None
    assert suggest_cut(explained([*top, *[1.0] * 5])) is not None


@pytest.mark.parametrize(
    "scores",
    [[], [5.0], [7.0] * 20, [10 - 0.3 * i for i in range(32)], [6.0, 5.8, 5.7, 5.5, 5.4, 5.2], [None, None]],
    ids=["none", "one", "equal", "evenly spread", "close together", "unscored"],
)
def test_a_flat_set_has_no_cut(scores: list[float]) -> None:
    assert suggest_cut(explained(scores)) is None


def test_of_two_images_the_better_is_above_the_cut_if_they_differ_clearly() -> None:
    cut = suggest_cut(explained([2.0, 9.0]))
    assert cut is not None
    assert cut.count == 1
    assert suggest_cut(explained([8.9, 9.0])) is None


def test_saturated_scores_are_cut_by_their_margins() -> None:
    rows = [row(i, margin) for i, margin in enumerate([14.0, 13.8, 13.5, 8.0, 7.9, 7.7, 7.5])]
    cut = suggest_cut(rows)
    assert cut is not None
    assert (cut.count, cut.cutoff.axis) == (3, "margin")
    assert [image.upload_index for image in above(rows, cut.cutoff)] == [0, 1, 2]


def test_the_gap_at_even_odds_is_cut_by_score_though_margins_have_a_wider_one() -> None:
    rows = [row(i, margin) for i, margin in enumerate([2.0, 1.9, -2.0, -2.1, -9.0, -9.1])]
    cut = suggest_cut(rows)
    assert cut is not None
    assert (cut.count, cut.cutoff.axis) == (2, "score")


@given(st.lists(st.floats(0, 10), max_size=60))
def test_a_suggested_cut_parts_the_images_at_the_gap_it_names(scores) -> None:
    rows = explained(scores)
    cut = suggest_cut(rows)
    if cut is not None:
        inside = above(rows, cut.cutoff)
        outside = [image for image in rows if image not in inside]
        assert 0 < len(inside) == cut.count < len(rows)
        assert min(s(image) for image in inside) - max(s(image) for image in outside) == pytest.approx(
            cut.gap
        )


def test_at_or_above_the_cut_off_is_in_and_what_has_no_score_is_not() -> None:
    rows = explained([9.0, 7.0, None, 5.0])
    assert [len(above(rows, Cutoff(value))) for value in (7.0, 9.9, 0.0)] == [2, 0, 3]


def test_a_cut_off_has_its_exact_place_on_the_other_axis() -> None:
    rows = [row(i, margin) for i, margin in enumerate([2.0, 0.3, 0.1, -4.0])]
    there = on_axis(rows, Cutoff(5.5), "margin")
    assert there is not None
    assert there.value == pytest.approx(math.log(0.55 / 0.45))
    back = on_axis(rows, there, "score")
    assert back is not None
    assert back.value == pytest.approx(5.5)
    assert on_axis(rows, Cutoff(5.5), "score") == Cutoff(5.5)


def test_a_cut_off_at_the_end_of_the_scale_means_what_is_shown_as_ten() -> None:
    rows = [row(0, score=9.999), row(1, score=9.96), row(2, score=9.94), row(3, score=9.2)]
    assert [len(above(rows, Cutoff(value))) for value in (9.94, 9.95, 9.98, 10.0)] == [3, 2, 2, 2]


def test_a_cut_off_has_no_place_on_the_other_axis_where_the_images_above_would_change() -> None:
    saturated = [row(i, margin) for i, margin in enumerate([41.0, 39.0, 0.0])]
    assert on_axis(saturated, Cutoff(40.0, "margin"), "score") is None
    assert on_axis(saturated, Cutoff(10.0), "margin") is None
    assert on_axis(saturated, Cutoff(0.0), "margin") is None
    assert on_axis(explained([9.0, 2.0]), Cutoff(5.5), "margin") is None


# --- spread


def test_few_high_scores_among_many_low_ones_are_skewed_to_the_right() -> None:
    found = spread(explained(EXAMPLE))
    assert found is not None
    assert found.skewness > 0.5
    mirrored = spread(explained([10 - score for score in EXAMPLE]))
    assert mirrored is not None
    assert mirrored.skewness == pytest.approx(-found.skewness)


def test_spread_names_the_inner_eight_tenths() -> None:
    found = spread(explained([None, *(float(i) for i in range(11))]))
    assert found is not None
    assert (found.count, found.low, found.high, found.width) == (11, 1.0, 9.0, 8.0)
    assert found.skewness == pytest.approx(0)


def test_nothing_scored_has_no_spread() -> None:
    assert spread(explained([None])) is None


def test_saturation_counts_what_is_shown_as_ten_and_as_zero() -> None:
    assert saturation(explained([10.0, 9.95, 9.949, 5.0, 0.05, 0.049, None])) == (2, 1)


# --- elements


def test_the_element_table_tells_the_best_score_of_each_element_and_where_it_is_found() -> None:
    table = element_table(sofa_and_lamp([(9.0, 1.0), (2.0, 5.9), None, (6.0, None)]))
    sofa, lamp = table.columns
    assert table.indices.tolist() == [0, 1, 3]
    assert (sofa.text, sofa.best_score, sofa.found_in) == ("sofa", 9.0, (0, 3))
    assert (lamp.text, lamp.best_score, lamp.found_in) == ("lamp", 5.9, ())
    assert table.complete == ()


def test_a_run_without_elements_has_an_empty_table() -> None:
    table = element_table(run_of([row(0, 1.0)]))
    assert (table.columns, len(table), table.complete) == ((), 0, ())


def test_elements_of_a_run_that_scored_nothing_have_no_best_score() -> None:
    (column, _) = element_table(sofa_and_lamp([None])).columns
    assert (column.best_score, column.found_in) == (None, ())


# --- two runs


def test_images_of_two_runs_are_paired_by_content_and_the_largest_change_comes_first() -> None:
    first = run_of(
        [row(0, score=5.0, sha256="a"), row(1, score=9.0, sha256="b"), row(2, score=1.0, sha256="c")]
    )
    second = run_of(
        [row(0, score=2.0, sha256="b"), row(1, score=6.0, sha256="a"), row(2, score=4.0, sha256="d")]
    )
    pairs = compare(first, second)
    assert [(pair.before.scored.sha256, pair.change) for pair in pairs] == [("b", -7.0), ("a", 1.0)]
    assert [(pair.before.rank, pair.after.rank) for pair in pairs] == [(1, 3), (2, 1)]


def test_copies_in_two_runs_are_paired_in_upload_order_and_what_has_no_score_is_in_no_pair() -> None:
    first = run_of([row(0, score=1.0, sha256="a"), row(1, score=3.0, sha256="a"), failed(2), failed(3)])
    second = run_of([row(0, score=3.0, sha256="a"), row(1, score=4.0, sha256="a"), failed(2), failed(3)])
    assert [
        (pair.before.scored.upload_index, pair.after.scored.upload_index) for pair in compare(first, second)
    ] == [
        (0, 0),
        (1, 1),
    ]


# --- findings, each both ways


def test_the_first_n_stand_out() -> None:
    found = of_kind(explained([9.0, 8.8, 3.0, 2.9, 2.8]), "first_n_stand_out")
    assert found is not None
    assert (found.count, found.total) == (2, 5)
    assert found.value == pytest.approx(5.8)
    assert of_kind(explained([9.0, 8.4, 7.9, 7.3, 6.8]), "first_n_stand_out") is None


def test_a_gap_of_less_than_a_point_is_a_place_to_cut_but_nothing_to_boast_of() -> None:
    rows = explained([7.0, 6.9, 6.1, 6.0, 5.9, 5.8])
    assert suggest_cut(rows) is not None
    assert of_kind(rows, "first_n_stand_out") is None


def test_flat_scores_are_called_flat() -> None:
    found = of_kind(explained([5.2, 5.5, 6.0, 6.3, 6.6, 6.9]), "flat")
    assert found is not None
    assert found.value == pytest.approx(found.high - found.low)
    assert found.value < 2
    assert of_kind(explained([1.0, 3.0, 5.0, 7.0, 9.0]), "flat") is None
    assert of_kind(explained([9.0, 5.2, 5.1, 5.0, 5.0, 4.9]), "flat") is None
    assert of_kind(explained([5.0, 5.1]), "flat") is None


def test_scores_at_the_ends_of_the_scale_are_called_saturated_and_not_flat() -> None:
    rows = [row(i, 7.0 + 0.1 * i) for i in range(6)]
    found = of_kind(rows, "saturated")
    assert found is not None
    assert (found.count, found.total, found.high, found.low) == (6, 6, 6, 0)
    assert of_kind(rows, "flat") is None
    assert (
        of_kind([row(i, margin) for i, margin in enumerate([9.0, 9.0, 0.0, 0.1, 0.2])], "saturated") is None
    )
    assert of_kind(explained([10.0, 10.0, 10.0, 10.0, 0.0, 2.0]), "saturated") is None  # no margin to turn to


def test_skewness_is_computed_and_has_a_direction() -> None:
    right = of_kind(explained(EXAMPLE), "skewed")
    left = of_kind(explained([10 - score for score in EXAMPLE]), "skewed")
    assert right is not None
    assert left is not None
    assert right.value > 0 > left.value
    assert of_kind(explained([1.0, 3.0, 5.0, 7.0, 9.0]), "skewed") is None


def test_images_below_six_are_counted() -> None:
    found = of_kind(explained([9.0, 6.0, 5.99, None, 1.0]), "below_six")
    assert found is not None
    assert (found.count, found.total) == (2, 4)
    assert of_kind(explained([9.0, 6.0]), "below_six") is None


def test_an_element_found_nowhere_is_named() -> None:
    found = one(sofa_and_lamp([(9.0, 1.0), (8.0, 4.0)]), "element_nowhere")
    assert found is not None
    assert (found.element, found.text, found.value, found.total) == (1, "lamp", 4.0, 2)
    assert one(sofa_and_lamp([(9.0, 1.0), (8.0, 6.0)]), "element_nowhere") is None


def test_an_element_missing_among_the_best_is_named_once() -> None:
    run = sofa_and_lamp([(9.0, 9.0), (9.0, 2.0), (1.0, 9.0)], scores=[9.5, 9.0, 1.0])
    found = one(run, "element_missing_in_top", Cutoff(8.0))
    assert found is not None
    assert (found.text, found.count, found.total) == ("lamp", 1, 2)
    assert one(run, "element_missing_in_top", Cutoff(9.2)) is None
    nowhere = sofa_and_lamp([(9.0, 1.0), (9.0, 2.0)], scores=[9.5, 9.0])
    assert one(nowhere, "element_missing_in_top", Cutoff(8.0)) is None


def test_images_that_show_every_element_are_counted_even_if_there_are_none() -> None:
    found = one(sofa_and_lamp([(9.0, 9.0), (9.0, 2.0)]), "complete")
    assert found is not None
    assert (found.count, found.total) == (1, 2)
    none = one(sofa_and_lamp([(9.0, 1.0)]), "complete")
    assert none is not None
    assert none.count == 0
    assert of_kind([row(0, 1.0)], "complete") is None


def test_images_without_a_score_are_counted() -> None:
    found = of_kind(explained([9.0, None, None]), "unscored")
    assert found is not None
    assert (found.count, found.total) == (2, 3)
    assert of_kind(explained([9.0]), "unscored") is None


def test_copies_are_found_by_content_and_unreadable_files_are_no_copies_of_each_other() -> None:
    rows = [row(0, 1.0, sha256="a"), row(1, 1.0, sha256="b"), row(2, 1.0, sha256="a"), failed(3), failed(4)]
    found = of_kind(rows, "duplicates")
    assert found is not None
    assert (found.count, found.total) == (1, 5)
    assert of_kind([row(0, 1.0), row(1, 1.0), failed(3), failed(4)], "duplicates") is None


def test_nothing_is_said_about_an_empty_run() -> None:
    assert findings(run_of([])) == []


@given(st.lists(st.one_of(st.none(), st.floats(0, 10)), max_size=40))
def test_findings_count_images_that_exist(scores) -> None:
    for finding in findings(run_of(explained(scores))):
        assert 0 <= finding.count <= finding.total <= len(scores)


def sofa_and_lamp(
    elements: list[tuple[float | None, float | None] | None], scores: list[float] | None = None
) -> Run:
    """A run of two elements; None is an image that could not be scored."""
    images = [
        failed(i) if pair is None else row(i, score=scores[i] if scores else 5.0, elements=pair)
        for i, pair in enumerate(elements)
    ]
    return run_of(images, elements=("sofa", "lamp"))


def one(run: Run, kind: Kind, cutoff: Cutoff | None = None) -> Finding | None:
    found = [finding for finding in findings(run, cutoff) if finding.kind == kind]
    assert len(found) <= 1
    return found[0] if found else None


def of_kind(rows: list[Scored], kind: Kind) -> Finding | None:
    return one(run_of(rows), kind)


def s(image: Scored) -> float:
    assert image.score is not None
    return image.score


# --- what the judge does not know


def with_notes(rows: list[Scored], noted: int) -> list[Scored]:
    return [replace(row, notes=(UNLIKE,) if at < noted else row.notes) for at, row in enumerate(rows)]


def test_with_more_than_a_quarter_unlike_its_world_nothing_is_concluded_from_the_scores() -> None:
    rows = [row(n, margin=4.0 if n < 3 else -4.0) for n in range(12)]
    assert suggest_cut(with_notes(rows, 3)) == suggest_cut(rows)
    assert suggest_cut(with_notes(rows, 4)) is None
    assert findings(run_of(with_notes(rows, 3))) == findings(run_of(rows))
    assert findings(run_of(with_notes(rows, 4))) == []


def test_what_does_not_rest_on_scores_is_found_all_the_same() -> None:
    rows = with_notes([row(n, margin=1.0) for n in range(3)], 3)
    rows = [rows[0], replace(rows[1], sha256=rows[0].sha256), rows[2], failed(3)]
    assert [finding.kind for finding in findings(run_of(rows))] == ["unscored", "duplicates"]


def test_a_quarter_that_is_unlike_it_and_no_image_at_all_are_no_more_than_a_quarter() -> None:
    assert not tells_little(with_notes([row(n, margin=1.0) for n in range(4)], 1))
    assert not tells_little([])


def test_nothing_is_said_of_an_element_with_a_word_that_the_judge_does_not_know() -> None:
    rows = [row(n, margin=3.0, elements=(9.0, 0.5)) for n in range(6)]
    known = run_of(rows, elements=("sofa", "elephant"))
    unknown = run_of(rows, elements=("sofa", "vintage elephant"))
    kinds = [finding.kind for finding in findings(known)]
    assert {"element_nowhere", "complete"} <= set(kinds)
    assert not {"element_nowhere", "complete"} & {finding.kind for finding in findings(unknown)}
    elsewhere = [finding.kind for finding in findings(replace(unknown, model="lychee"))]
    assert elsewhere == kinds


def test_caveats_name_the_words_and_count_the_images() -> None:
    rows = with_notes([row(n, margin=1.0) for n in range(8)], 2)
    found = caveats(run_of([*rows, failed(8)], sent_query="two vintage sofas", elements=()))
    assert [(one.code, dict(one.values)) for one in found] == [
        ("words-unknown", {"words": "two, vintage"}),
        ("images-unlike", {"n": 2, "total": 8}),
    ]
    many = caveats(run_of(with_notes(rows, 3), sent_query="sofa", elements=()))
    assert [one.code for one in many] == ["images-unlike-many"]
    assert caveats(run_of(rows[2:], model="lychee", sent_query="two sofas")) == []
