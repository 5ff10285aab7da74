"""What was done to which file, written down before it is done.

JSON lines: first the plan's head, then one line per file, at last {"finished": true}. Only files whose target
this process made itself are in it, so everything in it is safe to take back.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from lychee_app.decide.files import aside_of
from lychee_app.decide.plan import Action, Plan, Step
from lychee_app.errors import StoreError
from lychee_app.export import LeftOut


@dataclass(frozen=True)
class Done:
    """What was carried out. `finished` is False where it was cut off; `made_folder`: the folder was new;
    `made_within`: names of those within it that were."""

    journal: Path
    run_id: str
    action: Action
    folder: Path
    steps: tuple[Step, ...]
    left_out: tuple[LeftOut, ...] = ()
    finished: bool = True
    made_folder: bool = False
    made_within: tuple[str, ...] = ()

    @property
    def moved(self) -> dict[Path, Path]:
        """Where each file was -> where it is now."""
        return {step.source: step.target for step in self.steps}


class Journal:
    """An open journal. Each line is on disk before `step` returns."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def step(self, step: Step, aside: Path) -> None:
        paths = {"source": str(step.source), "target": str(step.target), "aside": str(aside)}
        self.write({"upload_index": step.upload_index, "sha256": step.sha256, **paths})

    def failed(self, step: Step) -> None:
        """The step was taken back at once: its target is nobody's any more."""
        self.write({"failed": step.upload_index, "source": str(step.source)})

    def write(self, line: dict[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@contextmanager
def new_journal(
    folder: Path, plan: Plan, made_folder: bool, made_within: Sequence[str] = ()
) -> Iterator[tuple[Path, Journal]]:
    """Raises StoreError if the journal cannot be written: then nothing more is touched."""
    path = folder / f"{time.time_ns():020d}-{os.urandom(4).hex()}.jsonl"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("x", encoding="ascii") as file:
            journal = Journal(file)
            journal.write(_head(plan, made_folder, made_within))
            yield path, journal
            journal.write({"finished": True})
    except OSError as error:
        detail = error.strerror or str(error)
        raise StoreError("journal-unwritable", path=str(path), detail=detail) from error


def read_journal(path: Path) -> tuple[Done, dict[Path, Path]]:
    """What was begun, and the aside file of each target. A last line cut off by a crash was not begun.

    Raises StoreError.
    """
    try:
        lines = list(_lines(path))
        failed = {(line["failed"], line.get("source")) for line in lines if "failed" in line}
        begun = [line for line in lines if "upload_index" in line]
        # A failure without a source was written when an image was always one file.
        rest = [line for line in begun if failed.isdisjoint(_named(line))]
        head = lines[0]
        done = Done(
            journal=path,
            run_id=head["run_id"],
            action=head["action"],
            folder=Path(head["folder"]),
            steps=tuple(_step(line) for line in rest),
            finished="finished" in lines[-1],
            made_folder=head["made_folder"],
            made_within=tuple(head.get("made_within", ())),
        )
    except (OSError, IndexError, KeyError, ValueError) as error:
        raise StoreError("journal-unreadable", path=str(path), detail=str(error)) from error
    return done, {Path(line["target"]): Path(line["aside"]) for line in rest}


def journals(folder: Path) -> list[Done]:
    """Everything that can still be undone, newest first."""
    found = []
    for path in sorted(folder.glob("*.jsonl"), reverse=True):
        with suppress(StoreError):
            if (done := read_journal(path)[0]).steps:
                found.append(done)
    return found


def forget(journal: Path) -> None:
    """What it tells of can no longer be undone."""
    journal.unlink(missing_ok=True)


def shorten(done: Done, asides: Mapping[Path, Path]) -> None:
    """The journal with these steps alone, whole on the disk. Raises StoreError; then it is as it was."""
    aside = aside_of(done.journal)
    try:
        with aside.open("x", encoding="ascii") as file:
            journal = Journal(file)
            journal.write(_head(done, done.made_folder, done.made_within))
            for step in done.steps:
                journal.step(step, asides[step.target])
            if done.finished:
                journal.write({"finished": True})
        os.replace(aside, done.journal)
    except OSError as error:
        aside.unlink(missing_ok=True)
        detail = error.strerror or str(error)
        raise StoreError("journal-unwritable", path=str(done.journal), detail=detail) from error


def _head(planned: Plan | Done, made_folder: bool, made_within: Sequence[str]) -> dict[str, Any]:
    head = {"run_id": planned.run_id, "action": planned.action, "folder": str(planned.folder)}
    return {**head, "made_folder": made_folder, "made_within": list(made_within)}


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for text in path.read_text(encoding="ascii").splitlines(keepends=True):
        if text.endswith("\n"):
            if not isinstance(line := json.loads(text), dict):
                raise ValueError(f"{text!r} is no line of a journal")
            yield line


def _named(line: dict[str, Any]) -> set[tuple[int, str | None]]:
    return {(line["upload_index"], line["source"]), (line["upload_index"], None)}


def _step(line: dict[str, Any]) -> Step:
    return Step(line["upload_index"], Path(line["source"]), Path(line["target"]), line["sha256"])
