"""What serves one data folder: its store, its registry of runs, its models. One per process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

from lychee_app import decide, ratings
from lychee_app.catalogue import Fetch, ModelCatalogue
from lychee_app.engines.choice import engine_of
from lychee_app.engines.opening import OpenScorer
from lychee_app.jobs import Jobs
from lychee_app.model.download import download
from lychee_app.settings import Settings
from lychee_app.store import Store


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
    """Shared by all tabs. Tests build their own, with a scorer and a download of theirs."""

    settings: Settings
    store: Store
    jobs: Jobs
    catalogue: ModelCatalogue = field(repr=False)
    clock: Clock = field(default_factory=Clock, repr=False)


def opened(settings: Settings, open_scorer: OpenScorer | None = None, fetch: Fetch = download) -> Services:
    """Opens the data folder; runs that a killed process left behind become resumable. Raises StoreError."""
    store = Store.open(settings.data_folder, upload_cap_bytes=settings.upload_cap_bytes)
    store.mark_interrupted()
    decide.recover(store)
    ratings.recover(store)
    jobs = Jobs(store, engine_of(settings.engine, settings, open_scorer=open_scorer))
    return Services(settings, store, jobs, ModelCatalogue(settings, fetch))


_opening = threading.Lock()


@cache
def _shared() -> Services:
    return opened(Settings.from_environment())


def shared() -> Services:
    """This process's own, opened when first asked for. Raises LycheeError; the next call tries again."""
    with _opening:
        return _shared()
