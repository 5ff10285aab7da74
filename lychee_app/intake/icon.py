"""A Windows icon -> the largest picture in it.

An icon is a list of pictures, each a PNG or a bitmap without its file header. What the list says of their
sizes need not be true, and Pillow believes the picture: so that is taken out and meets the limits by itself.
"""

import struct

_HEADER, _ENTRY = struct.Struct("<HHH"), struct.Struct("<BBBBHHII")
_PNG = b"\x89PNG\r\n\x1a\n"


def largest(data: bytes) -> tuple[str, bytes]:
    """(kind, file): a PNG, or an icon of that one picture whose list tells the size that the picture has.

    Raises ValueError where there is none, or one of a bitmap larger than icons can be.
    """
    count = _HEADER.unpack_from(data)[2]
    last = _HEADER.size + _ENTRY.size * count
    entries = [_ENTRY.unpack_from(data, at) for at in range(_HEADER.size, last, _ENTRY.size)]
    if not entries:
        raise ValueError("an icon without a picture")
    _, _, colours, _, planes, bits, length, at = max(entries, key=_rank)
    picture = data[at : at + length]
    if picture.startswith(_PNG):
        return "PNG", picture
    header_bytes, width_px, height_px = struct.unpack_from("<Iii", picture)
    if header_bytes < 40 or not (0 < width_px <= 256 and 0 < height_px <= 512):
        raise ValueError(f"a bitmap of {width_px} x {height_px} in an icon")
    size = width_px % 256, height_px // 2 % 256  # the mask of what is clear lies below the colours
    entry = _ENTRY.pack(*size, colours, 0, planes, bits, len(picture), _HEADER.size + _ENTRY.size)
    return "ICO", _HEADER.pack(0, 1, 1) + entry + picture


def _rank(entry: tuple[int, ...]) -> tuple[int, int]:
    """By size (0 is 256), then by depth."""
    return (entry[0] or 256) * (entry[1] or 256), entry[5]
