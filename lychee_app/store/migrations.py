"""The schema, as numbered steps. A released step is never edited: a change is a new step at the end.

Columns hold what is searched or sorted by; everything else is in `record`, where floats and text come back
bit for bit (SQLite stores neither -0.0 nor lone surrogates as they are).
"""

import sqlite3

from lychee_app.errors import StoreError

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE runs (
            id TEXT PRIMARY KEY, created TEXT NOT NULL, status TEXT NOT NULL, total INTEGER NOT NULL,
            owner TEXT, record TEXT NOT NULL)""",
        "CREATE INDEX runs_newest ON runs (created)",
        "CREATE INDEX runs_status ON runs (status)",
        "CREATE TABLE thumbnails (sha256 TEXT PRIMARY KEY, data BLOB NOT NULL)",
        """CREATE TABLE images (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, upload_index INTEGER NOT NULL,
            margin REAL, score REAL, thumbnail TEXT, record BLOB NOT NULL,
            PRIMARY KEY (run_id, upload_index))""",
        "CREATE INDEX images_best ON images (run_id, margin DESC, score DESC, upload_index)",
        "CREATE INDEX images_thumbnail ON images (thumbnail)",
        """CREATE TABLE sources (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, upload_index INTEGER NOT NULL,
            upload TEXT, record TEXT NOT NULL,
            PRIMARY KEY (run_id, upload_index))""",
        "CREATE INDEX sources_upload ON sources (upload)",
    ),
    (
        """CREATE TABLE replies (
            id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT UNIQUE NOT NULL, record BLOB NOT NULL)""",
    ),
    ("CREATE TABLE uploads (sha256 TEXT PRIMARY KEY, size_bytes INTEGER NOT NULL, kept REAL NOT NULL)",),
    (
        """CREATE TABLE decisions (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, upload_index INTEGER NOT NULL,
            decision TEXT NOT NULL, PRIMARY KEY (run_id, upload_index))""",
        """CREATE TABLE decision_steps (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, step INTEGER NOT NULL,
            upload_index INTEGER NOT NULL, before TEXT, PRIMARY KEY (run_id, step, upload_index))""",
        "ALTER TABLE runs ADD COLUMN cutoff TEXT",
    ),
)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: object) -> None:
    """Brings a database to VERSION, one transaction per step. Raises StoreError if it is newer."""
    while (version := _version(connection, path)) < VERSION:
        _step(connection, path, version)


def _step(connection: sqlite3.Connection, path: object, version: int) -> None:
    """One step, unless another process took it between our look and our lock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path) == version:
            for statement in MIGRATIONS[version]:
                connection.execute(statement)
            connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
            connection.execute("DELETE FROM schema_version")
            connection.execute("INSERT INTO schema_version VALUES (?)", (version + 1,))
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: object) -> int:
    table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'schema_version'"
    if connection.execute(table).fetchone() is None:
        return 0
    row = connection.execute("SELECT version FROM schema_version").fetchone()
    version = row[0] if row else 0
    if version > VERSION:
        message = (
            f"{path} was written by a newer Lychee (schema {version}; this one knows up to {VERSION}). "
            "Update Lychee, or set LYCHEE_HOME to another folder."
        )
        raise StoreError(message, code="store-newer")
    return version
