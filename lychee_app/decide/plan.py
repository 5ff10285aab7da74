"""What would be copied or moved where. Changes nothing."""

import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lychee_app import ranking
from lychee_app.decide.files import sha256_of
from lychee_app.errors import UsageError
from lychee_app.export import LeftOut
from lychee_app.export.names import MAX_BYTES, folded, unique_name
from lychee_app.packed import light
from lychee_app.reasons import Reason
from lychee_app.records import Run, Scored, Source

Action = Literal["copy", "move"]
THERE = "there-already"
"""The code of what a copy passes over because it was made before."""


@dataclass(frozen=True)
class Step:
    """One file: an image, or one of its companions, which follow it. `sha256` is that of the scored bytes, ""
    where they were not.
    """

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

    @property
    def within(self) -> list[Path]:
        """The folders in `folder` that files go to."""
        return [
            goal for goal in dict.fromkeys(step.target.parent for step in self.steps) if goal != self.folder
        ]


def plan(
    run: Run,
    chosen: Collection[int],
    sources: Iterable[tuple[int, Source]],
    folder: Path,
    action: Action,
    *,
    under: Mapping[int, str] | None = None,
) -> Plan:
    """Plans for the images of those upload indexes, best first. Names in use get a number: "name (2).jpg".

    What is to be copied and lies there already, by name and to the last byte, is passed over. The folder
    may be missing, its parent may not. under: by upload index, the folder within it that an image goes to.
    Raises UsageError if a folder cannot be used.
    """
    folder = usable(folder)
    by_index = dict(sources)
    goals = {index: _within(folder, under[index]) if under else folder for index in chosen}
    taken = {goal: _names_in(goal) for goal in goals.values()}
    steps: list[Step] = []
    left_out: list[LeftOut] = []
    planned: set[Path] = set()
    for row in (place.scored for place in ranking.chosen(light(run.images), chosen)):
        source, goal = by_index.get(row.upload_index), goals[row.upload_index]
        found = _fit(row, source, goal, action, planned)
        if isinstance(found, LeftOut):
            left_out.append(found)
            continue
        files = [found]
        for path in map(Path, map(os.path.abspath, source.companions if source else ())):
            problem = _problem(path, goal, action, planned)
            if problem is None:
                files.append(path)
            elif problem.code != "missing":  # what is gone was not promised
                left_out.append(LeftOut(row.upload_index, path.name, problem))
        names = _names(files, taken[goal])
        if action == "copy":
            files, names = _lacking(files, names, goal, taken[goal])
            if not files:
                left_out.append(LeftOut(row.upload_index, row.name, Reason.of(THERE)))
        for path, name in zip(files, names, strict=True):
            taken[goal].add(folded(name))
            planned.add(path)
            steps.append(Step(row.upload_index, path, goal / name, row.sha256 if path == found else ""))
    size_bytes = _needed_bytes(steps, folder, action)
    return Plan(run.id, action, folder, tuple(steps), tuple(left_out), size_bytes)


def usable(folder: Path) -> Path:
    """The folder, absolute. It may be missing, its parent may not. Raises UsageError."""
    if not str(folder).strip() or folder == Path():
        raise UsageError("target-none")
    folder = Path(os.path.realpath(os.path.expanduser(folder)))
    if folder.exists() and not folder.is_dir():
        raise UsageError("target-file", path=str(folder))
    if not folder.exists() and not folder.parent.is_dir():
        raise UsageError("target-parent", path=str(folder.parent))
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK | os.X_OK):
        raise UsageError("target-read-only", path=str(folder))
    return folder


def _within(folder: Path, name: str) -> Path:
    """Raises UsageError."""
    goal = folder / name
    return usable(goal) if os.path.lexists(goal) else goal


def _names_in(folder: Path) -> set[str]:
    return {folded(name) for name in os.listdir(folder)} if folder.is_dir() else set()


def _fit(
    row: Scored, source: Source | None, folder: Path, action: Action, planned: Collection[Path]
) -> Path | LeftOut:
    """The file to take, or why it is left alone."""
    if source is None or source.path is None or source.private:
        return LeftOut(row.upload_index, row.name, Reason.of("uploaded"))
    path = Path(os.path.abspath(source.path))
    problem = _problem(path, folder, action, planned)
    return LeftOut(row.upload_index, row.name, problem) if problem else path


def _lacking(
    files: list[Path], free: list[str], folder: Path, taken: Collection[str]
) -> tuple[list[Path], list[str]]:
    """Those files of a shot that no earlier copy of it in the folder has, and their names there. free: the
    names of a copy of its own.
    """
    tried: set[str] = set()
    while (names := _names(files, tried)) != free and folded(names[0]) in taken:
        new = [(path, name) for path, name in zip(files, names, strict=True) if folded(name) not in taken]
        there = [(path, name) for path, name in zip(files, names, strict=True) if folded(name) in taken]
        if all(_same_bytes(path, folder / name) for path, name in there):
            return [path for path, _ in new], [name for _, name in new]
        tried.update(map(folded, names))
    return files, free


def _same_bytes(one: Path, other: Path) -> bool:
    try:
        return one.stat().st_size == other.stat().st_size and sha256_of(one) == sha256_of(other)
    except OSError:  # another spelling of its name, or no file
        return False


def _names(files: Sequence[Path], taken: Collection[str]) -> list[str]:
    """Free names for the files of a shot, numbered alike, so that they still belong together."""
    names, stem = [path.name for path in files], files[0].stem
    if len(names) == 1:
        return [unique_name(names[0], taken)]
    marks = ("", *(f" ({number})" for number in range(2, len(taken) + 3)))
    for mark in marks:
        marked = [
            f"{stem}{mark}{name[len(stem) :]}" if folded(name).startswith(folded(stem)) else name
            for name in names
        ]
        if not any(folded(name) in taken or len(os.fsencode(name)) > MAX_BYTES for name in marked):
            return marked
    free: list[str] = []  # too long for a number, or not of one stem
    for name in names:
        free.append(unique_name(name, {*taken, *map(folded, free)}))
    return free


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
