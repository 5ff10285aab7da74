"""The runs and their rows: begun, filled one row at a time, ended, found again, deleted."""

import hashlib
import json
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lychee_app.errors import StoreError
from lychee_app.reasons import Reason, counted
from lychee_app.records import Heartbeat, Phase, Run, Scored, Source
from lychee_app.request import Request
from lychee_app.store import rows
from lychee_app.store.database import Damaged, Database
from lychee_app.store.owner import Owner, is_alive
from lychee_app.store.rows import Rewritten, RunSummary, View
from lychee_app.store.uploads import Uploads

if TYPE_CHECKING:
    from lychee_app.store.attached import Attached
    from lychee_app.store.table import Table

SHOWN = 5
_WITH_EXAMPLES = (
    "SELECT id FROM runs WHERE coalesce(json_extract(record, '$.request.like'), "
    "json_extract(record, '$.request.unlike')) IS NOT NULL"
)
KEPT_READERS = 2
"""Of runs whose rows lie in parts: 45 MB for 100,000 images."""


@dataclass(frozen=True)
class PartsRecord:
    """Where the rows of a run lie, and how many those are; `shown`: upload indices of the best."""

    folder: str
    done: int
    scored: int
    best_score: float | None
    shown: tuple[int, ...]

    @classmethod
    def read(cls, text: str) -> "PartsRecord":
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise Damaged(str(error)) from error


class Runs:
    """Each method is one transaction. A run that is marked as running by a process that is gone is read as
    interrupted."""

    def __init__(self, database: Database, folder: Path, uploads: Uploads, owner: Owner) -> None:
        self._database = database
        self._folder = folder
        self._uploads = uploads
        self._owner = owner
        self._readers: dict[Path, Attached] = {}
        self._reading = threading.Lock()

    def create(self, run: Run, sources: Sequence[Source], phase: Phase) -> None:
        row = (run.id, run.created, run.status, run.total, self._owner.hold(), rows.write_run(run))
        with self._uploads.keeping(sources) as uploads, self._database.writing() as db:
            columns = "id, created, status, total, owner, record"
            db.execute(f"INSERT INTO runs ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
            self._add_sources(db, run.id, 0, sources, uploads)
            _beat(db, run.id, Heartbeat(phase))

    def attach(self, path: Path) -> str:
        """A run whose rows stay in the parts that lie there; its id. One that is kept already is left alone.

        Raises StoreError where there are no parts, or they cannot be read.
        """
        from lychee_app.store.parts import open_parts

        path = path.absolute()
        parts = open_parts(path)
        table = self._reader(path).table
        best = table.best(SHOWN)
        status = "done" if len(table) >= parts.run.total else "interrupted"
        total = max(parts.run.total, len(table))
        run = replace(parts.run, id=self._id_of(parts.run, path), status=status, total=total)
        lie = PartsRecord(
            folder=str(path),
            done=len(table),
            scored=table.count_scored,
            best_score=float(table.scores[best[0]]) if len(best) else None,
            shown=tuple(table.indices[best].tolist()),
        )
        row = (run.id, run.created, run.status, run.total, rows.write_run(run), json.dumps(vars(lie)))
        again = (
            "UPDATE SET status = excluded.status, total = excluded.total, parts = excluded.parts, "
            "version = version + 1 WHERE parts IS NOT NULL"
        )
        with self._database.writing() as db:
            new = "INSERT INTO runs (id, created, status, total, record, parts) VALUES (?, ?, ?, ?, ?, ?)"
            db.execute(f"{new} ON CONFLICT (id) DO {again}", row)
        return run.id

    def _id_of(self, run: Run, path: Path) -> str:
        """Of a copy, while what it is a copy of lies in another place and is open too, an id of its own."""
        other = self.parts(run.id)
        if other is None or other == path or not other.exists():
            return run.id
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{run.id} {path}").hex

    def cut_short(self, run_id: str) -> list[Path]:
        """Of a run that lies in parts, those that are not whole and left out. Raises StoreError."""
        attached = self._attached(run_id)
        return [file for file, *_ in attached.cut_short] if attached else []

    def parts(self, run_id: str) -> Path | None:
        """Where the rows of a run lie as parts; None where they lie here."""
        with self._database.reading() as db:
            found = db.execute("SELECT parts FROM runs WHERE id = ?", (run_id,)).fetchone()
        return Path(PartsRecord.read(found[0]).folder) if found and found[0] else None

    def _attached(self, run_id: str) -> "Attached | None":
        """What reads the rows of a run that lie in parts; None where they lie here. Raises StoreError."""
        path = self.parts(run_id)
        return self._reader(path) if path else None

    def _reader(self, path: Path) -> "Attached":
        """Kept, for what it read once: until there are other parts."""
        from lychee_app.store.attached import Attached, identities
        from lychee_app.store.parts import files_of, open_parts

        now = set(identities(files_of(path)))
        with self._reading:
            kept = self._readers.pop(path, None)
            if kept is None or {*kept.identities, *kept.cut_short} != now:
                kept = Attached(open_parts(path), kept)
            self._readers[path] = kept
            while len(self._readers) > KEPT_READERS:
                self._readers.pop(next(iter(self._readers)))
        return kept

    def extend(self, run_id: str, sources: Sequence[Source], left_out: Sequence[Reason]) -> int:
        token = self._owner.hold()
        with self._uploads.keeping(sources) as uploads, self._database.writing() as db:
            run = self._run(db, run_id)
            self._add_sources(db, run_id, run.total, sources, uploads)
            both = counted((*run.left_out, *left_out))
            run = replace(run, total=run.total + len(sources), left_out=both)
            self._claim(db, run, token)
        return run.total

    def change(self, run_id: str, heartbeat: Heartbeat | None = None, **changes: Any) -> None:
        """Fields of the Run, by name. A run that is no longer running is nobody's."""
        with self._database.writing(patient=heartbeat is not None) as db:
            _write(db, self._run(db, run_id), **changes)
            if heartbeat:
                _beat(db, run_id, heartbeat)

    def claim(self, run_id: str) -> None:
        """Makes the run running, and this process's. Raises StoreError if another process scores it."""
        token = self._owner.hold()
        with self._database.writing() as db:
            self._claim(db, self._run(db, run_id), token)

    def add(self, run_id: str, scored: Scored, heartbeat: Heartbeat | None) -> None:
        record = rows.pack_scored(scored)
        thumbnail = hashlib.sha256(scored.thumbnail).hexdigest() if scored.thumbnail else None
        light = rows.pack_light(scored)
        row = (run_id, scored.upload_index, scored.margin, scored.score, thumbnail, record, light)
        with self._database.writing(patient=True) as db:
            if thumbnail:
                db.execute("INSERT OR IGNORE INTO thumbnails VALUES (?, ?)", (thumbnail, scored.thumbnail))
            db.execute("INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            db.execute("UPDATE runs SET version = version + 1 WHERE id = ?", (run_id,))
            if heartbeat:
                _beat(db, run_id, heartbeat)

    def mark_interrupted(self) -> list[str]:
        marked = []
        with self._database.writing() as db:
            for (run_id,) in db.execute("SELECT id FROM runs WHERE status = 'running'").fetchall():
                run = self._run(db, run_id)
                if run.status != "running":
                    _write(db, run)
                    marked.append(run_id)
        return marked

    def view(self, run_id: str) -> View | None:
        query = "SELECT version, owner, heartbeat, beaten, parts FROM runs WHERE id = ?"
        with self._database.reading() as db:
            found = db.execute(query, (run_id,)).fetchone()
            if found is None:
                return None
            run = self._run(db, run_id)
            (count,) = db.execute("SELECT count(*) FROM images WHERE run_id = ?", (run_id,)).fetchone()
        version, owner, text, beaten, parts = found
        count = PartsRecord.read(parts).done if parts else count
        if run.status != "running":
            return View(run_id, "over", run.status, count, run.total, version, error=run.error)
        heartbeat = rows.read_heartbeat(text) if text else Heartbeat("loading", count)
        return View(
            run_id=run_id,
            status=run.status,
            total=run.total,
            version=version,
            idle_seconds=max(0.0, time.time() - beaten) if beaten else 0.0,
            here=owner == self._owner.token,
            **vars(heartbeat),
        )

    def head(self, run_id: str) -> Run:
        with self._database.reading() as db:
            return self._run(db, run_id)

    def load(self, run_id: str) -> Run:
        return replace(self.head(run_id), images=tuple(self.rows(run_id)))

    def rows(self, run_id: str, *, light: bool = False) -> Iterator[Scored]:
        """In upload order, read as they are asked for. They name the files where they are now: a row's own
        path is that of when it was scored. light: for whoever needs neither thumbnails nor an order. Raises
        StoreError."""
        thumbnail = "NULL" if light else "(SELECT data FROM thumbnails WHERE sha256 = thumbnail)"
        query = (
            f"SELECT images.record, {thumbnail}, sources.record FROM images "
            "LEFT JOIN sources ON sources.run_id = images.run_id "
            "AND sources.upload_index = images.upload_index AND upload IS NULL "
            "WHERE images.run_id = ? ORDER BY images.upload_index"
        )
        if attached := self._attached(run_id):
            whole = attached.all()
            yield from whole if light else sorted(whole, key=lambda row: row.upload_index)
            return
        shared: dict[str, str] = {}
        with self._database.reading() as db:
            for record, data, text in db.execute(query, (run_id,)):
                yield _placed(rows.unpack_scored(record, data, shared), text)

    def unfinished(self, request: Request, sources: Sequence[Source]) -> str | None:
        """The newest run that asks this of these very files, where it was cut off and nobody is at it."""
        wanted = [rows.write_source(source) for source in sources]
        query = "SELECT id FROM runs WHERE total = ? ORDER BY created DESC, rowid DESC"
        files = "SELECT record FROM sources WHERE run_id = ? AND upload IS NULL ORDER BY upload_index"
        with self._database.reading() as db:
            for (run_id,) in db.execute(query, (len(sources),)).fetchall():
                with suppress(Damaged):  # a damaged row of another run is no matter of this one
                    run = self._run(db, run_id)
                    if run.request != request or [text for (text,) in db.execute(files, (run_id,))] != wanted:
                        continue
                    return None if run.status in {"done", "running"} else run_id
        return None

    def row(self, run_id: str, upload_index: int) -> Scored:
        """One row of the run. Raises StoreError when there is no such run, LookupError when no such row."""
        if attached := self._attached(run_id):
            return attached.row(upload_index)
        query = (
            "SELECT record, data FROM images LEFT JOIN thumbnails ON sha256 = thumbnail "
            "WHERE run_id = ? AND upload_index = ?"
        )
        with self._database.reading() as db:
            found = db.execute(query, (run_id, upload_index)).fetchone()
            if found is None:
                self._run(db, run_id)
                raise LookupError(f"run {run_id} has no row {upload_index}")
        record, thumbnail = found
        return rows.unpack_scored(record, thumbnail, {})

    def source(self, run_id: str, upload_index: int) -> Source:
        """Where one image of the run is. Raises LookupError when there is no such image."""
        if attached := self._attached(run_id):
            return attached.source(upload_index)
        query = "SELECT upload, record FROM sources WHERE run_id = ? AND upload_index = ?"
        with self._database.reading() as db:
            found = db.execute(query, (run_id, upload_index)).fetchone()
        if found is None:
            raise LookupError(f"run {run_id} has no image {upload_index}")
        upload, text = found
        return self._uploads.source(text, upload)

    def table(self, run_id: str) -> "Table":
        """The rows so far, in columns. Raises StoreError."""
        from lychee_app.store.table import Table

        if attached := self._attached(run_id):
            return attached.table
        query = (
            "SELECT upload_index, score, margin, light, CAST(json_extract(sources.record, '$.name') AS BLOB) "
            "FROM images JOIN sources USING (run_id, upload_index) WHERE run_id = ? ORDER BY upload_index"
        )
        with self._database.reading() as db:
            elements = len(self._run(db, run_id).question.elements)
            found = db.execute(query, (run_id,)).fetchall()
            return Table.of_store(found, elements)

    def some(self, run_id: str, indices: Sequence[int]) -> list[tuple[Scored, Source]]:
        """Rows in this order, those that are there, without their thumbnails, and where each image is."""
        if attached := self._attached(run_id):
            return [(row, attached.source(row.upload_index)) for row in attached.some(indices)]
        query = (
            "SELECT images.record, upload, sources.record FROM images "
            "JOIN sources USING (run_id, upload_index) WHERE run_id = ? AND upload_index = ?"
        )
        shared: dict[str, str] = {}
        found = []
        with self._database.reading() as db:
            for index in indices:
                if one := db.execute(query, (run_id, index)).fetchone():
                    record, upload, text = one
                    row = rows.unpack_scored(record, None, shared)
                    row = row if upload else _placed(row, text)
                    found.append((row, self._uploads.source(text, upload)))
        return found

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        """b"" where none was made. Raises LookupError when there is no such row."""
        if attached := self._attached(run_id):
            return attached.thumbnail(upload_index)
        query = (
            "SELECT data FROM images LEFT JOIN thumbnails ON sha256 = thumbnail "
            "WHERE run_id = ? AND upload_index = ?"
        )
        with self._database.reading() as db:
            found = db.execute(query, (run_id, upload_index)).fetchone()
        if found is None:
            raise LookupError(f"run {run_id} has no row {upload_index}")
        return found[0] or b""

    def sources(self, run_id: str) -> list[tuple[int, Source]]:
        if attached := self._attached(run_id):
            return list(attached.sources())
        query = "SELECT upload_index, upload, record FROM sources WHERE run_id = ? ORDER BY upload_index"
        with self._database.reading() as db:
            return [
                (index, self._uploads.source(text, upload))
                for index, upload, text in db.execute(query, (run_id,)).fetchall()
            ]

    def relocate(self, moved: Mapping[Path, Path]) -> None:
        """In every run and draft that names these files: several may be about one folder."""
        with self._database.writing() as db:
            for table in ("sources", "draft_images"):
                query = f"SELECT rowid, record FROM {table} WHERE upload IS NULL"
                for place, text in db.execute(query).fetchall():
                    with suppress(Damaged):  # a damaged row of another run is no matter of this one
                        source = rows.read_source(text, None)
                        now = _moved(source, moved)
                        if now != source:
                            record = (rows.write_source(now), place)
                            db.execute(f"UPDATE {table} SET record = ? WHERE rowid = ?", record)

    def rewrite(self, files: Sequence[Rewritten]) -> None:
        """In every row of the same content and place, and every run that has it as an example."""
        by_hash: dict[str, dict[str, Rewritten]] = {}
        for one in files:
            by_hash.setdefault(one.before, {})[os.path.realpath(one.path)] = one
        query = (
            "SELECT images.rowid, images.run_id, images.record, sources.record FROM images "
            "JOIN sources USING (run_id, upload_index) WHERE upload IS NULL "
            "AND json_extract(light, '$.content_hash') IN (SELECT value FROM json_each(?))"
        )
        change = "UPDATE images SET record = ?, light = ? WHERE rowid = ?"
        short = json.dumps([name[:32] for name in by_hash])

        def now_of(sha256: str, path: str | Path | None) -> Rewritten | None:
            return by_hash.get(sha256, {}).get(os.path.realpath(path)) if path else None

        with self._database.writing() as db:
            of_runs: set[str] = set()
            for place, run_id, record, source in db.execute(query, (short,)).fetchall():
                with suppress(Damaged):  # a damaged row of another run is no matter of this one
                    row, path = rows.unpack_scored(record, None, {}), rows.read_source(source, None).path
                    if now := now_of(row.sha256, path):
                        row = now.of(row)
                        db.execute(change, (rows.pack_scored(row), rows.pack_light(row), place))
                        of_runs.add(run_id)
            for run_id in of_runs:
                db.execute("UPDATE runs SET version = version + 1 WHERE id = ?", (run_id,))
            for (run_id,) in db.execute(_WITH_EXAMPLES).fetchall():
                with suppress(Damaged):
                    run = self._run(db, run_id)
                    asked = {"like": run.request.like, "unlike": run.request.unlike}
                    changed = {
                        name: replace(example, sha256=now.after)
                        for name, example in asked.items()
                        if example and (now := now_of(example.sha256, example.path))
                    }
                    if changed:
                        _write(db, run, request=replace(run.request, **changed))

    def newest(self, limit: int, offset: int) -> list[RunSummary]:
        query = "SELECT id FROM runs ORDER BY created DESC, rowid DESC LIMIT ? OFFSET ?"
        with self._database.reading() as db:
            return [
                _summary(db, self._run(db, row[0])) for row in db.execute(query, (limit, offset)).fetchall()
            ]

    def summary(self, run_id: str) -> RunSummary | None:
        with self._database.reading() as db:
            there = db.execute("SELECT 1 FROM runs WHERE id = ?", (run_id,)).fetchone()
            return _summary(db, self._run(db, run_id)) if there else None

    def delete(self, run_id: str) -> None:
        try:
            self._delete(run_id)
        except StoreError as error:
            # A full disk has no room even for the note that something is gone: the files go first.
            if error.code not in {"store-full", "store-io"}:
                raise
            with self._database.reading() as db:
                self._uploads.unlink_unshared(db, run_id, _uploads(db, run_id))
            self._delete(run_id)
        with suppress(StoreError):
            self._database.shrink()

    def _delete(self, run_id: str) -> None:
        orphans = (
            "DELETE FROM thumbnails WHERE sha256 = ? "
            "AND NOT EXISTS (SELECT 1 FROM images WHERE thumbnail = thumbnails.sha256)"
        )
        with self._database.writing() as db:
            self._refuse_if_elsewhere(db, run_id)
            uploads = [*_uploads(db, run_id), *self._examples(db, run_id)]
            thumbnails = _distinct(db, "SELECT DISTINCT thumbnail FROM images WHERE run_id = ?", run_id)
            db.execute("DELETE FROM runs WHERE id = ?", (run_id,))
            db.executemany(orphans, [(name,) for name in thumbnails])
            self._uploads.drop_unused(db, uploads)

    def _examples(self, db: sqlite3.Connection, run_id: str) -> list[str]:
        with suppress(StoreError, Damaged):  # such a record names none
            return [one.sha256 for one in self._run(db, run_id).request.examples]
        return []

    def _add_sources(
        self,
        db: sqlite3.Connection,
        run_id: str,
        first: int,
        sources: Sequence[Source],
        uploads: Sequence[str | None],
    ) -> None:
        self._uploads.require(db, {name for name in uploads if name})
        rows_ = (
            (run_id, first + offset, upload, rows.write_source(source))
            for offset, (source, upload) in enumerate(zip(sources, uploads, strict=True))
        )
        db.executemany("INSERT INTO sources VALUES (?, ?, ?, ?)", rows_)

    def _claim(self, db: sqlite3.Connection, run: Run, token: str) -> None:
        self._refuse_if_elsewhere(db, run.id)
        _write(db, run, status="running", error=None)
        db.execute("UPDATE runs SET owner = ? WHERE id = ?", (token, run.id))
        _beat(db, run.id, Heartbeat("waiting"))

    def _run(self, db: sqlite3.Connection, run_id: str) -> Run:
        """The run without its rows. Raises StoreError."""
        query = "SELECT record, status, total, owner FROM runs WHERE id = ?"
        found = db.execute(query, (run_id,)).fetchone()
        if found is None:
            raise StoreError("store-no-run")
        record, status, total, owner = found
        if status == "running" and not self._is_alive(owner):
            status = "interrupted"
        return rows.read_run(record, status=status, total=total)

    def _is_alive(self, token: str | None) -> bool:
        return token == self._owner.token or is_alive(self._folder, token)

    def _refuse_if_elsewhere(self, db: sqlite3.Connection, run_id: str) -> None:
        query = "SELECT owner FROM runs WHERE id = ? AND status = 'running'"
        found = db.execute(query, (run_id,)).fetchone()
        if found and found[0] != self._owner.token and self._is_alive(found[0]):
            raise StoreError("store-claimed")


def _placed(scored: Scored, source: str | None) -> Scored:
    """`source`: the record of the file of this machine that was scored; None for an upload."""
    now = rows.read_source(source, None) if source else None
    if now is None or now.path is None:
        return scored
    return replace(scored, path=str(now.path), companions=tuple(map(str, now.companions)))


def _moved(source: Source, moved: Mapping[Path, Path]) -> Source:
    def place(path: Path) -> Path:
        return moved.get(Path(os.path.abspath(path)), path)

    companions = tuple(map(place, source.companions))
    return replace(source, path=source.path and place(source.path), companions=companions)


def _write(db: sqlite3.Connection, run: Run, **changes: Any) -> None:
    changed = replace(run, **changes)
    row = (changed.status, changed.total, rows.write_run(changed), run.id)
    db.execute("UPDATE runs SET status = ?, total = ?, record = ?, version = version + 1 WHERE id = ?", row)
    if changed.status != "running":
        db.execute("UPDATE runs SET owner = NULL, heartbeat = NULL WHERE id = ?", (run.id,))


def _beat(db: sqlite3.Connection, run_id: str, heartbeat: Heartbeat) -> None:
    row = (rows.write_heartbeat(heartbeat), time.time(), run_id)
    db.execute("UPDATE runs SET heartbeat = ?, beaten = ? WHERE id = ?", row)


def _summary(db: sqlite3.Connection, run: Run) -> RunSummary:
    counts = "SELECT count(*), count(score), max(score) FROM images WHERE run_id = ?"
    done, scored, best = db.execute(counts, (run.id,)).fetchone()
    decided = "SELECT decision, count(*) FROM decisions WHERE run_id = ? GROUP BY decision"
    decisions = dict(db.execute(decided, (run.id,)).fetchall())
    shown = (
        "SELECT upload_index, thumbnail FROM images WHERE run_id = ? AND score IS NOT NULL "
        "AND thumbnail IS NOT NULL ORDER BY margin DESC, score DESC, upload_index LIMIT ?"
    )
    few = tuple(db.execute(shown, (run.id, SHOWN)).fetchall())
    (parts,) = db.execute("SELECT parts FROM runs WHERE id = ?", (run.id,)).fetchone()
    if parts:
        lie = PartsRecord.read(parts)
        done, scored, best = lie.done, lie.scored, lie.best_score
        few = tuple((index, run.id) for index in lie.shown)
    return RunSummary(
        id=run.id,
        created=run.created,
        title=run.title,
        request=run.request,
        model=run.model,
        status=run.status,
        total=run.total,
        done=done,
        scored=scored,
        best_score=best,
        picks=decisions.get("pick", 0),
        rejects=decisions.get("reject", 0),
        shown=few,
    )


def _uploads(db: sqlite3.Connection, run_id: str) -> list[str]:
    return _distinct(db, "SELECT DISTINCT upload FROM sources WHERE run_id = ?", run_id)


def _distinct(db: sqlite3.Connection, query: str, run_id: str) -> list[str]:
    return [value for (value,) in db.execute(query, (run_id,)).fetchall() if value]
