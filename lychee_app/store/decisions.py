"""What was picked and rejected, and the way back; the cut-off of each run."""

import sqlite3
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lychee_app.errors import StoreError
from lychee_app.records import Cutoff, Decision, Run
from lychee_app.store.database import Damaged, Database
from lychee_app.store.rows import read_cutoff, read_run, unpack_scored, write_cutoff


@dataclass(frozen=True)
class Step:
    """One image decided on; None takes its decision off."""

    upload_index: int
    decision: Decision | None


@dataclass(frozen=True)
class Undo:
    """Of one image the newest step that led from `before` to `made`, taken back. What was decided on it
    since, perhaps in another tab, holds."""

    upload_index: int
    made: Decision | None
    before: Decision | None


@dataclass(frozen=True)
class UndoStep:
    """A whole step taken back by its number; with `or_earlier` the newest that is not later."""

    step: int
    or_earlier: bool = False


class Decisions:
    """Each call of `decide` is one step, however many images it is about. Its number is the time in
    microseconds since 1970, so that none is given twice, even after the last step was taken back.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, run_id: str) -> dict[int, Decision]:
        """By upload index; images not decided on are not in it."""
        with self._database.reading() as db:
            query = "SELECT upload_index, decision FROM decisions WHERE run_id = ? ORDER BY upload_index"
            return dict(db.execute(query, (run_id,)).fetchall())

    def decide(self, run_id: str, decided: Mapping[int, Decision | None]) -> int:
        """The number of the step, 0 where it is about no image: those decided so already are not part of it.
        None takes a decision off.
        """
        with self._database.writing() as db:
            return _decide(db, run_id, decided)

    def last_step(self, run_id: str) -> int:
        """Its number; 0 where there is none."""
        with self._database.reading() as db:
            return _last_step(db, run_id)

    def carry(self, run_id: str, decided: Mapping[int, Decision]) -> None:
        """What was decided before the run began: no step of it, so `undo` does not reach it."""
        with self._database.writing() as db:
            rows = [(run_id, index, decision) for index, decision in decided.items()]
            db.executemany("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)", rows)

    def undo(self, run_id: str) -> dict[int, Decision | None]:
        """Takes the last step back; what its images are decided on now. Empty when there is none."""
        with self._database.writing() as db:
            return _undo_step(db, run_id, _last_step(db, run_id))

    def follow(self, run_id: str, steps: Sequence[Step | Undo | UndoStep]) -> dict[int, Decision | None]:
        """Many steps in a row as one transaction, all or none. Returns what the last undo changed.

        Raises StoreError when there is no such run, LookupError when it has no such image.
        """
        restored: dict[int, Decision | None] = {}
        with self._database.writing() as db:
            total = _total(db, run_id)
            for step in steps:
                if isinstance(step, UndoStep):
                    number = _last_step(db, run_id, step.step) if step.or_earlier else step.step
                    restored = _undo_step(db, run_id, number)
                elif not 0 <= step.upload_index < total:
                    raise LookupError(f"run {run_id} has no image {step.upload_index}")
                elif isinstance(step, Undo):
                    restored = _undo(db, run_id, step)
                else:
                    _decide(db, run_id, {step.upload_index: step.decision})
        return restored

    def moved(self, run_id: str) -> dict[int, str]:
        """See Store."""
        with self._database.reading() as db:
            query = "SELECT upload_index, name FROM moved_by_hand WHERE run_id = ?"
            return dict(db.execute(query, (run_id,)).fetchall())

    def move(self, run_id: str, upload_index: int, name: str | None) -> None:
        """See Store. Raises StoreError when there is no such run, LookupError when it has no such image."""
        with self._database.writing() as db:
            if not 0 <= upload_index < _total(db, run_id):
                raise LookupError(f"run {run_id} has no image {upload_index}")
            if name is None:
                place = "run_id = ? AND upload_index = ?"
                db.execute(f"DELETE FROM moved_by_hand WHERE {place}", (run_id, upload_index))
            else:
                row = (run_id, upload_index, name)
                db.execute("INSERT OR REPLACE INTO moved_by_hand VALUES (?, ?, ?)", row)

    def judged_alike(self, run: Run) -> dict[str, tuple[float, Decision]]:
        """By content: margin and decision of every image decided on in this run, or in another that asked the
        same of the same judge; where they disagree, as the newest run has it.
        """
        heads = (
            "SELECT id, record FROM runs WHERE id IN (SELECT DISTINCT run_id FROM decisions) ORDER BY created"
        )
        decided = (
            "SELECT images.margin, decision, images.record FROM decisions "
            "JOIN images USING (run_id, upload_index) WHERE run_id = ? AND margin IS NOT NULL"
        )
        found: dict[str, tuple[float, Decision]] = {}
        with self._database.reading() as db:
            for run_id, record in db.execute(heads).fetchall():
                if run_id == run.id or _is_alike(record, run):
                    for margin, decision, row in db.execute(decided, (run_id,)):
                        found[unpack_scored(row, None, {}).sha256] = margin, decision
        return found

    def cutoff(self, run_id: str) -> Cutoff | None:
        """Raises StoreError when there is no such run."""
        with self._database.reading() as db:
            row = db.execute("SELECT cutoff FROM runs WHERE id = ?", (run_id,)).fetchone()
            if row is None:
                raise StoreError("store-no-run")
            return read_cutoff(row[0])

    def set_cutoff(self, run_id: str, cutoff: Cutoff | None) -> None:
        with self._database.writing() as db:
            done = db.execute("UPDATE runs SET cutoff = ? WHERE id = ?", (write_cutoff(cutoff), run_id))
            if not done.rowcount:
                raise StoreError("store-no-run")


def _is_alike(record: str, run: Run) -> bool:
    """Whether its margins mean the same: equal questions to the same judge. Not so for a damaged record."""
    try:
        other = read_run(record)
    except Damaged:
        return False
    pairs = [
        (one.question.sent, one.question.sent_not, one.request.mode, one.request.instruction, *_examples(one))
        for one in (other, run)
    ]
    return pairs[0] == pairs[1] and other.checkpoint_hash == run.checkpoint_hash != ""


def _examples(run: Run) -> tuple[str | None, str | None]:
    """By content."""
    like, unlike = run.request.like, run.request.unlike
    return like and like.sha256, unlike and unlike.sha256


def _total(db: sqlite3.Connection, run_id: str) -> int:
    row = db.execute("SELECT total FROM runs WHERE id = ?", (run_id,)).fetchone()
    if row is None:
        raise StoreError("store-no-run")
    return row[0]


def _decide(db: sqlite3.Connection, run_id: str, decided: Mapping[int, Decision | None]) -> int:
    query = "SELECT upload_index, decision FROM decisions WHERE run_id = ?"
    before: dict[int, Decision] = dict(db.execute(query, (run_id,)).fetchall())
    step = max(_last_step(db, run_id) + 1, time.time_ns() // 1000)
    changed: dict[int, Decision | None] = {
        index: decision for index, decision in decided.items() if before.get(index) != decision
    }
    steps = [(run_id, step, index, before.get(index)) for index in changed]
    db.executemany("INSERT INTO decision_steps VALUES (?, ?, ?, ?)", steps)
    made = [(run_id, index, decision) for index, decision in changed.items() if decision is not None]
    db.executemany("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)", made)
    gone = [(run_id, index) for index, decision in changed.items() if decision is None]
    db.executemany("DELETE FROM decisions WHERE run_id = ? AND upload_index = ?", gone)
    return step if changed else 0


def _undo(db: sqlite3.Connection, run_id: str, undo: Undo) -> dict[int, Decision | None]:
    index = undo.upload_index
    query = "SELECT decision FROM decisions WHERE run_id = ? AND upload_index = ?"
    row = db.execute(query, (run_id, index)).fetchone()
    led_to: Decision | None = row[0] if row else None
    query = "SELECT step, before FROM decision_steps WHERE run_id = ? AND upload_index = ? ORDER BY step DESC"
    steps: list[tuple[int, Decision | None]] = db.execute(query, (run_id, index)).fetchall()
    for step, before in steps:
        if (led_to, before) == (undo.made, undo.before):
            return _take_back(db, run_id, step, {index: before})
        led_to = before
    return {}


def _undo_step(db: sqlite3.Connection, run_id: str, step: int) -> dict[int, Decision | None]:
    query = "SELECT upload_index, before FROM decision_steps WHERE run_id = ? AND step = ?"
    return _take_back(db, run_id, step, dict(db.execute(query, (run_id, step)).fetchall()))


def _take_back(
    db: sqlite3.Connection, run_id: str, step: int, before: Mapping[int, Decision | None]
) -> dict[int, Decision | None]:
    """These images of a step leave it. One that was decided on again since stays as it is, and a later undo
    of that leads to where this step began.
    """
    restored: dict[int, Decision | None] = {}
    of_image = "decision_steps WHERE run_id = ? AND upload_index = ?"
    for index, decision in before.items():
        (later,) = db.execute(
            f"SELECT min(step) FROM {of_image} AND step > ?", (run_id, index, step)
        ).fetchone()
        if later:
            relink = "UPDATE decision_steps SET before = ? WHERE run_id = ? AND upload_index = ? AND step = ?"
            db.execute(relink, (decision, run_id, index, later))
        else:
            _set(db, run_id, index, decision)
            restored[index] = decision
        db.execute(f"DELETE FROM {of_image} AND step = ?", (run_id, index, step))
    return restored


def _last_step(db: sqlite3.Connection, run_id: str, at_most: int | None = None) -> int:
    query = "SELECT max(step) FROM decision_steps WHERE run_id = ?1 AND (?2 IS NULL OR step <= ?2)"
    return db.execute(query, (run_id, at_most)).fetchone()[0] or 0


def _set(db: sqlite3.Connection, run_id: str, index: int, decision: Decision | None) -> None:
    if decision is None:
        db.execute("DELETE FROM decisions WHERE run_id = ? AND upload_index = ?", (run_id, index))
    else:
        db.execute("INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)", (run_id, index, decision))
