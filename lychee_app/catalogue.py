"""The models known to this machine: which are here, what each takes, and downloads of them.

Asking the card takes seconds and a download takes minutes, so both go on in threads of their own.
"""

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from lychee_app.errors import CheckpointError, LycheeError
from lychee_app.model import checkpoints, weights
from lychee_app.model.advice import Advice
from lychee_app.model.checkpoints import CheckpointStatus
from lychee_app.model.download import OnBytes, download
from lychee_app.model.layout import budget
from lychee_app.settings import Settings

Fetch = Callable[[str, Settings, OnBytes], object]
"""Brings a model of that name here; tells (done bytes, total bytes) as it goes. Raises LycheeError."""


@dataclass
class Download:
    """One download of this process, written by its thread alone and watched by any tab."""

    done_bytes: int = 0
    total_bytes: int = 0
    error: LycheeError | None = None
    over: bool = False

    @property
    def share(self) -> float:
        """0 to 1; 0 while the size is not known."""
        return min(self.done_bytes / self.total_bytes, 1.0) if self.total_bytes else 0.0


class ModelCatalogue:
    """`fetch` is the seam for tests."""

    def __init__(self, settings: Settings, fetch: Fetch = download) -> None:
        self._settings = settings
        self._fetch = fetch
        self._found: list[CheckpointStatus] | None = None
        self.automatic = "demo"
        self.advice: Advice | None = None
        """Which reranker this machine should take; None while it is not known, and where there is none."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._downloads: dict[str, Download] = {}

    def statuses(self) -> list[CheckpointStatus] | None:
        """None while it is still being looked up."""
        with self._lock:
            if self._thread is None:
                # No daemon: one that is importing torch when the process ends takes it down with an abort.
                self._thread = threading.Thread(target=self._look, name="lychee-catalogue", daemon=False)
                self._thread.start()
            return self._found

    def resolved(self, name: str) -> str:
        """What "auto" stands for, as far as is known; any other name is itself."""
        return self.automatic if name == "auto" else name

    def locate(self, name: str) -> Path:
        """The folder of a model that is on this machine. Raises CheckpointError."""
        return checkpoints.locate(self.resolved(name), self._settings)

    def checkpoint_hash(self, name: str) -> str:
        """Which weights they are; "" where the model is not on this machine, or not whole."""
        try:
            return checkpoints.hash_of(self.resolved(name), self._settings)
        except CheckpointError:
            return ""

    def tokens(self, name: str, most: int) -> int:
        """How many image tokens that model takes where at most `most` are asked for: its own limits go first.

        `most` itself where the model is not on this machine.
        """
        try:
            return budget(weights.pixels_of(self.locate(name))).at_most(most).max_tokens
        except CheckpointError:
            return most

    def download(self, name: str) -> None:
        """Begins it, unless it is under way already. It goes on when the tab that began it is closed."""
        with self._lock:
            former = self._downloads.get(name)
            if former and not former.over:
                return
            begun = self._downloads[name] = Download()
        threading.Thread(target=self._run, args=(name, begun), name="lychee-download", daemon=True).start()

    def download_of(self, name: str) -> Download | None:
        """The last one of that name, whether it is over or not."""
        return self._downloads.get(name)

    def _run(self, name: str, begun: Download) -> None:
        def progress(done_bytes: int, total_bytes: int) -> None:
            begun.done_bytes, begun.total_bytes = done_bytes, total_bytes

        try:
            self._fetch(name, self._settings, progress)
        except LycheeError as error:
            begun.error = error
        finally:
            with self._lock:
                self._thread = self._found = None  # to be looked up anew
            begun.over = True

    def _look(self) -> None:
        found, chosen, advice = [], "demo", None
        try:
            found, chosen = checkpoints.available(self._settings), checkpoints.automatic(self._settings)
            advice = checkpoints.advised(self._settings)
        finally:  # whatever happened, nobody is to wait for ever
            with self._lock:
                if self._thread is threading.current_thread():  # not since a download ended
                    self._found, self.automatic, self.advice = found, chosen, advice
        with suppress(ImportError, OSError):  # whoever opens a model is told what is wrong
            importlib.import_module("lychee_app.model.scorer")  # while nobody waits: the first run needs it
