"""Who scores a run: a lock that lives exactly as long as its process.

Each store that scores holds an exclusive lock on a small SQLite file of its own. The system drops it when
the process ends, however it ends; unlike a process id it is never given to somebody else, means the same in
every container, and is not inherited by child processes.
"""

import sqlite3
import threading
import time
import uuid
from contextlib import closing, suppress
from pathlib import Path

from lychee_app.store.database import explained

LEFT_OVER_SECONDS = 24 * 3600.0


class Owner:
    """This store's claim on the runs it scores. `token` is written beside them."""

    def __init__(self, folder: Path) -> None:
        self.token = uuid.uuid4().hex
        self._path = _lock_path(folder, self.token)
        self._lock: sqlite3.Connection | None = None
        self._guard = threading.Lock()

    def hold(self) -> str:
        """Takes the lock, if it is not held yet, and returns the token. Raises StoreError."""
        with self._guard, explained(self._path):
            if self._lock is None:
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                self._lock = _locked(self._path)
        return self.token

    def release(self) -> None:
        with self._guard:
            if self._lock is not None:
                self._lock.close()
                self._lock = None
                with suppress(OSError):
                    self._path.unlink()


def is_alive(folder: Path, token: str | None) -> bool:
    """Whether the store that wrote this token still exists."""
    if token is None or not (path := _lock_path(folder, token)).exists():
        return False
    try:
        # A look that excludes nobody: two at once must not take each other for the owner.
        with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as look:
            look.execute("SELECT 1 FROM sqlite_master").fetchall()
    except sqlite3.OperationalError:
        return True  # somebody holds the lock, or nobody may look
    except sqlite3.DatabaseError:
        return False
    return False


def clear_left_over(folder: Path) -> None:
    """Removes lock files that nobody holds and nobody is just making."""
    before = time.time() - LEFT_OVER_SECONDS
    for path in (folder / "running").glob("*.lock"):
        with suppress(OSError):
            if path.stat().st_mtime < before and not is_alive(folder, path.stem):
                path.unlink()


def _locked(path: Path) -> sqlite3.Connection:
    lock = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    try:
        lock.execute("PRAGMA journal_mode = MEMORY")
        lock.execute("BEGIN EXCLUSIVE")
    except BaseException:
        lock.close()
        raise
    return lock


def _lock_path(folder: Path, token: str) -> Path:
    return folder / "running" / f"{token}.lock"
