"""What a file is, by its first bytes: the name and its suffix are not asked."""

import re

from lychee_app.errors import ImageError

HEAD_BYTES = 1024

ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""The decoders that may be used, by Pillow's names. HEIF needs the pillow-heif package."""

SPOKEN = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC"
"""The same for people, in every language."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".avif", ".avifs", ".heic", ".heif", ".hif"}
)
"""Suffixes of the accepted formats, lower case."""

FOREIGN_SUFFIXES = frozenset((".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf", ".jxl", ".psd", ".psb", ".eps"))
"""Pictures that are refused by name: in a folder they are found, so that nobody waits for them in vain."""

RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos"}
    | {".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"}
)
"""What cameras write beside or instead of a JPEG, lower case."""

_ACCEPTED_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
)
_RAW = "camera-raw"
_FOREIGN_MAGIC = (
    (b"\x00\x00\x00\x0cjP  ", "jpeg-2000"),
    (b"\xff\x4f\xff\x51", "jpeg-2000"),
    (b"\x00\x00\x00\x0cJXL ", "jpeg-xl"),
    (b"\xff\x0a", "jpeg-xl"),
    (b"%!PS", "postscript"),
    (b"\xc5\xd0\xd3\xc6", "eps"),
    (b"8BPS", "photoshop"),
    (b"\x00\x00\x01\x00", "icon"),
    (b"qoif", "qoi"),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"PK\x03\x04", "zip"),
    (b"Rar!", "rar"),
    (b"7z\xbc\xaf", "7z"),
    (b"\x1f\x8b", "gzip"),
    (b"\x7fELF", "program"),
    (b"MZ", "program"),
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"version https://git-lfs", "git-lfs"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_TEXT = (
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), "svg"),
    (re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE), "html"),
    (re.compile(rb"\A\s*<\?xml", re.IGNORECASE), "xml"),
)
FOREIGN_KINDS = frozenset({name for _, name in (*_FOREIGN_MAGIC, *_TEXT)} | {"media", "pdf"}) - {_RAW}
"""What a refused file may be, by names that every language has words for (NAMES in locale/)."""


def sniff(head: bytes) -> str:
    """The accepted format that the first HEAD_BYTES say this is, one of ACCEPTED.

    Raises ImageError: "empty", "camera-raw", "format" for something else that is known, "not-an-image" for
    the rest.
    """
    if not head:
        raise ImageError("empty")
    if accepted := _accepted(head):
        return accepted
    if (foreign := _foreign(head)) == _RAW:
        raise ImageError("camera-raw")
    if foreign:
        raise ImageError("format", kind=foreign, formats=SPOKEN)
    raise ImageError("not-an-image", formats=SPOKEN)


def _accepted(head: bytes) -> str | None:
    for magic, name in _ACCEPTED_MAGIC:
        if head.startswith(magic):
            return None if head[8:10] == b"CR" and name == "TIFF" else name
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and head[14:18] in _BMP_HEADERS:
        return "BMP"
    return _boxed(head)


_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _boxed(head: bytes) -> str | None:
    """AVIF or HEIF, by the brands of an ISO base media file."""
    if head[4:8] != b"ftyp":
        return None
    brands = _brands(head)
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _brands(head: bytes) -> set[bytes]:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}


def _foreign(head: bytes) -> str | None:
    """What else it is: one of FOREIGN_KINDS, or a camera's raw file."""
    for magic, name in _FOREIGN_MAGIC:
        if head.startswith(magic):
            return name
    if head[8:10] == b"CR" and head.startswith(b"II*\x00"):
        return _RAW
    if head[4:8] == b"ftyp":
        return _RAW if head[8:12] == b"crx " else "media"
    if b"%PDF-" in head:
        return "pdf"
    return next((name for pattern, name in _TEXT if pattern.search(head)), None)
