"""Uploaded pictures: private files named after their content, under a cap, gone with their last run.

A file is written aside and renamed into place inside the transaction that notes it; it is removed inside the
transaction that drops it. So the table and the folder agree, whoever else is at work.
"""

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from lychee_app.errors import StoreError
from lychee_app.records import Source
from lychee_app.sizes import disk_gb
from lychee_app.store.database import Database, explained

ORPHAN_SECONDS = 24 * 3600.0


class Uploads:
    """`cap_bytes` bounds all uploads together."""

    def __init__(self, database: Database, folder: Path, cap_bytes: int) -> None:
        self._database = database
        self._cap_bytes = cap_bytes
        self.folder = folder

    def keep(self, data: bytes) -> str:
        """Keeps the bytes and returns their SHA-256. Equal bytes are kept once. Raises StoreError."""
        sha256 = hashlib.sha256(data).hexdigest()
        with self._database.writing() as db:
            if self._is_kept(db, sha256):
                db.execute("UPDATE uploads SET kept = ? WHERE sha256 = ?", (time.time(), sha256))
                return sha256
            self._check_cap(db, len(data))
        aside = self._write_aside(sha256, data)
        try:
            with self._database.writing() as db:
                self._check_cap(db, 0 if self._is_kept(db, sha256) else len(data))
                os.replace(aside, self.path(sha256))
                row = (sha256, len(data), time.time())
                db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", row)
        finally:
            aside.unlink(missing_ok=True)
        return sha256

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    @contextmanager
    def keeping(self, sources: Sequence[Source]) -> Iterator[list[str | None]]:
        """The upload each source is. If one cannot be kept, or the block raises, none stays without a run."""
        kept: list[str | None] = []
        try:
            for source in sources:
                kept.append(self._sha256_of(source))
            yield kept
        except BaseException:
            if names := {name for name in kept if name}:
                with suppress(StoreError), self._database.writing() as db:
                    self.drop_unused(db, names)
            raise

    def _sha256_of(self, source: Source) -> str | None:
        """Bytes in hand become an upload. None for a file elsewhere on this machine."""
        if source.data is not None:
            return self.keep(source.data)
        if source.path is not None and source.path.parent == self.folder:
            return source.path.name
        return None

    def require(self, db: sqlite3.Connection, names: Iterable[str]) -> None:
        """Raises StoreError if one of these uploads was removed since it was kept."""
        for sha256 in names:
            if not self._is_kept(db, sha256):
                raise StoreError("store-upload-gone")

    def drop_unused(self, db: sqlite3.Connection, names: Iterable[str]) -> None:
        """Inside a writing transaction: removes those uploads that no run refers to."""
        for sha256 in names:
            if db.execute("SELECT 1 FROM sources WHERE upload = ?", (sha256,)).fetchone() is None:
                db.execute("DELETE FROM uploads WHERE sha256 = ?", (sha256,))
                self.path(sha256).unlink(missing_ok=True)

    def unlink_unshared(self, db: sqlite3.Connection, run_id: str, names: Iterable[str]) -> None:
        """Removes the files that only this run refers to, before anything is written about it."""
        query = "SELECT 1 FROM sources WHERE upload = ? AND run_id != ?"
        for sha256 in names:
            if db.execute(query, (sha256, run_id)).fetchone() is None:
                self.path(sha256).unlink(missing_ok=True)

    def drop_orphans(self) -> None:
        """Removes uploads that never became part of a run, and files that a killed process left behind."""
        before = time.time() - ORPHAN_SECONDS
        with self._database.writing() as db:
            rows = db.execute("SELECT sha256 FROM uploads WHERE kept < ?", (before,)).fetchall()
            self.drop_unused(db, [row[0] for row in rows])
            for path in self.folder.glob("*"):
                with suppress(OSError):
                    if path.stat().st_mtime < before and not self._is_kept(db, path.name):
                        path.unlink()

    def _is_kept(self, db: sqlite3.Connection, sha256: str) -> bool:
        row = db.execute("SELECT 1 FROM uploads WHERE sha256 = ?", (sha256,)).fetchone()
        return row is not None and self.path(sha256).exists()

    def _check_cap(self, db: sqlite3.Connection, more_bytes: int) -> None:
        used = _used(db)
        if used + more_bytes > self._cap_bytes:
            cap_gb, used_gb = disk_gb(self._cap_bytes), disk_gb(used)
            raise StoreError("store-cap", cap_gb=cap_gb, used_gb=used_gb, megabytes=more_bytes / 1e6)

    def _write_aside(self, sha256: str, data: bytes) -> Path:
        aside = self.folder / f"{sha256}.{os.urandom(6).hex()}.part"
        try:
            with explained(aside):
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
        return aside


def _used(db: sqlite3.Connection) -> int:
    return db.execute("SELECT coalesce(sum(size_bytes), 0) FROM uploads").fetchone()[0]
