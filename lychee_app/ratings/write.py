"""Writing what was planned, and taking it back byte for byte.

What each held before lies in a journal on the disk before the first of them is touched. A file is replaced
whole, and only where it still holds what the plan saw: what another program wrote since stays. Of the
processes of one data folder one writes at a time: two that find a file as it was must not both replace it. An
image that got stars inside is another file by its bytes: the store is told, now or when the data folder is
next opened.
"""

import base64
import hashlib
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from lychee_app import decide
from lychee_app.decide.files import aside_of, problem_of, reserve
from lychee_app.errors import SidecarError, StoreError
from lychee_app.export import LeftOut
from lychee_app.packed import Rows, light
from lychee_app.ratings import jpeg
from lychee_app.ratings.packet import read
from lychee_app.ratings.plan import Change, Inside, Plan
from lychee_app.ratings.sidecars import read_regular, refuse_protected
from lychee_app.reasons import Reason
from lychee_app.records import Run
from lychee_app.store import Rewritten, Store

_SUFFIX = ".ratings.ndjson"
"""JSON lines: first the run and how many files, then one line for each."""


@dataclass(frozen=True)
class Written:
    """`journal` is None where nothing was written."""

    journal: Path | None
    changes: tuple[Change, ...]
    left_out: tuple[LeftOut, ...]
    rewritten: tuple[Rewritten, ...] = ()

    def of(self, run: Run) -> Run:
        """The run, with its images as they are now; without thumbnails where those would have to be read."""
        if not self.rewritten:
            return run
        now = {(one.before, str(one.path)): one for one in self.rewritten}
        changed = (
            one.of(row) if (one := now.get((row.sha256, os.path.realpath(row.path or "")))) else row
            for row in light(run.images)
        )
        return replace(run, images=Rows(changed))


@dataclass(frozen=True)
class Journal:
    """What can still be taken back."""

    path: Path
    run_id: str
    sidecars: int
    folder: Path
    """That all of them were written below."""
    images: int = 0
    """That were changed themselves."""
    tried: bool = False
    """What is in it was left by an attempt to take it back."""


@dataclass(frozen=True)
class Undone:
    """What is again as it was. The rest stays in the journal."""

    sidecars: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    images: tuple[Path, ...] = ()


def write(plan: Plan, journal_folder: Path, store: Store | None = None) -> Written:
    """File after file; what fails is left out with a reason, and left as it was. store: is told which images
    are other bytes now; to be given where any is to change.

    Raises StoreError if the journal cannot be written: then nothing is touched.
    """
    if not plan.changes:
        return Written(None, (), plan.left_out)
    with _alone(journal_folder):
        return _write(plan, journal_folder, store)


def _write(plan: Plan, journal_folder: Path, store: Store | None) -> Written:
    journal = journal_folder / f"{time.time_ns():020d}-{os.urandom(4).hex()}{_SUFFIX}"
    entries = [_entry(change) for change in plan.changes]
    _keep(journal, plan.run_id, entries)
    done: list[Change] = []
    kept: list[dict[str, Any]] = []
    rewritten: list[Rewritten] = []
    left_out = list(plan.left_out)
    for change, entry in zip(plan.changes, entries, strict=True):
        aside = _aside(entry)
        if change.inside:
            problem = _embed(change, change.inside, aside)
        else:
            problem = _exchange(change.sidecar, change.before, change.after, aside)
        if isinstance(problem, Reason):
            left_out.append(LeftOut(change.upload_index, change.sidecar.name, problem))
            continue
        done.append(change)
        kept.append(entry)
        if problem:
            rewritten.append(problem)
    if store and rewritten:
        store.rewrite(rewritten)
    if len(done) < len(plan.changes) or rewritten:
        with suppress(StoreError):  # the one that stands tells of all that was done, and of more
            _keep(journal, plan.run_id, kept, is_noted=store is not None)
    return Written(journal if done else None, tuple(done), tuple(left_out), tuple(rewritten))


def undo(journal: Path, store: Store | None = None) -> Undone:
    """Gives every file what it held before, and removes sidecars that were new.

    One that was moved with its image since is found where it is now. One that was changed since, or is gone
    from beside its image, is somebody else's matter for good, unless a later journal tells of it, which is to
    be taken back first. What the system refuses stays in the journal for another try, and so does one whose
    image is gone too, as on a disk that was unplugged. store: as in `write`. Raises StoreError: the journal
    cannot be read or written.
    """
    with _alone(journal.parent):
        return _undo(journal, store)


def _undo(journal: Path, store: Store | None) -> Undone:
    back: list[Path] = []
    images: list[Path] = []
    left_out: list[LeftOut] = []
    again: list[dict[str, Any]] = []
    rewritten: list[Rewritten] = []
    moved = _moved(journal.parent)
    head, *entries = _lines(journal)
    later: set[str] | None = None
    _clear(entries)
    if any("splices" in entry for entry in entries):
        tried = head.get("tried", False)
        _keep(journal, head["run_id"], entries, is_tried=tried)  # is this cut off, the store is to be told
    for entry in entries:
        sidecar = _place_now(Path(entry["sidecar"]), moved)
        image = _place_now(Path(entry.get("image", sidecar.parent)), moved)
        if not sidecar.exists() and not image.exists():
            problem = Reason.of("away")
        elif "splices" in entry:
            problem = _extract(sidecar, entry)
        else:
            problem = _take_back(sidecar, entry)
        if isinstance(problem, Reason) and problem.code == "changed-stays":
            later = _later(journal) if later is None else later
            problem = Reason.of("later-first") if later & {entry["sidecar"], str(sidecar)} else problem
        if isinstance(problem, Rewritten):
            rewritten.append(problem)
            images.append(sidecar)
        elif problem is None:
            back.append(sidecar)
        else:
            left_out.append(LeftOut(entry["upload_index"], sidecar.name, problem))
            if problem.code not in {"changed-stays", "sidecar-gone"}:
                again.append(entry)
    if store and rewritten:
        store.rewrite(rewritten)
    _keep(journal, head["run_id"], again, is_noted=store is not None, is_tried=True)
    return Undone(tuple(back), tuple(left_out), tuple(images))


def recover(store: Store) -> None:
    """Tells the store of images that got stars, or lost them again, where a crash came before it was told."""
    if not journals(store.moves_folder):
        return
    with suppress(StoreError), _alone(store.moves_folder, wait=False):  # who is at it will tell it
        moved = None
        for one in journals(store.moves_folder):
            if not one.images:
                continue
            with suppress(StoreError):
                head, *entries = _lines(one.path)
                if head.get("noted"):
                    continue
                _clear(entries)
                moved = moved if moved is not None else _moved(store.moves_folder)
                found = [_as_it_is(_place_now(Path(each["sidecar"]), moved), each) for each in entries]
                store.rewrite([each for each in found if each])
                _keep(one.path, head["run_id"], entries, is_noted=True, is_tried=one.tried)


def journals(folder: Path) -> list[Journal]:
    """Everything that can still be taken back, newest first."""
    found = []
    for path in sorted(folder.glob(f"*{_SUFFIX}"), reverse=True):
        try:
            (head,) = _lines(path, 1)
        except StoreError:
            continue
        images = head.get("images", 0)
        count = head["sidecars"] - images
        folder, tried = Path(head.get("folder", "")), head.get("tried", False)
        found.append(Journal(path, head["run_id"], count, folder, images, tried))
    return found


@contextmanager
def _alone(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """No other process, and no other thread, writes or takes back meanwhile. Raises StoreError: that cannot
    be had, or not without waiting."""
    from filelock import FileLock, Timeout  # it brings asyncio along, and most commands write nothing

    path = folder / "ratings.lock"
    lock = FileLock(path)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock.acquire(timeout=-1 if wait else 0)
    except (OSError, NotImplementedError, Timeout) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise StoreError("ratings-journal", path=str(path), detail=detail) from error
    try:
        yield
    finally:
        lock.release()


def _later(journal: Path) -> set[str]:
    """What journals tell of that were begun after this one."""
    found: set[str] = set()
    for one in journals(journal.parent):
        if one.path.name > journal.name:
            with suppress(StoreError):
                found.update(entry["sidecar"] for entry in _lines(one.path)[1:])
    return found


def _aside(entry: Mapping[str, Any]) -> Path:
    """Where it is written before it takes its place. Journals of before did not say."""
    sidecar = Path(entry["sidecar"])
    return sidecar.with_name(entry["aside"]) if "aside" in entry else aside_of(sidecar)


def _clear(entries: Sequence[Mapping[str, Any]]) -> None:
    """Removes what was half written when a process was ended."""
    for entry in entries:
        with suppress(OSError):
            _aside(entry).unlink()


def _moved(folder: Path) -> dict[Path, Path]:
    """Where files were that have been moved since, and where they went."""
    return {
        Path(os.path.realpath(step.source)): step.target
        for done in decide.journals(folder)
        if done.action == "move"
        for step in done.steps
    }


def _entry(change: Change) -> dict[str, Any]:
    named: dict[str, Any] = {
        "upload_index": change.upload_index,
        "image": str(change.image),
        "sidecar": str(change.sidecar),
        "aside": aside_of(change.sidecar).name,
    }
    with suppress(OSError):
        named["changed_ns"] = change.sidecar.stat().st_mtime_ns
    if change.inside:
        changed = [[splice.at, _text(splice.old), _text(splice.new)] for splice in change.inside.splices]
        return {**named, "image_sha256": change.inside.sha256, "splices": changed}
    return {
        **named,
        "before": None if change.before is None else _text(change.before),
        "sha256": _sha256(change.after),
    }


def _keep(
    journal: Path,
    run_id: str,
    entries: list[dict[str, Any]],
    *,
    is_noted: bool = False,
    is_tried: bool = False,
) -> None:
    """The journal with these entries, whole on the disk; without any it goes. is_noted: the store knows of
    the images that are other bytes now; is_tried: see Journal. Raises StoreError."""
    aside = aside_of(journal)
    try:
        if not entries:
            journal.unlink(missing_ok=True)
            return
        folder = os.path.commonpath([os.path.dirname(entry["sidecar"]) for entry in entries])
        images = sum("splices" in entry for entry in entries)
        told = {"images": images, "noted": is_noted} if images else {}
        told |= {"tried": True} if is_tried else {}
        head = {"run_id": run_id, "sidecars": len(entries), "folder": folder, **told}
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
        for entry in lines[1:]:
            _check(entry)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StoreError("journal-unreadable", path=str(journal), detail=str(error)) from error
    return lines


def _check(entry: dict[str, Any]) -> None:
    """Raises ValueError, KeyError or TypeError for what does not tell all that an undo needs."""
    is_inside = "splices" in entry
    known = entry["image_sha256" if is_inside else "sha256"]
    texts = [known, entry["sidecar"], entry.get("image", ""), entry.get("aside", "")]
    if not all(isinstance(text, str) for text in texts) or not isinstance(entry["upload_index"], int):
        raise ValueError(f"{texts} are no names")
    _aside(entry)
    if is_inside:
        _splices(entry)
    else:
        _bytes(entry["before"])


def _place_now(file: Path, moved: Mapping[Path, Path]) -> Path:
    """Where it is, if it was moved since, however often."""
    place, seen = file, set[Path]()
    while not place.exists() and place in moved and place not in seen:
        seen.add(place)
        place = moved[place]
    return place if place.exists() else file


def _text(held: bytes) -> str:
    return base64.b64encode(held).decode()


def _bytes(kept: str | None) -> bytes | None:
    return None if kept is None else base64.b64decode(kept)


def _splices(entry: Mapping[str, Any]) -> tuple[jpeg.Splice, ...]:
    return tuple(
        jpeg.Splice(at, base64.b64decode(old), base64.b64decode(new)) for at, old, new in entry["splices"]
    )


def _embed(change: Change, inside: Inside, aside: Path) -> Rewritten | Reason:
    """The image with its new packet, or why not; then it is as it was."""
    try:
        data = read_regular(change.sidecar)
        after = jpeg.spliced(data, inside.splices)
        if _sha256(data) != inside.sha256 or after is None:
            return Reason.of("changed-since")
        _replace(change.sidecar, after, aside)
    except SidecarError as error:
        return error.reason
    except OSError as error:
        return problem_of(error)
    return Rewritten(change.sidecar, inside.sha256, _sha256(after), read(change.after).stars)


def _extract(image: Path, entry: Mapping[str, Any]) -> Rewritten | Reason:
    """The image as it was, to the last byte, or why not."""
    try:
        data, splices, known = read_regular(image), _splices(entry), entry["image_sha256"]
        if (sha256 := _sha256(data)) != known:
            before = jpeg.spliced(data, jpeg.backwards(splices))
            if before is None or _sha256(before) != known:
                return Reason.of("changed-stays")
            _replace(image, before, _beside(image, entry), entry.get("changed_ns"))
        elif after := jpeg.spliced(data, splices):  # it was so already
            sha256 = _sha256(after)
    except FileNotFoundError:
        return Reason.of("sidecar-gone")
    except SidecarError as error:
        return error.reason
    except OSError as error:
        return problem_of(error)
    return Rewritten(image, sha256, known, _stars(image))


def _as_it_is(image: Path, entry: Mapping[str, Any]) -> Rewritten | None:
    """Which of the two it holds now, and which the store may think it does; None where it is neither."""
    try:
        data, splices = read_regular(image), _splices(entry)
        known = entry["image_sha256"]
        if (sha256 := _sha256(data)) == known:
            other = jpeg.spliced(data, splices)
            return None if other is None else Rewritten(image, _sha256(other), known, _stars(image))
        before = jpeg.spliced(data, jpeg.backwards(splices))
        if before is None or _sha256(before) != known:
            return None
        return Rewritten(image, known, sha256, _stars(image))
    except (OSError, SidecarError):
        return None


def _stars(image: Path) -> int | None:
    head = jpeg.head(image)
    return read(head.packet).stars if head and head.packet is not None else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _beside(file: Path, entry: Mapping[str, Any]) -> Path:
    """Its aside; of one that was moved since beside where it is now."""
    return file.with_name(_aside(entry).name)


def _replace(file: Path, data: bytes, aside: Path, changed_ns: int | None = None) -> None:
    """All of it at once, on the disk before the old goes. `changed_ns`: see _dress. Raises OSError, also for
    a file that may not be written: a new one in its place would get around that."""
    refuse_protected(file)
    try:
        with aside.open("xb") as new:
            new.write(data)
            new.flush()
            os.fsync(new.fileno())
        _dress(aside, file, changed_ns)
        os.replace(aside, file)
    finally:
        aside.unlink(missing_ok=True)


def _dress(aside: Path, file: Path, changed_ns: int | None) -> None:
    """Gives it the mode and attributes of the file, and owner and group where the system lets us.
    `changed_ns` is when it was last changed, in nanoseconds since 1970, now where it is None. Raises
    OSError."""
    held = file.stat()
    for user, group in ((-1, held.st_gid), (held.st_uid, -1)):
        with suppress(OSError, AttributeError):  # Windows has no such call
            os.chown(aside, user, group)
    shutil.copystat(file, aside)  # last: a new owner takes some of the mode away
    if changed_ns is None:
        os.utime(aside)
    else:
        os.utime(aside, ns=(held.st_atime_ns, changed_ns))


def _exchange(
    sidecar: Path, before: bytes | None, after: bytes, aside: Path, changed_ns: int | None = None
) -> Reason | None:
    """None, or why not; then the sidecar is as it was."""
    try:
        if before is not None:
            refuse_protected(sidecar)
        with aside.open("xb") as file:
            file.write(after)
        if before is None:
            reserve(sidecar)  # fails where there is one by now
            os.replace(aside, sidecar)
        elif read_regular(sidecar) != before:
            return Reason.of("sidecar-changed")
        else:
            _dress(aside, sidecar, changed_ns)
            os.replace(aside, sidecar)
    except SidecarError as error:
        return error.reason
    except OSError as error:
        return problem_of(error)
    finally:
        aside.unlink(missing_ok=True)
    return None


def _take_back(sidecar: Path, entry: Mapping[str, Any]) -> Reason | None:
    before = _bytes(entry["before"])
    try:
        there = read_regular(sidecar) if sidecar.exists() else None
        if there == before:
            return None
        is_reserved = before is None and there == b""  # writing was cut off
        if there is None or not (is_reserved or _sha256(there) == entry["sha256"]):
            return Reason.of("sidecar-gone") if there is None else Reason.of("changed-stays")
        if before is not None:
            return _exchange(sidecar, there, before, _beside(sidecar, entry), entry.get("changed_ns"))
        sidecar.unlink()
    except SidecarError as error:
        return error.reason
    except OSError as error:
        return problem_of(error)
    return None
