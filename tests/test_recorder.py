"""How a run is written down: whatever becomes of it, the log has it first."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from lychee_app import query, recorder
from lychee_app.cache import CacheKey
from lychee_app.engines.judge import QUERIES_AT_ONCE
from lychee_app.errors import ModelLost, StoreError, UsageError
from lychee_app.reasons import Reason
from lychee_app.recorder import Forgiving, Unkept, rank
from lychee_app.records import (
    Candidate,
    Heartbeat,
    ImageBudget,
    Reply,
    Run,
    Scored,
    ScorerInfo,
    Source,
    Status,
)
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer, engine_of, picture, sources
from tests.support.rows import key, reply, told


class Disk(Unkept):
    """A log on a disk that fails once `room` calls are used up."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def cached(self, key: CacheKey) -> Reply | None:
        self._use()
        return super().cached(key)

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._use()
        super().remember(replies)

    def _use(self) -> None:
        self.room -= 1
        if self.room < 0:
            raise StoreError(told("the disk is full"))


def test_a_disk_that_works_is_what_answers() -> None:
    disk, told = Disk(99), []
    disk.remember({key(): reply(margin=1.0)})
    cache = Forgiving(disk, told.append)
    assert cache.cached(key()) == reply(margin=1.0)
    cache.remember({key(query="new"): reply(margin=2.0)})
    assert disk.cached(key(query="new")) == reply(margin=2.0)
    assert told == []


def test_a_disk_that_fails_is_told_once_and_memory_goes_on() -> None:
    told: list[StoreError] = []
    cache = Forgiving(Disk(2), told.append)
    for number in range(4):
        cache.remember({key(query=str(number)): reply(margin=float(number))})
    assert [cache.cached(key(query=str(number))) for number in range(4)] == [
        reply(margin=float(number)) for number in range(4)
    ]
    assert [str(error) for error in told] == ["the disk is full"]


def test_rows_are_kept_once_there_is_one_and_the_disk_works(settings: Settings) -> None:
    kept = Forgiving(Disk(99), lambda error: None)
    with pytest.raises(KeyboardInterrupt):
        rank(RED, sources("red"), engine_of(FakeScorer(before=stopping_at(0)), settings), kept)
    assert not kept.keeps_rows
    rank(RED, sources("red"), engine_of(FakeScorer(), settings), kept)
    assert kept.keeps_rows
    full = Forgiving(Disk(0), lambda error: None)
    rank(RED, sources("red"), engine_of(FakeScorer(), settings), full)
    assert not full.keeps_rows


def test_a_disk_that_cannot_be_read_is_no_answer() -> None:
    told: list[StoreError] = []
    cache = Forgiving(Disk(0), told.append)
    assert cache.cached(key()) is None
    assert len(told) == 1


def test_several_questions_take_one_look_at_each_image(settings: Settings) -> None:
    asked = [query.ask("red + blue", "green"), query.ask("blue"), query.ask("red"), query.ask("blue")]
    scorer, items = FakeScorer(), sources("red", "green", "blue")
    broken = Source("broken.png", data=b"no picture")
    log = Disk(99)
    runs = recorder.rank_each(
        [Request(question) for question in asked], [*items, broken], engine_of(scorer, settings), log
    )
    assert scorer.seen == [(item.name, ("red + blue", "red", "blue", "green")) for item in items]
    assert [run.question for run in runs] == asked
    for run in runs:
        alone = recorder.rank(run.request, [*items, broken], engine_of(FakeScorer(), settings), Unkept())
        assert run.status == "done"
        assert [row.reason for row in run.images] == [row.reason for row in alone.images]
        assert [(row.margin, row.elements) for row in run.images] == [
            (row.margin, row.elements) for row in alone.images
        ]
        assert run.checkpoint_hash == alone.checkpoint_hash
    assert sum(run.seconds for run in runs) > 0


def test_many_questions_are_judged_a_number_at_a_time(settings: Settings) -> None:
    asked = [Request(query.ask(f"red {number}")) for number in range(40)]
    scorer = FakeScorer()
    runs = recorder.rank_each(asked, sources("red"), engine_of(scorer, settings), Unkept())
    assert max(len(queries) for _, queries in scorer.seen) == QUERIES_AT_ONCE
    assert [run.images[0].reply.query for run in runs if run.images[0].reply] == [
        request.question.sent for request in asked
    ]


class Noted(Unkept):
    """A log that notes how runs ended, and what it was told before."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[int] = []
        self.phases: list[str] = []
        self.ends: list[tuple[Status, str | None]] = []
        """How, and the code of the reason."""

    def settle(self, run: Run, heartbeat: Heartbeat) -> None:
        self.phases.append(heartbeat.phase)

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> None:
        self.rows.append(scored.upload_index)
        assert heartbeat.done == len(self.rows)

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None:
        self.phases.append(heartbeat.phase)

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        self.ends.append((status, error.code if error else None))


RED = Request(query.ask("red"), model="fake")
BLUE = Request(query.ask("blue", "green"), model="fake")


@pytest.fixture
def files(tmp_path: Path) -> list[Source]:
    """Three pictures on the disk."""
    found = []
    for source in sources("red", "green", "blue"):
        path = tmp_path / source.name
        path.write_bytes(source.read())
        found.append(Source(path.name, path=path))
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as opened:
        yield opened


def stopping_at(index: int, raised: BaseException | None = None) -> Callable[[Candidate], None]:
    """A `before` that ends the run at that image."""

    def before(candidate: Candidate) -> None:
        if candidate.upload_index == index:
            raise raised or KeyboardInterrupt

    return before


@pytest.mark.parametrize("raised", [KeyboardInterrupt(), ModelLost(told("gone"))], ids=["stopped", "lost"])
@pytest.mark.parametrize("asked", [[RED], [RED, BLUE]], ids=["one", "two"])
def test_the_same_asked_again_goes_on_where_it_was_cut_off(
    asked: list[Request], raised: BaseException, files: list[Source], store: Store, settings: Settings
) -> None:
    engine, stand = engine_of(FakeScorer(before=stopping_at(2, raised)), settings), list[int]()
    with pytest.raises(type(raised)):
        recorder.rank_each(asked, files, engine, store, going_on=stand.append)
    assert [(run.done, run.total) for run in store.runs()] == [(2, 3)] * len(asked)
    scorer = FakeScorer()
    runs = recorder.rank_each(asked, files, engine_of(scorer, settings), store, going_on=stand.append)
    assert stand == [2]
    assert [name for name, _ in scorer.seen] == ["2-blue.png"]
    assert {run.id for run in store.runs()} == {run.id for run in runs}
    alone = [rank(one, files, engine_of(FakeScorer(), settings), Unkept()) for one in asked]
    for run, other in zip(runs, alone, strict=True):
        assert (run.status, run.request) == ("done", other.request)
        assert [(row.name, row.margin) for row in run.images] == [
            (row.name, row.margin) for row in other.images
        ]
        assert store.load(run.id).images == run.images


@pytest.mark.parametrize(
    "change",
    ["another query", "more images", "other order", "done since", "at work elsewhere"],
)
def test_what_is_not_the_same_is_a_new_run(
    change: str, files: list[Source], store: Store, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        rank(RED, files, engine_of(FakeScorer(before=stopping_at(2)), settings), store)
    (first,) = store.runs()
    asked, images = RED, files
    if change == "another query":
        asked = BLUE
    elif change == "more images":
        images = [*files, files[0]]
    elif change == "other order":
        images = files[::-1]
    elif change == "done since":
        rank(RED, files, engine_of(FakeScorer(), settings), store)
    else:
        store.set_status(first.id, "running")
    with Store.open(tmp_path / "home") as other:
        assert other.unfinished(asked, images) is None


def test_a_file_that_was_changed_in_between_is_scored_anew(
    files: list[Source], store: Store, settings: Settings
) -> None:
    with pytest.raises(KeyboardInterrupt):
        rank(RED, files, engine_of(FakeScorer(before=stopping_at(2)), settings), store)
    assert files[0].path
    files[0].path.write_bytes(picture("blue", seed=9))
    scorer = FakeScorer()
    (run,) = recorder.rank_each([RED], files, engine_of(scorer, settings), store, going_on=lambda n: None)
    assert [name for name, _ in scorer.seen] == ["0-red.png", "2-blue.png"]
    assert (run.images[0].score or 9) < 1
    assert store.load(run.id).images == run.images


def test_what_another_judge_began_is_a_run_of_its_own(
    files: list[Source], store: Store, settings: Settings
) -> None:
    with pytest.raises(KeyboardInterrupt):
        rank(RED, files, engine_of(FakeScorer(before=stopping_at(2)), settings), store)
    other = FakeScorer(info=ScorerInfo("fake", "e" * 16, "float32", "cpu", ImageBudget(28, 16)))
    for _ in range(2):
        (run,) = recorder.rank_each([RED], files, engine_of(other, settings), store, going_on=lambda n: None)
        assert (run.status, len(run.images), run.checkpoint_hash) == ("done", 3, "e" * 16)
    assert [found.status for found in store.runs()] == ["done", "done", "failed"]


def test_several_questions_are_each_asked_in_the_words_that_were_taught(settings: Settings) -> None:
    scorer = FakeScorer(info=ScorerInfo("demo", "d" * 16, "float32", "cpu", ImageBudget(28, 16)))
    asked = [query.ask("two horses"), query.ask("horse"), query.ask("HORSES + sofas", "horses")]
    runs = recorder.rank_each(
        [Request(question) for question in asked], sources("red"), engine_of(scorer, settings), Unkept()
    )
    for run, question in zip(runs, asked, strict=True):
        alone = rank(Request(question), sources("red"), engine_of(scorer, settings), Unkept())
        assert run.request == alone.request
        assert [reply.query for row in run.images for reply in (row.reply, row.not_reply) if reply] == [
            text for text in (alone.question.sent, alone.question.sent_not) if text
        ]


def test_a_run_is_told_loading_scoring_row_by_row_and_done(settings: Settings) -> None:
    log = Noted()
    run = rank(RED, sources("red", "green"), engine_of(FakeScorer(), settings), log)
    assert (log.phases, log.rows, log.ends) == (["loading", "scoring"], [0, 1], [("done", None)])
    assert (run.status, len(run.images), run.request) == ("done", 2, RED)
    assert (run.model, run.precision, run.token_budget) == ("fake", "float32", 16)


@pytest.mark.parametrize(
    ("raised", "end"),
    [
        (ModelLost(told("gone")), ("failed", "as-told")),
        (KeyboardInterrupt(), ("stopped", None)),
        (ZeroDivisionError("surprise"), ("failed", "defect")),
        (SystemExit(3), ("interrupted", None)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_however_a_run_ends_the_log_has_it_before_it_is_raised(
    settings: Settings, raised: BaseException, end: tuple[Status, str | None]
) -> None:
    def before(candidate: Candidate) -> None:
        if candidate.upload_index == 1:
            raise raised

    log = Noted()
    with pytest.raises(type(raised)):
        rank(RED, sources("red", "green", "blue"), engine_of(FakeScorer(before=before), settings), log)
    assert (log.rows, log.ends) == ([0], [end])


def test_a_run_that_the_log_refuses_fails_and_one_that_is_forgiven_goes_on(settings: Settings) -> None:
    class Full(Noted):
        def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> None:
            raise StoreError(told("the disk is full"))

    log, complaints = Full(), []
    engine = engine_of(FakeScorer(), settings)
    with pytest.raises(StoreError, match="disk is full"):
        rank(RED, sources("red", "green"), engine, log)
    assert log.ends == [("failed", "as-told")]
    run = rank(RED, sources("red", "green"), engine, Forgiving(log, complaints.append))
    assert (run.status, len(run.images), len(complaints)) == ("done", 2, 1)


def test_no_images_are_wrong_usage_and_no_run(settings: Settings) -> None:
    log = Noted()
    with pytest.raises(UsageError, match="no images"):
        rank(RED, [], engine_of(FakeScorer(), settings), log)
    assert log.ends == []
