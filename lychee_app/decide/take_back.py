"""Taking back what a journal tells of, whether it came to its end or was cut off.

Goes by what is on disk, not by what should be. Nothing is overwritten, and a file is removed only where the
same bytes are at the place it came from.
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from lychee_app.decide.files import aside_of, is_empty, problem_of, put, reserve, sha256_of
from lychee_app.decide.journal import forget, read_journal, shorten
from lychee_app.decide.plan import Action, Step
from lychee_app.export import LeftOut
from lychee_app.reasons import Reason


@dataclass(frozen=True)
class Undone:
    """`steps` were taken back now; `there` needed nothing: an undo was cut off, or somebody removed the copy.
    What could not be taken back is in `left_out`, and in the journal."""

    steps: tuple[Step, ...]
    there: tuple[Step, ...]
    left_out: tuple[LeftOut, ...]

    @property
    def moved(self) -> dict[Path, Path]:
        """Where each file was -> where it is again."""
        return {step.target: step.source for step in (*self.steps, *self.there)}


def undo(journal: Path) -> Undone:
    """Last step first. May be called again where it was cut off; the journal keeps what is left to take back.

    Raises StoreError: the journal cannot be read, or not be written anew.
    """
    done, asides = read_journal(journal)
    back: list[Step] = []
    there: list[Step] = []
    left: list[Step] = []
    left_out: list[LeftOut] = []
    for step in reversed(done.steps):
        was_there = not os.path.lexists(step.target)
        problem = _take_back(step, done.action, asides[step.target])
        if problem is None:
            (there if was_there else back).append(step)
        else:
            left.insert(0, step)
            left_out.append(LeftOut(step.upload_index, step.source.name, problem))
    if not left:
        forget(journal)
    elif len(left) < len(done.steps):
        shorten(replace(done, steps=tuple(left)), asides)
    made = [done.folder / name for name in done.made_within]
    for folder in (*made, *([done.folder] if done.made_folder else ())):
        with suppress(OSError):
            folder.rmdir()
    return Undone(tuple(back), tuple(there), tuple(left_out))


def _take_back(step: Step, action: Action, aside: Path) -> Reason | None:
    """None if all is as it was before the step."""
    try:
        if step.source.exists() and not _is_reserved(step, action):
            aside.unlink(missing_ok=True)
            return _drop(step, action)
        if not step.target.exists():
            return Reason.of("nowhere")
        if action == "copy":
            return Reason.of("original-gone")
        return _move_back(step)
    except OSError as error:
        return problem_of(error)


def _drop(step: Step, action: Action) -> Reason | None:
    """Removes the copy, or what a move that was cut off left beside its source."""
    if not step.target.exists():
        return None
    if not is_empty(step.target):
        if sha256_of(step.target) != step.sha256:
            return Reason.of("changed-stays")
        if action == "move" and sha256_of(step.source) != step.sha256:
            return Reason.of("place-taken")
    step.target.unlink()
    return None


def _is_reserved(step: Step, action: Action) -> bool:
    """The source is the empty file of an undo that was cut off; the whole file is still at the target."""
    if action == "copy" or not is_empty(step.source) or not step.target.exists() or is_empty(step.target):
        return False
    step.source.unlink()
    return True


def _move_back(step: Step) -> None:
    step.source.parent.mkdir(parents=True, exist_ok=True)
    reserve(step.source)
    try:
        put(step.target, step.source, aside_of(step.source), keep_source=False)
    except OSError:
        if is_empty(step.source):
            step.source.unlink()
        raise
