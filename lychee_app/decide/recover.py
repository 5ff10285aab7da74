"""Telling the store where moved files are, where a crash or an error came before it was told.

Goes by what is on disk: a file that is where the run says is left alone.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from lychee_app.decide.journal import Done, journals
from lychee_app.decide.take_back import Undone, undo
from lychee_app.errors import LycheeError, StoreError
from lychee_app.records import Source
from lychee_app.store import Store


def recover(store: Store) -> None:
    """Looks at every move that can still be undone. What cannot be noted now is noted the next time."""
    for done in journals(store.moves_folder):
        if done.action == "move":
            with suppress(StoreError):
                if moved := _moved(done, _missing(store.sources(done.run_id))):
                    store.relocate(moved)


def undo_and_relocate(done: Done, store: Store) -> Undone:
    """`undo`, and the store is told where the files of a move are again. Raises what `undo` raises, and
    StoreError; what was moved until then is noted first."""
    try:
        undone = undo(done.journal)
        if done.action == "move":
            store.relocate(undone.moved)
    except LycheeError:
        recover(store)
        raise
    return undone


def _missing(sources: Iterable[tuple[int, Source]]) -> set[Path]:
    """Files of this machine that are not where the run says."""
    return {
        Path(os.path.abspath(path))
        for _, source in sources
        if source.path and not source.private
        for path in (source.path, *source.companions)
        if not path.exists()
    }


def _moved(done: Done, missing: set[Path]) -> dict[Path, Path]:
    """Where those are: at the target, or taken back already."""
    both = [pair for step in done.steps for pair in ((step.source, step.target), (step.target, step.source))]
    return {said: place for said, place in both if said in missing and place.exists()}
