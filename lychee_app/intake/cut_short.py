"""Files that lack their end: whether one does, how much of its picture is missing, what can be shown of it.

JPEG and PNG give what is there. WebP, AVIF, HEIF, GIF, TIFF and JPEG 2000 do not: their decoders give all or
nothing, as Pillow uses them.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from PIL import Image

from lychee_app.intake.metadata import Buffer, png_chunks

MOST_MISSING = 0.25
"""Of the picture. With more of it gone what is left is no longer what the file shows."""

_END = b"\xff\xd9"
_START_OF_DATA = b"\xff\x93"
_PAD = bytes(64)
_SCAN = 0xDA
_PROGRESSIVE = {0xC2, 0xC6, 0xCA, 0xCE}
_COEFFICIENTS = 64
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""In the data of a scan: neither a stuffed byte nor a restart."""
_ROWS_OF_A_BLOCK = 2
"""At an eighth, of the largest blocks, 16 pixels high: so many rows the end of the data may cut."""
_STEP_BYTES = 1 << 20
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}


@dataclass(frozen=True)
class Passes:
    """`whole` are there, of `least` or more that the file was made of."""

    whole: int
    least: int


@dataclass(frozen=True)
class Rest:
    """A whole file of what is there. `missing`: the share of the picture, 0 to 1, that is not.

    `is_cut`: something is missing, if only the mark of the end. `passes`: of a progressive JPEG, which is
    there as a whole from the first pass on and grows finer with each.
    """

    data: bytes
    missing: float
    is_cut: bool = True
    passes: Passes | None = None


def is_cut_short(kind: str, data: bytes) -> bool:
    """Whether a file says that it is longer than `data`, or a PNG ends in zeros, as half a copy leaves it.
    False where it does not say.
    """
    if kind in {"PNG", "JPEG"}:
        return data.endswith(_PAD) if kind == "PNG" else _lacks_end(data)
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if kind == "JPEG2000":
        return data.find(_END, data.find(_START_OF_DATA)) < 0
    if kind not in {"AVIF", "HEIF"}:
        return False
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:  # 0: to the end of the file; 1: 64 bits, which no image needs
            return False
        at += size
    return at > len(data)


def is_padded(kind: str, data: bytes) -> bool:
    """A JPEG that breaks off in zeros, as a download leaves it: its decoder takes them for a picture."""
    return kind == "JPEG" and data.endswith(_PAD) and _lacks_end(data)


def rest_of(kind: str, data: bytes) -> Rest | None:
    """What is there of a file that lacks its end; None where it does not, or nothing can be said."""
    try:
        if kind == "JPEG" and _lacks_end(data):
            there = data.rstrip(b"\0") if data.endswith(_PAD) else data
            whole = _without_broken_header(there) + _END
            return Rest(whole, _missing_of_jpeg(whole), passes=passes_of(there))
        return _png(data) if kind == "PNG" else None
    except (OSError, SyntaxError, ValueError, struct.error, LookupError, zlib.error):
        return None


def _lacks_end(data: bytes) -> bool:
    """No marker of its end after the first scan: in a scan's own data there is never one."""
    first = next((end for marker, _, end in _segments(data) if marker == _SCAN), None)
    return first is not None and data.find(_END, first) < 0


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, where it begins, where its header ends) of each part of a JPEG. The last one may break off:
    its header ends beyond the data."""
    at = 2
    while at + 1 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _END[1]:
            return
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") if at + 4 <= len(data) else len(data) + 1
        yield marker, at, end
        found = _MARKER.search(data, end) if marker == _SCAN else None
        at = end if marker != _SCAN else found.start() if found else len(data)


def _without_broken_header(data: bytes) -> bytes:
    """A decoder takes a scan that breaks off, and no header that does: those between two scans are told."""
    has_scan = False
    for marker, at, end in _segments(data):
        if end > len(data):
            return data[:at] if has_scan else data
        has_scan = has_scan or marker == _SCAN
    return data


def passes_of(data: bytes) -> Passes | None:
    """None where a JPEG is not progressive. The one that breaks off is none of the whole ones.

    How many there were nobody says; but each takes one bit of some coefficients, until the last bit of all is
    there (ITU-T T.81, G.1.1.1: Ss and Se say which coefficients, Al which bit).
    """
    bits: dict[int, list[int | None]] = {}
    whole, under_way, is_progressive = 0, None, False
    for marker, at, end in _segments(data):
        if under_way is not None:
            _take(bits, under_way)
            whole, under_way = whole + 1, None
        if end > len(data):
            break
        header = data[at + 4 : end]
        if marker in _PROGRESSIVE:
            is_progressive = True
            bits = {header[place]: [None] * _COEFFICIENTS for place in range(6, 6 + 3 * header[5], 3)}
        elif marker == _SCAN:
            under_way = header
    if not is_progressive:
        return None
    return Passes(whole, whole + _still_to_come(bits))


def _take(bits: dict[int, list[int | None]], scan: bytes) -> None:
    """Notes which bit of which coefficients a pass brought."""
    count = scan[0]
    components, (first, last, bit) = scan[1 : 1 + 2 * count : 2], scan[1 + 2 * count : 4 + 2 * count]
    for component in components:
        for place in range(first, min(last, _COEFFICIENTS - 1) + 1):
            bits[component][place] = bit & 15


def _still_to_come(bits: dict[int, list[int | None]]) -> int:
    """So many passes at the least: the first coefficients of all components may come in one, the others of
    each come by themselves; those never seen need one, and those seen one for each bit."""
    first = max((1 if held[0] is None else held[0] for held in bits.values()), default=0)
    rest = (held[1:] for held in bits.values())
    return first + sum(
        (None in held) + max((bit for bit in held if bit is not None), default=0) for held in rest
    )


def _missing_of_jpeg(whole: bytes) -> float:
    """What libjpeg could not fill is left in even grey. So may be what the picture shows there: of a baseline
    file the decoder also tells how far it came, in rows of blocks, without an end to run into.
    """
    even = _even_end(_eighth(whole))
    cut = whole[: -len(_END)]
    twice = [_rows(_eighth(cut, start)) for start in (0, 255)]
    written = sum(one == other for one, other in zip(*twice, strict=True)) / len(twice[0])
    return min(even, 1 - written) if written else even


def _eighth(data: bytes, start: int | None = None) -> Image.Image:
    """An eighth of its size a side. start: the grey of what the decoder does not reach; None: it must."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft(None, (max(1, image.width // 8), max(1, image.height // 8)))
        if start is None:
            image.load()
            return image.copy()
        _, _, offset, arguments = cast(tuple[str, Any, int, tuple[str, str]], image.tile[0])
        there = Image.new(image.mode, image.size, (start,) * len(image.getbands()))
        with suppress(ValueError):  # it is not all there: that is what is asked
            there.frombytes(data[offset:], "jpeg", *arguments, *image.decoderconfig)
        return there


def _rows(image: Image.Image) -> list[bytes]:
    return [image.crop((0, row, image.width, row + 1)).tobytes() for row in range(image.height)]


def _even_end(image: Image.Image) -> float:
    """The share of the pixels at the end, from left to right and downwards, that are the grey of no data."""
    pixel, rows = image.crop((image.width - 1, image.height - 1, *image.size)).tobytes(), _rows(image)
    if not set(pixel) <= {127, 128}:
        return 0.0
    whole, even, partly = pixel * image.width, 0, 0
    for row in reversed(rows):
        if row == whole:
            even += image.width
        else:
            even += _run_at_end(row, pixel)
            partly += 1
        if partly == _ROWS_OF_A_BLOCK:
            break
    return even / (image.width * image.height)


def _run_at_end(row: bytes, pixel: bytes) -> int:
    run = 0
    for at in range(len(row) - len(pixel), -1, -len(pixel)):
        if row[at : at + len(pixel)] != pixel:
            break
        run += 1
    return run


def _png(data: bytes) -> Rest | None:
    """The rows that are there, as a PNG of that height. None if interlaced: parts of all rows are there."""
    chunks = list(png_chunks(data))
    if not chunks or chunks[-1][0] == b"IEND" or chunks[0][0] != b"IHDR":
        return None
    header = bytearray(chunks[0][1][8:21])
    width, height, bits, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if interlaced or colour not in _CHANNELS:
        return None
    pieces = [bytes(piece[8 : 8 + _stated(piece)]) for name, piece in chunks if name == b"IDAT"]
    row_bytes = 1 + (width * bits * _CHANNELS[colour] + 7) // 8
    rows = min(height, _unpacked_bytes(pieces, row_bytes * height) // row_bytes)
    if not rows:
        return None
    header[4:8] = struct.pack(">I", rows)
    before = b"".join(
        bytes(piece) for name, piece in chunks[1:] if name not in {b"IDAT", b"acTL", b"fcTL", b"fdAT"}
    )
    made = (_chunk(b"IHDR", bytes(header)), before, _chunk(b"IDAT", b"".join(pieces)), _chunk(b"IEND", b""))
    return Rest(data[:8] + b"".join(made), 1 - rows / height)


def _stated(chunk: Buffer) -> int:
    return int.from_bytes(chunk[:4], "big")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _unpacked_bytes(pieces: list[bytes], most: int) -> int:
    """How much they unpack to, counted in steps, so that a bomb takes no memory. Raises zlib.error."""
    unpack, count = zlib.decompressobj(), 0
    for piece in pieces:
        left = piece
        while left and count < most:
            count += len(unpack.decompress(left, _STEP_BYTES))
            left = unpack.unconsumed_tail
    return count
