import io
import math
import shutil
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import skimage
from PIL import Image

from lychee_app import analysis, demo, export, query, recorder
from lychee_app.cache import CacheKey
from lychee_app.domain import UNLIKE
from lychee_app.engines import Opened, Progress
from lychee_app.engines.local import LocalEngine
from lychee_app.errors import CheckpointError, ModelLost, OutOfMemory, ScoringError, UsageError
from lychee_app.query import Question
from lychee_app.recorder import Unkept
from lychee_app.records import Candidate, ImageBudget, Reply, Run, ScorerInfo, Source
from lychee_app.request import Request
from lychee_app.settings import Settings
from tests.support.fakes import COLOURS, FakeScorer, engine_of, picture, raising, sources
from tests.support.rows import told


def rank(
    question: Question,
    items: Sequence[Source],
    scorer: FakeScorer,
    settings: Settings,
    *,
    cache: Unkept | None = None,
    **asked,
) -> Run:
    return recorder.rank(Request(question, **asked), items, engine_of(scorer, settings), cache or Unkept())


def steps_of(
    items: Sequence[tuple[int, Source]], scorer: FakeScorer, settings: Settings, cache: Unkept | None = None
) -> Generator[Progress, None, None]:
    """The rows of a run for "red", one by one, as the engine gives them."""
    events = engine_of(scorer, settings).run(Request(query.ask("red")), items, cache=cache)
    with closing(events):
        assert isinstance(next(events), Opened)
        for event in events:
            assert isinstance(event, Progress)
            yield event


def ranked(run: Run) -> list[tuple[str, float | None]]:
    return sorted(((row.name, row.score) for row in run.images), key=lambda pair: -(pair[1] or 0))


def test_images_that_match_score_above_those_that_do_not(settings: Settings) -> None:
    run = rank(query.ask("red"), sources("green", "red", "blue"), FakeScorer(), settings)
    scores = [row.score or 0 for row in run.images]
    assert scores[1] > 9
    assert scores[0] < 1
    assert [row.upload_index for row in run.images] == [0, 1, 2]
    assert run.status == "done"


def test_every_element_has_its_own_score_and_one_look_is_enough(settings: Settings) -> None:
    scorer = FakeScorer()
    run = rank(query.ask("red + blue", "green"), sources("red"), scorer, settings)
    (row,) = run.images
    assert len(row.elements) == 2
    assert (row.elements[0] or 0) > 9
    assert (row.elements[1] or 9) < 1
    assert row.not_reply is not None
    assert scorer.seen == [("0-red.png", ("red + blue", "red", "blue", "green"))]


def test_a_not_text_lowers_what_matches_it(settings: Settings) -> None:
    plain = rank(query.ask("red"), sources("red"), FakeScorer(), settings)
    lowered = rank(query.ask("red", "red"), sources("red"), FakeScorer(), settings)
    assert (plain.images[0].score or 0) > 9
    assert (lowered.images[0].score or 9) < 1


def test_a_bad_file_costs_one_row(settings: Settings) -> None:
    items = [*sources("red"), Source("notes.jpg", b"<html>"), *sources("red")]
    run = rank(query.ask("red"), items, FakeScorer(), settings)
    assert [row.score is None for row in run.images] == [False, True, False]
    assert run.images[1].reason


def test_equal_images_share_one_computation_and_keep_their_rows(settings: Settings) -> None:
    twin = picture("red")
    scorer = FakeScorer()
    items = [Source("a.png", twin), Source("b.png", twin)]
    run = rank(query.ask("red"), items, scorer, settings)
    assert len(scorer.seen) == 1
    assert [row.name for row in run.images] == ["a.png", "b.png"]
    assert run.images[0].score == run.images[1].score


def test_only_new_queries_are_sent_to_the_model(settings: Settings) -> None:
    scorer, cache = FakeScorer(), Unkept()
    rank(query.ask("red + blue"), sources("red"), scorer, settings, cache=cache)
    rank(query.ask("red + green"), sources("red"), scorer, settings, cache=cache)
    assert scorer.seen[1] == ("0-red.png", ("red + green", "green"))


def test_another_instruction_or_token_budget_is_asked_again(settings: Settings) -> None:
    scorer, cache = FakeScorer(), Unkept()
    for asked in ({}, {"instruction": "Other."}, {"max_image_tokens": 4}):
        rank(query.ask("red"), sources("red"), scorer, settings, cache=cache, **asked)
    assert len(scorer.seen) == 3


def test_the_lower_of_the_two_token_budgets_holds(settings: Settings) -> None:
    sizes: list[int] = []
    scorer = FakeScorer(before=lambda candidate: sizes.append(candidate.tokens(28)))
    big = [Source("big.png", picture("red", (800, 600)))]
    for cap in (1280, 6):
        rank(query.ask("red"), big, scorer, settings, max_image_tokens=cap)
    assert sizes[0] <= 16
    assert sizes[1] <= 6


def test_a_model_error_on_one_image_costs_one_row(settings: Settings) -> None:
    scorer = FakeScorer(before=raising(ScoringError(told("no luck")), "1-red.png"))
    run = rank(query.ask("red"), sources("red", "red", "red"), scorer, settings)
    assert [row.reason for row in run.images] == [None, told("no luck"), None]


def test_out_of_memory_tries_half_then_a_quarter_of_the_tokens_and_says_so(settings: Settings) -> None:
    sizes: list[int] = []

    def before(candidate: Candidate) -> None:
        sizes.append(candidate.tokens(28))
        if candidate.tokens(28) > 16:
            raise OutOfMemory(told("too large"))

    info = ScorerInfo("fake", "f", "float32", "cpu", ImageBudget(28, max_tokens=64))
    scorer = FakeScorer(before=before, info=info)
    run = rank(query.ask("red"), [Source("a", picture("red", (224, 224)))], scorer, settings)
    assert sizes[0] == 64
    assert sizes[1] <= 32
    assert sizes[2] <= 16
    assert run.images[0].score is not None
    assert run.images[0].notes


def test_out_of_memory_to_the_end_is_a_row_with_a_reason(settings: Settings) -> None:
    scorer = FakeScorer(before=raising(OutOfMemory(told("card full")), "0-red.png"))
    run = rank(query.ask("red"), sources("red", "red"), scorer, settings)
    assert run.images[0].reason == told("card full")
    assert run.images[1].score is not None


def test_a_lost_model_ends_the_run_loudly_after_what_is_done(settings: Settings) -> None:
    scorer = FakeScorer(before=raising(ModelLost(told("context gone")), "1-red.png"))
    items = list(enumerate(sources("red", "red", "red")))
    steps = steps_of(items, scorer, settings)
    assert next(steps).scored.score is not None
    with pytest.raises(ModelLost, match="context gone"):
        next(steps)


def test_explain_reads_the_score_out_of_the_text(settings: Settings) -> None:
    run = rank(query.ask("red"), sources("red"), FakeScorer(), settings, mode="explain")
    (row,) = run.images
    assert row.score == pytest.approx(10, abs=0.2)
    assert row.reply is not None
    assert row.span is not None
    assert row.margin is None
    assert "Score" in row.reply.text


def test_explain_without_a_number_is_a_row_with_a_reason(settings: Settings) -> None:
    scorer = FakeScorer(text="Hard to say.")
    run = rank(query.ask("red"), sources("red"), scorer, settings, mode="explain")
    assert run.images[0].score is None
    assert run.images[0].reason
    assert run.images[0].reply is not None


def test_memory_is_given_back_after_each_image(settings: Settings) -> None:
    scorer = FakeScorer()
    rank(query.ask("red"), sources("red", "green", "blue"), scorer, settings)
    assert scorer.released == 3


def test_no_images_is_wrong_usage(settings: Settings) -> None:
    with pytest.raises(UsageError, match="no images"):
        rank(query.ask("red"), [], FakeScorer(), settings)


def test_replies_about_one_image_are_remembered_all_at_once(settings: Settings) -> None:
    cache = Watched()
    rank(query.ask("red + blue", "green"), sources("red"), FakeScorer(), settings, cache=cache)
    (told,) = cache.told
    assert sorted(key.query for key in told) == ["blue", "green", "red", "red + blue"]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_ends_the_run_and_is_not_remembered(
    settings: Settings, number: float
) -> None:
    cache = Watched()
    scorer = Broken("1-red.png", number)
    steps = steps_of(list(enumerate(sources("red", "red", "red"))), scorer, settings, cache=cache)
    assert next(steps).scored.score is not None
    with pytest.raises(ModelLost, match="not finite") as caught:
        next(steps)
    assert caught.value.code == "not-finite"
    assert [len(told) for told in cache.told] == [1]


def test_the_row_that_ran_out_of_memory_says_how_many_tokens_were_left(settings: Settings) -> None:
    def before(candidate: Candidate) -> None:
        if candidate.tokens(28) > 32:
            raise OutOfMemory(told("too large"))

    info = ScorerInfo("fake", "f", "float32", "cpu", ImageBudget(28, max_tokens=64))
    scorer = FakeScorer(before=before, info=info)
    run = rank(query.ask("red"), [Source("a", picture("red", (224, 224)))], scorer, settings)
    (note,) = run.images[0].notes
    assert "Memory ran out" in str(note)
    assert "instead of 64" in str(note)


def test_what_is_said_of_an_image_made_smaller_for_want_of_memory_is_not_kept(settings: Settings) -> None:
    """Resized twice, it has other pixels than one brought to that size at once, for the same key."""
    cache, source = Unkept(), Source("a", picture("red", (224, 224)))
    info = ScorerInfo("fake", "f", "float32", "cpu", ImageBudget(28, max_tokens=64))

    def before(candidate: Candidate) -> None:
        if candidate.tokens(28) > 32:
            raise OutOfMemory(told("too large"))

    starved = FakeScorer(before=before, info=info)
    assert rank(query.ask("red"), [source], starved, settings, cache=cache).images[0].notes
    later = FakeScorer(info=replace(info, budget=ImageBudget(28, max_tokens=32)))
    rank(query.ask("red"), [source], later, settings, cache=cache)
    assert len(later.seen) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"checkpoint_hash": "another"},
        {"precision": "bfloat16"},
        {"budget": ImageBudget(28, max_tokens=9)},
    ],
)
def test_no_reply_of_another_model_is_taken_for_this_one(settings: Settings, change: dict) -> None:
    cache, first = Unkept(), FakeScorer()
    other = FakeScorer(info=replace(first.info, **change))
    for scorer in (first, other):
        rank(query.ask("red"), sources("red"), scorer, settings, cache=cache)
    assert len(first.seen) == len(other.seen) == 1


class Watched(Unkept):
    """A cache that notes what it was told together."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[list[CacheKey]] = []

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self.told.append(list(replies))
        super().remember(replies)


class Broken(FakeScorer):
    """Says a number that means nothing about one image."""

    def __init__(self, name: str, number: float) -> None:
        super().__init__()
        self.name, self.number = name, number

    def judge(self, candidate: Candidate, queries: Sequence[str], instruction: str = "") -> list[Reply]:
        replies = super().judge(candidate, queries, instruction)
        if candidate.name != self.name:
            return replies
        return [replace(reply, logit_yes=self.number) for reply in replies]


def two_at_once(before: Callable[[Candidate], None]) -> FakeScorer:
    info = ScorerInfo("fake", "f", "float32", "cpu", ImageBudget(28, max_tokens=16), at_once=2)
    return FakeScorer(before=before, info=info)


def test_a_scorer_that_takes_two_images_gets_two_and_rows_keep_their_order(settings: Settings) -> None:
    together = threading.Barrier(2)
    scorer = two_at_once(lambda candidate: together.wait(10) and None)
    run = rank(query.ask("red"), sources(*["red", "green"] * 4), scorer, settings)
    assert [row.upload_index for row in run.images] == list(range(8))
    assert all(row.reason is None for row in run.images)


def test_twins_are_judged_once_even_where_two_images_are_in_work(settings: Settings) -> None:
    scorer = two_at_once(lambda candidate: time.sleep(0.02))
    same = picture("red", seed=1)
    shown = [same if number % 2 else picture("green", seed=number) for number in range(6)]
    files = [Source(f"{number}.png", data) for number, data in enumerate(shown)]
    run = rank(query.ask("red"), files, scorer, settings)
    assert len(scorer.seen) == 4
    assert len({row.score for row in run.images[1::2]}) == 1


def test_what_is_not_begun_when_a_run_is_left_is_not_begun_after(settings: Settings) -> None:
    scorer = two_at_once(lambda candidate: time.sleep(0.05))
    steps = steps_of(list(enumerate(sources(*["red"] * 12))), scorer, settings)
    next(steps)
    steps.close()
    assert len(scorer.seen) <= 4
    time.sleep(0.2)
    assert len(scorer.seen) <= 4


def test_a_model_lost_in_one_thread_ends_the_run_after_the_rows_before_it(settings: Settings) -> None:
    scorer = two_at_once(raising(ModelLost(told("context gone")), "2-red.png"))
    steps = steps_of(list(enumerate(sources(*["red"] * 6))), scorer, settings)
    assert [next(steps).scored.upload_index for _ in range(2)] == [0, 1]
    with pytest.raises(ModelLost, match="context gone"):
        next(steps)


def test_a_slow_machine_looks_less_closely_unless_it_is_asked_to(settings: Settings) -> None:
    scorer = FakeScorer()
    scorer.info = replace(scorer.info, budget=ImageBudget(28, 1280), usual_tokens=64)
    large = [Source("large.png", picture("red", size=(1120, 1120)))]
    usual = rank(query.ask("red"), large, scorer, settings)
    assert usual.token_budget == 64
    assert usual.images[0].seen_width_px * usual.images[0].seen_height_px <= 64 * 28 * 28
    closer = rank(query.ask("red"), large, scorer, settings, max_image_tokens=1280)
    assert closer.token_budget == 1280
    assert closer.images[0].seen_width_px > usual.images[0].seen_width_px


# what the judge does not know


DEMO = ScorerInfo("demo", "d" * 16, "float32", "cpu", ImageBudget(28, 16))


def photograph() -> Source:
    return Source("cat.png", path=Path(skimage.__file__).parent / "data" / "chelsea.png")


def test_an_image_unlike_what_the_judge_was_taught_gets_a_note(settings: Settings) -> None:
    items = [*sources("red"), photograph()]
    run = rank(query.ask("red"), items, FakeScorer(info=DEMO), settings)
    assert [row.notes for row in run.images] == [(), (UNLIKE,)]
    assert all(row.score is not None for row in run.images)
    run = rank(query.ask("red"), items, FakeScorer(), settings)
    assert [row.notes for row in run.images] == [(), ()]


def test_a_judge_is_asked_in_the_words_that_it_was_taught(settings: Settings) -> None:
    scorer = FakeScorer(info=DEMO)
    run = rank(query.ask("RED sofas + two cats", "Lamps"), sources("red"), scorer, settings, model="demo")
    assert scorer.seen[0][1] == ("red sofa + two cats", "red sofa", "two cats", "lamp")
    assert run.status == "done"


def test_a_judge_that_knows_no_word_is_not_asked(settings: Settings) -> None:
    scorer, log = FakeScorer(info=DEMO), Unkept()
    with pytest.raises(UsageError) as caught:
        rank(query.ask("zeppelin"), sources("red"), scorer, settings, cache=log)
    assert caught.value.code == "query-unknown"
    assert scorer.seen == []
    with pytest.raises(UsageError):
        engine_of(scorer, settings).prepared(Request(query.ask("zeppelin"), model="demo"))
    checked = engine_of(scorer, settings).prepared(Request(query.ask("SOFAS"), model="demo"))
    assert checked.question.sent == "sofa"


@pytest.mark.parametrize("spelt", ["{copy}", "{copy}/", "{copy}/../copy/.", "copy", "./copy", "{link}"])
def test_the_demo_is_known_however_its_folder_is_spelt(
    spelt: str, copy_of_the_demo: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_of_the_demo.parent)
    model = spelt.format(copy=copy_of_the_demo, link=copy_of_the_demo.with_name("link"))
    with pytest.raises(UsageError) as caught:
        LocalEngine(settings).prepared(Request(query.ask("zeppelin"), model=model))
    assert caught.value.code == "query-unknown"
    asked = LocalEngine(settings).prepared(Request(query.ask("two horses"), model=model))
    assert (asked.question.typed, asked.question.sent) == ("two horses", "two horse")


def test_a_copy_of_the_demo_is_not_believed_more_than_the_demo(
    copy_of_the_demo: Path, settings: Settings
) -> None:
    request = Request(query.ask("red sofas + zeppelin"), model=f"{copy_of_the_demo}/")
    run = recorder.rank(request, [photograph()], LocalEngine(settings), Unkept())
    assert run.request.question.sent == "red sofa + zeppelin"
    assert [reason.code for reason in analysis.caveats(run)] == ["words-unknown", "images-unlike-many"]
    assert export.document(run)["unknown_words"] == ["zeppelin"]


def test_a_folder_that_holds_something_else_now_is_looked_at_anew(
    copy_of_the_demo: Path, settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "changing"
    shutil.copytree(copy_of_the_demo, folder)
    request = Request(query.ask("two horses"), model=str(folder))
    assert LocalEngine(settings).prepared(request).question.sent == "two horse"
    (folder / "tokenizer_config.json").write_text("{}")
    assert LocalEngine(settings).prepared(request).question.sent == "two horses"
    (folder / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(CheckpointError, match="llama"):
        LocalEngine(settings).prepared(request)


@pytest.fixture(scope="module")
def copy_of_the_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "copy"
    shutil.copytree(demo.CHECKPOINT, folder)
    folder.with_name("link").symlink_to(folder)
    return folder


def tall(colour: str, at_px: int = 0, size: tuple[int, int] = (400, 8000)) -> bytes:
    """A long white picture with a part in that colour that fills a tile."""
    image = Image.new("RGB", size, "white")
    image.paste(COLOURS[colour], (0, at_px, size[0], at_px + 3 * size[0]))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_a_picture_too_long_to_be_seen_at_once_is_judged_in_tiles_and_the_best_counts(
    settings: Settings,
) -> None:
    scorer = FakeScorer()
    items = [Source("tall.png", tall("red", 3000)), Source("white.png", tall("red", 9000)), *sources("green")]
    found, without, plain = rank(query.ask("red"), items, scorer, settings).images
    assert (found.score or 0) > 9
    assert (without.score or 9) < 2
    assert [note.code for note in found.notes] == ["tiles"]
    assert plain.notes == ()
    count = found.notes[0].values["count"]
    assert len([name for name, _ in scorer.seen if name == "tall.png"]) == count + 1 <= 13
    assert found.reply
    assert 0 < found.reply.tile <= count
    assert (found.width_px, found.height_px) == (400, 8000)
    assert found.seen_width_px * found.seen_height_px == found.reply.image_tokens * 28**2
    assert found.seen_height_px < 4 * found.seen_width_px


def test_each_text_has_the_tile_that_shows_it_and_what_is_not_wanted_is_found_in_any(
    settings: Settings,
) -> None:
    image = Image.open(io.BytesIO(tall("red", 400)))
    image.paste(COLOURS["blue"], (0, 6600, 400, 7800))
    file = io.BytesIO()
    image.save(file, "PNG")
    items = [Source("both.png", file.getvalue())]
    (row,) = rank(query.ask("red + blue"), items, FakeScorer(), settings).images
    assert min(row.elements, key=lambda score: score or 0) > 9  # type: ignore[operator]
    assert row.element_replies[0].tile < row.element_replies[1].tile
    (row,) = rank(query.ask("red", "blue"), items, FakeScorer(), settings).images
    assert (row.score or 9) < 1


def test_several_queries_of_a_tall_picture_have_the_scores_that_each_has_alone(settings: Settings) -> None:
    items = [Source("tall.png", tall("red", 3000)), *sources("blue")]
    requests = [Request(query.ask(text)) for text in ("blue", "red", "green + red")]
    together = recorder.rank_each(requests, items, engine_of(FakeScorer(), settings), Unkept())
    for request, run in zip(requests, together, strict=True):
        alone = recorder.rank(request, items, engine_of(FakeScorer(), settings), Unkept())
        for one, other in zip(run.images, alone.images, strict=True):
            assert (one.score, one.elements, one.notes) == (other.score, other.elements, other.notes)
            assert (one.seen_width_px, one.seen_height_px) in {
                (other.seen_width_px, other.seen_height_px),
                (0, 0),
            }


def test_what_is_explained_is_the_tile_that_counts(settings: Settings) -> None:
    sizes: list[tuple[int, int]] = []
    scorer = FakeScorer(before=lambda candidate: sizes.append(candidate.image.size))
    items = [Source("tall.png", tall("red", 3000))]
    (row,) = rank(query.ask("red"), items, scorer, settings, mode="explain").images
    assert (row.score or 0) > 9
    assert row.reply
    assert row.reply.tile > 0
    assert (row.seen_width_px, row.seen_height_px) == sizes[-1]
    cache = Unkept()
    (judged,) = rank(query.ask("red"), items, scorer, settings, cache=cache).images
    looks = len(sizes)
    engine = engine_of(scorer, settings)
    reply = engine.explain(Request(query.ask("red")), (0, items[0]), judged.sha256, cache=cache)
    assert judged.reply
    assert reply.tile == judged.reply.tile
    assert len(sizes) == looks + 1


def test_where_memory_runs_out_a_tall_picture_is_scored_as_a_whole_and_smaller(settings: Settings) -> None:
    def scarce(candidate: Candidate) -> None:
        if candidate.tokens(28) > 8:
            raise OutOfMemory("out-of-memory", name=candidate.name, tokens=candidate.tokens(28), detail="")

    items = [Source("tall.png", tall("red", 3000))]
    (row,) = rank(query.ask("red"), items, FakeScorer(before=scarce), settings).images
    assert [note.code for note in row.notes] == ["fewer-tokens"]
    assert row.reply
    assert row.reply.tile == 0
