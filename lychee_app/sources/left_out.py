"""What a walk leaves out: names that are no pictures of anybody's, told apart by kind, and counted.

One table for every way in: a walk, and folders that are chosen or dropped in a browser (`for_the_browser`).
"""

import fnmatch
import os
import re
from collections.abc import Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

from lychee_app.errors import NothingLeft
from lychee_app.intake import sniff
from lychee_app.intake.names import same_name_safe
from lychee_app.reasons import Reason
from lychee_app.sources import companions
from lychee_app.store.store import FILE_NAME


class Names:
    """Kind -> globs in lower case, where * stands for anything. Asked of every file of a walk: quick."""

    def __init__(self, **kinds: tuple[str, ...]) -> None:
        self.kinds = kinds
        pairs = [(glob, kind) for kind, globs in kinds.items() for glob in globs]
        self._exact = {glob: kind for glob, kind in pairs if "*" not in glob}
        starred = [(glob, kind) for glob, kind in pairs if "*" in glob]
        self._starred = re.compile("|".join(f"({fnmatch.translate(glob)})" for glob, _ in starred))
        self._kinds = [kind for _, kind in starred]

    def kind_of(self, name: str) -> str | None:
        folded = name.lower()
        if kind := self._exact.get(folded):
            return kind
        found = self._starred.match(folded)
        return self._kinds[found.lastindex - 1] if found and found.lastindex else None


FOLDERS = Names(
    thumbnails=("@eadir", "@__thumb", ".@__thumb", ".thumbnails", ".thumbs"),
    previews=("*.lrdata", "thmbnl"),
    deleted=("#recycle", "@recycle", "$recycle.bin", "recycler", ".trash*"),
    snapshots=("#snapshot", ".snapshot", ".snapshots", "~snapshot", "@recently-snapshot", ".zfs"),
    system=(
        *("lost+found", "__macosx", "system volume information", "@tmp", ".@upload_cache"),
        *(".appledouble", ".spotlight-v100", ".fseventsd", ".temporaryitems"),
    ),
)
FILES = Names(
    deleted=(".trash*",),
    system=(
        *("._*", ".ds_store", "thumbs.db", "ehthumbs*.db", "desktop.ini", "icon\r", "*@synoeastream"),
        *("*@synoresource", ".picasa.ini", "picasa.ini", ".nomedia"),
    ),
    unfinished=("*.crdownload", "*.part", "*.partial", "*.!ut", ".syncthing.*", "~syncthing~*"),
)
APPLE_PHOTOS, PHOTOS_THEMSELVES = ".photoslibrary", {"originals", "masters"}
"""The folder that is a library of Apple Photos, and what in it is no smaller copy or face of a photo."""
OWN = ("uploads", "models", "running", "moves", "demo-gallery")
"""What the program keeps beside its database."""
NOT_LOOKED_INTO = {"snapshots", "own"}
"""Counted as folders. A snapshot holds the whole volume once more."""
COUNTED_NAMES = 50_000
"""So many names inside folders that are left out are looked at, to count their pictures."""

PICTURES = sniff.SUFFIXES | sniff.FOREIGN_SUFFIXES | sniff.RAW_SUFFIXES
UNREAD = {
    "drawings": (".svg", ".svgz"),
    "documents": (".pdf",),
    "films": (
        *(".mov", ".mp4", ".m4v", ".avi", ".mkv", ".webm", ".mts", ".m2ts", ".3gp", ".wmv", ".mpg", ".mpeg"),
        *(".flv", ".ogv", ".insv"),
    ),
    "archives": (
        *(".zip", ".rar", ".7z", ".tar", ".tgz", ".tbz2", ".txz", ".gz", ".bz2", ".xz", ".zst"),
        *(".cbz", ".cbr", ".cb7", ".cbt"),
    ),
    "unread": (
        *(".pcx", ".dcx", ".icns", ".dds", ".xcf", ".kra", ".ora", ".exr", ".hdr", ".jxr", ".wdp", ".hdp"),
        *(".jls", ".sgi", ".rgb", ".rgba", ".bw", ".ras", ".xbm", ".xpm", ".qoi", ".fit", ".fits", ".fts"),
        *(".dcm", ".djvu", ".djv", ".bpg", ".flif", ".mng", ".jng", ".pct", ".pict", ".cur", ".ai", ".cdr"),
        *(".wmf", ".emf", ".afphoto", ".afdesign", ".procreate", ".clip", ".pdn", ".sketch", ".pam", ".wbmp"),
        *(".msp", ".pcd", ".blp", ".ftc", ".ftu", ".fli", ".flc", ".gbr", ".im", ".palm", ".pxr", ".fpx"),
        *(".mic", ".dpx", ".cin", ".vtf", ".ktx", ".ktx2", ".jbig2", ".jb2"),
    ),
}
"""Kind -> suffixes, lower case, of what people take for pictures, or keep them in, and nothing here reads:
counted. tests/sources/test_walk.py holds that all that Pillow takes for pictures is among them or read."""
KIND_UNREAD = {suffix: kind for kind, suffixes in UNREAD.items() for suffix in suffixes}


_DOCUMENTS = (".svg", ".pdf", *UNREAD["archives"])
"""What is written as well as kept."""


def holds_a_picture(name: str) -> bool:
    """Whether a file of that name is a picture, or a part of a shot, and no document."""
    suffix = os.path.splitext(name)[1].lower()
    kept = suffix in PICTURES or suffix in KIND_UNREAD or suffix in companions.NEVER_ALONE
    return kept and suffix not in _DOCUMENTS


@dataclass(frozen=True)
class Rules:
    """exclude: globs; one without a slash is held against each name, one with it against the path below what
    was given, and against the path as it would be typed here. Case does not matter.

    Of uploads and the like, which lie nowhere, the path as typed is that below the folder that was dropped.
    """

    exclude: tuple[str, ...] = ()
    include_hidden: bool = False
    root: str = ""

    def at(self, root: str) -> "Rules":
        """The same for what lies below that folder."""
        return replace(self, root=_absolute(root)) if self.exclude else self

    def unmet(self, met: Container[str]) -> tuple[str, ...]:
        """Globs that nothing was excluded by."""
        return tuple(dict.fromkeys(glob for glob, _ in self._patterns if glob not in met))

    def kind_of_file(self, name: str, path: str) -> str | None:
        """Why a file is left out, None where it is not. path: below what was given, "a/b/c.jpg"."""
        return self._excluded(name, path) or FILES.kind_of(name) or self._hidden(name)

    def kind_of_folder(self, name: str, path: str, *, parent: str, is_beside_data: bool) -> str | None:
        """The same of a folder. parent: what the folder it lies in is called. is_beside_data: the program's
        database lies there too."""
        if kind := self._excluded(name, path) or FOLDERS.kind_of(name):
            return kind
        if parent.lower().endswith(APPLE_PHOTOS) and name.lower() not in PHOTOS_THEMSELVES:
            return "previews"
        return "own" if is_beside_data and name in OWN else self._hidden(name)

    def _excluded(self, name: str, path: str) -> str | None:
        if not self.exclude:
            return None
        return "excluded" if self.excluding(name, path) else None

    def excluding(self, name: str, path: str) -> list[str]:
        """The globs that leave it out."""
        whole = f"{self.root}/{path}"
        return [
            glob
            for glob, (pattern, typed) in self._patterns
            if pattern.match(name) or pattern.match(path) or (typed and typed.match(whole))
        ]

    def _hidden(self, name: str) -> str | None:
        return "hidden" if name.startswith(".") and not self.include_hidden else None

    @cached_property
    def _patterns(self) -> list[tuple[str, tuple[re.Pattern[str], re.Pattern[str] | None]]]:
        here = os.getcwd() if self.exclude else ""
        return [(glob, _compiled(glob, here)) for glob in map(str.strip, self.exclude) if glob.strip("/")]


@lru_cache
def _compiled(glob: str, here: str) -> tuple[re.Pattern[str], re.Pattern[str] | None]:
    """Against a name or a path below, and against an absolute path: None for a glob without a slash. As other
    programs read it too: ./a, a/, a/** are the folder a; **/a is an a at any depth. A name that has brackets
    is also itself.
    """
    bare = glob.removesuffix("/**").rstrip("/")
    below = bare.removeprefix("./").strip("/").removeprefix("**/")
    anywhere = "(?:.*/)?" if bare.startswith("**/") else ""
    pattern = re.compile(f"{anywhere}(?:{_either(below)})", re.IGNORECASE)
    if "/" not in bare or anywhere:
        return pattern, None
    place = os.path.normpath(os.path.expanduser(bare))
    up, here = 0, "" if os.path.isabs(place) else here
    parts = place.replace(os.sep, "/").split("/")
    while here and parts[up : up + 1] == [".."]:
        up, here = up + 1, os.path.dirname(here)
    folder = re.escape(here.replace(os.sep, "/").rstrip("/") + "/") if here else ""
    return pattern, re.compile(f"{folder}(?:{_either('/'.join(parts[up:]))})", re.IGNORECASE)


def _either(glob: str) -> str:
    """What the shell's completion wrote, or what is meant by it as a glob."""
    return rf"(?:{re.escape(glob)})\Z|{fnmatch.translate(glob)}"


def _absolute(path: str) -> str:
    return os.path.abspath(path).replace(os.sep, "/").rstrip("/")


COUNTED = {
    "thumbnails": "left-out-thumbnails",
    "previews": "left-out-previews",
    "deleted": "left-out-deleted",
    "snapshots": "left-out-snapshots",
    "system": "left-out-system",
    "unfinished": "left-out-unfinished",
    "own": "left-out-own",
    "hidden": "left-out-hidden",
    "excluded": "left-out-excluded",
    "sidecars": "left-out-sidecars",
    "uncounted": "left-out-uncounted",
    "companions": "left-out-companions",
    "drawings": "left-out-drawings",
    "documents": "left-out-documents",
    "films": "left-out-films",
    "archives": "left-out-archives",
    "unread": "left-out-unread",
    "others": "left-out-others",
    "large": "left-out-large",
    "unopened": "left-out-unopened",
}
NAMED = {
    "closed": "left-out-closed",
    "broken-links": "left-out-broken-links",
    "odd": "left-out-odd",
    "imageless": "left-out-imageless",
}
"""Kinds that somebody may want to mend: the first of them is told by its name."""
ADVISED = {
    "hidden": "all-left-out-hidden",
    "excluded": "all-left-out-excluded",
    "thumbnails": "all-left-out-folders",
    "previews": "all-left-out-folders",
    "deleted": "all-left-out-folders",
    "snapshots": "all-left-out-folders",
    "own": "all-left-out-folders",
    "uncounted": "all-left-out-folders",
    "unfinished": "all-left-out-unfinished",
    "broken-links": "all-left-out-links",
    "closed": "all-left-out-closed",
    "system": "all-left-out-no-pictures",
    "drawings": "all-left-out-unread",
    "documents": "all-left-out-unread",
    "archives": "all-left-out-archives",
    "unread": "all-left-out-unread",
    "films": "all-left-out-no-pictures",
    "sidecars": "all-left-out-no-pictures",
    "companions": "all-left-out-no-pictures",
    "others": "all-left-out-no-pictures",
    "odd": "all-left-out-no-pictures",
    "imageless": "all-left-out-no-pictures",
}
"""What can be done where nothing else was found."""


@dataclass
class Tally:
    """How many of each kind, and the first name of each. names_left: see COUNTED_NAMES. met: globs that
    excluded something, if only a file that is no picture.
    """

    counts: dict[str, int] = field(default_factory=dict)
    first: dict[str, str] = field(default_factory=dict)
    closed_because: str = ""
    names_left: int = COUNTED_NAMES
    met: set[str] = field(default_factory=set)

    def add(self, kind: str, name: str = "", n: int = 1) -> None:
        if n:
            self.counts[kind] = self.counts.get(kind, 0) + n
            self.first.setdefault(kind, name)

    def closed(self, name: str, error: OSError) -> None:
        """A folder, or a file that was named, that cannot be read."""
        self.closed_because = self.closed_because or error.strerror or str(error)
        self.add("closed", name)

    def reasons(self) -> tuple[Reason, ...]:
        """The largest count first. Their sentences are parts of a list: "3 hidden files"."""
        return tuple(
            Reason.of(NAMED[kind], n=self.counts[kind], name=_shown(self.first[kind]))
            if kind in NAMED
            else Reason.of(COUNTED[kind], n=self.counts[kind])
            for kind in self._in_order()
        )

    def nothing_left(self) -> NothingLeft:
        """Of counts that are all there is: advice on the largest."""
        return NothingLeft(Reason.of(ADVISED[self._in_order()[0]]), self.reasons())

    def _in_order(self) -> list[str]:
        return sorted(self.counts, key=lambda kind: -self.counts[kind])


def _shown(name: str) -> str:
    return same_name_safe(name, is_of_this_system=True)


def for_the_browser(rules: Rules) -> dict[str, Any]:
    """Which folders are not looked into, as data for who walks a dropped one where Python cannot. The files
    it finds there are held to the rules by their names (see uploads.py), before any is sent."""
    return {
        "folders": FOLDERS.kinds,
        "hidden": rules.include_hidden,
        "exclude": rules.exclude,
        "own": {"beside": FILE_NAME, "folders": OWN},
        "notLookedInto": sorted(NOT_LOOKED_INTO),
        "pictures": sorted(PICTURES),
        "head_bytes": sniff.HEAD_BYTES,
    }


def of_the_browser(counts: Mapping[str, int]) -> tuple[Reason, ...]:
    """What it counted, as reasons. Kinds that there are not are passed over."""
    tally = Tally()
    for kind, n in counts.items():
        if kind in COUNTED:
            tally.add(kind, n=int(n))
    return tally.reasons()
