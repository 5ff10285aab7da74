"""Fonts of this machine that can show given characters. None is taken for granted, and none is shipped."""

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fontTools.ttLib import TTFont

_USUAL = (
    "dejavusans", "notosans-regular", "liberationsans-regular", "arial", "segoeui",
    "notosanscjk-regular", "notosanscjksc-regular", "notosanssc-regular", "sourcehansanssc-regular",
    "sourcehansans-regular", "pingfang", "hiragino sans gb", "stheiti light", "arial unicode", "msyh",
    "simhei", "simsun", "deng", "wqy-microhei", "wqy-zenhei", "droidsansfallbackfull", "unifont",
)  # fmt: skip
"""Plain faces that systems come with, by the names of their files; those with Chinese last."""
_SIMPLIFIED = ("SC", "GB", "Simplified")
_STYLED = re.compile("bold|italic|oblique|light|thin|black|medium|condensed|narrow|mono|(?<=[a-z])b[di]?$")
"""A bolder sister has no other letters than the plain face."""
_MOST_FILES = 60
"""So many are looked at: one with Chinese takes a quarter of a second."""
_MOST_FACES = 24


@dataclass(frozen=True)
class Face:
    """A file, which one of a collection, and what of the wanted characters it adds to those before it."""

    path: Path
    number: int
    adds: frozenset[str]


def covering(chars: set[str], folders: Sequence[Path] | None = None) -> list[Face]:
    """Faces that together show as many of these as can be. folders: None is where this system keeps fonts."""
    missing, faces = set(chars), []
    for path in _files(_system_folders() if folders is None else folders):
        if not missing:
            break
        number, has = _read(path)
        if adds := frozenset(has & missing):
            faces.append(Face(path, number, adds))
            missing -= adds
    return faces


def _system_folders() -> Sequence[Path]:
    home = Path.home()
    if sys.platform == "win32":
        return Path("C:/Windows/Fonts"), home / "AppData/Local/Microsoft/Windows/Fonts"
    if sys.platform == "darwin":
        return Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"
    share = Path("/usr/share/fonts"), Path("/usr/local/share/fonts")
    return (*share, home / ".local/share/fonts", home / ".fonts")


def _files(folders: Sequence[Path]) -> list[Path]:
    """The usual ones first, then what else there is."""
    found = (path for folder in folders for path in sorted(folder.rglob("*")))
    fonts = [path for path in found if path.suffix.lower() in {".ttf", ".ttc", ".otf"}]
    plain = [path for path in fonts if _place(path)[0] < len(_USUAL) or not _STYLED.search(path.stem.lower())]
    return sorted(plain, key=_place)[:_MOST_FILES]


def _place(path: Path) -> tuple[int, int]:
    stem = path.stem.lower()
    usual = next((place for place, name in enumerate(_USUAL) if stem == name), len(_USUAL))
    return usual, len(stem)


def _read(path: Path) -> tuple[int, set[str]]:
    """The face that is taken of a file, and its characters; none where it cannot be embedded."""
    try:
        number = _face(path)
        with path.open("rb") as file, TTFont(file, fontNumber=number, lazy=True) as font:
            may_embed = font["OS/2"].fsType & 0xF != 2  # pyright: ignore[reportAttributeAccessIssue]
            has_outlines = "glyf" in font or "CFF " in font
            return number, set(map(chr, font.getBestCmap() or {})) if may_embed and has_outlines else set()
    except Exception:  # fontTools raises errors of many kinds for a broken file
        return 0, set()


def _face(path: Path) -> int:
    """Of a collection that for simplified Chinese, where there is one."""
    with path.open("rb") as file:
        head = file.read(12)
        count = int.from_bytes(head[8:12], "big") if head.startswith(b"ttcf") else 0
        for number in range(min(count, _MOST_FACES)):
            name = TTFont(file, fontNumber=number, lazy=True)["name"].getDebugName(4) or ""  # pyright: ignore[reportAttributeAccessIssue]
            if any(mark in name for mark in _SIMPLIFIED):
                return number
    return 0
