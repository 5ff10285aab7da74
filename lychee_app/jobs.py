"""Background runs: start, watch, stop, resume, and find again after a refresh. No streamlit in here.

One worker thread has one run scored at a time; the others wait in line. Every row is in the store before the
next image begins, so a run that ends for whatever reason can be resumed; rows are held here only while their
run is live, and no more than MOST_HELD. A run may be another process's: `view` and `run` tell of it all the
same.
"""

import hashlib
import logging
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from lychee_app import recorder
from lychee_app.engines import Engine, Event, Progress
from lychee_app.errors import LycheeError, UsageError
from lychee_app.packed import Rows
from lychee_app.reasons import Reason, counted
from lychee_app.records import Decision, Reply, Run, Scored, Source
from lychee_app.request import Request
from lychee_app.store import Store, View

log = logging.getLogger(__name__)

MOST_HELD = 3_000
"""Rows of a live run; of more the page shows some at a time, and asks the store for them."""


@dataclass
class _Job:
    """What the worker does next, and its rows so far. Guarded by the registry's lock."""

    run: Run
    sources: list[tuple[int, Source]]
    stand: Rows | None = None
    """Rows of earlier sittings."""
    rows: dict[int, Scored] | None = field(default_factory=dict)
    """All there are, for whoever watches; None where they are too many to be held."""
    begun: bool = False
    stopping: bool = False
    over: bool = False
    error: Reason | None = None
    """Why it failed, should a full disk have had no room even for that."""


class Jobs:
    """The runs that this process has the engine score, one after the other."""

    def __init__(self, store: Store, engine: Engine) -> None:
        self._store = store
        self._engine = engine
        self._lock = threading.RLock()
        self._jobs: dict[str, _Job] = {}
        self._claimed: set[str] = set()
        self._line: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None

    def prepared(self, request: Request) -> Request:
        """The request as its judge will be asked. Raises CheckpointError and UsageError: see Engine."""
        return self._engine.prepared(request)

    def start(self, request: Request, sources: Sequence[Source], left_out: Sequence[Reason] = ()) -> str:
        """Puts a new run in line and returns its id at once. Raises StoreError, and what `prepared` raises: a
        model that cannot be opened is no run."""
        run = recorder.new_run(self.prepared(request), len(sources), left_out)
        self._store.create(run, sources, phase="waiting")
        self._enqueue(_Job(run, self._store.sources(run.id)))
        return run.id

    def start_after(
        self,
        before: str,
        request: Request,
        chosen: Sequence[int],
        more: Sequence[Source] = (),
        left_out: Sequence[Reason] = (),
    ) -> str:
        """A new run over images of an earlier one, then `more`. What was decided on those images stays
        decided, but for a file that holds another image now.

        chosen: upload indices in the earlier run. Raises UsageError and StoreError.
        """
        sources, decisions = dict(self._store.sources(before)), self._store.decisions(before)
        if len(chosen) == len(sources):  # all of them: what lay among them was left out of this one too
            left_out = counted((*self._store.head(before).left_out, *left_out))
        run_id = self.start(request, [*(sources[index] for index in chosen), *more], left_out)
        decided: dict[int, Decision] = {
            place: decisions[index]
            for place, index in enumerate(chosen)
            if index in decisions and self._is_as_scored(before, index, sources[index])
        }
        self._store.carry(run_id, decided)
        return run_id

    def _is_as_scored(self, run_id: str, index: int, source: Source) -> bool:
        """An upload is kept by its content; a file of this machine may have been replaced."""
        if source.private:
            return True
        with suppress(OSError, LookupError):
            return hashlib.sha256(source.read()).hexdigest() == self._store.row(run_id, index).sha256
        return False

    def resume(self, run_id: str, *, failed_too: bool = False) -> None:
        """Scores what is missing; with `failed_too` also the rows that failed. A live run is left alone.

        An image that is gone by then is a row with a reason. Raises StoreError when the run is not there, or
        when another process scores it.
        """
        with self._claim(run_id) as claimed:
            if claimed:
                self._store.set_status(run_id, "running")
                self._go_on(run_id, (lambda row: row.failed) if failed_too else None)

    def judge_beside(self, run_id: str) -> None:
        """Scores the images that another was judged in the place of. Raises as `resume`."""
        with self._claim(run_id) as claimed:
            if claimed:
                self._store.set_status(run_id, "running")
                run = self._store.head(run_id)
                self._store.settle(replace(run, request=replace(run.request, bursts="all")))
                self._go_on(run_id, lambda row: row.stood_for)

    def add(self, run_id: str, sources: Sequence[Source], left_out: Sequence[Reason] = ()) -> None:
        """Adds images to a run that is over; only they are scored. Raises UsageError while it is live."""
        with self._claim(run_id) as claimed:
            if not claimed:
                raise UsageError("run-live")
            self._store.extend(run_id, sources, left_out)
            self._go_on(run_id)

    @contextmanager
    def _claim(self, run_id: str) -> Iterator[bool]:
        """Whether the run is ours to begin: it is not live here, and nobody else is just beginning it."""
        with self._lock:
            claimed = run_id not in self._claimed and run_id not in self.live()
            if claimed:
                self._claimed.add(run_id)
        try:
            yield claimed
        finally:
            if claimed:
                with self._lock:
                    self._claimed.discard(run_id)

    def _go_on(self, run_id: str, again: Callable[[Scored], bool] | None = None) -> None:
        """Puts a run that is marked as ours in line, for what it lacks, and what is scored again."""
        run, stand = self._store.head(run_id), self._store.packed(run_id)
        if again:
            stand.keep(lambda row: not again(row))
        missing = [each for each in self._store.sources(run_id) if each[0] not in stand.indices]
        held = {row.upload_index: row for row in stand} if len(stand) <= MOST_HELD else None
        self._enqueue(_Job(run, missing, stand, held))

    def stop(self, run_id: str) -> None:
        """Ends the run after the image in hand, or at once while it waits; what is done is kept.

        Only a run of this process can be stopped.
        """
        with self._lock:
            job = self._jobs.get(run_id)
            if job is None or job.over:
                return
            job.stopping = True
            waits = not job.begun
        if waits:
            run, error = job.run, None
            try:
                self._store.finish(run_id, "stopped", run.seconds, run.peak_memory_bytes)
            except LycheeError as failure:
                error = failure.reason
            self._end(job, error)

    def is_live(self, run_id: str) -> bool:
        """Whether it waits or is scored, here or in another process. Raises StoreError."""
        if run_id in self.live():
            return True
        view = self.view(run_id)
        return view is not None and view.phase != "over"

    def live(self) -> list[str]:
        """Ids of the runs that wait or run in this process, oldest first."""
        with self._lock:
            return [run_id for run_id, job in self._jobs.items() if not job.over]

    def view(self, run_id: str) -> View | None:
        """The run as it stands, whoever scores it; None if there is none. Raises StoreError."""
        view = self._store.view(run_id)
        if view is None or view.phase == "over" or not (ended := self._ended_untold(run_id)):
            return view
        return replace(view, phase="over", status="failed", error=ended.error)

    def run(self, run_id: str) -> Run:
        """The run with all rows so far: from memory while it is live here and small, else from the store."""
        with self._lock:
            job = self._jobs.get(run_id)
            if job is not None and not job.over and job.rows is not None:
                rows = tuple(job.rows[index] for index in sorted(job.rows))
                return replace(self._store.head(run_id), images=rows)
        stored = self._store.load(run_id)
        if stored.status != "running" or not (ended := self._ended_untold(run_id)):
            return stored
        return replace(stored, status="failed", error=ended.error)

    def _ended_untold(self, run_id: str) -> _Job | None:
        """A run that is over here; where the store has it as running it could not be told."""
        with self._lock:
            job = self._jobs.get(run_id)
            return job if job is not None and job.over else None

    def explain(self, run: Run, source: tuple[int, Source], sha256: str) -> Reply:
        """The explanation of an image of the run, scored as `sha256`. Waits for the model.

        Raises LycheeError.
        """
        return self._engine.explain(recorder.as_before(run), source, sha256, cache=self._store)

    def forget(self, run_id: str) -> None:
        """Drops a run that is over from memory (it was deleted, or is better read from the store)."""
        with self._lock:
            if run_id not in self.live():
                self._jobs.pop(run_id, None)

    def _enqueue(self, job: _Job) -> None:
        with self._lock:
            self._jobs[job.run.id] = job
            self._line.put(job)
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="lychee-jobs", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        while True:
            self._do(self._line.get())

    def _do(self, job: _Job) -> None:
        """One run from line to end. Whatever happens is a status and a reason, never a dead worker."""
        with self._lock:
            if job.stopping:
                return  # while it waited: it is over
            job.begun = True
        error = None
        try:
            recorder.score(
                job.run,
                job.sources,
                self._engine,
                self._store,
                rows=job.stand,
                on_event=lambda event: self._note(job, event),
                stopping=lambda: job.stopping,
            )
        except LycheeError as failure:
            error = failure.reason
        except Exception as failure:
            log.exception("run %s failed", job.run.id)
            error = recorder.defect(failure)
        self._end(job, error)

    def _note(self, job: _Job, event: Event) -> None:
        if isinstance(event, Progress):
            with self._lock:
                if job.rows is not None:
                    job.rows[event.scored.upload_index] = event.scored
                    if len(job.rows) > MOST_HELD:
                        job.rows = None

    def _end(self, job: _Job, error: Reason | None) -> None:
        with self._lock:
            job.over, job.error = True, error
            job.rows, job.sources, job.stand = {}, [], None
