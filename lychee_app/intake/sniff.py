"""What a file is, by its first bytes: the name and its suffix are not asked."""

import re
import struct

from lychee_app.errors import ImageError

HEAD_BYTES = 1024

RAW = "RAW"
"""Of a camera: not by Pillow but by LibRaw."""

ACCEPTED = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "HEIF", "JPEG2000", "ICO", "PPM", "TGA"),
    RAW,
)
"""The decoders that may be used, by Pillow's names. HEIF needs the pillow-heif package, RAW rawpy."""

SPOKEN = "JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, HEIC, JPEG 2000, ICO, PNM, TGA, RAW (NEF, CR3, DNG, ...)"
"""The same for people, in every language."""

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
    | {".tif", ".tiff", ".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"}
    | {".jp2", ".j2k", ".j2c", ".jpc", ".jpx", ".jpf", ".ico", ".tga"}
    | {".pnm", ".pbm", ".pgm", ".ppm", ".pfm"}
)
"""Suffixes of the accepted formats but for raw files, lower case."""

FOREIGN_SUFFIXES = frozenset((".jxl", ".psd", ".psb", ".eps"))
"""Pictures that are refused by name: in a folder they are found, so that nobody waits for them in vain."""

RAW_SUFFIXES = frozenset(
    {".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef"}
    | {".mos", ".mrw", ".nef", ".nrw", ".orf", ".ori", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf"}
    | {".srw", ".x3f"}
)
"""What cameras write beside or instead of a JPEG, lower case."""

ACCEPTED_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"II+\x00", "TIFF"),
    (b"MM\x00+", "TIFF"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
    (b"\x00\x00\x01\x00", "ICO"),
    (b"FUJIFILMCCD-RAW", RAW),
    (b"IIRO", RAW),  # Olympus
    (b"IIRS", RAW),
    (b"MMOR", RAW),
    (b"IIU\x00", RAW),  # Panasonic, Leica
    (b"FOVb", RAW),  # Sigma
    (b"\x00MRM", RAW),  # Minolta
)
_FOREIGN_MAGIC = (
    (b"\x00\x00\x00\x0cJXL ", "jpeg-xl"),
    (b"\xff\x0a", "jpeg-xl"),
    (b"%!PS", "postscript"),
    (b"\xc5\xd0\xd3\xc6", "eps"),
    (b"8BPS", "photoshop"),
    (b"qoif", "qoi"),
    (b"icns", "icns"),
    (b"DDS ", "dds"),
    *((bytes((10, version, 1)), "pcx") for version in (0, 2, 3, 4, 5)),
    (b"v/1\x01", "openexr"),
    (b"II\xbc", "jpeg-xr"),
    (b"gimp xcf", "xcf"),
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
ARCHIVES = {"zip", "rar", "7z", "gzip", "tar"}
"""Of FOREIGN_KINDS, what may hold pictures."""
FOREIGN_KINDS = frozenset({name for _, name in (*_FOREIGN_MAGIC, *_TEXT)} | {"media", "pdf", "tar"})
"""What a refused file may be, by names that every language has words for (NAMES in locale/)."""


def sniff(head: bytes) -> str:
    """The accepted format that the first HEAD_BYTES say this is, one of ACCEPTED.

    Most raw files are TIFFs up to here: what is further inside tells (raw.is_raw). Raises ImageError:
    "empty", "not-copied" for zeros, "archive" or "format" for something else that is known, "not-an-image"
    for the rest.
    """
    if not head:
        raise ImageError("empty")
    if accepted := _accepted(head):
        return accepted
    if not head.strip(b"\0"):
        raise ImageError("not-copied")
    foreign = _foreign(head)
    if foreign in ARCHIVES:
        raise ImageError("archive", kind=foreign)
    if foreign:
        raise ImageError("format", kind=foreign, formats=SPOKEN)
    raise ImageError("not-an-image", formats=SPOKEN)


def _accepted(head: bytes) -> str | None:
    for magic, name in ACCEPTED_MAGIC:
        if head.startswith(magic):
            return RAW if head[8:10] == b"CR" and name == "TIFF" else name  # Canon's CR2
    if head[6:14] == b"HEAPCCDR":  # Canon's CRW
        return RAW
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "WEBP"
    if head.startswith(b"BM") and head[14:18] in _BMP_HEADERS:
        return "BMP"
    if _PNM.match(head):
        return "PPM"
    return _boxed(head) or ("TGA" if _is_targa(head) else None)


_PNM = re.compile(rb"P(?:[1-6]|[Ff])(?:\s|#[^\n]*\n)+-?\d+\s")
_BMP_HEADERS = {size.to_bytes(4, "little") for size in (12, 16, 40, 52, 56, 64, 108, 124)}


def _boxed(head: bytes) -> str | None:
    """AVIF, HEIF or Canon's CR3, by the brands of an ISO base media file."""
    if head[4:8] != b"ftyp":
        return None
    brands = _brands(head)
    if head[8:12] == b"crx ":
        return RAW
    if brands & {b"avif", b"avis"}:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def _brands(head: bytes) -> set[bytes]:
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[8:12], *(head[at : at + 4] for at in range(16, end - 3, 4))}


_GREY, _COLOUR, _PALETTE = (8, 16), (16, 24, 32), (8,)
_TARGA_DEPTHS = {1: _PALETTE, 9: _PALETTE, 2: _COLOUR, 10: _COLOUR, 3: _GREY, 11: _GREY}


def _is_targa(head: bytes) -> bool:
    """A TGA has no magic number: all that its header of 18 bytes can say must make sense together."""
    if len(head) < 18 or head[16] not in _TARGA_DEPTHS.get(head[2], ()):
        return False
    if head[17] & 0xC0 or head[17] & 0x0F not in {0, 1, 8} or 0 in struct.unpack_from("<HH", head, 12):
        return False
    first, colours, bits = struct.unpack_from("<HHB", head, 3)
    if head[2] in {1, 9}:
        return head[1] == 1 and first + colours <= 256 and colours > 0 and bits in {15, 16, 24, 32}
    return head[1] == first == colours == bits == 0


def _foreign(head: bytes) -> str | None:
    """What else it is: one of FOREIGN_KINDS."""
    for magic, name in _FOREIGN_MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "media"
    if head[257:262] == b"ustar":
        return "tar"
    if b"%PDF-" in head:
        return "pdf"
    return next((name for pattern, name in _TEXT if pattern.search(head)), None)
