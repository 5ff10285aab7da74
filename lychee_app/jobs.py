"""Background runs: start, watch, stop, resume, and find again after a refresh. No streamlit in here.

One worker thread scores one run at a time; the others wait in line. Every row is in the store before the
next image begins, so a run that ends for whatever reason can be resumed; rows are held here only while their
run is live. The page polls `view(run_id)`, which never blocks on the model.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

from lychee_app import pipeline
from lychee_app.errors import LycheeError, ModelLost, UsageError
from lychee_app.query import Question
from lychee_app.records import MemoryReading, Mode, Reply, Run, Scored, Scorer, Source, Status
from lychee_app.settings import Settings
from lychee_app.store import Store

log = logging.getLogger(__name__)

Phase = Literal["waiting", "loading", "scoring", "over"]
OpenScorer = Callable[[str, Settings], Scorer]
Resolve = Callable[[str, Settings], str]


@dataclass(frozen=True)
class View:
    """A moment of a run, cheap to take. `version` grows with every change: a poller can skip equal ones."""

    run_id: str
    phase: Phase
    status: Status
    done: int
    total: int
    version: int
    seconds_per_image: float = 0.0
    eta_seconds: float = 0.0
    idle_seconds: float = 0.0
    memory: MemoryReading | None = None
    warnings: tuple[str, ...] = ()
    error: str | None = None


@dataclass
class _Job:
    """What the worker does next, and how far it is. Guarded by the registry's lock."""

    run: Run
    model: str
    sources: list[tuple[int, Source]]
    settings: Settings
    rows: dict[int, Scored] = field(default_factory=dict)
    done: int = 0
    phase: Phase = "waiting"
    version: int = 0
    progress: pipeline.Progress | None = None
    touched: float = field(default_factory=time.monotonic)
    stopping: bool = False
    untold: bool = False
    """How it ended could not be written down: a disk that is full has no room even for that."""
    warnings: tuple[str, ...] = ()


class Jobs:
    """The runs of this process. `open_scorer` is the seam: (model name, settings) -> Scorer.

    resolve: what a name like "auto" stands for at the moment; asked before every run.
    """

    def __init__(
        self, store: Store, open_scorer: OpenScorer, resolve: Resolve = lambda name, settings: name
    ) -> None:
        self._store = store
        self._open = open_scorer
        self._resolve = resolve
        self._lock = threading.RLock()
        self._model_lock = threading.Lock()
        self._jobs: dict[str, _Job] = {}
        self._claimed: set[str] = set()
        self._line: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._worker: threading.Thread | None = None
        self._scorer: tuple[str, Scorer] | None = None

    def start(
        self,
        question: Question,
        sources: Sequence[Source],
        settings: Settings,
        *,
        model: str = "auto",
        mode: Mode = "judge",
    ) -> str:
        """Puts a new run in line and returns its id at once. Raises UsageError and StoreError."""
        if not sources:
            raise UsageError("There are no images to rank. Add some first.", code="no-images")
        run = pipeline.draft_run(question, mode, model, settings, total=len(sources))
        kept = self._store.create(run, sources)
        self._enqueue(_Job(run, model, kept, settings))
        return run.id

    def resume(self, run_id: str, settings: Settings, *, failed_too: bool = False) -> None:
        """Scores what is missing; with `failed_too` also the rows without a score. A live run is left alone.

        An image that is gone by then is a row with a reason. Raises StoreError when the run is not there.
        """
        with self._claim(run_id) as claimed:
            if claimed:
                self._store.set_status(run_id, "running")
                self._go_on(run_id, settings, failed_too)

    def add(self, run_id: str, sources: Sequence[Source], settings: Settings) -> None:
        """Adds images to a run that is over; only they are scored. Raises UsageError while it is live."""
        with self._claim(run_id) as claimed:
            if not claimed:
                message = "This run is still being scored. Add images when it is over, or stop it first."
                raise UsageError(message, code="run-live")
            self._store.extend(run_id, sources)
            self._go_on(run_id, settings)

    @contextmanager
    def _claim(self, run_id: str) -> Iterator[bool]:
        """Whether the run is ours to begin: it is not live, and nobody else is just beginning it."""
        with self._lock:
            claimed = run_id not in self._claimed and not self.is_live(run_id)
            if claimed:
                self._claimed.add(run_id)
        try:
            yield claimed
        finally:
            if claimed:
                with self._lock:
                    self._claimed.discard(run_id)

    def _go_on(self, run_id: str, settings: Settings, failed_too: bool = False) -> None:
        """Puts a run that is marked as ours in line, for what it lacks."""
        run = self._store.load(run_id)
        kept = {row.upload_index: row for row in run.images if not (failed_too and row.score is None)}
        missing = [(index, source) for index, source in self._store.sources(run_id) if index not in kept]
        settings = replace(settings, instruction=run.instruction, max_image_tokens=run.max_image_tokens)
        run = replace(run, images=())
        self._enqueue(_Job(run, run.model, missing, settings, rows=kept))

    def stop(self, run_id: str) -> None:
        """Ends the run after the image in hand, or at once while it waits; what is done is kept."""
        with self._lock:
            job = self._jobs.get(run_id)
            if job is None:
                return
            job.stopping = True
            waits = job.phase == "waiting"
        if waits:
            self._finish(job, "stopped", None, 0.0)

    def is_live(self, run_id: str) -> bool:
        with self._lock:
            job = self._jobs.get(run_id)
            return job is not None and job.phase != "over"

    def live(self) -> list[str]:
        """Ids of the runs that wait or run, oldest first."""
        with self._lock:
            return [run_id for run_id, job in self._jobs.items() if job.phase != "over"]

    def view(self, run_id: str) -> View | None:
        """The run as it stands, or None if this process does not know it (see the store then)."""
        with self._lock:
            job = self._jobs.get(run_id)
            return None if job is None else _view(job)

    def run(self, run_id: str) -> Run:
        """The run with all rows so far: from memory while it is live here, else from the store."""
        with self._lock:
            job = self._jobs.get(run_id)
            if job is not None and job.phase != "over":
                return replace(job.run, images=tuple(job.rows[index] for index in sorted(job.rows)))
        stored = self._store.load(run_id)
        if job is None or not job.untold:
            return stored
        ended = job.run
        return replace(stored, status=ended.status, error=ended.error, seconds=ended.seconds)

    def rename(self, run_id: str, title: str) -> None:
        """Gives the run a title, live or not. Raises StoreError."""
        self._store.rename(run_id, title)
        with self._lock:
            if job := self._jobs.get(run_id):
                job.run = replace(job.run, title=title)
                job.version += 1

    def explain(
        self, model: str, source: tuple[int, Source], sha256: str, query: str, settings: Settings
    ) -> Reply:
        """The explanation of the image scored as `sha256`, asked for from its card. Waits for the model.

        Raises LycheeError.
        """
        with self._scorer_for(model, settings) as scorer:
            try:
                return pipeline.explain_one(source, sha256, query, scorer, settings, cache=self._store)
            finally:
                scorer.release()

    def forget(self, run_id: str) -> None:
        """Drops a run that is over from memory (it was deleted, or is better read from the store)."""
        with self._lock:
            if not self.is_live(run_id):
                self._jobs.pop(run_id, None)

    def _enqueue(self, job: _Job) -> None:
        with self._lock:
            if former := self._jobs.get(job.run.id):
                job.version = former.version + 1
            job.done = len(job.rows)
            self._jobs[job.run.id] = job
            self._line.put(job)
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._work, name="lychee-jobs", daemon=True)
                self._worker.start()

    def _work(self) -> None:
        while True:
            self._do(self._line.get())

    def _do(self, job: _Job) -> None:
        """One run from line to end. Whatever happens is a status and a message, never a dead worker."""
        if not self._begins(job):
            return
        started = time.perf_counter()
        try:
            status, error = self._score(job), None
        except LycheeError as failure:
            status, error = "failed", str(failure)
        except Exception as failure:
            log.exception("run %s failed", job.run.id)
            status, error = "failed", f"{type(failure).__name__}: {failure}"
        self._finish(job, status, error, time.perf_counter() - started)

    def _begins(self, job: _Job) -> bool:
        """Not one that was stopped while it waited: it is over."""
        with self._lock:
            if job.stopping:
                return False
            self._touch(job, phase="loading")
            return True

    def _score(self, job: _Job) -> Status:
        pipeline.get_ready(len(job.sources), job.settings)
        with self._scorer_for(job.model, job.settings) as scorer:
            self._settle(job, scorer)
            return "stopped" if job.stopping else self._score_all(job, scorer)

    def _score_all(self, job: _Job, scorer: Scorer) -> Status:
        question = Question(
            job.run.query, job.run.sent_query, job.run.elements, job.run.not_text, job.run.sent_not
        )
        steps = pipeline.score_each(
            question, job.sources, scorer, job.settings, mode=job.run.mode, cache=self._store
        )
        try:
            for progress in steps:
                self._store.add(job.run.id, progress.scored)
                self._touch(job, progress=progress)
                if job.stopping:
                    break
        finally:
            steps.close()
        return "done" if len(job.rows) >= job.run.total else "stopped"

    def _settle(self, job: _Job, scorer: Scorer) -> None:
        """Writes down which model "auto" turned out to be, and refuses to mix two models in one run."""
        info = scorer.info
        if job.run.checkpoint_hash and job.run.checkpoint_hash != info.checkpoint_hash:
            raise UsageError(
                f"This run was scored by another checkpoint of {job.run.model!r}. Start a new run instead.",
                code="checkpoint-changed",
            )
        if job.run.precision and job.run.precision != info.precision:
            raise UsageError(
                f"This run was scored in {job.run.precision}; here the model runs in {info.precision}, whose "
                "scores are not comparable. Start a new run instead.",
                code="precision-changed",
            )
        with self._lock:
            job.run = pipeline.settled(job.run, scorer, job.settings)
            job.warnings = info.warnings
            job.phase = "scoring"
        self._store.settle(job.run)

    @contextmanager
    def _scorer_for(self, model: str, settings: Settings) -> Iterator[Scorer]:
        """The loaded scorer, or a new one, for one at a time; the old one goes first, as two may not fit.

        A model that is lost in the block is opened anew for who comes next.
        """
        with self._model_lock:
            model = self._resolve(model, settings)
            if self._scorer is None or self._scorer[0] != model:
                self._scorer = None
                self._scorer = (model, self._open(model, settings))
            try:
                yield self._scorer[1]
            except ModelLost:
                self._scorer = None
                raise

    def _touch(
        self, job: _Job, phase: Phase | None = None, progress: pipeline.Progress | None = None
    ) -> None:
        with self._lock:
            job.phase = phase or job.phase
            job.version += 1
            job.touched = time.monotonic()
            if progress is not None:
                job.progress = progress
                job.rows[progress.scored.upload_index] = progress.scored
                job.done = len(job.rows)

    def _finish(self, job: _Job, status: Status, error: str | None, seconds: float) -> None:
        peak = job.progress.memory.peak_bytes if job.progress else 0
        seconds += job.run.seconds
        peak = max(peak, job.run.peak_memory_bytes)
        try:
            self._store.finish(job.run.id, status, seconds, peak, error)
        except LycheeError as failure:
            status, error, job.untold = "failed", error or str(failure), True
        with self._lock:
            job.run = replace(job.run, status=status, error=error, seconds=seconds, peak_memory_bytes=peak)
            job.rows, job.sources, job.progress = {}, [], None
            self._touch(job, phase="over")


def _view(job: _Job) -> View:
    progress = job.progress
    return View(
        run_id=job.run.id,
        phase=job.phase,
        status=job.run.status,
        done=job.done,
        total=job.run.total,
        version=job.version,
        seconds_per_image=progress.seconds_per_image if progress else 0.0,
        eta_seconds=progress.eta_seconds if progress else 0.0,
        idle_seconds=time.monotonic() - job.touched,
        memory=progress.memory if progress else None,
        warnings=job.warnings,
        error=job.run.error,
    )
