"""The same picture without what is not pixels, for files whose metadata a decoder stumbles over.

Knows how PNG, JPEG, WebP and AVIF are cut into pieces. Never fails: what it cannot walk through gives None.
"""

import struct
import zlib
from collections.abc import Iterator

Buffer = bytes | memoryview

_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}
_WEBP_DROPPED = {b"EXIF", b"XMP ", b"ICCP"}
_JFIF_BYTES = 16
_APP0, _APP14, _APP15, _COMMENT, _SCAN = 0xE0, 0xEE, 0xEF, 0xFE, 0xDA


def without(kind: str, data: bytes) -> bytes | None:
    """`data` with only what its pixels need; None if that is no different or the file cannot be walked."""
    strip = {"PNG": _png, "JPEG": _jpeg, "WEBP": _webp}.get(kind)
    if strip is None:
        return None
    try:
        bare = strip(data)
    except (struct.error, IndexError, ValueError):
        return None
    return None if len(bare) == len(data) else bare


def is_cut_short(kind: str, data: bytes) -> bool:
    """Whether a container says that it is longer than `data`. False where it does not say."""
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if kind not in {"AVIF", "HEIF"}:
        return False
    at = 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size < 8:  # 0: to the end of the file; 1: 64 bits, which no image needs
            return False
        at += size
    return at > len(data)


def is_damaged(kind: str, data: bytes) -> bool:
    """Whether pixels differ from what was written. Only a PNG tells, by checksums that Pillow skips."""
    if kind != "PNG":
        return False
    pieces = (piece for name, piece in _png_chunks(memoryview(data)) if name == b"IDAT")
    return any(len(piece) == _length(piece) and zlib.crc32(piece[4:-4]) != _last(piece) for piece in pieces)


def _length(chunk: Buffer) -> int:
    """Of a whole PNG chunk, by what it says itself."""
    return int.from_bytes(chunk[:4], "big") + 12


def _last(chunk: Buffer) -> int:
    return int.from_bytes(chunk[-4:], "big")


def _png(data: bytes) -> bytes:
    return data[:8] + b"".join(piece for kind, piece in _png_chunks(data) if kind in _PNG_KEPT)


def _png_chunks(data: Buffer) -> Iterator[tuple[bytes, Buffer]]:
    """(type, the whole chunk), in order."""
    at = 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        yield bytes(data[at + 4 : at + 8]), data[at : at + 12 + length]
        at += 12 + length


def _jpeg(data: bytes) -> bytes:
    """Without APP1 to APP13, APP15 and comments. JFIF and Adobe markers say what colours mean, and stay."""
    kept = [data[:2]]
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _SCAN:
            break
        (length,) = struct.unpack_from(">H", data, at + 2)
        if _tells_colours(marker, length):
            kept.append(data[at : at + 2 + length])
        at += 2 + length
    return b"".join([*kept, data[at:]])


def _tells_colours(marker: int, length: int) -> bool:
    if marker == _APP0:
        return length >= _JFIF_BYTES
    return marker == _APP14 or not (_APP0 < marker <= _APP15 or marker == _COMMENT)


def _webp(data: bytes) -> bytes:
    kept = []
    at = 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        end = at + 8 + length + length % 2
        if kind not in _WEBP_DROPPED:
            kept.append(data[at:end])
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
