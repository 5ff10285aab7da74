"""`lychee undo`: the newest of what was written beside images, copied or moved, and not taken back yet."""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path

from lychee_app import decide, ratings
from lychee_app.cli.output import say
from lychee_app.errors import LycheeError
from lychee_app.export import LeftOut
from lychee_app.locale import Words
from lychee_app.settings import Settings
from lychee_app.store import Store

Kept = ratings.Journal | decide.Done


def undo(arguments: argparse.Namespace, t: Words) -> int:
    with Store.open(Settings.from_environment().data_folder) as store:
        kept: list[Kept] = [*ratings.journals(store.moves_folder), *decide.journals(store.moves_folder)]
        kept.sort(key=lambda one: _path(one).name, reverse=True)
        if arguments.folder is not None:
            folder = Path(os.path.realpath(os.path.expanduser(arguments.folder)))
            kept = [one for one in kept if any(place.is_relative_to(folder) for place in _places(one))]
        if not kept:
            raise LycheeError("undo-none")
        missed = False
        for one in kept:
            say(_told(one, store, t))
            if isinstance(one, ratings.Journal):
                undone, left_out = _ratings(one, store, t)
            else:
                undone, left_out = True, _files(one, store, t)
            _tell_left(left_out, t)
            missed = bool(left_out)
            is_away = not undone and all(left.code == "away" for left in left_out)
            if not (is_away and isinstance(one, ratings.Journal) and one.tried):
                break  # files that were deleted for good, and said to be away, stand in nobody's way
    return 1 if missed else 0


def _tell_left(left_out: Sequence[LeftOut], t: Words) -> None:
    """Each by its name; of many files that are not there a few."""
    away = [left for left in left_out if left.code == "away"]
    for left in [*(left for left in left_out if left.code != "away"), *away[:3]]:
        say(t("terminal.undone.left", name=left.name, reason=t.reason(left.reason)))
    if more := len(away[3:]):
        say(t("terminal.rated.more", n=more))


def _path(one: Kept) -> Path:
    """Its name begins with the nanosecond it was begun at."""
    return one.path if isinstance(one, ratings.Journal) else one.journal


def _places(one: Kept) -> list[Path]:
    """The folders that it touched."""
    if isinstance(one, ratings.Journal):
        return [one.folder]
    return [one.folder, *{Path(os.path.realpath(step.source.parent)) for step in one.steps}]


def _told(one: Kept, store: Store, t: Words) -> str:
    """What it is, of which run, where, and how long ago."""
    action = "stars" if isinstance(one, ratings.Journal) else one.action
    summary = store.summary(one.run_id)
    ago = t.span(max(0.0, time.time() - int(_path(one).name.partition("-")[0]) / 1e9))
    title = summary.title or summary.request.named if summary else one.run_id
    return t(f"terminal.undo.{action}", title=title, folder=str(one.folder), ago=ago)


def _ratings(one: ratings.Journal, store: Store, t: Words) -> tuple[bool, Sequence[LeftOut]]:
    """Whether anything is as it was, and what is not."""
    undone = ratings.undo(one.path, store)
    if undone.sidecars:
        say(t("stars.undone", n=len(undone.sidecars)))
    if undone.images:
        say(t("stars.undone.inside", n=len(undone.images)))
    return bool(undone.sidecars or undone.images), undone.left_out


def _files(one: decide.Done, store: Store, t: Words) -> Sequence[LeftOut]:
    undone = decide.undo_and_relocate(one, store)
    if undone.steps or not undone.there:
        say(t("files.undone", n=len(undone.steps)))
    if undone.there:
        say(t("files.undone.there", n=len(undone.there)))
    return undone.left_out
