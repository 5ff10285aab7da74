"""Writes a run down as an engine does it: begun, each row before the next image, and how it ended.

Whoever has a run done has it done here, so that it stands in the history and can be gone on with, whatever
becomes of this process.
"""

import time
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from lychee_app import verdict
from lychee_app.cache import CacheKey, RecentReplies, ReplyCache
from lychee_app.engines import Engine, Event, Opened, Progress
from lychee_app.errors import LycheeError, StoreError, UsageError
from lychee_app.packed import Rows
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import Heartbeat, Reply, Run, Scored, Source, Status
from lychee_app.request import Request

T = TypeVar("T")

ANOTHER_JUDGE = frozenset({"checkpoint-changed", "precision-changed"})
"""Codes of a run that cannot be gone on with, for what judges now is not what judged the rows that stand."""


class Log(ReplyCache, Protocol):
    """Where a run is written down: store.Store is one. Every method raises StoreError where it cannot be."""

    def create(self, run: Run, sources: Sequence[Source]) -> None: ...

    def unfinished(self, request: Request, sources: Sequence[Source]) -> Run | None:
        """The newest run that was cut off and asked the same of the same files, with the rows that still
        hold. It is this process's from now on."""
        ...

    def settle(self, run: Run, heartbeat: Heartbeat) -> None: ...

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> bool:
        """Whether `thumbnail` has that of the row from now on."""
        ...

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        """Of a row that `add` was told of. Raises StoreError, and LookupError where there is no such row."""
        ...

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None: ...

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None: ...


class Unkept(RecentReplies):
    """A Log of nothing: equal images still share one computation."""

    def create(self, run: Run, sources: Sequence[Source]) -> None: ...

    def unfinished(self, request: Request, sources: Sequence[Source]) -> Run | None:
        return None

    def settle(self, run: Run, heartbeat: Heartbeat) -> None: ...

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> bool:
        return False

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        raise LookupError(f"run {run_id} is not kept")

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None: ...

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None: ...


class Forgiving:
    """A Log that costs no run when it fails: from then on nothing is written down, replies are in memory.

    `on_failure` is told once. `keeps_rows` says whether there are rows of its runs and all lie on the disk.
    """

    def __init__(self, log: Log, on_failure: Callable[[StoreError], None]) -> None:
        self._log, self._memory = log, Unkept()
        self._on_failure = on_failure
        self._works, self._has_rows = True, False

    @property
    def keeps_rows(self) -> bool:
        return self._works and self._has_rows

    def cached(self, key: CacheKey) -> Reply | None:
        found = self._tried(lambda log: log.cached(key))
        return self._memory.cached(key) if found is None else found

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._memory.remember(replies)
        self._tried(lambda log: log.remember(replies))

    def create(self, run: Run, sources: Sequence[Source]) -> None:
        self._tried(lambda log: log.create(run, sources))

    def unfinished(self, request: Request, sources: Sequence[Source]) -> Run | None:
        found = self._tried(lambda log: log.unfinished(request, sources))
        self._has_rows = self._has_rows or bool(found and found.images)
        return found

    def settle(self, run: Run, heartbeat: Heartbeat) -> None:
        self._tried(lambda log: log.settle(run, heartbeat))

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> bool:
        is_kept = self._tried(lambda log: log.add(run_id, scored, heartbeat))
        self._has_rows = True
        return bool(is_kept)

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        return self._log.thumbnail(run_id, upload_index)

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None:
        self._tried(lambda log: log.beat(run_id, heartbeat))

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        self._tried(lambda log: log.finish(run_id, status, seconds, peak_memory_bytes, error))

    def _tried(self, action: Callable[[Log], T]) -> T | None:
        if not self._works:
            return None
        try:
            return action(self._log)
        except StoreError as error:
            told, self._works = not self._works, False  # an engine may ask from a thread of its own
            if not told:
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
    going_on: Callable[[int], None] | None = None,
) -> list[Run]:
    """A run per request, from one look at each image, written down as it goes. Raises what `rank` raises.

    requests: alike in all but the question, and several only in judge mode. Each run takes an equal share of
    the seconds. going_on: where it is given, a run that was cut off (Log.unfinished) is gone on with, and it
    is told how many rows stand already; else each is a new one.
    """
    new = [new_run(request, len(sources), left_out) for request in requests]
    before = [going_on and log.unfinished(request, sources) for request in requests]
    if going_on and (stand := min(len(run.images) if run else 0 for run in before)):
        going_on(stand)
    for run, found in zip(new, before, strict=True):
        if not found:
            log.create(run, sources)
    try:
        runs = [found or run for run, found in zip(new, before, strict=True)]
        return _score_each(runs, sources, engine, log, on_event)
    except UsageError as error:
        if error.code not in ANOTHER_JUDGE or not any(before):
            raise
    return rank_each(requests, sources, engine, log, on_event, left_out=left_out)


def _score_each(
    runs: Sequence[Run],
    sources: Sequence[Source],
    engine: Engine,
    log: Log,
    on_event: Callable[[Event], None],
) -> list[Run]:
    """For each run the rows that it lacks. runs: with the rows that stand."""
    stand = [_standing(run, log) for run in runs]
    missing = [
        (index, source)
        for index, source in enumerate(sources)
        if not all(index in rows.indices for rows in stand)
    ]
    if len(runs) == 1:
        run = replace(runs[0], images=())
        return [score(run, missing, engine, log, rows=stand[0], on_event=on_event)]
    questions = [run.question for run in runs]
    texts = tuple(dict.fromkeys(text for one in questions for text in (one.sent, *one.parts)))
    everything = replace(as_before(runs[0]), question=Question("", texts[0], texts[1:]))
    sittings = [_Share(run, log, rows, texts, len(runs)) for run, rows in zip(runs, stand, strict=True)]
    return _sit(sittings, everything, missing, engine, log=log, on_event=on_event)


def _standing(run: Run, log: Log) -> Rows:
    """Those of a run that was cut off."""
    if isinstance(run.images, Rows):
        return run.images
    return Rows(run.images, partial(log.thumbnail, run.id))


def score(
    run: Run,
    sources: Sequence[tuple[int, Source]],
    engine: Engine,
    log: Log,
    *,
    rows: Rows | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    stopping: Callable[[], bool] = lambda: False,
) -> Run:
    """Has the sources of a run that the log knows scored, and returns the run as it ended.

    rows: those that stand already, to which the others are added. on_event: told once it is written down.
    stopping: asked after every row.
    Whatever is raised (what the engine raises, StoreError, KeyboardInterrupt) is in the log first, as the
    way it ended. Raises UsageError where another checkpoint or precision scored the rows that stand.
    """
    sitting = _Sitting(run, log, _standing(run, log) if rows is None else rows)
    (ended,) = _sit([sitting], as_before(run), sources, engine, log=log, on_event=on_event, stopping=stopping)
    return ended


def _sit(
    sittings: Sequence["_Sitting"],
    request: Request,
    sources: Sequence[tuple[int, Source]],
    engine: Engine,
    *,
    log: Log,
    on_event: Callable[[Event], None],
    stopping: Callable[[], bool] = lambda: False,
) -> list[Run]:
    """However it ends, the log has it first, of every run that is scored at this sitting."""
    try:
        for sitting in sittings:
            sitting.begin()
        with closing(engine.run(request, sources, cache=log)) as events:
            for event in events:
                for sitting in sittings:
                    sitting.note(event)
                on_event(event)
                if stopping():
                    break
    except BaseException as failure:
        for sitting in sittings:
            with suppress(StoreError):
                sitting.end(*_fate(failure))
        raise
    return [sitting.end("done" if sitting.is_whole else "stopped") for sitting in sittings]


def as_before(run: Run) -> Request:
    """What is still asked of the missing images: what the others were really given."""
    if not run.checkpoint_hash:
        return run.request
    return replace(run.request, model=run.model, max_image_tokens=run.token_budget)


def defect(failure: Exception) -> Reason:
    """What is said of an error that nobody meant to raise, with the place that raised it."""
    frames = traceback.extract_tb(failure.__traceback__)
    place = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
    return Reason.of("defect", kind=type(failure).__name__, detail=f"{failure}{place}")


def _fate(failure: BaseException) -> tuple[Status, Reason | None]:
    if isinstance(failure, LycheeError):
        return "failed", failure.reason
    if isinstance(failure, Exception):
        return "failed", defect(failure)
    return ("stopped" if isinstance(failure, KeyboardInterrupt) else "interrupted"), None


class _Sitting:
    """One run while it is scored."""

    def __init__(self, run: Run, log: Log, rows: Rows, share: int = 1) -> None:
        """share: of how many runs at once it is one; the seconds are shared."""
        self._run, self._log, self._share = run, log, share
        self._rows = rows
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
        elif isinstance(event, Progress):
            self._add(event)
        else:
            looked = replace(self._heartbeat, phase="grouping", done=event.done)
            self._log.beat(self._run.id, looked)

    def end(self, status: Status, error: Reason | None = None) -> Run:
        seconds = self._run.seconds + (time.perf_counter() - self._started) / self._share
        self._log.finish(self._run.id, status, seconds, self._peak_bytes, error)
        return replace(
            self._run,
            status=status,
            images=self._rows,
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
            request=replace(run.request, question=self._asked(event.request.question)),
            model=info.name,
            checkpoint_hash=info.checkpoint_hash,
            precision=info.precision,
            token_budget=event.budget.max_tokens,
        )
        self._heartbeat = replace(self._heartbeat, phase="scoring", warnings=info.warnings)
        self._log.settle(self._run, self._heartbeat)

    def _asked(self, question: Question) -> Question:
        """This run's own, as its judge is asked."""
        return question

    def _add(self, event: Progress) -> None:
        done = len(self._rows) + (event.scored.upload_index not in self._rows.indices)
        self._peak_bytes = max(self._peak_bytes, event.memory.peak_bytes)
        self._heartbeat = replace(
            self._heartbeat,
            done=done,
            seconds_per_image=event.seconds_per_image,
            eta_seconds=event.eta_seconds,
            memory=event.memory,
        )
        is_kept = self._log.add(self._run.id, event.scored, self._heartbeat)
        self._rows.put(event.scored, is_kept=is_kept)


class _Share(_Sitting):
    """One of several runs whose questions are asked together, of one look at each image.

    texts: all that is asked, in the order of the replies: that of the query, and then those of its parts.
    """

    def __init__(self, run: Run, log: Log, rows: Rows, texts: Sequence[str], share: int) -> None:
        super().__init__(replace(run, images=()), log, rows, share)
        question = run.question
        self._places = [texts.index(text) for text in (question.sent, *question.parts)]

    def _asked(self, question: Question) -> Question:
        """By place, for a judge may be asked in other words than these."""
        texts, own = (question.sent, *question.parts), self._run.question
        sent, *parts = (texts[place] for place in self._places)
        sent_not = parts.pop() if own.sent_not else ""
        return replace(own, sent=sent, elements=tuple(parts), sent_not=sent_not)

    def _add(self, event: Progress) -> None:
        if event.scored.upload_index not in self._rows.indices:
            super()._add(replace(event, scored=self._own(event.scored)))

    def _own(self, row: Scored) -> Scored:
        """The row as if this question alone had been asked."""
        if row.reply is None:
            return row
        replies = (row.reply, *row.element_replies)
        own = [replies[place] for place in self._places]
        if bool(own[0].tile) != bool(row.reply.tile):  # of another size
            row = replace(row, seen_width_px=0, seen_height_px=0)
        likeness = verdict.Likeness(row.like_reply, row.unlike_reply)
        return verdict.answered(row, self._run.question, "judge", own, likeness)
