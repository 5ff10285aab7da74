"""What the page works with: one store, one registry of runs, one look at the models, shared by all tabs."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from lychee_app import decide
from lychee_app.errors import CheckpointError
from lychee_app.jobs import Jobs, OpenScorer
from lychee_app.model import checkpoints
from lychee_app.model.checkpoints import CheckpointStatus
from lychee_app.model.layout import PixelLayout, budget
from lychee_app.records import Scorer
from lychee_app.settings import Settings
from lychee_app.store import Store


class Shelf:
    """The models this machine knows. Asking the card takes seconds, so it is done beside the first paint."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._found: list[CheckpointStatus] | None = None
        self.automatic = "demo"
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def statuses(self) -> list[CheckpointStatus] | None:
        """None while it is still being looked up."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="lychee-shelf", daemon=True)
                self._thread.start()
            return self._found

    def resolved(self, name: str) -> str:
        """What "auto" stands for, as far as is known; any other name is itself."""
        return self.automatic if name == "auto" else name

    def tokens(self, name: str, most: int) -> int:
        """How many image tokens that model takes where at most `most` are asked for: its own limits go first.

        `most` itself where the model is not on this machine.
        """
        try:
            own = budget(PixelLayout.read(checkpoints.locate(self.resolved(name), self._settings)))
        except CheckpointError:
            return most
        return max(own.min_tokens, min(own.max_tokens, most))

    def look_again(self) -> None:
        """After a download."""
        with self._lock:
            self._thread = self._found = None

    def _look(self) -> None:
        found, chosen = [], "demo"
        try:
            found, chosen = checkpoints.available(self._settings), checkpoints.automatic(self._settings)
        finally:  # whatever happened, nobody is to wait for ever
            with self._lock:
                self._found, self.automatic = found, chosen


class Clock:
    """What drawing live runs took of the processor, per run: what the page takes away from the model."""

    def __init__(self) -> None:
        self._spent: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def drawing(self, run_id: str | None) -> Iterator[None]:
        """Counts this thread's own work. Waiting for the model's takes nothing from it."""
        started = time.thread_time()
        try:
            yield
        finally:
            with self._lock:
                if run_id:
                    self._spent[run_id] = self.spent(run_id) + time.thread_time() - started

    def spent(self, run_id: str) -> float:
        """Seconds so far, in all tabs together, while the run was live."""
        return self._spent.get(run_id, 0.0)


@dataclass(frozen=True)
class Services:
    """One per process. Tests build their own, with a Jobs that has a scorer of theirs."""

    settings: Settings
    store: Store
    jobs: Jobs
    shelf: Shelf = field(repr=False)
    clock: Clock = field(default_factory=Clock, repr=False)


def opened(settings: Settings, open_scorer: OpenScorer | None = None) -> Services:
    """Opens the data folder; runs that a killed process left behind become resumable. Raises StoreError."""
    store = Store.open(settings.data_folder, upload_cap_bytes=settings.upload_cap_bytes)
    store.mark_interrupted()
    decide.recover(store)
    jobs = Jobs(store, open_scorer) if open_scorer else Jobs(store, _open_scorer, _resolve)
    return Services(settings, store, jobs, Shelf(settings))


def _open_scorer(name: str, settings: Settings) -> Scorer:
    from lychee_app.model.scorer import open_scorer

    return open_scorer(name, settings=settings)


def _resolve(name: str, settings: Settings) -> str:
    from lychee_app.model import checkpoints

    return checkpoints.automatic(settings) if name == "auto" else name
