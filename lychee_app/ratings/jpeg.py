"""The XMP packet inside a JPEG, found and exchanged: the picture, and all else in the file, stays to the bit.

XMP specification part 3, 1.1.3: a segment APP1 that begins with HEADER. An index of several pictures in one
file (CIPA DC-007: APP2, "MPF") says where the others lie, and is told that they have moved.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from lychee_app.errors import SidecarError
from lychee_app.ratings.sidecars import opened

HEADER = b"http://ns.adobe.com/xap/1.0/\0"
MOST_BYTES = 0xFFFF - 2 - len(HEADER)
"""Of a packet: what a segment has room for."""
_SOI, _EOI, _SCAN, _APP0, _APP1, _APP2, _APP11 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEB
_EXIF, _INDEX = b"Exif\0", b"MPF\0"
_SIGNED, _SIGNED_WITHIN = b"c2pa", 64
"""What a store of Content Credentials says of itself at its beginning (C2PA specification, 11.1)."""
_ENTRIES = 0xB002
"""The tag of the index under which each picture has 16 bytes: flags, size, offset, two numbers."""
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'.encode()
_END = b"<?xpacket end="
_ROOM = (b" " * 99 + b"\n") * 20
"""For other programs to write in, as the specification asks for."""


@dataclass(frozen=True)
class Splice:
    """At byte `at` of a file `old` gives way to `new`."""

    at: int
    old: bytes
    new: bytes


@dataclass(frozen=True)
class Head:
    """What stands before the picture. `packet`: the XMP, None where there is none; `at`, `end`: the bytes of
    its segment, or where a new one belongs. `index_at`: where offsets of the index begin."""

    packet: bytes | None
    at: int
    end: int
    index_at: int = 0
    index: bytes = field(default=b"", repr=False)


def head(path: Path) -> Head | None:
    """None where the file is no JPEG. Raises OSError, and SidecarError where its segments cannot be followed,
    hold more than one packet, or a signature over all of them, which a change would break."""
    with opened(path) as file:
        if file.read(3) != b"\xff\xd8\xff":
            return None
        try:
            return _read(file)
        except struct.error as error:
            raise SidecarError("jpeg-broken") from error


def _read(file: BinaryIO) -> Head:
    found: list[tuple[bytes, int, int]] = []
    index_at, index, room_at = 0, b"", 2
    for marker, at, end in _segments(file):
        start = file.tell()
        if marker == _APP1 and file.read(len(HEADER)) == HEADER:
            found.append((file.read(end - file.tell()), at, end))
        file.seek(start)
        if marker == _APP2 and file.read(len(_INDEX)) == _INDEX:
            index_at, index = start + len(_INDEX), file.read(end - start - len(_INDEX))
        file.seek(start)
        if marker == _APP11 and _SIGNED in file.read(min(_SIGNED_WITHIN, end - start)):
            raise SidecarError("jpeg-signed")
        file.seek(start)
        is_exif = marker == _APP1 and file.read(len(_EXIF)) == _EXIF
        if at == room_at and (marker == _APP0 or is_exif):  # those come first, by their own rules
            room_at = end
    if len(found) > 1:
        raise SidecarError("jpeg-packets")
    packet, at, end = found[0] if found else (None, room_at, room_at)
    return Head(packet, at, end, index_at, index)


def _segments(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(marker, first byte, first byte behind it) of each before the picture, the file at what it holds.
    Raises struct.error where they cannot be followed."""
    at = 2
    while True:
        file.seek(at)
        mark, marker = struct.unpack(">BB", file.read(2))
        if mark != 0xFF or marker in {0, _SOI, _EOI}:
            raise struct.error("no marker")
        if marker == 0xFF:  # a fill byte
            at += 1
            continue
        if marker == _SCAN:
            return
        (length,) = struct.unpack(">H", file.read(2))
        if length < 2:
            raise struct.error("no length")
        end = at + 2 + length
        yield marker, at, end
        at = end


def wrapped(packet: bytes) -> bytes:
    """A new packet, as a file holds it."""
    return _BEGIN + packet + _ROOM + _END + b'"w"?>'


def exchange(there: Head, packet: bytes) -> tuple[Splice, ...]:
    """What of the file changes, in its order: `packet` in the place of what is there. Where that has room to
    write in, nothing behind it moves. Raises SidecarError: too long for a segment."""
    if there.packet is not None:
        packet = _fitted(packet, len(there.packet))
    if len(packet) > MOST_BYTES:
        packet = _fitted(packet, MOST_BYTES)
    if len(packet) > MOST_BYTES:
        raise SidecarError("jpeg-full", kilobytes=len(packet) / 1e3, limit=MOST_BYTES / 1e3)
    new = _segment(packet)
    old = b"" if there.packet is None else _segment(there.packet)
    splices = [Splice(there.at, old, new)]
    if there.index and len(new) != len(old):
        try:
            splices += _moved(there, len(new) - len(old))
        except struct.error as error:
            raise SidecarError("jpeg-broken") from error
    splices.sort(key=lambda splice: splice.at)
    if any(one.at + len(one.old) > other.at for one, other in pairwise(splices)):
        raise SidecarError("jpeg-broken")  # an index that has a picture twice
    return tuple(splices)


def _segment(packet: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, _APP1, 2 + len(HEADER) + len(packet)) + HEADER + packet


def _fitted(packet: bytes, size: int) -> bytes:
    """With so much more or less room at its end that it has that size, where that can be."""
    end = packet.rfind(_END)
    if end < 0:
        return packet
    told = packet[:end].rstrip(b" \t\r\n")
    room = packet[len(told) : end]
    lacking = size - len(packet)
    if lacking >= 0:
        return told + room + b" " * lacking + packet[end:]
    return told + room[-lacking:] + packet[end:] if -lacking <= len(room) else packet


def _moved(there: Head, by: int) -> Iterator[Splice]:
    """Of the index: the first picture has grown by so many bytes; the others lie so much further on where the
    packet stands between them and the index. Raises struct.error."""
    order = {b"II": "<", b"MM": ">"}.get(there.index[:2], "")
    if not order:
        raise struct.error("no byte order")
    (at,) = struct.unpack_from(f"{order}I", there.index, 4)
    (count,) = struct.unpack_from(f"{order}H", there.index, at)
    for number in range(count):
        tag, _, size, place = struct.unpack_from(f"{order}HHII", there.index, at + 2 + 12 * number)
        if tag != _ENTRIES:
            continue
        for entry in range(place, place + size, 16):
            length, offset = struct.unpack_from(f"{order}II", there.index, entry + 4)
            changed = {entry + 4: length + by} if offset == 0 and length else {}
            if offset and there.at > there.index_at:
                changed = {entry + 8: offset + by}
            for where, value in changed.items():
                old = there.index[where : where + 4]
                yield Splice(there.index_at + where, old, struct.pack(f"{order}I", value))


def spliced(data: bytes, splices: Sequence[Splice]) -> bytes | None:
    """None where `data` does not hold what is to give way."""
    parts, done = [], 0
    for splice in splices:
        if data[splice.at : splice.at + len(splice.old)] != splice.old:
            return None
        parts += [data[done : splice.at], splice.new]
        done = splice.at + len(splice.old)
    return b"".join([*parts, data[done:]])


def backwards(splices: Sequence[Splice]) -> tuple[Splice, ...]:
    """What takes them back."""
    found, by = [], 0
    for splice in splices:
        found.append(Splice(splice.at + by, splice.new, splice.old))
        by += len(splice.new) - len(splice.old)
    return tuple(found)
