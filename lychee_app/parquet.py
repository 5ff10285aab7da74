"""A Log that also writes each run into a folder as Parquet, and goes on from what lies there.

The layout of a part is in store/parts.py. A part that was finished stays as it is, whatever becomes of this
process, its disk or its data folder; what a data folder has of a run and its parts have not is added to them,
and the other way round.
"""

import errno
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from lychee_app.cache import CacheKey
from lychee_app.errors import StoreError, UsageError
from lychee_app.packed import Rows
from lychee_app.reasons import Reason
from lychee_app.recorder import Log, new_run
from lychee_app.records import Heartbeat, Reply, Run, Scored, Source, Status
from lychee_app.request import Request
from lychee_app.store.attached import Attached
from lychee_app.store.parts import (
    Parts,
    PartsWriter,
    explained,
    files_in,
    is_cut_short,
    is_ours,
    open_parts,
)
from lychee_app.store.store import holds

CUT_SHORT = "cut-short"
"""Ends the name of a part that was set aside."""


@dataclass(frozen=True)
class _Standing:
    run: Run
    rows: Rows


@dataclass
class _Written:
    """One run's folder. `stand`: the rows that stood before; `missing`: the indices of those that no part
    has."""

    folder: Path
    stand: Rows = field(default_factory=Rows)
    missing: list[int] = field(default_factory=list)
    before: Run | None = None
    """As it was cut off."""
    writer: PartsWriter | None = None
    _read: Attached | None = None

    def thumbnail(self, index: int) -> bytes:
        """Raises LookupError where no part has the row, and StoreError."""
        if self._read is not None:
            with suppress(LookupError):
                return self._read.thumbnail(index)
        self._read = Attached(open_parts(self.folder), self._read)
        return self._read.thumbnail(index)


class InParts:
    """`folders`: where the run of each request goes. `log`: where it is kept besides."""

    def __init__(
        self,
        log: Log,
        folders: Mapping[Request, Path],
        on_cut_short: Callable[[Path], None] = lambda file: None,
        **sizes: float,
    ) -> None:
        """on_cut_short: told of a part that is not whole and was set aside. sizes: see PartsWriter."""
        self._log, self._folders, self._sizes = log, folders, sizes
        self._on_cut_short = on_cut_short
        self._runs: dict[str, _Written] = {}

    def cached(self, key: CacheKey) -> Reply | None:
        return self._log.cached(key)

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._log.remember(replies)

    def create(self, run: Run, sources: Sequence[Source]) -> None:
        """Raises UsageError where the folder holds a result already, StoreError where it cannot be written
        to: before anything is scored."""
        folder = self._folders[run.request]
        _make(folder)
        if files_in(folder):
            raise UsageError("parts-there", path=str(folder))
        self._runs[run.id] = _Written(folder)
        self._log.create(run, sources)

    def unfinished(self, request: Request, sources: Sequence[Source]) -> Run | None:
        """Also one that only its parts tell of. Raises UsageError where those are of something else."""
        folder = self._folders[request]
        _make(folder)
        found = self._log.unfinished(request, sources)
        in_parts = self._standing(folder, request, sources)
        if in_parts is None:
            if found is None:
                return None
            kept = _rows_of(found)
            kept.elsewhere = partial(self.thumbnail, found.id)
            self._runs[found.id] = _Written(folder, kept, sorted(kept.indices), found)
            return replace(found, images=kept)
        run, rows = in_parts.run, in_parts.rows
        if not found or (found.checkpoint_hash and found.checkpoint_hash != run.checkpoint_hash):
            new = new_run(request, len(sources))
            found = replace(run, id=new.id, created=new.created, status="running", images=(), error=None)
            self._log.create(found, sources)
        kept = _rows_of(found)
        for index in sorted(rows.indices - kept.indices):
            self._log.add(found.id, rows.of(index), Heartbeat("loading", len(kept)))
        missing = sorted(kept.indices - rows.indices)
        for row in rows.light:
            kept.put(row, is_kept=True)
        kept.elsewhere = partial(self.thumbnail, found.id)
        self._runs[found.id] = _Written(folder, kept, missing, found)
        return replace(found, images=kept)

    def _standing(self, folder: Path, request: Request, sources: Sequence[Source]) -> "_Standing | None":
        """The run that lies in parts, and those of its rows whose files hold what was scored."""
        self._set_aside(folder)
        if not files_in(folder):
            return None
        parts = open_parts(folder)
        rows = Rows(thumbnail=Attached(parts).thumbnail)
        for row in parts.rows():
            rows.put(row, is_kept=True)
        if parts.run.request != request or not _is_about(rows.light, sources, parts):
            typed = parts.run.question.typed
            raise UsageError("parts-other", path=str(folder), query=typed, model=parts.run.model)
        rows.keep(lambda row: holds(row, sources[row.upload_index], parts.run.created))
        return _Standing(parts.run, rows)

    def _set_aside(self, folder: Path) -> None:
        """Parts of ours that are not whole: what they held is scored anew. Raises StoreError."""
        for file in files_in(folder):
            if is_ours(file) and is_cut_short(file):
                aside = file.with_name(f"{file.name}.{CUT_SHORT}")
                with explained(file):
                    file.replace(aside)
                self._on_cut_short(aside)

    def settle(self, run: Run, heartbeat: Heartbeat) -> None:
        self._log.settle(run, heartbeat)
        self._begin(run)

    def _begin(self, run: Run) -> None:
        """With what the log has and the parts have not."""
        written = self._runs[run.id]
        written.writer = PartsWriter(written.folder, run, **self._sizes)  # type: ignore[arg-type]
        for index in written.missing:
            written.writer.add(written.stand.of(index))
        written.missing = []

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> bool:
        """Raises StoreError where a part cannot be written; the log has the row by then."""
        is_kept = self._log.add(run_id, scored, heartbeat)
        if writer := self._runs[run_id].writer:
            writer.add(scored)
        return is_kept or writer is not None

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        with suppress(LookupError, StoreError):
            return self._log.thumbnail(run_id, upload_index)
        return self._runs[run_id].thumbnail(upload_index)

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None:
        self._log.beat(run_id, heartbeat)

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        """The last part has what is left. Raises StoreError where it cannot be written: a run that would be
        done then has failed."""
        written = self._runs[run_id]
        try:
            if written.missing and written.before and status == "done":  # no model was opened for it
                self._begin(written.before)
            if writer := self._runs[run_id].writer:
                writer.flush(status=status, seconds=seconds, peak_memory_bytes=peak_memory_bytes, error=error)
        except StoreError as failure:
            if status == "done":
                status, error = "failed", failure.reason
            self._log.finish(run_id, status, seconds, peak_memory_bytes, error)
            raise
        self._log.finish(run_id, status, seconds, peak_memory_bytes, error)


def _is_about(rows: Sequence[Scored], sources: Sequence[Source], parts: Parts) -> bool:
    """Whether each row names the image that has its place now."""
    if parts.run.total != len(sources) or any(not 0 <= row.upload_index < len(sources) for row in rows):
        return False
    return all(
        row.address == source.address
        if source.address or row.address
        else row.path is None or source.path is None or Path(row.path) == source.path.absolute()
        for row, source in ((row, sources[row.upload_index]) for row in rows)
    )


def _make(folder: Path) -> None:
    """Raises StoreError where it cannot be written to."""
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))


def _rows_of(run: Run) -> Rows:
    return run.images if isinstance(run.images, Rows) else Rows(run.images)
