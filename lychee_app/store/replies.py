"""Replies already given, so that an equal question about an equal image costs nothing."""

import hashlib
import json
from collections.abc import Mapping

from lychee_app.cache import CacheKey
from lychee_app.records import Reply
from lychee_app.store.database import Database
from lychee_app.store.rows import pack_reply, unpack_reply

REPLIES_KEPT = 100_000
"""About 0.5 kB each; the oldest go first."""


class Replies:
    """The reply cache on disk (cache.ReplyCache)."""

    def __init__(self, database: Database, bound: int = REPLIES_KEPT) -> None:
        self._database = database
        self._bound = bound

    def cached(self, key: CacheKey) -> Reply | None:
        with self._database.reading() as db:
            row = db.execute("SELECT record FROM replies WHERE key = ?", (_digest(key),)).fetchone()
            return None if row is None else unpack_reply(row[0])

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        """A reply known already keeps its place in the line."""
        records = [(_digest(key), pack_reply(reply)) for key, reply in replies.items()]
        with self._database.writing(patient=True) as db:
            db.executemany("INSERT OR IGNORE INTO replies (key, record) VALUES (?, ?)", records)
            db.execute("DELETE FROM replies WHERE id <= (SELECT max(id) FROM replies) - ?", (self._bound,))


def _digest(key: CacheKey) -> str:
    return hashlib.sha256(json.dumps(vars(key), sort_keys=True).encode("ascii")).hexdigest()
