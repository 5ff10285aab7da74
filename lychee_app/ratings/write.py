"""Writing what was planned, and taking it back byte for byte.

What each sidecar held before lies in a journal on the disk before the first of them is touched. A sidecar is
replaced whole, and only where it still holds what the plan saw: what another program wrote since stays.
"""

import base64
import hashlib
import json
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from lychee_app import decide
from lychee_app.decide.files import aside_of, problem_of, reserve
from lychee_app.errors import SidecarError, StoreError
from lychee_app.export import LeftOut
from lychee_app.ratings.plan import Change, Plan
from lychee_app.ratings.sidecars import read_regular
from lychee_app.reasons import Reason

_SUFFIX = ".ratings.ndjson"
"""JSON lines: first the run and how many sidecars, then one line for each."""


@dataclass(frozen=True)
class Written:
    """`journal` is None where nothing was written."""

    journal: Path | None
    changes: tuple[Change, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class Journal:
    """What can still be taken back."""

    path: Path
    run_id: str
    sidecars: int
    folder: Path
    """That all of them were written below."""


@dataclass(frozen=True)
class Undone:
    """What is again as it was. The rest stays in the journal."""

    sidecars: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


def write(plan: Plan, journal_folder: Path) -> Written:
    """Sidecar after sidecar; what fails is left out with a reason, and left as it was.

    Raises StoreError if the journal cannot be written: then nothing is touched.
    """
    if not plan.changes:
        return Written(None, (), plan.left_out)
    journal = journal_folder / f"{time.time_ns():020d}-{os.urandom(4).hex()}{_SUFFIX}"
    _keep(journal, plan.run_id, [_entry(change) for change in plan.changes])
    done: list[Change] = []
    left_out = list(plan.left_out)
    for change in plan.changes:
        problem = _exchange(change.sidecar, change.before, change.after)
        if problem is None:
            done.append(change)
        else:
            left_out.append(LeftOut(change.upload_index, change.sidecar.name, problem))
    if len(done) < len(plan.changes):
        _keep(journal, plan.run_id, [_entry(change) for change in done])
    return Written(journal if done else None, tuple(done), tuple(left_out))


def undo(journal: Path) -> Undone:
    """Gives every sidecar what it held before, and removes those that were new.

    One that was moved with its image since is found where it is now. One that was changed since, or is gone
    from beside its image, is somebody else's matter for good. What the system refuses stays in the journal
    for another try, and so does one whose image is gone too, as on a disk that was unplugged. Raises
    StoreError: the journal cannot be read or written.
    """
    back: list[Path] = []
    left_out: list[LeftOut] = []
    again: list[dict[str, Any]] = []
    moved = {
        Path(os.path.realpath(step.source)): step.target
        for done in decide.journals(journal.parent)
        if done.action == "move"
        for step in done.steps
    }
    head, *entries = _lines(journal)
    for entry in entries:
        sidecar, before = _place_now(Path(entry["sidecar"]), moved), _bytes(entry["before"])
        image = _place_now(Path(entry.get("image", sidecar.parent)), moved)
        is_away = not sidecar.exists() and not image.exists()
        problem = Reason.of("away") if is_away else _take_back(sidecar, before, entry["sha256"])
        if problem is None:
            back.append(sidecar)
            continue
        left_out.append(LeftOut(entry["upload_index"], sidecar.name, problem))
        if problem.code not in {"changed-stays", "sidecar-gone"}:
            again.append(entry)
    _keep(journal, head["run_id"], again)
    return Undone(tuple(back), tuple(left_out))


def journals(folder: Path) -> list[Journal]:
    """Everything that can still be taken back, newest first."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}"), reverse=True):
        try:
            (head,) = _lines(path, 1)
        except StoreError:
            continue
        found.append(Journal(path, head["run_id"], head["sidecars"], Path(head.get("folder", ""))))
    return found


def _entry(change: Change) -> dict[str, Any]:
    return {
        "upload_index": change.upload_index,
        "image": str(change.image),
        "sidecar": str(change.sidecar),
        "before": None if change.before is None else base64.b64encode(change.before).decode(),
        "sha256": hashlib.sha256(change.after).hexdigest(),
    }


def _keep(journal: Path, run_id: str, entries: list[dict[str, Any]]) -> None:
    """The journal with these entries, whole on the disk; without any it goes. Raises StoreError."""
    aside = aside_of(journal)
    try:
        if not entries:
            journal.unlink(missing_ok=True)
            return
        folder = os.path.commonpath([os.path.dirname(entry["sidecar"]) for entry in entries])
        head = {"run_id": run_id, "sidecars": len(entries), "folder": folder}
        journal.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with aside.open("x", encoding="ascii") as file:
            file.writelines(json.dumps(line) + "\n" for line in (head, *entries))
            file.flush()
            os.fsync(file.fileno())
        os.replace(aside, journal)
    except OSError as error:
        detail = error.strerror or str(error)
        raise StoreError("ratings-journal", path=str(journal), detail=detail) from error
    finally:
        with suppress(OSError):
            aside.unlink(missing_ok=True)


def _lines(journal: Path, most: int | None = None) -> list[dict[str, Any]]:
    """The head, and the sidecars after it. Raises StoreError."""
    try:
        with journal.open(encoding="ascii") as file:
            lines = [json.loads(line) for line in islice(file, most)]
        if not lines or not lines[0]["run_id"]:
            raise ValueError("it tells of no run")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError("journal-unreadable", path=str(journal), detail=str(error)) from error
    return lines


def _place_now(file: Path, moved: Mapping[Path, Path]) -> Path:
    """Where it is, if it was moved since, however often."""
    place, seen = file, set[Path]()
    while not place.exists() and place in moved and place not in seen:
        seen.add(place)
        place = moved[place]
    return place if place.exists() else file


def _bytes(kept: str | None) -> bytes | None:
    return None if kept is None else base64.b64decode(kept)


def _exchange(sidecar: Path, before: bytes | None, after: bytes) -> Reason | None:
    """None, or why not; then the sidecar is as it was."""
    aside = aside_of(sidecar)
    try:
        with aside.open("xb") as file:
            file.write(after)
        if before is None:
            reserve(sidecar)  # fails where there is one by now
            os.replace(aside, sidecar)
        elif read_regular(sidecar) != before:
            return Reason.of("sidecar-changed")
        else:
            os.chmod(aside, sidecar.stat().st_mode & 0o7777)
            os.replace(aside, sidecar)
    except SidecarError as error:
        return error.reason
    except OSError as error:
        return problem_of(error)
    finally:
        aside.unlink(missing_ok=True)
    return None


def _take_back(sidecar: Path, before: bytes | None, sha256: str) -> Reason | None:
    try:
        there = read_regular(sidecar) if sidecar.exists() else None
        if there == before:
            return None
        is_reserved = before is None and there == b""  # writing was cut off
        if there is None or not (is_reserved or hashlib.sha256(there).hexdigest() == sha256):
            return Reason.of("sidecar-gone") if there is None else Reason.of("changed-stays")
        if before is not None:
            return _exchange(sidecar, there, before)
        sidecar.unlink()
    except SidecarError as error:
        return error.reason
    except OSError as error:
        return problem_of(error)
    return None
