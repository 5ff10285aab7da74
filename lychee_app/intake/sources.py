"""Which files are meant: images, folders and globs -> sources, and names fit to be shown.

A file is opened only to look at its first bytes, where the suffix says nothing.
"""

import glob
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from natsort import natsorted, ns

from lychee_app.errors import ImageError, UsageError
from lychee_app.intake.sniff import FOREIGN_SUFFIXES, HEAD_BYTES, SPOKEN, SUFFIXES, sniff
from lychee_app.records import Source

NAME_BYTES = 255
BY_PATH = ns.PATH | ns.IGNORECASE
"""For natsort."""
_JOINER = "\u200d"


def find(paths: Sequence[str | Path]) -> list[Source]:
    """The images meant by files, folders (with all below them, hidden ones left out) and globs.

    In the order given; within a folder or a glob sorted as people count (img2 before img10). A file given
    by its own path is taken whatever it is. Names are relative to the folder given. Raises UsageError when a
    path is not there, cannot be read, or holds no image.
    """
    return [source for path in paths for source in _meant(path)]


def same_name_safe(name: str) -> str:
    """The name as it may be shown: one line, no direction marks, no way out of its folder, 255 bytes at most.

    A plain relative path keeps its folders ("beach/1.jpg"), so that equal names stay apart; one that is
    absolute or climbs keeps only its last part. Two names may become the same: a name is never an identity.
    """
    path = name.replace("\\", "/")
    parts = [part for part in map(_visible, path.split("/")) if part not in {"", "."}]
    if path.startswith("/") or ".." in parts or re.match("[A-Za-z]:", "".join(parts[:1])):
        parts = [part for part in parts if part != ".."][-1:]
    shown = "/".join(parts)
    return _short(shown) or "unnamed"


def in_natural_order(paths: Iterable[Path]) -> list[Path]:
    """Folder by folder, digits by value: "a/img2" before "a/img10" before "b/img1"."""
    return natsorted(sorted(paths), alg=BY_PATH)


def _meant(given: str | Path) -> Iterator[Source]:
    path = Path(given)
    try:
        path = path if path.exists() else path.expanduser()
        if not str(given):
            raise UsageError("path-empty")
        if path.is_dir():
            yield from _in_folder(path)
        elif path.exists():
            yield Source(path.name, path=path)
        elif glob.has_magic(str(path)):
            yield from _globbed(path)
        else:
            raise UsageError("path-missing", path=str(path))
    except (OSError, RuntimeError) as error:
        detail = getattr(error, "strerror", None) or error
        place = getattr(error, "filename", None) or path
        raise UsageError("path-unreadable", path=str(place), detail=str(detail).rstrip(".")) from error


def _in_folder(folder: Path) -> Iterator[Source]:
    found = in_natural_order(_walk(folder))
    if not found:
        raise UsageError("folder-without-images", path=str(folder), formats=SPOKEN)
    for path in found:
        yield Source(path.relative_to(folder).as_posix(), path=path)


def _globbed(pattern: Path) -> Iterator[Source]:
    start = _fixed_part(pattern)
    hits = [Path(hit) for hit in glob.glob(str(pattern), recursive=True)]
    nested = [_walk(hit) if hit.is_dir() else [hit] for hit in hits]
    found = {path for paths in nested for path in paths if path.is_file() and _is_image(path)}
    if not found:
        raise UsageError("glob-without-images", pattern=str(pattern), formats=SPOKEN)
    for path in in_natural_order(found):
        yield Source(path.relative_to(start).as_posix(), path=path)


def _fixed_part(pattern: Path) -> Path:
    """The folder before the first part with a wildcard."""
    parts = pattern.parts
    first = next(index for index, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:first])


def _walk(folder: Path) -> Iterator[Path]:
    """Image files below a folder. Raises OSError: a folder that cannot be read is not passed over."""
    for here, folders, files in os.walk(folder, onerror=_raise):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = Path(here, name)
            if not name.startswith(".") and path.is_file() and _is_image(path):
                yield path


def _raise(error: OSError) -> None:
    raise error


def _is_image(path: Path) -> bool:
    suffix = path.suffix.lower()
    if suffix in SUFFIXES or suffix in FOREIGN_SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            sniff(file.read(HEAD_BYTES))
    except (ImageError, OSError):
        return False
    return True


def _visible(part: str) -> str:
    """Composed, with white space folded, without control, direction and undecodable characters."""
    text = "".join(_shown(char) for char in unicodedata.normalize("NFC", part))
    return re.sub(r"\s+", " ", text).strip()


def _shown(char: str) -> str:
    match unicodedata.category(char):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf":
            return char if char == _JOINER else ""
        case "Cs" | "Cn" | "Co":
            return "\ufffd"
        case _:
            return char


def _short(name: str) -> str:
    """At most NAME_BYTES in UTF-8: the middle is left out, the suffix stays."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    kept = (NAME_BYTES - len("…".encode())) // 2
    head = name.encode()[:kept].decode(errors="ignore")
    tail = name.encode()[-kept:].decode(errors="ignore")
    return f"{head}…{tail}"
