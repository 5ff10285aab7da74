import math

from hypothesis import given
from hypothesis import strategies as st

from lychee_app.ranking import ranked
from lychee_app.records import Scored
from tests.support.rows import explained, failed, finite, row


def test_margins_order_what_scores_can_no_longer_tell_apart() -> None:
    rows = [row(0, 40.0), row(1, 45.0), row(2, 42.0)]
    assert {image.score for image in rows} == {10.0}
    assert order(rows) == [1, 2, 0]


def test_scores_order_where_there_are_no_margins() -> None:
    assert order(explained([3.0, 9.5, 7.0])) == [1, 2, 0]


def test_scores_order_where_one_image_has_no_margin() -> None:
    rows = [row(0, 1.0), row(1, score=9.9), row(2, 5.0)]
    assert order(rows) == [2, 1, 0]


def test_ties_keep_upload_order_and_get_places_without_gaps() -> None:
    places = ranked([row(2, 1.0), row(0, 1.0), row(1, 3.0), row(3, 1.0)])
    assert [(place.rank, place.scored.upload_index) for place in places] == [(1, 1), (2, 0), (3, 2), (4, 3)]


def test_images_without_a_score_come_last_in_upload_order_and_have_no_place() -> None:
    places = ranked([failed(3), row(1, -9.0), failed(0), row(2, 4.0)])
    assert [(place.rank, place.scored.upload_index) for place in places] == [
        (1, 2), (2, 1), (None, 0), (None, 3),
    ]  # fmt: skip


def test_a_score_that_is_not_a_number_is_no_score() -> None:
    places = ranked([row(0, score=math.nan), row(1, score=0.0)])
    assert [(place.rank, place.scored.upload_index) for place in places] == [(1, 1), (None, 0)]


def test_nothing_is_ranked_as_nothing() -> None:
    assert ranked([]) == []


@given(st.lists(st.one_of(st.none(), st.tuples(finite(), st.one_of(st.none(), finite())))), st.randoms())
def test_every_image_has_one_place_whatever_order_it_comes_in(pairs, random) -> None:
    rows = [
        failed(i) if pair is None else Scored(i, "n", "h", score=pair[0], margin=pair[1])
        for i, pair in enumerate(pairs)
    ]
    places = ranked(rows)
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert ranked(shuffled) == places
    assert sorted(place.scored.upload_index for place in places) == list(range(len(rows)))
    scored = [place for place in places if place.rank is not None]
    assert [place.rank for place in scored] == list(range(1, len(scored) + 1))
    assert places[: len(scored)] == scored
    margins = [place.scored.margin for place in scored if place.scored.margin is not None]
    scores = [place.scored.score for place in scored if place.scored.score is not None]
    values = margins if len(margins) == len(scored) else scores
    assert values == sorted(values, reverse=True)


def order(rows: list[Scored]) -> list[int]:
    return [place.scored.upload_index for place in ranked(rows)]
