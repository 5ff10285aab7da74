"""Store: the one door to the data folder."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from lychee_app.cache import CacheKey
from lychee_app.errors import StoreError
from lychee_app.packed import Rows
from lychee_app.reasons import Reason
from lychee_app.records import Cutoff, Decision, Heartbeat, Phase, Reply, Run, Scored, Source, Status
from lychee_app.request import Request
from lychee_app.sizes import DISK_GB
from lychee_app.store.database import BUSY_SECONDS, Database
from lychee_app.store.decisions import Decisions, Step, Undo, UndoStep
from lychee_app.store.drafts import Drafts
from lychee_app.store.owner import Owner, clear_left_over
from lychee_app.store.replies import REPLIES_KEPT, Replies
from lychee_app.store.rows import Rewritten, RunSummary, View
from lychee_app.store.runs import Runs
from lychee_app.store.uploads import Uploads

if TYPE_CHECKING:
    from lychee_app.store.table import Table

FILE_NAME = "lychee.sqlite3"
_CLOCKS_APART_SECONDS = 60.0
"""Of this machine and of one that holds its files, at most."""


def moves_folder(data_folder: Path) -> Path:
    """Where the journals lie of what was moved (decide/) and written into sidecars (ratings/)."""
    return data_folder / "moves"


class Store:
    """Whatever a method writes is on disk when it returns, and not there at all when it raises StoreError.

    May be used from several threads, and the folder by several processes, at once.
    """

    def __init__(self, folder: Path, database: Database, upload_cap_bytes: int, replies_kept: int) -> None:
        """Use `Store.open`."""
        self.folder = folder
        self._database = database
        self._owner = Owner(folder)
        self._uploads = Uploads(database, folder / "uploads", upload_cap_bytes)
        self._runs = Runs(database, folder, self._uploads, self._owner)
        self._replies = Replies(database, replies_kept)
        self._decisions = Decisions(database)
        self.drafts = Drafts(database, self._uploads)

    @classmethod
    def open(
        cls,
        folder: Path,
        *,
        upload_cap_bytes: int = 4 * DISK_GB,
        replies_kept: int = REPLIES_KEPT,
        busy_seconds: float = BUSY_SECONDS,
    ) -> "Store":
        """Opens the data folder, making it if needed. Raises StoreError if it cannot be used."""
        folder = Path(os.path.expanduser(folder)).absolute()
        return cls(folder, Database(folder / FILE_NAME, busy_seconds), upload_cap_bytes, replies_kept)

    def close(self) -> None:
        """Runs that are still marked as running are this process's no more."""
        self._owner.release()
        self._database.close()

    def __enter__(self) -> "Store":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def moves_folder(self) -> Path:
        return moves_folder(self.folder)

    def create(self, run: Run, sources: Sequence[Source] = (), phase: Phase = "loading") -> None:
        """Begins a run, which is this process's. `sources` has where its images are from now on."""
        self._runs.create(run, sources, phase)

    def unfinished(self, request: Request, sources: Sequence[Source]) -> Run | None:
        """The newest run that was cut off and asked the same of the same files, in their order; None where
        there is none. It is running, and this process's, from now on.

        Its rows are those of files that hold what was scored, by content.
        """
        run_id = self._runs.unfinished(request, sources)
        if run_id is None:
            return None
        try:
            self._runs.claim(run_id)
        except StoreError as error:
            if error.code in {"store-claimed", "store-no-run"}:  # another process was quicker
                return None
            raise
        run, kept = self._runs.head(run_id), self._packed(run_id)
        for row in self._runs.rows(run_id, light=True):
            if holds(row, sources[row.upload_index], run.created):
                kept.put(row, is_kept=True)
        return replace(run, images=kept)

    def extend(self, run_id: str, sources: Sequence[Source], left_out: Sequence[Reason] = ()) -> int:
        """Adds images at the end of a run, makes it running and this process's, and returns its new total.

        StoreError if another live process is scoring it.
        """
        return self._runs.extend(run_id, sources, left_out)

    def settle(self, run: Run, heartbeat: Heartbeat | None = None) -> None:
        """Writes down what is known only once the model is open: its name, hash, precision and budget, and
        the question as it is really asked."""
        self._runs.change(
            run.id,
            heartbeat,
            request=run.request,
            model=run.model,
            checkpoint_hash=run.checkpoint_hash,
            precision=run.precision,
            token_budget=run.token_budget,
        )

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat | None = None) -> bool:
        """Keeps one row; a row of the same upload index is replaced (it was tried again). Always True: see
        recorder.Log."""
        self._runs.add(run_id, scored, heartbeat)
        return True

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None:
        """A sign of life of a run that is scored, for whoever watches it."""
        self._runs.change(run_id, heartbeat)

    def set_status(self, run_id: str, status: Status) -> None:
        """ "running" makes the run this process's; StoreError if another live process is scoring it."""
        if status == "running":
            self._runs.claim(run_id)
        else:
            self._runs.change(run_id, status=status)

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        """Ends a run. `seconds` are those of the whole run, all resumes included; see Run for the other."""
        self._runs.change(
            run_id, status=status, seconds=seconds, peak_memory_bytes=peak_memory_bytes, error=error
        )

    def mark_interrupted(self) -> list[str]:
        """Writes down that runs whose process is gone are "interrupted"; returns their ids. Call at start.

        They are read as such anyway. Also clears what killed processes left in the folder.
        """
        marked = self._runs.mark_interrupted()
        clear_left_over(self.folder)
        self.drafts.drop_old()
        self._uploads.drop_orphans()
        return marked

    def load(self, run_id: str) -> Run:
        """The run with all its rows, in upload order. Raises StoreError if there is none."""
        return self._runs.load(run_id)

    def packed(self, run_id: str) -> Rows:
        """Its rows, packed: thumbnails are read here when they are asked for. Raises StoreError."""
        found = self._packed(run_id)
        for row in self._runs.rows(run_id, light=True):
            found.put(row, is_kept=True)
        return found

    def _packed(self, run_id: str) -> Rows:
        return Rows(thumbnail=partial(self._runs.thumbnail, run_id))

    def head(self, run_id: str) -> Run:
        """The run without its rows. Raises StoreError if there is none."""
        return self._runs.head(run_id)

    def view(self, run_id: str) -> View | None:
        """The run as it stands, whichever process scores it; None if there is none."""
        return self._runs.view(run_id)

    def sources(self, run_id: str) -> list[tuple[int, Source]]:
        """(upload index, source) of every image of the run, scored or not; uploads are files by now."""
        return self._runs.sources(run_id)

    def row(self, run_id: str, upload_index: int) -> Scored:
        """One row of a run. Raises StoreError, and LookupError when there is no such row."""
        return self._runs.row(run_id, upload_index)

    def source(self, run_id: str, upload_index: int) -> Source:
        """Where one image of a run is. Raises StoreError, and LookupError when there is no such image."""
        return self._runs.source(run_id, upload_index)

    def relocate(self, moved: Mapping[Path, Path]) -> None:
        """Notes for every run where these files of this machine are now: absolute paths, old to new."""
        self._runs.relocate(moved)

    def rewrite(self, files: Sequence[Rewritten]) -> None:
        """Notes for every run that these files are still the images it scored. Of rows that lie in parts it
        cannot be noted."""
        self._runs.rewrite(files)

    def attach(self, path: Path) -> str:
        """Puts a result that lies in Parquet parts (a folder, or one of them) into the history, and returns
        its id. Its rows stay where they are; deleting the run leaves them there. A copy of one that is open
        is another run. Raises StoreError."""
        return self._runs.attach(path)

    def cut_short(self, run_id: str) -> list[Path]:
        """Parts of an attached run that are not whole: their rows are missing. Raises StoreError."""
        return self._runs.cut_short(run_id)

    def is_attached(self, run_id: str) -> bool:
        """Whether its rows lie in parts elsewhere: nothing can be added to it."""
        return self._runs.parts(run_id) is not None

    def table(self, run_id: str) -> "Table":
        """The rows so far in columns, for a run that is too large to be loaded. Raises StoreError."""
        return self._runs.table(run_id)

    def some(self, run_id: str, indices: Sequence[int]) -> list[tuple[Scored, Source]]:
        """Rows in this order, those that are there, without their thumbnails, and where each image is.

        Raises StoreError.
        """
        return self._runs.some(run_id, indices)

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        """b"" where none was made. Raises StoreError, and LookupError when there is no such row."""
        return self._runs.thumbnail(run_id, upload_index)

    def runs(self, limit: int = 50, offset: int = 0) -> list[RunSummary]:
        """Newest first."""
        return self._runs.newest(limit, offset)

    def summary(self, run_id: str) -> RunSummary | None:
        """One line of the history; None if there is no such run."""
        return self._runs.summary(run_id)

    def rename(self, run_id: str, title: str) -> None:
        self._runs.change(run_id, title=title)

    def delete(self, run_id: str) -> None:
        """Removes a run with its rows and decisions, and the uploads that no other run refers to."""
        self._runs.delete(run_id)

    def decisions(self, run_id: str) -> dict[int, Decision]:
        """By upload index; images not decided on are not in it."""
        return self._decisions.of(run_id)

    def decide(self, run_id: str, upload_index: int, decision: Decision | None) -> None:
        """One step for `undo`. None takes the decision off."""
        self._decisions.decide(run_id, {upload_index: decision})

    def decide_all(self, run_id: str, decided: Mapping[int, Decision | None]) -> int:
        """Any number of images as one step for `undo`; the number of the step."""
        return self._decisions.decide(run_id, decided)

    def last_step(self, run_id: str) -> int:
        """The number of the newest step of decisions that was not taken back; 0 where there is none."""
        return self._decisions.last_step(run_id)

    def carry(self, run_id: str, decided: Mapping[int, Decision]) -> None:
        """Gives a run what was decided on its images in an earlier one: no step for `undo`."""
        self._decisions.carry(run_id, decided)

    def undo(self, run_id: str) -> dict[int, Decision | None]:
        """Takes the last step back; what its images are decided on now. Empty when there is none."""
        return self._decisions.undo(run_id)

    def follow(self, run_id: str, steps: Sequence[Step | Undo | UndoStep]) -> dict[int, Decision | None]:
        """Many single steps as one transaction, all or none. Returns what the last undo changed.

        Raises StoreError when there is no such run, LookupError when it has no such image.
        """
        return self._decisions.follow(run_id, steps)

    def moved(self, run_id: str) -> dict[int, str]:
        """Of a sorting: the name that somebody moved an image to, "" for none, by upload index."""
        return self._decisions.moved(run_id)

    def move(self, run_id: str, upload_index: int, name: str | None) -> None:
        """By hand; None: back to where the sorting has it."""
        self._decisions.move(run_id, upload_index, name)

    def judged_alike(self, run: Run) -> dict[str, tuple[float, Decision]]:
        """By content: margin and decision of every image decided on in this run, or in another that asked the
        same of the same judge; where they disagree, as the newest run has it."""
        return self._decisions.judged_alike(run)

    def cutoff(self, run_id: str) -> Cutoff | None:
        """Raises StoreError when there is no such run."""
        return self._decisions.cutoff(run_id)

    def set_cutoff(self, run_id: str, cutoff: Cutoff | None) -> None:
        self._decisions.set_cutoff(run_id, cutoff)

    def cached(self, key: CacheKey) -> Reply | None:
        return self._replies.cached(key)

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        """All of them or none. The newest `replies_kept` replies stay."""
        self._replies.remember(replies)

    def keep(self, data: bytes) -> str:
        """Keeps uploaded bytes as a private file; returns their SHA-256. StoreError over the cap."""
        return self._uploads.keep([data])[0]

    def upload(self, sha256: str) -> Path:
        """Where uploaded bytes lie."""
        return self._uploads.path(sha256)


def holds(row: Scored, source: Source, begun: str) -> bool:
    """Whether what was scored is what is there now, by content.

    A file that nobody touched since the run began (an ISO date) is not read again; one that lies elsewhere is
    known by its source's version.
    """
    if source.address:
        return row.address == source.address and bool(row.sha256)
    path = source.path
    if path is None or not path.is_file():
        return False
    with suppress(OSError):
        status = path.stat()
        touched = max(status.st_mtime, status.st_ctime)
        if row.sha256 and touched < datetime.fromisoformat(begun).timestamp() - _CLOCKS_APART_SECONDS:
            return True
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == row.sha256
    return False
