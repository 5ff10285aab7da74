"""The files of one shot: raw beside JPEG, a live photo's film, sidecars, an iPhone's edited copy and what it
was made from, a Pixel's cover and its original. Judged once, carried together.

Told by their names within one folder; case does not count.
"""

import re
from collections.abc import Iterable, Mapping

from lychee_app.intake.sniff import RAW_SUFFIXES
from lychee_app.intake.sniff import SUFFIXES as SUFFIXES_OF_PICTURES

SIDECARS = frozenset({".xmp", ".aae", ".thm", ".pp3", ".dop"})
"""Named after the shot or after one of its files: IMG_1.xmp, IMG_1.jpg.xmp, lower case."""
FILMS = frozenset({".mov", ".mp4", ".mp", ".mv", ".lrv", ".wav"})
"""What a camera or a phone records with a picture, under the same name."""
SUFFIXES = RAW_SUFFIXES | SIDECARS | FILMS | {".json"}
NEVER_ALONE = SIDECARS | FILMS
"""Files that are no items of their own in a folder, whatever their first bytes are."""
_OF_A_FILE = re.compile(r"(.+)(\.\w+?)(?:\.(s[a-z-]*))?(\(\d+\))?\.\w+$")
_TAKEOUT = "supplemental-metadata"
"""Google's downloads cut this short where a name grows too long, and number the sidecar at its end:
IMG_4.jpg.supplemental-meta.json, IMG_4.jpg(1).json for IMG_4(1).jpg."""
_PHONE = re.compile(r"(img_)([eo]?)(\d{4})$")
"""IMG_E1234.HEIC is IMG_1234.HEIC as it was edited on an iPhone, and the one that Apple shows. IMG_O1234.AAE,
always a sidecar, tells what the camera itself did to it, as for a portrait.
"""
_PIXEL = re.compile(r"(pxl_[\d_]+)(?:(\.[a-z_]+)-0[12])?(?:\.mp)?(\.cover|\.original)?$")
"""PXL_1.RAW-01.COVER.jpg is shown for PXL_1.RAW-02.ORIGINAL.dng; so with PORTRAIT and others. One with a film
in it has an MP that its raw file lacks: PXL_1.MP.jpg, PXL_1.RAW-01.MP.COVER.jpg; in a download that film is
a file, PXL_1.MP. The digits are date and time to the millisecond.
"""
_FIRST = (".jpg", ".jpeg", ".heic", ".heif")
"""Of several pictures of one name, what the raw file and the sidecars go with."""


def grouped(pictures: Iterable[str], beside: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The pictures that are items, each with its companions: originals of an edited copy, raw files, films,
    sidecars, in this order.

    `pictures`, raw ones included, and `beside` (that `may_go_along`) are names in one folder. A raw file with
    a picture of its name is no item, nor is a picture with its edited copy.
    """
    found: dict[str, list[str]] = {name: [] for name in sorted(pictures, key=_rank)}
    of_shot: dict[str, str] = {}
    of_stem: dict[str, str] = {}
    of_file: dict[str, str] = {}
    for name in found:
        of_shot.setdefault(_shot(name), name)
        of_stem.setdefault(_stem(name), name)
        of_file.setdefault(name.casefold(), name)
    originals = {name for name in (*found, *beside) if is_original(name)}
    others = sorted({*beside, *originals}, key=lambda name: (_kind(name), name))
    for name in others:
        owner = of_shot.get(_shot(name)) if name in originals else _owner(name, of_shot, of_stem, of_file)
        if owner is None or owner == name or (name in originals and not is_edited(owner)):
            continue
        found.pop(name, None)
        found[owner].append(name)
        of_file[name.casefold()] = owner
        if of_stem.get(_stem(name)) == name:
            of_stem[_stem(name)] = owner
    return {name: tuple(companions) for name, companions in found.items()}


def may_go_along(name: str) -> bool:
    """Whether it may be the companion of another picture in its folder."""
    return _suffix(name) in SUFFIXES or is_original(name)


def is_original(name: str) -> bool:
    """Whether the name is one that a phone gives to what its edited copy, or its cover, is made from."""
    if _suffix(name) not in SUFFIXES_OF_PICTURES:
        return False
    start = name[:4].lower()
    if start == "pxl_":
        return _pixel_part(name) == ".original"
    phone = start == "img_" and _PHONE.match(_stem(name))
    return bool(phone and not phone[2])


def is_edited(name: str) -> bool:
    """Whether the name is one that an iPhone gives to an edited copy, or a Pixel to a cover."""
    if name[:4].lower() == "pxl_":
        return _pixel_part(name) == ".cover"
    phone = name[:5].lower() == "img_e" and _PHONE.match(_stem(name))
    return bool(phone)


def _pixel_part(name: str) -> str | None:
    pixel = _PIXEL.match(_stem(name))
    return pixel[3] if pixel else None


def _owner(
    name: str, of_shot: Mapping[str, str], of_stem: Mapping[str, str], of_file: Mapping[str, str]
) -> str | None:
    """By the file it is named after, else by its exact name, else by its shot."""
    suffix = _suffix(name)
    named = None if suffix in RAW_SUFFIXES | FILMS else _OF_A_FILE.match(name)
    if named and _TAKEOUT.startswith(named[3] or ""):
        file = f"{named[1]}{named[4] or ''}{named[2]}"
        if owner := of_file.get(file.casefold()):
            return owner
    if suffix == ".json":
        return None
    owners = [of_stem.get(_stem(name)), of_shot.get(_shot(name))]
    if suffix == ".mp":  # PXL_1.MP, out of PXL_1.MP.jpg
        owners = [of_stem.get(name.casefold()), *owners]
    return next((owner for owner in owners if owner not in {None, name}), None)


def _kind(name: str) -> int:
    suffix = _suffix(name)
    if suffix in SUFFIXES_OF_PICTURES:
        return 0
    return 1 if suffix in RAW_SUFFIXES else 2 if suffix in FILMS else 3


def _rank(name: str) -> tuple[bool, bool, int, str]:
    """Pictures before raw files, edited copies first, what cameras write before what is made of it."""
    suffix = _suffix(name)
    place = _FIRST.index(suffix) if suffix in _FIRST else len(_FIRST)
    return suffix in RAW_SUFFIXES, not is_edited(name), place, name


def _shot(name: str) -> str:
    """What the files of a shot have in common."""
    stem = _stem(name)
    start = stem[:4]
    if start == "pxl_" and (pixel := _PIXEL.match(stem)):
        return pixel[1] + (pixel[2] or "")
    phone = start == "img_" and _PHONE.match(stem)
    if phone and (phone[2] != "o" or _suffix(name) == ".aae"):
        return phone[1] + phone[3]
    return stem


def _stem(name: str) -> str:
    return (name.rpartition(".")[0] or name).casefold()


def _suffix(name: str) -> str:
    return f".{name.rpartition('.')[2].lower()}"
