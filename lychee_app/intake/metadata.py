"""The pieces that a file is cut into: the same picture without what is not pixels, for files whose metadata a
decoder stumbles over, and where the metadata lie.

Knows how PNG, JPEG, WebP, HEIF and AVIF are cut into pieces. Never fails: what it cannot walk through gives
nothing.
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


def is_damaged(kind: str, data: bytes) -> bool:
    """Whether pixels differ from what was written. Only a PNG tells, by checksums that Pillow skips."""
    if kind != "PNG":
        return False
    pieces = (piece for name, piece in png_chunks(memoryview(data)) if name == b"IDAT")
    return any(len(piece) == _length(piece) and zlib.crc32(piece[4:-4]) != _last(piece) for piece in pieces)


def is_turned_by_boxes(data: bytes) -> bool:
    """Whether a HEIF or AVIF file says in its own boxes how a picture is turned: its EXIF then counts not.

    ISO/IEC 23008-12: irot and imir are properties of the picture, and decoders apply them. Files that were
    turned without them, by EXIF alone, are shown upright by viewers all the same.
    """
    meta = _box(data, b"meta")
    properties = _box(_box(meta[4:], b"iprp"), b"ipco")  # 4: version and flags
    return any(name in {b"irot", b"imir"} for name, _ in _boxes(properties))


def canon_blocks(data: bytes) -> list[bytes]:
    """The EXIF of a CR3, in TIFFs of their own: of the picture, of how it was taken. Nothing of another file.

    https://github.com/lclevy/canon_cr3: moov, the first uuid in it, CMT1 and CMT2.
    """
    if data[4:12] != b"ftypcrx ":
        return []
    inside = _box(_box(data, b"moov"), b"uuid")[16:]  # 16: which uuid
    return [block for name in (b"CMT1", b"CMT2") if (block := _box(inside, name))]


def exif_in_boxes(data: bytes) -> bytes:
    """The EXIF of a HEIF or AVIF file, from its TIFF header on; b"" where there is none that can be found.

    ISO/IEC 14496-12: iinf says which item it is, iloc where that lies, by as many bytes as it says itself.
    """
    meta = _box(data, b"meta")[4:]
    found, places = _exif_item(_box(meta, b"iinf")), _box(meta, b"iloc")
    if found is None or len(places) < 8:
        return b""
    try:
        offset, length = _extent(places, found)
        (skipped,) = struct.unpack_from(">I", data, offset)
        return data[offset + 4 + skipped : offset + length]
    except (struct.error, LookupError):
        return b""


def _exif_item(items: bytes) -> int | None:
    for name, body in _boxes(items[6 if items[:1] == b"\0" else 8 :]):
        wide = body[:1] == b"\3"
        if name == b"infe" and body[8 + 2 * wide : 12 + 2 * wide] == b"Exif":
            return int.from_bytes(body[4 : 8 if wide else 6], "big")
    return None


def _extent(places: bytes, wanted: int) -> tuple[int, int]:
    """(offset, length) in the file of an item's first piece. Raises LookupError, and struct.error where that
    cannot be read."""
    version, sizes = places[0], (places[4] >> 4, places[4] & 15, places[5] >> 4, places[5] & 15)
    offset_bytes, length_bytes, base_bytes, index_bytes = sizes
    at = 4 + 2

    def number(count: int) -> int:
        nonlocal at
        at += count
        if at > len(places):
            raise struct.error("cut short")
        return int.from_bytes(places[at - count : at], "big")

    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        in_file = version == 0 or number(2) & 15 == 0
        in_file = number(2) == 0 and in_file
        base, extents = number(base_bytes), []
        for _ in range(number(2)):
            number(index_bytes if version else 0)
            extents.append((base + number(offset_bytes), number(length_bytes)))
        if item == wanted and in_file and extents:
            return extents[0]
    raise LookupError(wanted)


def _box(data: bytes, wanted: bytes) -> bytes:
    return next((body for name, body in _boxes(data) if name == wanted), b"")


def _boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(type, body) of ISO base media boxes, as far as they can be followed."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big") or len(data) - at
        if size < 8:
            return
        yield data[at + 4 : at + 8], data[at + 8 : at + size]
        at += size


def _length(chunk: Buffer) -> int:
    """Of a whole PNG chunk, by what it says itself."""
    return int.from_bytes(chunk[:4], "big") + 12


def _last(chunk: Buffer) -> int:
    return int.from_bytes(chunk[-4:], "big")


def _png(data: bytes) -> bytes:
    return data[:8] + b"".join(piece for kind, piece in png_chunks(data) if kind in _PNG_KEPT)


def png_chunks(data: Buffer) -> Iterator[tuple[bytes, Buffer]]:
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
