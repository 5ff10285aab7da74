"""What was typed, images, folders and globs, -> the sources that are meant."""

import glob
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from lychee_app.addresses import is_address
from lychee_app.errors import UsageError
from lychee_app.intake.sniff import RAW_SUFFIXES, SPOKEN
from lychee_app.records import Found, Source
from lychee_app.sources import companions
from lychee_app.sources.left_out import PICTURES, Rules, Tally
from lychee_app.sources.remote import remote
from lychee_app.sources.walk import Hit, companions_in, count_left_out, suffix_of, walk


def find(paths: Sequence[str | Path], rules: Rules | None = None) -> Found:
    """The images meant by files, folders (with all below them), globs and addresses (s3://bucket/prefix), and
    what was left out.

    In the order given; within a folder or a glob sorted as people count (img2 before img10). A file given
    by its own path is taken whatever it is. Names are relative to the folder given. Each file is one source,
    however often and by whatever name it is met; so is a shot of several files. Raises UsageError when a path
    is not there, or nothing at all is found. A link that leads nowhere is there, and counted.
    """
    rules, tally = rules or Rules(), Tally()
    hits: list[Hit] = []
    refused: list[UsageError] = []
    for given in paths:
        try:
            hits += _meant(given, rules, tally)
        except UsageError as error:
            if error.code not in _PASSED_OVER:
                raise
            refused.append(error)
    if not hits:
        raise _explained(refused, tally)
    for error in refused:
        values = error.reason.values
        tally.add(_PASSED_OVER[error.code], str(values.get("path", values.get("pattern"))))
    if len(paths) > 1 or hits[0].is_named:
        hits = _with_companions(hits, rules)
    hits = _each_once(hits)[::-1]
    found = [_source(hits.pop()) for _ in range(len(hits))]  # never all of both in memory
    return Found(tuple(found), tally.reasons(), rules.unmet(tally.met))


_PASSED_OVER = {
    "path-unreadable": "closed",
    "folder-without-images": "imageless",
    "glob-without-images": "imageless",
}
"""What does not stop the rest, and how it is counted."""


def _explained(refused: list[UsageError], tally: Tally) -> UsageError:
    """Of nothing found: what cannot be read is told first, then what was left out."""
    unreadable = [error for error in refused if error.code == "path-unreadable"]
    if not unreadable and tally.counts.keys() == {"closed"}:
        return UsageError("path-unreadable", path=tally.first["closed"], detail=tally.closed_because)
    if not unreadable and tally.counts:
        return tally.nothing_left()
    return (*unreadable, *refused, UsageError("no-images"))[0]


def _meant(given: str | Path, rules: Rules, tally: Tally) -> list[Hit]:
    path = Path(given)
    if is_address(str(given)) and not os.path.lexists(given):
        return remote(str(given), rules, tally)
    try:
        path = path if path.exists() or path.is_symlink() else Path(os.path.expanduser(path))
        if not str(given):
            raise UsageError("path-empty")
        if path.is_dir():
            if _is_excluded(path, rules, tally):
                count_left_out(str(path), path.name, "excluded", tally)
                return []
            nothing = UsageError("folder-without-images", path=str(path), formats=SPOKEN)
            return _found(walk(str(path), rules.at(str(path)), tally), nothing)
        if path.exists():
            return _named(path, rules, tally)
        if path.is_symlink():
            tally.add("excluded" if _is_excluded(path, rules, tally) else "broken-links", str(path))
            return []
        if glob.has_magic(str(path)):
            nothing = UsageError("glob-without-images", pattern=str(path), formats=SPOKEN)
            return _found(_globbed(path, rules, tally), nothing)
    except (OSError, RuntimeError) as error:
        detail = getattr(error, "strerror", None) or error
        place = getattr(error, "filename", None) or path
        raise UsageError("path-unreadable", path=str(place), detail=str(detail).rstrip(".")) from error
    raise UsageError("path-missing", path=str(path))


def _found(hits: Iterable[Hit], otherwise: UsageError) -> list[Hit]:
    """Raises `otherwise` where there are none."""
    if found := list(hits):
        return found
    raise otherwise


def _named(path: Path, rules: Rules, tally: Tally) -> list[Hit]:
    """A file given by its own path."""
    if _is_excluded(path, rules, tally):
        tally.add("excluded", path.name)
        return []
    return [Hit(str(path), path.name, path.stat().st_ino, path.is_symlink(), is_named=True)]


def _is_excluded(path: Path, rules: Rules, tally: Tally) -> bool:
    """What was given itself."""
    globs = rules.at(str(path.parent)).excluding(path.name, path.name)
    tally.met.update(globs)
    return bool(globs)


def _globbed(path: Path, rules: Rules, tally: Tally) -> Iterable[Hit]:
    start, pattern = _split(path)
    return walk(str(start), rules.at(str(start)), tally, (pattern,)) if start.is_dir() else ()


def _split(pattern: Path) -> tuple[Path, tuple[str, ...]]:
    """The folder that is there by its own name, whatever it is called, and the rest."""
    start, parts = Path(), pattern.parts
    for number, part in enumerate(parts):
        if glob.has_magic(part) and not os.path.lexists(start / part):
            return start, parts[number:]
        start /= part
    return start, ()


def _each_once(hits: list[Hit]) -> list[Hit]:
    """A file by its real name, where it is met by that too. The same number may be another disk's file, and
    some systems number none: two are one only where all that is known of them is the same.
    """
    kept: dict[int, int] = {}
    dropped: set[int] = set()
    for number, hit in enumerate(hits):
        first = kept.setdefault(hit.key, number)
        if first == number or not _is_same(hits[first], hit):
            continue
        is_real = hits[first].is_link and not hit.is_link
        kept[hit.key] = number if is_real else first
        dropped.add(first if is_real else number)
    return [hit for number, hit in enumerate(hits) if number not in dropped] if dropped else hits


def _is_same(one: Hit, other: Hit) -> bool:
    if one.path == other.path:
        return True
    try:
        first, second = os.stat(one.path), os.stat(other.path)
    except OSError:
        return False
    return os.path.samestat(first, second) and first.st_mtime_ns == second.st_mtime_ns


def _with_companions(hits: list[Hit], rules: Rules) -> list[Hit]:
    """What was named one by one gets the companions that lie beside it; and none is a source of its own."""
    folders: dict[str, list[Hit]] = {}
    for hit in hits:
        if hit.is_named and suffix_of(hit.name) not in companions.SUFFIXES - RAW_SUFFIXES:
            folders.setdefault(os.path.dirname(hit.path), []).append(hit)
    for folder, named in folders.items():
        groups = companions.grouped((hit.name for hit in named), companions_in(folder, rules))
        for hit in named:
            hit.beside = groups.get(hit.name, ())
    carried = {_absolute(hit, name) for hit in hits for name in hit.beside}
    return [hit for hit in hits if _absolute(hit) not in carried] if carried else hits


def with_new_sidecars(sources: Iterable[tuple[int, Source]]) -> list[tuple[int, Source]]:
    """With the sidecars that came to lie beside them since the walk, from Lychee or from a photo program."""
    given, own = list(sources), dict[Path, set[str]]()
    for _, source in given:
        if source.path and not source.private:
            own.setdefault(source.path.parent, set()).add(source.path.name)
    shots = {folder: _shots(folder, names) for folder, names in own.items()}
    found = []
    for index, source in given:
        beside: list[Path] = []
        if source.path and not source.private:
            folder = source.path.parent
            names = shots[folder].get(source.path.name, ())
            beside = [folder / name for name in names if suffix_of(name) in companions.SIDECARS]
        every = tuple(dict.fromkeys((*source.companions, *beside)))
        found.append((index, replace(source, companions=every)))
    return found


def _shots(folder: Path, own: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Every picture in a folder with its companions. `own`: names of some. None where it cannot be read."""
    try:
        pictures = [name for name in os.listdir(folder) if suffix_of(name) in PICTURES]
    except OSError:
        return {}
    return companions.grouped([*pictures, *own], companions_in(str(folder), Rules()))


def _absolute(hit: Hit, companion: str = "") -> str:
    path = os.path.join(os.path.dirname(hit.path), companion) if companion else hit.path
    return os.path.abspath(path)


def _source(hit: Hit) -> Source:
    if hit.version is not None:
        return Source(hit.name, address=hit.path, version=hit.version)
    head, tail = os.path.split(hit.path)
    folder = _folder(head)
    beside = tuple(folder / name for name in hit.beside)
    return Source(hit.name, path=Path(folder, tail), companions=beside)  # quicker than parsing all of it


@lru_cache(maxsize=1)
def _folder(path: str) -> Path:
    return Path(path)
