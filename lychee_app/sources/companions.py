"""The files of one shot: raw beside JPEG, a live photo's film, sidecars. Judged once, carried together.

Told by their names within one folder; case does not count.
"""

import re
from collections.abc import Iterable, Mapping

from lychee_app.intake.sniff import RAW_SUFFIXES

SIDECARS = frozenset({".xmp", ".aae", ".thm", ".pp3", ".dop"})
"""Named after the shot or after one of its files: IMG_1.xmp, IMG_1.jpg.xmp, lower case."""
FILMS = frozenset({".mov", ".mp4", ".mp", ".lrv", ".wav"})
"""What a camera or a phone records with a picture, under the same name."""
SUFFIXES = RAW_SUFFIXES | SIDECARS | FILMS | {".json"}
NEVER_ALONE = SIDECARS | FILMS
"""Files that are no items of their own in a folder, whatever their first bytes are."""
_OF_A_FILE = re.compile(r"(.+)(\.\w+?)(?:\.(s[a-z-]*))?(\(\d+\))?\.\w+$")
_TAKEOUT = "supplemental-metadata"
"""Google's downloads cut this short where a name grows too long, and number the sidecar at its end:
IMG_4.jpg.supplemental-meta.json, IMG_4.jpg(1).json for IMG_4(1).jpg."""
_FIRST = (".jpg", ".jpeg", ".heic", ".heif")
"""Of several pictures of one name, what the raw file and the sidecars go with."""


def grouped(pictures: Iterable[str], beside: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The pictures that are items, each with its companions: raw files, films, sidecars, in this order.

    `pictures`, raw ones included, and `beside` (of SUFFIXES) are names in one folder. A raw file with a
    picture of its name is no item.
    """
    items = {name.casefold(): name for name in sorted(pictures, key=_rank)}
    beside = sorted(set(beside), key=lambda name: (_kind(name), name))
    of_shot: dict[str, str] = {}
    for name in items.values():
        of_shot.setdefault(_stem(name), name)
    of_file = dict(items)
    found: dict[str, list[str]] = {name: [] for name in items.values()}
    for name in beside:
        owner = _owner(name, of_shot, of_file)
        if owner is None or owner == name:
            continue
        found.pop(name, None)
        found[owner].append(name)
        of_file[name.casefold()] = owner
    return {name: tuple(companions) for name, companions in found.items()}


def _owner(name: str, of_shot: Mapping[str, str], of_file: Mapping[str, str]) -> str | None:
    suffix = _suffix(name)
    named = None if suffix in RAW_SUFFIXES | FILMS else _OF_A_FILE.match(name)
    if named and _TAKEOUT.startswith(named[3] or ""):
        file = f"{named[1]}{named[4] or ''}{named[2]}"
        if owner := of_file.get(file.casefold()):
            return owner
    return None if suffix == ".json" else of_shot.get(_stem(name))


def _kind(name: str) -> int:
    suffix = _suffix(name)
    return 0 if suffix in RAW_SUFFIXES else 1 if suffix in FILMS else 2


def _rank(name: str) -> tuple[bool, int, str]:
    """Pictures before raw files, what cameras write before what is made of it."""
    suffix = _suffix(name)
    return suffix in RAW_SUFFIXES, _FIRST.index(suffix) if suffix in _FIRST else len(_FIRST), name


def _stem(name: str) -> str:
    return (name.rpartition(".")[0] or name).casefold()


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"
