"""A Log that also writes each run into a folder as Parquet, and goes on from what lies there.

The layout of a part is in store/parts.py. A part that was finished stays as it is, whatever becomes of this
process, its disk or its data folder; what a data folder has of a run and its parts have not is added to them,
and the other way round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lychee_app.cache import CacheKey
from lychee_app.errors import UsageError
from lychee_app.reasons import Reason
from lychee_app.recorder import Log, new_run
from lychee_app.records import Heartbeat, Reply, Run, Scored, Source, Status
from lychee_app.request import Request
from lychee_app.store.parts import Parts, PartsWriter, files_in, open_parts
from lychee_app.store.store import holds


@dataclass
class _Written:
    """One run's folder. `missing`: rows that stand and that no part has."""

    folder: Path
    missing: list[Scored] = field(default_factory=list)
    writer: PartsWriter | None = None


class InParts:
    """`folders`: where the run of each request goes. `log`: where it is kept besides."""

    def __init__(self, log: Log, folders: Mapping[Request, Path], **sizes: float) -> None:
        """sizes: see PartsWriter."""
        self._log, self._folders, self._sizes = log, folders, sizes
        self._runs: dict[str, _Written] = {}

    def cached(self, key: CacheKey) -> Reply | None:
        return self._log.cached(key)

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        self._log.remember(replies)

    def create(self, run: Run, sources: Sequence[Source]) -> list[tuple[int, Source]]:
        """Raises UsageError where the folder holds a result already."""
        folder = self._folders[run.request]
        if files_in(folder):
            raise UsageError("parts-there", path=str(folder))
        self._runs[run.id] = _Written(folder)
        return self._log.create(run, sources)

    def unfinished(self, request: Request, sources: Sequence[Source]) -> Run | None:
        """Also one that only its parts tell of. Raises UsageError where those are of something else."""
        folder, found = self._folders[request], self._log.unfinished(request, sources)
        stands = self._standing(folder, request, sources)
        if stands is None:
            if found:
                self._runs[found.id] = _Written(folder, list(found.images))
            return found
        run, in_parts = stands
        if not found or (found.checkpoint_hash and found.checkpoint_hash != run.checkpoint_hash):
            new = new_run(request, len(sources))
            found = replace(run, id=new.id, created=new.created, status="running", images=(), error=None)
            self._log.create(found, sources)
        kept = {row.upload_index: row for row in found.images}
        for index in in_parts.keys() - kept.keys():
            self._log.add(found.id, in_parts[index], Heartbeat("loading", len(kept)))
        missing = [kept[index] for index in kept.keys() - in_parts.keys()]
        self._runs[found.id] = _Written(folder, missing)
        rows = kept | in_parts
        return replace(found, images=tuple(rows[index] for index in sorted(rows)))

    def _standing(
        self, folder: Path, request: Request, sources: Sequence[Source]
    ) -> tuple[Run, dict[int, Scored]] | None:
        """The run that lies in parts, and those of its rows whose files hold what was scored."""
        if not files_in(folder):
            return None
        parts = open_parts(folder)
        rows = {row.upload_index: row for row in parts.rows()}
        if parts.run.request != request or not _is_about(rows, sources, parts):
            typed = parts.run.question.typed
            raise UsageError("parts-other", path=str(folder), query=typed, model=parts.run.model)
        return parts.run, {
            index: row for index, row in rows.items() if holds(row, sources[index], parts.run.created)
        }

    def settle(self, run: Run, heartbeat: Heartbeat) -> None:
        self._log.settle(run, heartbeat)
        written = self._runs[run.id]
        written.writer = PartsWriter(written.folder, run, **self._sizes)  # type: ignore[arg-type]
        for row in written.missing:
            written.writer.add(row)
        written.missing = []

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat) -> None:
        """Raises StoreError where a part cannot be written; the log has the row by then."""
        self._log.add(run_id, scored, heartbeat)
        if writer := self._runs[run_id].writer:
            writer.add(scored)

    def beat(self, run_id: str, heartbeat: Heartbeat) -> None:
        self._log.beat(run_id, heartbeat)

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        """The last part has what is left. Raises StoreError where it cannot be written."""
        self._log.finish(run_id, status, seconds, peak_memory_bytes, error)
        if writer := self._runs[run_id].writer:
            writer.flush()


def _is_about(rows: Mapping[int, Scored], sources: Sequence[Source], parts: Parts) -> bool:
    """Whether each row names the image that has its place now."""
    if parts.run.total != len(sources):
        return False
    return all(
        row.address == source.address
        if source.address or row.address
        else row.path is None or source.path is None or Path(row.path) == source.path.absolute()
        for row, source in ((row, sources[index]) for index, row in rows.items() if index < len(sources))
    )
