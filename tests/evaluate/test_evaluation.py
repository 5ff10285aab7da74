"""From truth to figures: one look at an image, intervals that hold, two sides compared."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lychee_app import evaluate
from lychee_app.engines import Event, Opened
from lychee_app.errors import ScoringError
from lychee_app.evaluate import Answer, Answers
from lychee_app.evaluate.evaluation import FEWEST_QUERIES
from lychee_app.locale import Words
from lychee_app.query import Question
from lychee_app.records import ImageBudget, Scored, ScorerInfo, sigmoid
from lychee_app.request import Request
from lychee_app.settings import Settings
from tests.support.fakes import COLOURS, FakeScorer, engine_of, picture, raising

ASKED = Request(Question("", ""), model="demo")
INFO = ScorerInfo("fake", "f" * 16, "float32", "cpu", ImageBudget(28, 16))


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    """Nine pictures, each judged for "red" and for "blue"; red-0 for "green" as well."""
    lines = ["query,image,relevance"]
    for seed in range(3):
        for colour in COLOURS:
            (tmp_path / f"{colour}-{seed}.png").write_bytes(picture(colour, seed=seed))
            for asked in ("red", "blue"):
                lines.append(f"{asked} umbrella,{colour}-{seed}.png,{int(asked == colour)}")
    lines.append("green umbrella,red-0.png,0")
    (tmp_path / "truth.csv").write_text("\n".join(lines))
    return tmp_path / "truth.csv"


def test_each_image_is_looked_at_once_for_all_that_it_is_judged_for(
    colours: Path, settings: Settings
) -> None:
    scorer, events = FakeScorer(), list[Event]()
    answers = evaluate.ask(evaluate.read(colours), ASKED, engine_of(scorer, settings), events.append)
    assert sorted(name for name, _ in scorer.seen) == sorted(
        path.name for path in colours.parent.glob("*.png")
    )
    assert {queries for name, queries in scorer.seen if name != "red-0.png"} == {
        ("red umbrella", "blue umbrella")
    }
    assert [len(answer.rows) for answer in answers.each] == [9, 9, 1]
    assert isinstance(events[0], Opened)
    told = [event for event in events if not isinstance(event, Opened)]
    assert [event.done for event in told] == list(range(1, 10))
    assert {event.total for event in told} == {9} == {answers.looks}


def test_text_is_asked_for_one_query_after_the_other(colours: Path, settings: Settings) -> None:
    scorer, request = FakeScorer(), replace(ASKED, mode="explain")
    answers = evaluate.ask(evaluate.read(colours), request, engine_of(scorer, settings))
    assert len(scorer.seen) == 19 == answers.looks
    found = evaluate.evaluate(answers, 0.5)
    assert found.overall.figures["map"].value == 1
    assert found.overall.figures["ece"].value is not None


def test_a_judge_that_is_right_is_told_so_per_query_and_over_all(colours: Path, settings: Settings) -> None:
    answers = evaluate.ask(evaluate.read(colours), ASKED, engine_of(FakeScorer(), settings))
    found = evaluate.evaluate(answers, 0.5)
    assert [one.query for one in found.queries] == ["red umbrella", "blue umbrella", "green umbrella"]
    assert [one.figures["ndcg_at_10"].value for one in found.queries] == [1, 1, None]
    assert found.overall.figures["ndcg_at_10"].value == 1
    assert found.queries[2].figures["auc"].value is None
    assert str(found.queries[2].figures["auc"].reason).startswith("0 of 1 images are relevant")
    assert (found.overall.images, found.overall.relevant) == (19, 6)
    assert sum(one.images for one in found.bins) == 19


def test_an_image_without_a_score_is_left_out_and_counted(colours: Path, settings: Settings) -> None:
    broken = FakeScorer(before=raising(ScoringError("model-error", detail="x"), "red-1.png"))
    found = evaluate.evaluate(evaluate.ask(evaluate.read(colours), ASKED, engine_of(broken, settings)), 0.5)
    assert [(one.images, one.relevant, one.unscored) for one in found.queries[:2]] == [(8, 2, 1), (8, 3, 1)]
    assert found.overall.unscored == 2


def answers_of(*margins: np.ndarray, truths: list[np.ndarray]) -> Answers:
    each = []
    for number, (own, truth) in enumerate(zip(margins, truths, strict=True)):
        rows = tuple(
            Scored(at, f"{at}.png", "", 10 * sigmoid(margin), float(margin), sigmoid(margin))
            for at, margin in enumerate(own)
        )
        each.append(Answer(f"query {number}", rows, tuple(truth)))
    return Answers(ASKED, INFO, 16, tuple(each), 1.0, 10)


def judged(random: np.random.Generator, truths: list[np.ndarray], noise: float) -> Answers:
    return answers_of(*(4 * t - 2 + noise * random.normal(size=len(t)) for t in truths), truths=truths)


@pytest.mark.parametrize("unit", [1e307, 1e-300])
def test_no_figure_depends_on_the_unit_that_grades_are_given_in(unit: float) -> None:
    random, grades = np.random.default_rng(4), np.arange(20) % 4.0
    margins = grades + 2 * random.normal(size=20)
    plain, other = (
        evaluate.evaluate(answers_of(margins, truths=[grades * one]), 2 * one, draws=50) for one in (1, unit)
    )
    for name, figure in other.overall.figures.items():
        assert figure.value == pytest.approx(plain.overall.figures[name].value)
        assert figure.interval == pytest.approx(plain.overall.figures[name].interval)


def test_an_interval_holds_the_true_value_about_as_often_as_it_says() -> None:
    """AUC of two normal distributions one standard deviation apart is 0.760; 60 sets of 80 images."""
    random, held, width = np.random.default_rng(5), 0, []
    for _ in range(60):
        truth = np.repeat([0.0, 1.0], 40)
        answers = answers_of(truth + random.normal(size=80), truths=[truth])
        low, high = evaluate.evaluate(answers, 0.5, draws=400).overall.figures["auc"].interval or (0, 0)
        held += low <= 0.7602 <= high
        width.append(high - low)
    assert 52 <= held <= 60
    assert 0.15 < float(np.mean(width)) < 0.25


def test_a_query_that_is_drawn_twice_is_not_wrong_twice_in_the_same_way() -> None:
    """Twelve queries that are equally hard. Drawing queries and then images counts the chance in the images
    twice, so an interval is 1.4 times as wide as it need be; 1.7 times where a query's images are drawn once.
    """
    random, truth = np.random.default_rng(6), np.repeat([0.0, 1.0], 10)
    figures = [
        evaluate.evaluate(
            answers_of(*truth + random.normal(size=(12, 20)), truths=[truth] * 12), 0.5, draws=200
        ).overall.figures["auc"]
        for _ in range(12)
    ]
    good, bad = 1 + random.normal(size=(4000, 10, 1)), random.normal(size=(4000, 1, 10))
    deviation = (good > bad).mean(axis=(1, 2)).std() / 12**0.5
    widths = [one.interval[1] - one.interval[0] for one in figures if one.interval]
    assert 1.0 < np.mean(widths) / (2 * 1.96 * deviation) < 1.5


def test_the_share_of_a_tenth_has_an_interval_as_wide_as_its_images_leave_it() -> None:
    """40 images at 0.95 of which 30 are relevant, 10 at 0.25 of which 5 are, one at 0.55 (in 63 of 100
    draws). The binomial 95 % of 30 in 40 is 0.60 to 0.88, of 5 in 10 0.2 to 0.8.
    """
    truth = np.array([1.0] * 30 + [0.0] * 10 + [1.0, 0.0] * 5 + [1.0])
    margins = np.log(np.array([19.0] * 40 + [1 / 3] * 10 + [11 / 9]))
    bins = evaluate.evaluate(answers_of(margins, truths=[truth]), 0.5).bins
    assert [one.images for one in bins] == [0, 0, 10, 0, 0, 1, 0, 0, 0, 40]
    assert (bins[9].share.value, bins[2].share.value) == (0.75, 0.5)
    assert bins[9].share.interval == pytest.approx((0.60, 0.88), abs=0.04)
    assert bins[2].share.interval == pytest.approx((0.2, 0.8), abs=0.06)
    assert bins[5].share.interval == (1, 1)
    assert (bins[0].share.value, bins[0].share.interval) == (None, None)


def test_an_interval_over_few_queries_is_wider_than_over_many() -> None:
    random = np.random.default_rng(1)
    truths = [(random.random(30) < 0.4).astype(float) for _ in range(24)]
    wide, narrow = (
        evaluate.evaluate(judged(np.random.default_rng(2), truths[:n], 3), 0.5).overall.figures["map"]
        for n in (3, 24)
    )
    assert wide.interval
    assert narrow.interval
    assert wide.interval[1] - wide.interval[0] > 1.5 * (narrow.interval[1] - narrow.interval[0])


def test_a_better_judge_is_found_by_the_paired_test_and_an_equal_one_is_not() -> None:
    random = np.random.default_rng(8)
    truths = [(random.random(40) < 0.5).astype(float) for _ in range(12)]
    rough, fine, alike = (judged(random, truths, noise) for noise in (4, 1, 4))
    better, same = (evaluate.compare(rough, other, 0.5)["map"] for other in (fine, alike))
    assert better.value
    assert better.interval
    assert better.p_value
    assert same.interval
    assert same.p_value
    assert 0 < better.interval[0] <= better.value <= better.interval[1]
    assert better.p_value == pytest.approx(2 / 2**12)
    assert same.interval[0] < 0 < same.interval[1]
    assert same.p_value > 0.05


def test_a_judge_compared_with_itself_differs_by_nothing() -> None:
    random = np.random.default_rng(8)
    truths = [(random.random(40) < 0.5).astype(float) for _ in range(7)]
    one = judged(random, truths, 2)
    for found in evaluate.compare(one, one, 0.5).values():
        assert (found.value, found.interval, found.p_value) == (0, (0, 0), 1)


def test_with_few_queries_there_is_a_difference_with_an_interval_and_no_test() -> None:
    random = np.random.default_rng(8)
    truths = [(random.random(40) < 0.5).astype(float)] * (FEWEST_QUERIES - 1)
    found = evaluate.compare(judged(random, truths, 4), judged(random, truths, 1), 0.5)["auc"]
    assert found.p_value is None
    assert found.reason
    assert found.reason.code == "eval-few-queries"
    assert found.interval
    assert found.interval[0] > 0


def test_the_drawing_puts_a_promise_that_holds_on_the_diagonal(colours: Path, settings: Settings) -> None:
    truth = evaluate.read(colours)
    found = evaluate.evaluate(evaluate.ask(truth, ASKED, engine_of(FakeScorer(), settings)), 0.5)
    document = json.loads(evaluate.to_json(colours, truth, found))
    for language in ("en", "zh"):
        drawn = evaluate.reliability_svg(Words(language), [found, found])
        points = sum(one["images"] > 0 for one in document["reliability"])
        assert drawn.count("<circle") == 2 * points
        assert Words(language)("eval.plot") in drawn
    assert len(document["reliability"]) == 10
