from collections.abc import Iterator, Sequence

import pytest

from lychee_app import query, recorder
from lychee_app.engines.first_look import first_budget, looks
from lychee_app.query import Question
from lychee_app.ranking import ranked
from lychee_app.reasons import Reason
from lychee_app.recorder import Unkept
from lychee_app.records import ImageBudget, Run, Scored, Source
from lychee_app.request import Request
from lychee_app.settings import Settings
from tests.support.fakes import FakeScorer, engine_of, picture, sources
from tests.support.rows import request_of

PILE = ("red", "green", "blue", "red", "green", "red")


def rank(
    pile: Sequence[Source], scorer: FakeScorer, settings: Settings, question: Question | None = None, **asked
) -> Run:
    request = Request(question or query.ask("red"), **asked)
    return recorder.rank(request, pile, engine_of(scorer, settings), Unkept())


def large(*colours: str) -> list[Source]:
    """Large enough that a quarter of the tokens is less than all of them."""
    return [Source(f"{n}.png", picture(colour, (400, 300), seed=n)) for n, colour in enumerate(colours)]


def rows(margins: Sequence[float | None]) -> dict[int, Scored]:
    reason = Reason.of("no-score")
    return {
        n: Scored(n, f"{n}", f"{n}", reason=reason)
        if margin is None
        else Scored(n, f"{n}", f"{n}", 5.0, margin)
        for n, margin in enumerate(margins)
    }


def test_the_best_have_the_scores_of_a_full_run_and_the_others_none_but_a_reason(settings: Settings) -> None:
    whole = rank(large(*PILE), FakeScorer(), settings)
    some = rank(large(*PILE), FakeScorer(), settings, prefilter=3)
    kept = [row for row in some.images if row.score is not None]
    assert [row.upload_index for row in kept] == [0, 3, 5]
    assert [row.margin for row in kept] == [whole.images[row.upload_index].margin for row in kept]
    others = [row for row in some.images if row.score is None]
    assert all(row.passed_over and not row.failed and row.margin is None for row in others)
    assert "Not among the best 3" in str(others[0].reason)
    assert some.status == "done"


def test_those_passed_over_stand_below_all_that_were_judged_in_full(settings: Settings) -> None:
    some = rank(large(*PILE), FakeScorer(), settings, prefilter=2)
    places = ranked(some.images)
    assert [place.rank for place in places] == [1, 2, None, None, None, None]


def test_the_first_look_takes_a_quarter_of_the_tokens_and_asks_the_whole_query_alone(
    settings: Settings,
) -> None:
    looks: list[int] = []
    scorer = FakeScorer(before=lambda candidate: looks.append(candidate.tokens(28)))
    rank(large(*PILE), scorer, settings, query.ask("red + blue", "green"), prefilter=1)
    assert max(looks[:6]) <= 4 < looks[6]
    assert {texts for _, texts in scorer.seen[:6]} == {("red + blue", "green")}
    assert scorer.seen[6][1] == ("red + blue", "red", "blue", "green")


def test_the_first_look_of_explain_mode_writes_nothing(settings: Settings) -> None:
    scorer = FakeScorer()
    run = rank(large(*PILE), scorer, settings, mode="explain", prefilter=2)
    written = [row for row in run.images if row.reply and row.reply.mode == "explain"]
    assert [row.upload_index for row in written] == [row.upload_index for row in run.images if row.score]


def test_a_pile_of_no_more_than_that_is_judged_in_full_at_once(settings: Settings) -> None:
    scorer = FakeScorer()
    run = rank(sources(*PILE), scorer, settings, prefilter=6)
    assert len(scorer.seen) == 6
    assert all(row.score is not None for row in run.images)


def test_a_broken_file_is_a_row_of_its_own_and_takes_no_place(settings: Settings) -> None:
    pile = [Source("notes.jpg", b"<html>"), *large("green", "red", "blue")]
    run = rank(pile, FakeScorer(), settings, prefilter=1)
    assert run.images[0].failed
    assert [row.upload_index for row in run.images if row.score is not None] == [2]


def test_a_row_is_told_as_soon_as_it_is_certain_to_be_passed_over() -> None:
    found, drawn = rows([1.0, 2.0, 3.0, 0.0]), []

    def look(first: bool, items: Sequence[tuple[int, Source]]) -> Iterator[Scored]:
        for index, _ in items:
            drawn.append(index)
            yield found[index]

    told = looks(request_of(prefilter=2), [(n, Source("")) for n in range(4)], look)
    assert next(told).upload_index == 0
    assert drawn == [0, 1, 2]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 1, 0, 2]])
@pytest.mark.parametrize(
    "margins", [[1, 1, 1, 1], [None, 3, 1, 3], [5, 4, 3, 2], [2, 3, 4, 5], [0, None, None, -1]]
)
@pytest.mark.parametrize("keep", [1, 2, 3])
def test_the_best_of_the_first_look_are_kept_and_of_equals_the_earlier(
    margins: list[float | None], keep: int, order: list[int]
) -> None:
    found, chosen = rows(margins), []

    def look(first: bool, items: Sequence[tuple[int, Source]]) -> list[Scored]:
        if first:
            return [found[index] for index in order]
        chosen.extend(index for index, _ in items)
        return [found[index] for index in chosen]

    told = list(looks(request_of(prefilter=keep), [(n, Source("")) for n in range(4)], look))
    best = sorted((n for n, one in enumerate(margins) if one is not None), key=lambda n: -(margins[n] or 0.0))
    assert sorted(chosen) == sorted(best[:keep])
    assert sorted(row.upload_index for row in told) == [0, 1, 2, 3]


def test_no_checkpoint_is_shown_less_than_it_takes() -> None:
    assert first_budget(ImageBudget(28, 1280, 4)).max_tokens == 320
    assert first_budget(ImageBudget(28, 49, 16)).max_tokens == 16
