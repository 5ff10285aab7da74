"""The schema, as numbered steps. A released step is never edited: a change is a new step at the end.

Columns hold what is searched or sorted by; everything else is in `record`, where floats and text come back
bit for bit (SQLite stores neither -0.0 nor lone surrogates as they are).
"""

import json
import sqlite3
from collections.abc import Callable
from contextlib import suppress

from lychee_app.errors import StoreError


def requests_whole(db: sqlite3.Connection) -> None:
    """Step 5: what was asked stands in a run as one `request`, no longer in nine fields of the run.

    Runs kept how large an image could be under one name: as asked until the model was open, then as it was.
    """
    for run_id, text in db.execute("SELECT id, record FROM runs").fetchall():
        try:
            run = json.loads(text)
            question = {
                "typed": run.pop("query"),
                "sent": run.pop("sent_query"),
                "elements": run.pop("elements"),
                "typed_not": run.pop("not_text", ""),
                "sent_not": run.pop("sent_not", ""),
            }
            tokens, instruction = run.pop("max_image_tokens", None), run.pop("instruction", "")
            run["request"] = {
                "question": question,
                "mode": run.pop("mode"),
                "model": run["model"],
                "max_image_tokens": tokens,
                **({"instruction": instruction} if instruction else {}),
            }
            run["token_budget"] = tokens if run["checkpoint_hash"] else None
            run["precision"] = run.get("precision") or "auto"
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # a damaged record stays one, and costs its own run only
        db.execute("UPDATE runs SET record = ? WHERE id = ?", (json.dumps(run), run_id))


def rows_light(db: sqlite3.Connection) -> None:
    """Step 10: what a large run is counted, sorted and filtered by stands beside each row, to be read without
    unpacking it. For 100,000 rows 18 s of a busy processor, once."""
    from lychee_app.store.database import Damaged
    from lychee_app.store.rows import pack_light, unpack_scored

    db.execute("ALTER TABLE images ADD COLUMN light TEXT")
    for place, packed in db.execute("SELECT rowid, record FROM images"):
        with suppress(Damaged):  # a damaged row stays one, and is not counted
            text = pack_light(unpack_scored(packed, None, {}))
            db.execute("UPDATE images SET light = ? WHERE rowid = ?", (text, place))


MIGRATIONS: tuple[tuple[str | Callable[[sqlite3.Connection], None], ...], ...] = (
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
    (
        "ALTER TABLE runs ADD COLUMN version INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE runs ADD COLUMN heartbeat TEXT",
        "ALTER TABLE runs ADD COLUMN beaten REAL",
        requests_whole,
    ),
    (
        """CREATE TABLE drafts (
            id TEXT PRIMARY KEY, run_id TEXT REFERENCES runs (id) ON DELETE SET NULL, touched REAL NOT NULL,
            version INTEGER NOT NULL DEFAULT 0, added INTEGER NOT NULL DEFAULT 0,
            removed TEXT NOT NULL DEFAULT '[]', left_out TEXT NOT NULL DEFAULT '[]', record TEXT)""",
        "CREATE INDEX drafts_run ON drafts (run_id)",
        """CREATE TABLE draft_images (
            draft_id TEXT NOT NULL REFERENCES drafts (id) ON DELETE CASCADE, position INTEGER NOT NULL,
            upload TEXT, record TEXT NOT NULL, PRIMARY KEY (draft_id, position))""",
        "CREATE INDEX draft_images_upload ON draft_images (upload)",
    ),
    ("ALTER TABLE drafts ADD COLUMN fields TEXT NOT NULL DEFAULT '{}'",),
    (
        """CREATE TABLE moved_by_hand (
            run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE, upload_index INTEGER NOT NULL,
            name TEXT NOT NULL, PRIMARY KEY (run_id, upload_index))""",
    ),
    # where the rows of a run lie in Parquet parts, and what the history tells of them (runs.PartsRecord)
    ("ALTER TABLE runs ADD COLUMN parts TEXT",),
    (rows_light,),
)
VERSION = len(MIGRATIONS)


def migrate(connection: sqlite3.Connection, path: object) -> None:
    """Brings a database to VERSION, one transaction per step. Raises StoreError if it is newer."""
    if _version(connection, path) == VERSION:
        return
    while (version := _version(connection, path)) < VERSION:
        _step(connection, path, version)
    # The steps lie in the write-ahead log, many times as large as they are: room that a full disk lacks.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _step(connection: sqlite3.Connection, path: object, version: int) -> None:
    """One step, unless another process took it between our look and our lock."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _version(connection, path) == version:
            for action in MIGRATIONS[version]:
                if isinstance(action, str):
                    connection.execute(action)
                else:
                    action(connection)
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
        raise StoreError("store-newer", path=str(path), schema=version, known=VERSION)
    return version
