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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from lychee_app.errors import StoreError
from lychee_app.records import Source
from lychee_app.sizes import disk_gb
from lychee_app.store import rows
from lychee_app.store.database import Database, explained

ORPHAN_SECONDS = 24 * 3600.0
DISK_THREADS = 8


@dataclass(frozen=True)
class Arrived:
    """A file that is written aside whole and has no place in the store yet. `modified`: when it was last
    changed where it comes from, in seconds since 1970."""

    path: Path
    sha256: str
    size_bytes: int
    modified: float | None = None


class Arriving:
    """Files that come piece by piece, one behind the other: hashed while they are written aside.

    Every method raises StoreError where the disk takes no more.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._open: list[tuple[Path, BinaryIO]] = []
        self._hash = hashlib.sha256()
        self.files: list[Arrived] = []

    def begin(self) -> None:
        path = self._folder / f"{os.urandom(12).hex()}.part"
        with explained(path):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open.append((path, open(path, "xb", opener=_private)))  # noqa: SIM115
        self._hash = hashlib.sha256()

    def write(self, data: bytes | memoryview) -> None:
        ((path, file),) = self._open
        with explained(path):
            file.write(data)
        self._hash.update(data)

    def end(self) -> None:
        """The file is whole."""
        ((path, file),) = self._open
        with explained(path):
            size_bytes = file.tell()
            file.close()
        self._open.clear()
        self.files.append(Arrived(path, self._hash.hexdigest(), size_bytes))

    def clear(self) -> None:
        """Whatever the store did not take is gone."""
        for path, file in self._open:
            with suppress(OSError):  # what cannot be written out is not wanted any more
                file.close()
            path.unlink(missing_ok=True)
        for one in self.files:
            one.path.unlink(missing_ok=True)


def _put_on_disk(paths: Sequence[Path]) -> None:
    """Many at a time: 300 files one behind the other wait five times as long for a disk."""

    def put(path: Path) -> None:
        with explained(path), path.open("rb+") as file:
            os.fsync(file.fileno())

    with ThreadPoolExecutor(DISK_THREADS) as threads:
        for _ in threads.map(put, paths):
            pass


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


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
        with self.arriving() as arriving:
            for data in fresh.values():
                arriving.begin()
                arriving.write(data)
                arriving.end()
            self.take(arriving.files)
        return names

    @contextmanager
    def arriving(self) -> Iterator[Arriving]:
        """For files whose bytes are not in hand; what was not taken when the block ends is gone."""
        arriving = Arriving(self.folder)
        try:
            yield arriving
        finally:
            arriving.clear()

    def take(self, files: Sequence[Arrived]) -> list[str]:
        """Keeps all of them, or none, and returns their SHA-256. StoreError."""
        _put_on_disk([file.path for file in files])
        with self._database.writing() as db:
            fresh: dict[str, Arrived] = {}
            for file in files:
                if self._is_kept(db, file.sha256):
                    db.execute("UPDATE uploads SET kept = ? WHERE sha256 = ?", (time.time(), file.sha256))
                else:
                    fresh[file.sha256] = file
            self._check_cap(db, sum(file.size_bytes for file in fresh.values()))
            for name, file in fresh.items():
                os.replace(file.path, self.path(name))
                if file.modified is not None:  # not before: what is old and not kept is taken for left behind
                    with suppress(OSError, OverflowError):
                        os.utime(self.path(name), (file.modified, file.modified))
                row = (name, file.size_bytes, time.time())
                db.execute("INSERT OR REPLACE INTO uploads VALUES (?, ?, ?)", row)
        return [file.sha256 for file in files]

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
        with self.or_dropped(names):
            yield [next(fresh) if source.data is not None else self._name_of(source) for source in sources]

    @contextmanager
    def or_dropped(self, names: Sequence[str]) -> Iterator[None]:
        """If the block raises, none of these stays that nothing refers to."""
        try:
            yield
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
        """Inside a writing transaction: removes those uploads that no run and no draft refers to, be it as an
        example."""
        used = (
            "SELECT 1 FROM sources WHERE upload = :sha256 "
            "UNION ALL SELECT 1 FROM draft_images WHERE upload = :sha256 "
            "UNION ALL SELECT 1 FROM runs WHERE instr(record, :sha256) "  # as an example image
            "UNION ALL SELECT 1 FROM drafts WHERE instr(record, :sha256)"
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

    def check_cap(self, more_bytes: int) -> None:
        """Raises StoreError where so much could never be kept, whatever is deleted."""
        if more_bytes > self._cap_bytes:
            with self._database.reading() as db:
                self._check_cap(db, more_bytes)

    def _check_cap(self, db: sqlite3.Connection, more_bytes: int) -> None:
        used = _used(db)
        if used + more_bytes > self._cap_bytes:
            cap_gb, used_gb = disk_gb(self._cap_bytes), disk_gb(used)
            raise StoreError("store-cap", cap_gb=cap_gb, used_gb=used_gb, megabytes=more_bytes / 1e6)


def _used(db: sqlite3.Connection) -> int:
    return db.execute("SELECT coalesce(sum(size_bytes), 0) FROM uploads").fetchone()[0]
