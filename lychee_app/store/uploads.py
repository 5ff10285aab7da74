"""Uploaded pictures: private files named after their content, under a cap, gone with the last run or draft
that refers to them.

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
from lychee_app.store import rows
from lychee_app.store.database import Database, explained

ORPHAN_SECONDS = 24 * 3600.0


class Uploads:
    """`cap_bytes` bounds all uploads together."""

    def __init__(self, database: Database, folder: Path, cap_bytes: int) -> None:
        self._database = database
        self._cap_bytes = cap_bytes
        self.folder = folder

    def keep(self, pictures: Sequence[bytes]) -> list[str]:
        """Keeps all of them, or none, and returns their SHA-256. Equal bytes are kept once. StoreError."""
        names = [hashlib.sha256(data).hexdigest() for data in pictures]
        with self._database.writing() as db:
            fresh = dict(zip(names, pictures, strict=True))
            for name in [name for name in fresh if self._is_kept(db, name)]:
                db.execute("UPDATE uploads SET kept = ? WHERE sha256 = ?", (time.time(), name))
                del fresh[name]
            self._check_cap(db, sum(map(len, fresh.values())))
        aside: dict[str, Path] = {}
        try:
            for name, data in fresh.items():
                aside[name] = self._write_aside(name, data)
            with self._database.writing() as db:
                missing = [name for name in fresh if not self._is_kept(db, name)]
                self._check_cap(db, sum(len(fresh[name]) for name in missing))
                for name in missing:
                    os.replace(aside[name], self.path(name))
                    row = (name, len(fresh[name]), time.time())
                    db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", row)
        finally:
            for path in aside.values():
                path.unlink(missing_ok=True)
        return names

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def source(self, text: str, upload: str | None) -> Source:
        """A source as it was written down; `upload` where it is one."""
        return rows.read_source(text, self.path(upload) if upload else None)

    @contextmanager
    def keeping(self, sources: Sequence[Source]) -> Iterator[list[str | None]]:
        """The upload each source is: bytes in hand become one, a file elsewhere on this machine is None.

        If they cannot be kept, or the block raises, no upload stays that nothing refers to.
        """
        names = self.keep([source.data for source in sources if source.data is not None])
        fresh = iter(names)
        try:
            yield [next(fresh) if source.data is not None else self._name_of(source) for source in sources]
        except BaseException:
            with suppress(StoreError), self._database.writing() as db:
                self.drop_unused(db, set(names))
            raise

    def _name_of(self, source: Source) -> str | None:
        if source.path is not None and source.path.parent == self.folder:
            return source.path.name
        return None

    def require(self, db: sqlite3.Connection, names: Iterable[str]) -> None:
        """Raises StoreError if one of these uploads was removed since it was kept."""
        for sha256 in names:
            if not self._is_kept(db, sha256):
                raise StoreError("store-upload-gone")

    def drop_unused(self, db: sqlite3.Connection, names: Iterable[str]) -> None:
        """Inside a writing transaction: removes those uploads that no run and no draft refers to."""
        used = (
            "SELECT 1 FROM sources WHERE upload = :sha256 "
            "UNION ALL SELECT 1 FROM draft_images WHERE upload = :sha256"
        )
        for sha256 in names:
            if db.execute(used, {"sha256": sha256}).fetchone() is None:
                db.execute("DELETE FROM uploads WHERE sha256 = ?", (sha256,))
                self.path(sha256).unlink(missing_ok=True)

    def unlink_unshared(self, db: sqlite3.Connection, run_id: str, names: Iterable[str]) -> None:
        """Removes the files that only this run refers to, before anything is written about it."""
        query = (
            "SELECT 1 FROM sources WHERE upload = :sha256 AND run_id != :run "
            "UNION ALL SELECT 1 FROM draft_images WHERE upload = :sha256"
        )
        for sha256 in names:
            if db.execute(query, {"sha256": sha256, "run": run_id}).fetchone() is None:
                self.path(sha256).unlink(missing_ok=True)

    def drop_orphans(self) -> None:
        """Removes uploads that no run or draft ever took, and files that a killed process left behind."""
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
