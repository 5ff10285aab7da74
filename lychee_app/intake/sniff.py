"""What a file is, by its first bytes: the name and its suffix are not asked.

Knows magic numbers. Does not decode, and does not know whether the rest of the file is whole.
"""

import re

from lychee_app.errors import ImageError

HEAD_BYTES = 1024

ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF")
"""The decoders that may be used, by Pillow's names. HEIF needs the pillow-heif package."""

SPOKEN = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF and HEIC"

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".avif", ".avifs", ".heic", ".heif", ".hif"}
)
"""Suffixes of the accepted formats, lower case."""

FOREIGN_SUFFIXES = frozenset((".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf", ".jxl", ".psd", ".psb", ".eps"))
"""Pictures that are refused by name: in a folder they are found, so that nobody waits for them in vain."""

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
_FOREIGN_MAGIC = (
    (b"\x00\x00\x00\x0cjP  ", "a JPEG 2000 picture"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL picture"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"%!PS", "an EPS or PostScript document"),
    (b"\xc5\xd0\xd3\xc6", "an EPS document"),
    (b"8BPS", "a Photoshop (PSD) picture"),
    (b"\x00\x00\x01\x00", "a Windows icon"),
    (b"qoif", "a QOI picture"),
    (b"FUJIFILMCCD-RAW", "a camera raw file (RAF)"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
)
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_TEXT = (
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), "an SVG drawing"),
    (re.compile(rb"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE), "a web page (HTML)"),
    (re.compile(rb"\A\s*<\?xml", re.IGNORECASE), "an XML document"),
)


def sniff(head: bytes) -> str:
    """The accepted format that the first HEAD_BYTES say this is, one of ACCEPTED.

    Raises ImageError: "empty", "format" for something else that is known, "not-an-image" for the rest.
    """
    if not head:
        message = "The file is empty (0 bytes). Copy it again from where it came from."
        raise ImageError(message, code="empty")
    if accepted := _accepted(head):
        return accepted
    if foreign := _foreign(head):
        message = f"This is {foreign}. Only {SPOKEN} are taken: save it as one of these."
        raise ImageError(message, code="format")
    message = f"This is not an image: its first bytes are of no known format. Only {SPOKEN} are taken."
    raise ImageError(message, code="not-an-image")


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
    for magic, name in _FOREIGN_MAGIC:
        if head.startswith(magic):
            return name
    if head[8:10] == b"CR" and head.startswith(b"II*\x00"):
        return "a camera raw file (CR2)"
    if head[4:8] == b"ftyp":
        return "a camera raw file (CR3)" if head[8:12] == b"crx " else "a video or another media file"
    if b"%PDF-" in head:
        return "a PDF document"
    return next((name for pattern, name in _TEXT if pattern.search(head)), None)
