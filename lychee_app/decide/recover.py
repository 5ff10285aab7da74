"""Telling the store where moved files are, where a crash or an error came before it was told.

Goes by what is on disk: a file that is where the run says is left alone.
"""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from lychee_app.decide.journal import Done, journals
from lychee_app.errors import StoreError
from lychee_app.records import Source
from lychee_app.store import Store


def recover(store: Store) -> None:
    """Looks at every move that can still be undone. What cannot be noted now is noted the next time."""
    for done in journals(store.moves_folder):
        if done.action == "move":
            with suppress(StoreError):
                if moved := _moved(done, dict(store.sources(done.run_id))):
                    store.relocate(done.run_id, moved)


def _moved(done: Done, sources: Mapping[int, Source]) -> dict[int, Path]:
    """Where the files are that are not where the run says: at the target, or taken back already."""
    found = {}
    for step in done.steps:
        source = sources.get(step.upload_index)
        if source is None or source.private or source.path is None or source.path.exists():
            continue
        if place := next((path for path in (step.target, step.source) if path.exists()), None):
            found[step.upload_index] = place
    return found
