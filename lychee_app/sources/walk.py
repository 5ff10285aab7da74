"""One walk for every folder: each file below it once, links followed, whatever cannot be read counted."""

import fnmatch
import os
import re
import unicodedata
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from lychee_app.errors import ImageError
from lychee_app.intake.sniff import HEAD_BYTES, sniff
from lychee_app.sources import companions
from lychee_app.sources.left_out import KIND_UNREAD, NOT_LOOKED_INTO, PICTURES, Rules, Tally
from lychee_app.store.store import FILE_NAME

Pattern = tuple[str, ...]
"""Parts of a glob that are still to be met, the next one first."""
EVERYTHING: tuple[Pattern, ...] = ((),)


@dataclass(slots=True)
class Hit:
    """A file that is meant. `key`: its inode, as its folder tells it; equal ones may be one file.

    path: as it can be opened; name: below what was given. is_named: given by its own path. beside: names of
    its companions in its folder. version: of a file at an address, which `path` is then; None of one here.
    """

    path: str
    name: str
    key: int
    is_link: bool = False
    is_named: bool = False
    beside: tuple[str, ...] = ()
    version: str | None = None


@dataclass(slots=True)
class _Folder:
    """`wanted`: the globs that its entries are held against; the empty one wants everything."""

    path: str
    name: str
    wanted: tuple[Pattern, ...]
    hits: list[Hit] = field(default_factory=list)
    folders: list["_Folder"] = field(default_factory=list)


def walk(root: str, rules: Rules, tally: Tally, wanted: tuple[Pattern, ...] = EVERYTHING) -> Iterator[Hit]:
    """Picture files below `root` in the order people count: img2 before img10, folder by folder.

    A linked folder is walked where no real name leads to it, and no folder twice, so loops end. Raises
    OSError where `root` itself cannot be read.
    """
    top = _Folder(root, "", _opened(wanted))
    walking = _Walk(rules, tally)
    walking.is_new(root)
    with os.scandir(root) as entries:
        walking.look(top, list(entries))
    walking.go()
    return _in_order(top)


class _Walk:
    """One walk under way: folders that wait, real ones first, and those seen."""

    def __init__(self, rules: Rules, tally: Tally) -> None:
        self._rules, self._tally = rules, tally
        self._seen: set[object] = set()
        self._waiting: deque[tuple[_Folder, _Folder]] = deque()
        self._linked: deque[tuple[_Folder, _Folder]] = deque()

    def go(self) -> None:
        while self._waiting or self._linked:
            parent, folder = (self._waiting or self._linked).popleft()
            try:
                if self.is_new(folder.path):
                    with os.scandir(folder.path) as entries:
                        self.look(folder, list(entries))
                    parent.folders.append(folder)
            except OSError as error:
                self._tally.closed(folder.name, error)

    def is_new(self, path: str) -> bool:
        """Raises OSError. Where a system numbers no files, the path tells."""
        found = os.stat(path)
        identity = (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True

    def look(self, folder: _Folder, entries: list[os.DirEntry[str]]) -> None:
        """Fills in the folder's files, and has those below it wait."""
        is_beside_data = any(entry.name == FILE_NAME for entry in entries)
        beside: list[str] = []
        for entry in entries:
            name = f"{folder.name}/{entry.name}" if folder.name else entry.name
            if _is_folder(entry):
                self._folder(folder, entry, name, is_beside_data)
            else:
                self._file(folder, entry, name, beside)
        if beside or any(companions.is_edited(entry.name) for entry in entries):
            self._group(folder, beside)

    def _folder(self, parent: _Folder, entry: os.DirEntry[str], name: str, is_beside_data: bool) -> None:
        wanted, is_named = _below(parent.wanted, entry.name)
        if not wanted:
            return
        above = os.path.basename(os.path.abspath(parent.path))
        kind = self._rules.kind_of_folder(entry.name, name, parent=above, is_beside_data=is_beside_data)
        if kind is None or (is_named and kind != "excluded"):
            line = self._linked if entry.is_symlink() else self._waiting
            line.append((parent, _Folder(entry.path, name, wanted)))
        else:
            if kind == "excluded":
                self._tally.met.update(self._rules.excluding(entry.name, name))
            count_left_out(entry.path, name, kind, self._tally)

    def _file(self, folder: _Folder, entry: os.DirEntry[str], name: str, beside: list[str]) -> None:
        suffix = suffix_of(entry.name)
        is_wanted, is_named = _wants(folder.wanted, entry.name)
        kind = self._rules.kind_of_file(entry.name, name)
        if kind == "excluded":
            self._tally.met.update(self._rules.excluding(entry.name, name))
        if kind and not (is_named and kind != "excluded"):
            if kind == "unfinished":  # IMG_1.jpg.part
                suffix = suffix_of(entry.name[: -len(suffix)] if suffix else "")
            if is_wanted and (kind == "system" or suffix in PICTURES):
                self._tally.add(kind, name)
            return
        if suffix in companions.SUFFIXES or (not is_wanted and companions.is_original(entry.name)):
            beside.append(entry.name)
        if not is_wanted or suffix in companions.NEVER_ALONE:
            return
        if not _is_file(entry):
            if entry.is_symlink() and not os.path.exists(entry.path):
                if not suffix or suffix in PICTURES:  # without one it led to a folder, or to anything
                    self._tally.add("broken-links", name)
            elif suffix in PICTURES:
                self._tally.add("odd", name)
        elif suffix in PICTURES or looks_like_a_picture(entry.path, entry.name):
            is_link = entry.is_symlink()
            key = os.stat(entry.path).st_ino if is_link else entry.inode()
            folder.hits.append(Hit(entry.path, name, key, is_link))
        elif kind := KIND_UNREAD.get(suffix):
            self._tally.add(kind, name)

    def _group(self, folder: _Folder, beside: list[str]) -> None:
        """Each shot becomes one hit. Sidecars and films of no shot are counted."""
        hits = {os.path.basename(hit.path): hit for hit in folder.hits}
        groups = companions.grouped(hits, beside)
        folder.hits = [replace(hits[name], beside=group) for name, group in groups.items()]
        carried = {name for group in groups.values() for name in group}
        alone = [name for name in beside if name not in carried and _wants(folder.wanted, name)[0]]
        if folder.wanted == EVERYTHING:
            self._tally.add("sidecars", n=sum(suffix_of(name) in companions.SIDECARS for name in alone))
        self._tally.add("films", n=sum(KIND_UNREAD.get(suffix_of(name)) == "films" for name in alone))


def count_left_out(path: str, name: str, kind: str, tally: Tally) -> None:
    """Counts the pictures in a folder that is left out, as far as they are few enough to be counted."""
    if kind in NOT_LOOKED_INTO:
        return tally.add(kind, name)
    waiting = [path]
    while waiting:
        if tally.names_left <= 0:
            return tally.add("uncounted", name)
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    tally.names_left -= 1
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif suffix_of(entry.name) in PICTURES:
                        tally.add(kind, name)
        except OSError as error:
            tally.closed(name, error)
    return None


def companions_in(folder: str, rules: Rules) -> list[str]:
    """Names in a folder that may be some picture's companions; none where it cannot be read."""
    try:
        names = os.listdir(folder or os.curdir)
    except OSError:
        return []
    return [
        name for name in names if companions.may_go_along(name) and rules.kind_of_file(name, name) is None
    ]


def in_natural_order(name: str) -> tuple[list[str | int], str]:
    """A key for sorting: digits by value, case and accents folded."""
    text = name if name.isascii() else unicodedata.normalize("NFD", name)
    parts: list[str | int] = list(_DIGITS.split(text.casefold()))
    parts[1::2] = map(int, parts[1::2])
    return parts, name


_DIGITS = re.compile(r"(\d+)")


def looks_like_a_picture(path: str, name: str) -> bool:
    """By its suffix; by its first bytes where that says nothing."""
    if suffix_of(name) in PICTURES:
        return True
    try:
        with open(path, "rb") as file:
            return is_a_picture(file.read(HEAD_BYTES))
    except OSError:
        return False


def is_a_picture(head: bytes) -> bool:
    """By its first HEAD_BYTES."""
    try:
        sniff(head)
    except ImageError:
        return False
    return True


def suffix_of(name: str) -> str:
    """ ".jpg", lower case; "" where there is none."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix.lower()}" if dot and stem else ""


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """False also for a link that leads in a circle."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return False


def _opened(patterns: Iterable[Pattern]) -> tuple[Pattern, ...]:
    """With what is left of them where ** stands for no folder at all."""
    found: dict[Pattern, None] = {}
    for pattern in patterns:
        stars = next((at for at, part in enumerate(pattern) if part != "**"), len(pattern))
        found |= dict.fromkeys(pattern[at:] for at in range(stars + 1))
    return EVERYTHING if () in found else tuple(found)


def _below(wanted: tuple[Pattern, ...], name: str) -> tuple[tuple[Pattern, ...], bool]:
    """What is wanted in the folder of that name, () for nothing; and whether a glob names it."""
    if wanted == EVERYTHING:
        return wanted, False
    found: list[Pattern] = [pattern for pattern in wanted if pattern[0] == "**"]
    met = [pattern for pattern in wanted if pattern[0] != "**" and _fits(pattern[0], name)]
    rest = _opened([*found, *(pattern[1:] for pattern in met)])
    return rest, any(_names(pattern[0], name) for pattern in met)


def _wants(wanted: tuple[Pattern, ...], name: str) -> tuple[bool, bool]:
    """Whether a file of that name is wanted, and whether a glob names it."""
    if wanted == EVERYTHING:
        return True, False
    met = [pattern[0] for pattern in wanted if len(pattern) == 1 and _fits(pattern[0], name)]
    return bool(met), any(_names(part, name) for part in met)


def _fits(part: str, name: str) -> bool:
    return part == name or _compiled(os.path.normcase(part)).match(os.path.normcase(name)) is not None


@lru_cache
def _compiled(part: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(part))


def _names(part: str, name: str) -> bool:
    """A part that begins with a wildcard means no name in particular."""
    return part == name or part[0] not in "*?["


def _in_order(top: _Folder) -> Iterator[Hit]:
    waiting: list[_Folder | Hit] = [top]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Hit):
            yield one
            continue
        inside: list[_Folder | Hit] = [*one.hits, *one.folders]
        inside.sort(key=lambda each: in_natural_order(each.name.rpartition("/")[2]), reverse=True)
        waiting.extend(inside)
