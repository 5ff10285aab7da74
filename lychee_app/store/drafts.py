"""Drafts: what was typed and which images were added, before it is ranked.

A draft may lie beside a run: then it holds what differs from that run's own images. What was added becomes
part of the run with which it is ranked. A draft that nobody touched for a week is gone, with its uploads, the
next time that the program starts.
"""

import json
import sqlite3
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from lychee_app.reasons import Reason, counted
from lychee_app.records import Source
from lychee_app.request import Request
from lychee_app.store import rows
from lychee_app.store.database import Database
from lychee_app.store.uploads import Arrived, Arriving, Uploads

KEPT_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True)
class Draft:
    """`removed` are upload indices of `run_id`, which are not to be ranked again. `request` is None before
    anything was typed; `fields` are what else the page has fields for, by their keys. `left_out`: what lay
    among the images that were added. `version` grows with every change, from 1 on; 0 where the store has
    none."""

    id: str
    run_id: str | None = None
    request: Request | None = None
    fields: Mapping[str, str | bool] = field(default_factory=dict)
    removed: frozenset[int] = frozenset()
    left_out: tuple[Reason, ...] = ()
    version: int = 0


class Drafts:
    """Each method is one transaction. A draft that is not there is begun by whatever is put into it."""

    def __init__(self, database: Database, uploads: Uploads) -> None:
        self._database = database
        self._uploads = uploads

    def get(self, draft_id: str) -> Draft | None:
        query = "SELECT run_id, record, fields, removed, left_out, version FROM drafts WHERE id = ?"
        with self._database.reading() as db:
            found = db.execute(query, (draft_id,)).fetchone()
        if found is None:
            return None
        run_id, record, fields, removed, left_out, version = found
        request = rows.read_request(record) if record else None
        gone, reasons = frozenset(json.loads(removed)), rows.read_reasons(left_out)
        return Draft(draft_id, run_id, request, json.loads(fields), gone, reasons, version)

    def images(self, draft_id: str) -> list[tuple[int, Source]]:
        """(position, source) of every image that was added, in that order; uploads are files by now."""
        query = "SELECT position, upload, record FROM draft_images WHERE draft_id = ? ORDER BY position"
        with self._database.reading() as db:
            return [
                (position, self._uploads.source(text, upload))
                for position, upload, text in db.execute(query, (draft_id,)).fetchall()
            ]

    def image(self, draft_id: str, position: int) -> Source:
        """Raises LookupError when there is no such image."""
        query = "SELECT upload, record FROM draft_images WHERE draft_id = ? AND position = ?"
        with self._database.reading() as db:
            found = db.execute(query, (draft_id, position)).fetchone()
        if found is None:
            raise LookupError(f"draft {draft_id} has no image {position}")
        upload, text = found
        return self._uploads.source(text, upload)

    def write(
        self,
        draft_id: str,
        request: Request | None,
        run_id: str | None,
        fields: Mapping[str, str | bool] | None = None,
    ) -> None:
        """What is typed now, and the run that it lies beside."""
        with self._database.writing() as db:
            _beside(db, draft_id, run_id)
            record = request and rows.write_request(request)
            change = "UPDATE drafts SET record = ?, fields = ? WHERE id = ?"
            db.execute(change, (record, json.dumps(dict(fields or {})), draft_id))

    def add(self, draft_id: str, sources: Sequence[Source], left_out: Sequence[Reason] = ()) -> None:
        """Adds images at the end; bytes in hand are kept as uploads. No position is ever another image's.

        Raises StoreError: over the cap.
        """
        count = "UPDATE drafts SET added = added + ? WHERE id = ? RETURNING added"
        with self._uploads.keeping(sources) as uploads, self._database.writing() as db:
            self._uploads.require(db, {name for name in uploads if name})
            _touch(db, draft_id)
            ((added,),) = db.execute(count, (len(sources), draft_id)).fetchall()
            images = [
                (draft_id, added - len(sources) + offset, upload, rows.write_source(source))
                for offset, (source, upload) in enumerate(zip(sources, uploads, strict=True))
            ]
            db.executemany("INSERT INTO draft_images VALUES (?, ?, ?, ?)", images)
            if left_out:
                query = "SELECT left_out FROM drafts WHERE id = ?"
                ((before,),) = db.execute(query, (draft_id,)).fetchall()
                reasons = rows.write_reasons(counted((*rows.read_reasons(before), *left_out)))
                db.execute("UPDATE drafts SET left_out = ? WHERE id = ?", (reasons, draft_id))

    def arriving(self) -> AbstractContextManager[Arriving]:
        """For files that come piece by piece, to be handed to `receive` inside the block."""
        return self._uploads.arriving()

    def check_cap(self, whole_bytes: int) -> None:
        """Raises StoreError where so much could not be added, whatever else is deleted."""
        self._uploads.check_cap(whole_bytes)

    def receive(
        self, draft_id: str, names: Sequence[str], files: Sequence[Arrived], left_out: Sequence[Reason] = ()
    ) -> None:
        """As `add`, of files that have arrived."""
        kept = self._uploads.take(files)
        paths = map(self._uploads.path, kept)
        sources = [Source(name, path=path, private=True) for name, path in zip(names, paths, strict=True)]
        with self._uploads.or_dropped(kept):
            self.add(draft_id, sources, left_out)

    def take_off(self, draft_id: str, positions: Iterable[int]) -> None:
        """Images that were added are gone, and with them uploads that nothing else refers to."""
        with self._database.writing() as db:
            _touch(db, draft_id)
            for position in positions:
                query = "DELETE FROM draft_images WHERE draft_id = ? AND position = ? RETURNING upload"
                for (upload,) in db.execute(query, (draft_id, position)).fetchall():
                    self._uploads.drop_unused(db, [upload] if upload else [])

    def leave_out(self, draft_id: str, run_id: str, indices: Iterable[int]) -> None:
        """These images of the run, too, are not to be ranked again."""
        with self._database.writing() as db:
            _beside(db, draft_id, run_id)
            _set_removed(db, draft_id, _removed(db, draft_id) | set(indices))

    def put_back(self, draft_id: str, indices: Iterable[int]) -> None:
        """Of those that were left out."""
        with self._database.writing() as db:
            _touch(db, draft_id)
            _set_removed(db, draft_id, _removed(db, draft_id) - set(indices))

    def ranked(self, draft_id: str, run_id: str) -> None:
        """All that was added is that run's now."""
        with self._database.writing() as db:
            _beside(db, draft_id, run_id)
            _set_removed(db, draft_id, set())
            db.execute("UPDATE drafts SET left_out = '[]' WHERE id = ?", (draft_id,))
            uploads = _uploads(db, draft_id)
            db.execute("DELETE FROM draft_images WHERE draft_id = ?", (draft_id,))
            self._uploads.drop_unused(db, uploads)

    def drop(self, draft_id: str) -> None:
        with self._database.writing() as db:
            self._drop(db, draft_id)

    def drop_old(self) -> None:
        before = time.time() - KEPT_SECONDS
        with self._database.writing() as db:
            for (draft_id,) in db.execute("SELECT id FROM drafts WHERE touched < ?", (before,)).fetchall():
                self._drop(db, draft_id)

    def _drop(self, db: sqlite3.Connection, draft_id: str) -> None:
        uploads = _uploads(db, draft_id)
        db.execute("DELETE FROM drafts WHERE id = ?", (draft_id,))
        self._uploads.drop_unused(db, uploads)


def _touch(db: sqlite3.Connection, draft_id: str) -> None:
    db.execute(
        "INSERT INTO drafts (id, touched, version) VALUES (?, ?, 1) "
        "ON CONFLICT (id) DO UPDATE SET touched = excluded.touched, version = version + 1",
        (draft_id, time.time()),
    )


def _beside(db: sqlite3.Connection, draft_id: str, run_id: str | None) -> None:
    """What is not to be ranked of one run says nothing about another."""
    _touch(db, draft_id)
    change = "UPDATE drafts SET run_id = ?, removed = '[]' WHERE id = ? AND run_id IS NOT ?"
    db.execute(change, (run_id, draft_id, run_id))


def _removed(db: sqlite3.Connection, draft_id: str) -> set[int]:
    ((text,),) = db.execute("SELECT removed FROM drafts WHERE id = ?", (draft_id,)).fetchall()
    return set(json.loads(text))


def _set_removed(db: sqlite3.Connection, draft_id: str, removed: set[int]) -> None:
    db.execute("UPDATE drafts SET removed = ? WHERE id = ?", (json.dumps(sorted(removed)), draft_id))


def _uploads(db: sqlite3.Connection, draft_id: str) -> list[str]:
    query = "SELECT DISTINCT upload FROM draft_images WHERE draft_id = ? AND upload IS NOT NULL"
    return [upload for (upload,) in db.execute(query, (draft_id,)).fetchall()]
