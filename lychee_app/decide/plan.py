"""What would be copied or moved where. Changes nothing."""

import os
import shutil
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lychee_app import ranking
from lychee_app.errors import UsageError
from lychee_app.export import LeftOut
from lychee_app.export.names import folded, unique_name
from lychee_app.reasons import Reason
from lychee_app.records import Run, Scored, Source

Action = Literal["copy", "move"]


@dataclass(frozen=True)
class Step:
    """One file. `sha256` is that of the scored bytes, "" if they were never read."""

    upload_index: int
    source: Path
    target: Path
    sha256: str


@dataclass(frozen=True)
class Plan:
    """`left_out` says for every chosen image without a step why it has none."""

    run_id: str
    action: Action
    folder: Path
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...]
    size_bytes: int


def plan(
    run: Run,
    chosen: Collection[int],
    sources: Iterable[tuple[int, Source]],
    folder: Path,
    action: Action,
) -> Plan:
    """Plans for the images of those upload indexes, best first. Names in use get a number: "name (2).jpg".

    The folder may be missing, its parent may not. Raises UsageError if the folder cannot be used.
    """
    folder = _usable(folder)
    by_index = dict(sources)
    taken = {folded(name) for name in os.listdir(folder)} if folder.is_dir() else set()
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    for row in (place.scored for place in ranking.chosen(run.images, chosen)):
        found = _fit(row, by_index.get(row.upload_index), folder, action, {step.source for step in steps})
        if isinstance(found, LeftOut):
            left_out.append(found)
            continue
        name = unique_name(found.name, taken)
        taken.add(folded(name))
        steps.append(Step(row.upload_index, found, folder / name, row.sha256))
    size_bytes = _needed_bytes(steps, folder, action)
    return Plan(run.id, action, folder, tuple(steps), tuple(left_out), size_bytes)


def _usable(folder: Path) -> Path:
    """The folder, absolute. Raises UsageError."""
    if not str(folder).strip() or folder == Path():
        raise UsageError("target-none")
    folder = Path(os.path.realpath(folder.expanduser()))
    if folder.exists() and not folder.is_dir():
        raise UsageError("target-file", path=str(folder))
    if not folder.exists() and not folder.parent.is_dir():
        raise UsageError("target-parent", path=str(folder.parent))
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK | os.X_OK):
        raise UsageError("target-read-only", path=str(folder))
    return folder


def _fit(
    row: Scored, source: Source | None, folder: Path, action: Action, planned: Collection[Path]
) -> Path | LeftOut:
    """The file to take, or why it is left alone."""
    if source is None or source.path is None or source.private:
        return LeftOut(row.upload_index, row.name, Reason.of("uploaded"))
    path = Path(os.path.abspath(source.path))
    problem = _problem(path, folder, action, planned)
    return LeftOut(row.upload_index, row.name, problem) if problem else path


def _problem(path: Path, folder: Path, action: Action, planned: Collection[Path]) -> Reason | None:
    if action == "move" and path.is_symlink():
        return Reason.of("link")
    if not path.exists():
        return Reason.of("missing")
    if not path.is_file():
        return Reason.of("not-a-file")
    if os.path.realpath(path.parent) == str(folder):
        return Reason.of("same-folder")
    if path in planned:
        return Reason.of("twice")
    return None


def _needed_bytes(steps: Iterable[Step], folder: Path, action: Action) -> int:
    """Bytes that the folder's disk must have room for. Raises UsageError if it has not."""
    parent = folder if folder.exists() else folder.parent
    disk = parent.stat().st_dev
    files = [step.source.stat() for step in steps]
    needed = sum(file.st_size for file in files if action == "copy" or file.st_dev != disk)
    free = shutil.disk_usage(parent).free
    if needed > free:
        raise UsageError("target-full", megabytes=needed / 1e6, path=str(folder), free=free / 1e6)
    return sum(file.st_size for file in files)
