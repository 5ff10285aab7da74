"""Doing what was planned.

A target's name is reserved by making an empty file that must not exist yet, then the journal is written, then
the file is renamed over the empty one (or copied aside and renamed). So nothing is ever overwritten, and at
every moment the source or the whole target exists.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lychee_app.decide.files import aside_of, problem_of, put, reserve, sha256_of
from lychee_app.decide.journal import Done, Journal, new_journal
from lychee_app.decide.plan import Action, Plan, Step
from lychee_app.errors import UsageError
from lychee_app.export import LeftOut
from lychee_app.reasons import Reason


def carry_out(plan: Plan, journal_folder: Path, on_step: Callable[[int], None] = lambda done: None) -> Done:
    """Copies or moves file after file; what fails is left out with a reason, and left as it was.

    Where an image stays, its companions stay with it. `on_step` is called with the number of steps behind.
    Raises UsageError if a folder cannot be made, and StoreError if the journal cannot be written.
    """
    made_folder = make(plan.folder)
    made_within = tuple(goal.name for goal in plan.within if make(goal))
    steps: list[Step] = []
    left_out = list(plan.left_out)
    images = {step.upload_index: step.source for step in reversed(plan.steps)}
    stayed: set[int] = set()
    with new_journal(journal_folder, plan, made_folder, made_within) as (path, journal):
        for number, step in enumerate(plan.steps, start=1):
            problem = None if step.upload_index in stayed else _take(step, plan.action, journal)
            if problem is not None:
                left_out.append(LeftOut(step.upload_index, step.source.name, problem))
                if step.source == images[step.upload_index]:
                    stayed.add(step.upload_index)
            elif step.upload_index not in stayed:
                steps.append(step)
            on_step(number)
    return Done(
        path,
        plan.run_id,
        plan.action,
        plan.folder,
        tuple(steps),
        tuple(left_out),
        made_folder=made_folder,
        made_within=made_within,
    )


def make(folder: Path) -> bool:
    """Whether the folder was missing and is there now. Raises UsageError where it cannot be made."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    except OSError as error:
        raise UsageError("target-not-made", path=str(folder), detail=error.strerror or str(error)) from error
    return True


def _take(step: Step, action: Action, journal: Journal) -> Reason | None:
    """None, or why not; then the source is where it was and the target is not there."""
    try:
        sha256 = sha256_of(step.source)
        if step.sha256 and sha256 != step.sha256:
            return Reason.of("changed-since")
        reserve(step.target)
    except OSError as error:
        return problem_of(error)
    aside = aside_of(step.target)
    try:
        journal.step(replace(step, sha256=sha256), aside)
    except OSError:
        _withdraw(step)
        raise
    try:
        put(step.source, step.target, aside, keep_source=action == "copy")
    except OSError as error:
        _withdraw(step)
        journal.failed(step)
        return problem_of(error)
    return None


def _withdraw(step: Step) -> None:
    """The target is ours and the source is whole."""
    with suppress(OSError):
        os.unlink(step.target)
