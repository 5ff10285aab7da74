"""One SQLite file: connections, transactions, and what its errors mean to people.

WAL, so that a page reads while a run writes. `synchronous=FULL`: every commit is flushed, so neither a killed
process nor a power cut loses a row that `add` has returned from. NORMAL would do against kill -9 alone; on
an ordinary SSD the flush costs well under a millisecond per image.
"""

import errno
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lychee_app.errors import StoreError
from lychee_app.store.migrations import migrate

BUSY_SECONDS = 2.0
"""How long a lock of another process is waited for. Transactions of ours take milliseconds, one of thousands
of images a tenth of a second. What holds it longer is another program, and whoever waits is told so."""
PATIENCE = 8
"""Times as long, for rows of a run that is being scored: nobody waits for those, and a run would end."""
AGAIN_SECONDS = 0.05
"""Once it is known that somebody holds the lock, who comes next is told at once, until a write succeeds."""
IDLE_CONNECTIONS = 4

PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = FAST",
    "PRAGMA journal_size_limit = 16777216",
)

_CODES = {
    sqlite3.SQLITE_FULL: "store-full",
    sqlite3.SQLITE_IOERR: "store-io",
    sqlite3.SQLITE_READONLY: "store-read-only",
    sqlite3.SQLITE_CANTOPEN: "store-read-only",
    sqlite3.SQLITE_CORRUPT: "store-corrupt",
    sqlite3.SQLITE_NOTADB: "store-corrupt",
    sqlite3.SQLITE_BUSY: "store-locked",
}
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Damaged(Exception):
    """A row does not hold what was written to it."""


class Database:
    """May be used from several threads and processes at once: writers take turns, readers never wait."""

    def __init__(self, path: Path, busy_seconds: float = BUSY_SECONDS) -> None:
        """Opens or makes the file and brings its schema up to date. Raises StoreError."""
        self.path = path
        self._busy_seconds = busy_seconds
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._held: sqlite3.Error | None = None
        """What SQLite said when another process had the lock for too long; until it is free again."""
        self._lock = threading.Lock()
        self._writers = threading.RLock()
        _make_private(path)
        try:
            with self._connection() as connection:
                migrate(connection, path)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A transaction that sees one moment of the database. Raises StoreError."""
        with self._connection() as connection:
            _wait_at_most(connection, self._wait_seconds)
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self, *, patient: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that is on disk when the block ends, or not at all when it raises. StoreError."""
        with self._turn(), self._connection() as connection:
            self._begin(connection, patient)
            yield connection
            connection.execute("COMMIT")

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Threads of this process write in turn; nobody stands behind one that waits for a lock."""
        try:  # an interrupt may come when the lock is ours and nothing says so yet
            while not self._writers.acquire(timeout=AGAIN_SECONDS):
                if self._held:
                    raise _store_error(self.path, self._held)
            yield
        finally:
            with suppress(RuntimeError):  # not ours
                self._writers.release()

    def _begin(self, connection: sqlite3.Connection, patient: bool) -> None:
        waits = [self._wait_seconds]
        if patient:
            waits.append(self._busy_seconds * PATIENCE)
        while waits:
            _wait_at_most(connection, waits.pop(0))
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                self._held = error if is_busy(error) else None
                if not (self._held and waits):
                    raise
            else:
                self._held = None
                return

    @property
    def _wait_seconds(self) -> float:
        return min(AGAIN_SECONDS, self._busy_seconds) if self._held else self._busy_seconds

    def shrink(self) -> None:
        """Gives the space of deleted rows back to the disk, as far as that is possible now."""
        with self._turn(), self._connection() as connection:
            _wait_at_most(connection, self._wait_seconds)
            # execute() would stop after the first page: the pragma yields a row without columns for each.
            connection.executescript("PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE);")

    def close(self) -> None:
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Lends one connection; whatever transaction the borrower left open is rolled back."""
        with explained(self.path):
            connection = self._take()
            try:
                yield connection
            finally:
                self._give_back(connection)

    def _take(self) -> sqlite3.Connection:
        with self._lock:
            if self._closed:
                raise StoreError("store-closed", path=str(self.path))
            if self._idle:
                return self._idle.pop()
        connection = sqlite3.connect(
            self.path, timeout=self._busy_seconds, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, self._busy_seconds)
        except BaseException:
            connection.close()
            raise
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            connection.close()
            return
        with self._lock:
            if not self._closed and len(self._idle) < IDLE_CONNECTIONS:
                self._idle.append(connection)
                return
        connection.close()


def _wait_at_most(connection: sqlite3.Connection, seconds: float) -> None:
    connection.execute(f"PRAGMA busy_timeout = {round(1000 * seconds)}").fetchall()


def is_busy(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY


def _prepare(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # Only an empty file can be given this; on another it would cost a write each time.
    if connection.execute("PRAGMA page_count").fetchone() == (0,):
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    _log_ahead(connection, busy_seconds)
    for pragma in PRAGMAS:
        connection.execute(pragma).fetchall()


def _log_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """SQLite does not wait for another that makes this change to a new file at the same moment: it fails."""
    until = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchall()
            return
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        time.sleep(0.01)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turns what SQLite and the file system raise into StoreErrors that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(path, error) from error
    except (Damaged, UnicodeDecodeError) as error:
        raise StoreError("store-corrupt", path=str(path), detail=str(error)) from error
    except OSError as error:
        raise file_error(path, error) from error


def file_error(path: Path, error: OSError) -> StoreError:
    """What an OSError about a file of the data folder means; `path` where it does not say which."""
    code = "store-full" if error.errno in _FULL else "store-read-only"
    return StoreError(code, path=str(error.filename or path), detail=str(error.strerror or error))


def _store_error(path: Path, error: sqlite3.Error) -> StoreError:
    full_code = getattr(error, "sqlite_errorcode", None) or 0
    if full_code == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
        return StoreError("store-no-run")
    code = _CODES.get(full_code) or _CODES.get(full_code & 0xFF) or "store-error"
    return StoreError(code, path=str(path), detail=str(error))


def _make_private(path: Path) -> None:
    """The folder 0700 if it is new, the file 0600: queries and thumbnails are nobody else's business."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise file_error(path, error) from error
