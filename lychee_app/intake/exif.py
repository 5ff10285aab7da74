"""When and with what a picture was taken, as its EXIF says. Never fails: what cannot be read is not known.

Pillow reads the tags (CIPA DC-008), and holds what it takes of a file to the file's own size. Of a raw file
LibRaw knows more of the lens, which many cameras name in notes of their own alone.
"""

import contextlib
import io
import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from PIL import ExifTags, Image

from lychee_app.intake import metadata
from lychee_app.records import UNTOLD, Capture

_TIME = re.compile(r"(\d{4})\D(\d\d)\D(\d\d)[ T](\d\d)\D(\d\d)\D(\d\d)")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)")
_BASE, _LENS_INFO_OF_DNG = ExifTags.Base, 0xC630
_TIMES = (
    (_BASE.DateTimeOriginal, _BASE.SubsecTimeOriginal, _BASE.OffsetTimeOriginal),
    (_BASE.DateTimeDigitized, _BASE.SubsecTimeDigitized, _BASE.OffsetTimeDigitized),
)
"""`DateTime` is when the file was last changed: an editor's."""
_COMPANY = re.compile(
    r"[ ,.]+(?:corporation|corp|co|company|ltd|inc|gmbh|ag|imaging|optical|electronics|camera)(?=$|[ ,.])",
    re.I,
)
_NO_TIME = datetime(1971, 1, 1)
"""LibRaw's for a file that tells none is at the beginning of 1970."""
_RATING = re.compile(rb"""\bxmp:Rating\s*(?:=\s*["']|>)\s*(-?\d)""")
MOST_LETTERS = 80

Tags = Mapping[int, Any]


def of_image(image: Image.Image) -> Capture:
    """Of an open image."""
    try:
        return _capture(_merged(image.getexif()))
    except Exception:
        return UNTOLD


def rating(image: Image.Image) -> int | None:
    """The stars in the XMP of a loaded image, -1 to 5: those of its first xmp:Rating."""
    told = image.info.get("xmp")
    found = _RATING.search(told) if isinstance(told, bytes) else None
    return max(-1, min(5, int(found[1]))) if found else None


def of_raw(data: bytes, told: Any, preview: bytes) -> Capture:
    """Of a camera's raw file: `told` is LibRaw's, open on it, `preview` the JPEG in it or b""."""
    found = _of_raw_itself(data)
    if found == UNTOLD and preview:
        found = _of_jpeg(preview)
    try:
        other, lens = told.other, told.lens
        known = Capture(
            time=other.timestamp.isoformat() if other.timestamp > _NO_TIME else "",
            lens=_text(lens.model),
            focal_mm=_positive(other.focal_length),
            f_number=_positive(other.aperture),
            exposure_seconds=_positive(other.shutter_speed),
            iso=_whole(other.iso_speed),
        )
    except Exception:
        return found
    return replace(known, **{name: value for name, value in vars(found).items() if value})


def _of_jpeg(data: bytes) -> Capture:
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
            return of_image(image)
    except Exception:
        return UNTOLD


def _of_raw_itself(data: bytes) -> Capture:
    """A TIFF, whatever its magic number says (Olympus, Panasonic), or Canon's boxes (CR3)."""
    try:
        if blocks := metadata.canon_blocks(data):
            merged: dict[int, Any] = {}
            for block in blocks:
                merged |= _merged(_loaded(block))
            return _capture(merged)
        magic = {b"II": b"II*\0", b"MM": b"MM\0*"}[data[:2]]
        return _capture(_merged(_loaded(magic + data[4:])))
    except Exception:
        return UNTOLD


def _loaded(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


def _merged(exif: Image.Exif) -> dict[int, Any]:
    try:
        inner = exif.get_ifd(ExifTags.IFD.Exif)
    except Exception:
        inner = {}
    wanted = {*_WANTED} - set(inner)
    return {tag: exif.get(tag) for tag in wanted} | inner


def _capture(tags: Tags) -> Capture:
    return Capture(
        time=next(filter(None, (_time(tags, *each) for each in _TIMES)), ""),
        camera=_camera(_text(tags.get(_BASE.Make)), _text(tags.get(_BASE.Model))),
        lens=_text(tags.get(_BASE.LensModel)) or _lens(tags),
        focal_mm=_positive(tags.get(_BASE.FocalLength)),
        f_number=_positive(tags.get(_BASE.FNumber)) or _power(tags.get(_BASE.ApertureValue), 0.5),
        exposure_seconds=_positive(tags.get(_BASE.ExposureTime))
        or _power(tags.get(_BASE.ShutterSpeedValue), -1),
        iso=_whole(tags.get(_BASE.ISOSpeedRatings)),
    )


_WANTED = (
    *(tag for each in _TIMES for tag in each), _BASE.Make, _BASE.Model, _BASE.LensModel,
    _BASE.LensSpecification, _LENS_INFO_OF_DNG, _BASE.FocalLength, _BASE.FNumber, _BASE.ApertureValue,
    _BASE.ExposureTime, _BASE.ShutterSpeedValue, _BASE.ISOSpeedRatings,
)  # fmt: skip


def _time(tags: Tags, when: int, fraction: int, offset: int) -> str:
    """ISO 8601, as the clock of the camera showed it; "" for one that was never set, or no time at all."""
    parts = _TIME.match(_text(tags.get(when)))
    if not parts:
        return ""
    year, month, day, hour, minute, second = map(int, parts.groups())
    digits = re.match(r"\d+", _text(tags.get(fraction)))
    microsecond = int(f"{digits[0]:0<6.6}") if digits else 0
    try:
        moment = datetime(year, month, day, hour, minute, second, microsecond)
    except ValueError:
        return ""
    zone = _OFFSET.fullmatch(_text(tags.get(offset)).replace("Z", "+00:00"))
    if zone is None:
        return moment.isoformat()
    ahead = timedelta(hours=int(zone[2]), minutes=int(zone[3]))
    if ahead >= timedelta(days=1):
        return moment.isoformat()
    return moment.replace(tzinfo=timezone(-ahead if zone[1] == "-" else ahead)).isoformat()


def _camera(make: str, model: str) -> str:
    """ "NIKON CORPORATION", "NIKON Z 6" -> "NIKON Z 6"; "SONY", "ILCE-7M3" -> "SONY ILCE-7M3"."""
    make = _COMPANY.sub("", make).strip(" ,.")
    if not model or model.casefold().startswith(make.partition(" ")[0].casefold()):
        return model or make
    return f"{make} {model}".strip()


def _lens(tags: Tags) -> str:
    """From its focal lengths and widest apertures, "24-70 mm f/2.8"; "" for the 0/0 of what has none."""
    told = tags.get(_BASE.LensSpecification) or tags.get(_LENS_INFO_OF_DNG) or ()
    try:
        short, long, wide, narrow = map(_positive, told)
    except (TypeError, ValueError):
        return ""
    if not short or not long:
        return ""
    ends = [f"{short:g}"] if short == long else [f"{short:g}", f"{long:g}"]
    stops = list(dict.fromkeys(f"{stop:.3g}" for stop in (wide, narrow) if stop))
    return f"{'-'.join(ends)} mm" + (f" f/{'-'.join(stops)}" if stops else "")


def _text(value: object) -> str:
    """One short line. Pillow reads Latin-1; what programs write is UTF-8 as often as ASCII."""
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if not isinstance(value, str):
        return ""
    with contextlib.suppress(UnicodeError):
        value = value.encode("latin-1").decode("utf-8")
    value = value.partition("\0")[0]
    shown = "".join(char if char.isprintable() else " " for char in value)
    return " ".join(shown.split())[:MOST_LETTERS]


def _positive(value: Any) -> float | None:
    """None for what is not above 0, 0/0 and infinity included."""
    try:
        number = float(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return None
    return float(f"{number:.6g}") if 0 < number < math.inf else None


def _power(value: Any, factor: float) -> float | None:
    """APEX: 2 ** (factor * value)."""
    try:
        exponent = factor * float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        return None
    return float(f"{2**exponent:.3g}") if abs(exponent) < 30 else None


def _whole(value: Any) -> int | None:
    first = value[0] if isinstance(value, tuple) and value else value
    number = _positive(first)
    return round(number) if number and number >= 1 and number < 1e8 else None
