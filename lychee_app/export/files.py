"""Writing files so that a reader sees the old one or the new one, never half of one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from lychee_app.errors import StoreError


def write_atomically(path: Path, data: bytes) -> None:
    """Writes beside the goal and renames. Raises StoreError; what was there before is then unharmed."""
    with written_aside(path) as file:
        file.write(data)


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which becomes `path` when the block ends and vanishes if it raises.

    A link is followed; a device or pipe is written to as it is. Raises StoreError for what the disk refuses.
    """
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # as named: a pipe's real path is none
            with path.open("wb") as file:
                yield file
            return
        goal = Path(os.path.realpath(path))
        aside = goal.parent / f".lychee-{os.urandom(6).hex()}.part"
        try:
            with aside.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(aside, goal)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError("export-write", path=str(path), detail=error.strerror or str(error)) from error
