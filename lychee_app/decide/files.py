"""Bringing one file from one place to another without ever overwriting anything or losing it half-way."""

import errno
import hashlib
import os
import shutil
from contextlib import suppress
from pathlib import Path

from lychee_app.reasons import Reason

CHUNK_BYTES = 1 << 20


def reserve(path: Path) -> None:
    """Makes an empty file. Raises FileExistsError where there is something already."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def put(source: Path, target: Path, aside: Path, *, keep_source: bool) -> None:
    """Brings a file over the reserved `target`; to another disk by way of `aside`, which is beside it.

    Raises OSError; then `source` is whole.
    """
    if not keep_source and _renamed(source, target):
        return
    try:
        shutil.copyfile(source, aside)
        with aside.open("rb+") as file:
            os.fsync(file.fileno())
        shutil.copystat(source, aside)  # last: it may forbid writing
        os.replace(aside, target)
    finally:
        aside.unlink(missing_ok=True)
    if not keep_source:
        _sync_folder(target.parent)
        source.unlink()


def aside_of(target: Path) -> Path:
    """A fresh name in the same folder."""
    return target.parent / f".lychee-{os.urandom(6).hex()}.part"


def is_empty(path: Path) -> bool:
    return path.stat().st_size == 0


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def problem_of(error: OSError) -> Reason:
    if isinstance(error, FileExistsError):
        return Reason.of("exists")
    if isinstance(error, FileNotFoundError):
        return Reason.of("missing")
    return Reason.of("refused", detail=error.strerror or str(error))


def _renamed(source: Path, target: Path) -> bool:
    """False where the two are on different disks."""
    try:
        os.replace(source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _sync_folder(folder: Path) -> None:
    """The new name is on disk before the old file goes. Windows cannot open a folder, and need not."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
