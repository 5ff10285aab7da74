"""Writes a run down as an engine does it: begun, each row before the next image, and how it ended.

Whoever has a run done has it done here, so that it stands in the history and can be gone on with, whatever
becomes of this process.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from lychee_app import verdict
from lychee_app.cache import CacheKey, RecentReplies, ReplyCache
from lychee_app.engines import Engine, Event, Opened, Progress
from lychee_app.errors import LycheeError, StoreError, UsageError
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import Heartbeat, Reply, Run, Scored, Source, Status
from lychee_app.request import Request

T = TypeVar("T")


class Log(ReplyCache, Protocol):
    """Where a run is written down: store.Store is one. Every method raises StoreError where it cannot be."""

    def create(self, run: Run, sources: Sequence[Source]) -> list[tuple[int, Source]]: ...

    def settle(self, run: Run, heartbeat: Heartbeat) -> None: ...

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> None: ...

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None: ...

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None: ...


class Unkept(RecentReplies):
    """A Log of nothing: equal images still share one computation."""

    def create(self, run: Run, sources: Sequence[Source]) -> list[tuple[int, Source]]:
        return list(enumerate(sources))

    def settle(self, run: Run, heartbeat: Heartbeat) -> None: ...

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> None: ...

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None: ...

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None: ...


class Forgiving:
    """A Log that costs no run when it fails: from then on nothing is written down, replies are in memory.

    `on_failure` is told once. `works` says whether all so far lies on the disk.
    """

    def __init__(self, log: Log, on_failure: Callable[[StoreError], None]) -> None:
        self._log, self._memory = log, Unkept()
        self._on_failure = on_failure
        self.works = True

    def cached(self, key: CacheKey) -> Reply | None:
        found = self._tried(lambda log: log.cached(key))
        return self._memory.cached(key) if found is None else found

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._memory.remember(replies)
        self._tried(lambda log: log.remember(replies))

    def create(self, run: Run, sources: Sequence[Source]) -> list[tuple[int, Source]]:
        return self._tried(lambda log: log.create(run, sources)) or self._memory.create(run, sources)

    def settle(self, run: Run, heartbeat: Heartbeat) -> None:
        self._tried(lambda log: log.settle(run, heartbeat))

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> None:
        self._tried(lambda log: log.add(run_id, scored, heartbeat))

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None:
        self._tried(lambda log: log.beat(run_id, heartbeat))

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        self._tried(lambda log: log.finish(run_id, status, seconds, peak_memory_bytes, error))

    def _tried(self, action: Callable[[Log], T]) -> T | None:
        if not self.works:
            return None
        try:
            return action(self._log)
        except StoreError as error:
            self.works = False
            self._on_failure(error)
            return None


def new_run(request: Request, total: int, left_out: Sequence[Reason] = ()) -> Run:
    """An empty run: what is asked, before the model is open. Raises UsageError where there are no images."""
    if not total:
        raise UsageError("no-images")
    created = datetime.now(UTC).isoformat(timespec="seconds")
    identity, precision = uuid.uuid4().hex, request.precision
    return Run(
        identity, created, request, total, request.model, precision=precision, left_out=tuple(left_out)
    )


def rank(
    request: Request,
    sources: Sequence[Source],
    engine: Engine,
    log: Log,
    on_event: Callable[[Event], None] = lambda event: None,
    *,
    left_out: Sequence[Reason] = (),
) -> Run:
    """A new run from its beginning to its end. Raises UsageError without sources, and what `score` raises."""
    run = new_run(request, len(sources), left_out)
    log.create(run, sources)
    return score(run, list(enumerate(sources)), engine, log, on_event=on_event)


def rank_each(
    requests: Sequence[Request],
    sources: Sequence[Source],
    engine: Engine,
    log: Log,
    on_event: Callable[[Event], None] = lambda event: None,
    *,
    left_out: Sequence[Reason] = (),
) -> list[Run]:
    """A new run per request, from one look at each image. Raises what `rank` raises.

    requests: in judge mode, alike in all but the question.
    The runs are written down when all images are scored; each takes an equal share of the seconds.
    """
    started = time.perf_counter()
    questions = [request.question for request in requests]
    texts = tuple(dict.fromkeys(text for one in questions for text in (one.sent, *one.parts)))
    everything = replace(requests[0], question=Question("", texts[0], texts[1:]))
    new_run(everything, len(sources))  # refuses a run of no images
    events: list[Event] = []
    with closing(engine.run(everything, list(enumerate(sources)), cache=log)) as happening:
        for event in happening:
            events.append(event)
            on_event(event)
    seconds = (time.perf_counter() - started) / len(requests)
    runs = []
    for request in requests:
        run = replace(new_run(request, len(sources), left_out), seconds=seconds)
        log.create(run, sources)
        sitting = _Sitting(run, log, {})
        for event in events:
            sitting.note(event if isinstance(event, Opened) else _of_its_own(event, request.question))
        runs.append(sitting.end("done"))
    return runs


def _of_its_own(event: Progress, question: Question) -> Progress:
    """The row as if this question alone had been asked."""
    row = event.scored
    if row.reply is None:
        return event
    replies = {reply.query: reply for reply in (row.reply, *row.element_replies)}
    own = [replies[text] for text in (question.sent, *question.parts)]
    if bool(own[0].tile) != bool(row.reply.tile):  # of another size than what was best for the first query
        row = replace(row, seen_width_px=0, seen_height_px=0)
    return replace(event, scored=verdict.answered(row, question, "judge", own))


def score(
    run: Run,
    sources: Sequence[tuple[int, Source]],
    engine: Engine,
    log: Log,
    *,
    rows: Sequence[Scored] = (),
    on_event: Callable[[Event], None] = lambda event: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Run:
    """Has the sources of a run that the log knows scored, and returns the run as it ended.

    rows: those that stand already. on_event: told once it is written down. stopping: asked after every row.
    Whatever is raised (what the engine raises, StoreError, KeyboardInterrupt) is in the log first, as the
    way it ended. Raises UsageError where another checkpoint or precision scored the rows that stand.
    """
    sitting = _Sitting(run, log, {row.upload_index: row for row in rows})
    try:
        sitting.begin()
        with closing(engine.run(as_before(run), sources, cache=log)) as events:
            for event in events:
                sitting.note(event)
                on_event(event)
                if stopping():
                    break
    except BaseException as failure:
        with suppress(StoreError):
            sitting.end(*_fate(failure))
        raise
    return sitting.end("done" if sitting.is_whole else "stopped")


def as_before(run: Run) -> Request:
    """What is still asked of the missing images: what the others were really given."""
    if not run.checkpoint_hash:
        return run.request
    return replace(run.request, model=run.model, max_image_tokens=run.token_budget)


def defect(failure: Exception) -> Reason:
    """What is said of an error that nobody meant to raise."""
    return Reason.of("defect", kind=type(failure).__name__, detail=str(failure))


def _fate(failure: BaseException) -> tuple[Status, Reason | None]:
    if isinstance(failure, LycheeError):
        return "failed", failure.reason
    if isinstance(failure, Exception):
        return "failed", defect(failure)
    return ("stopped" if isinstance(failure, KeyboardInterrupt) else "interrupted"), None


class _Sitting:
    """One run while it is scored."""

    def __init__(self, run: Run, log: Log, rows: dict[int, Scored]) -> None:
        self._run, self._log, self._rows = run, log, rows
        self._heartbeat = Heartbeat("loading", len(rows))
        self._peak_bytes = run.peak_memory_bytes
        self._started = time.perf_counter()

    @property
    def is_whole(self) -> bool:
        return len(self._rows) >= self._run.total

    def begin(self) -> None:
        self._log.beat(self._run.id, self._heartbeat)

    def note(self, event: Event) -> None:
        if isinstance(event, Opened):
            self._settle(event)
        else:
            self._add(event)

    def end(self, status: Status, error: Reason | None = None) -> Run:
        seconds = self._run.seconds + time.perf_counter() - self._started
        self._log.finish(self._run.id, status, seconds, self._peak_bytes, error)
        return replace(
            self._run,
            status=status,
            images=tuple(self._rows[index] for index in sorted(self._rows)),
            seconds=seconds,
            peak_memory_bytes=self._peak_bytes,
            error=error,
        )

    def _settle(self, event: Opened) -> None:
        """Writes down which model "auto" turned out to be, and refuses to mix two models in one run."""
        run, info = self._run, event.info
        if run.checkpoint_hash and run.checkpoint_hash != info.checkpoint_hash:
            raise UsageError("checkpoint-changed", model=run.model)
        if run.checkpoint_hash and run.precision != info.precision:
            raise UsageError("precision-changed", before=run.precision, now=info.precision)
        self._run = replace(
            run,
            model=info.name,
            checkpoint_hash=info.checkpoint_hash,
            precision=info.precision,
            token_budget=event.budget.max_tokens,
        )
        self._heartbeat = replace(self._heartbeat, phase="scoring", warnings=info.warnings)
        self._log.settle(self._run, self._heartbeat)

    def _add(self, event: Progress) -> None:
        self._rows[event.scored.upload_index] = event.scored
        self._peak_bytes = max(self._peak_bytes, event.memory.peak_bytes)
        self._heartbeat = replace(
            self._heartbeat,
            done=len(self._rows),
            seconds_per_image=event.seconds_per_image,
            eta_seconds=event.eta_seconds,
            memory=event.memory,
        )
        self._log.add(self._run.id, event.scored, self._heartbeat)
