"""Camera raw files, as small as LibRaw takes them: DNGs with the scene behind a filter of two by two."""

import io
import struct

import numpy as np
from PIL import Image

from tests.support import pictures

_BYTE, _ASCII, _SHORT, _LONG, _RATIONAL, _SIGNED = 1, 2, 3, 4, 5, 10
_FORMS = {_BYTE: "B", _SHORT: "H", _LONG: "I"}
_TO_XYZ = (32404542, -15371385, -4985314, -9692660, 18760108, 415560, 556434, -2040259, 10572252)
"""A camera that sees as sRGB does, XYZ to camera, in ten millionths."""


def dng(
    scene: Image.Image | None = None,
    preview: Image.Image | None = None,
    orientation: int = 1,
    raw: bool = True,
    stated_px: tuple[int, int] | None = None,
) -> bytes:
    """A DNG of the scene (linear, 16 bits, RGGB), with a JPEG preview before it if one is given.

    `orientation` is how the camera was held: pixels and preview are given as the sensor has them. raw=False:
    what should be the sensor's pixels is noise in a packing that nobody knows. stated_px: the size it says.
    """
    scene = scene or pictures.scene(640, 480)
    mosaic = _mosaic(scene)
    pixels = mosaic.tobytes() if raw else bytes(range(256)) * 40
    width_px, height_px = stated_px or scene.size
    sensor = [
        _tag(254, _LONG, 0), _tag(256, _LONG, width_px), _tag(257, _LONG, height_px), _tag(258, _SHORT, 16),
        _tag(259, _SHORT, 1 if raw else 34892), _tag(262, _SHORT, 32803), _tag(277, _SHORT, 1),
        _tag(278, _LONG, height_px), _tag(279, _LONG, len(pixels)), _tag(33421, _SHORT, 2, 2),
        _tag(33422, _BYTE, 0, 1, 1, 2), _tag(50714, _SHORT, 0), _tag(50717, _SHORT, 65535),
    ]  # fmt: skip
    camera = [
        (271, _ASCII, 5, b"Made\0"), (272, _ASCII, 5, b"Here\0"), _tag(274, _SHORT, orientation),
        _tag(50706, _BYTE, 1, 4, 0, 0), (50708, _ASCII, 10, b"Made Here\0"),
        _fractions(50721, _SIGNED, *_TO_XYZ), _fractions(50728, _RATIONAL, *[10_000_000] * 3),
        _tag(50778, _SHORT, 21),
    ]  # fmt: skip
    if preview is None:
        return _tiff([([*camera, *sensor], pixels)])
    file = io.BytesIO()
    preview.save(file, "JPEG", quality=95)
    first = [
        _tag(254, _LONG, 1), _tag(256, _LONG, preview.width), _tag(257, _LONG, preview.height),
        _tag(258, _SHORT, 8, 8, 8), _tag(259, _SHORT, 7), _tag(262, _SHORT, 6), _tag(277, _SHORT, 3),
        _tag(278, _LONG, preview.height), _tag(279, _LONG, len(file.getvalue())),
    ]  # fmt: skip
    return _tiff([([*camera, *first], file.getvalue()), (sensor, pixels)])


def _mosaic(scene: Image.Image) -> np.ndarray:
    """(height, width) of 16 bits: of each pixel the one colour its filter lets through, in linear light."""
    srgb = np.asarray(scene.convert("RGB"), dtype=np.float64) / 255
    light = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    mosaic = light[:, :, 1].copy()
    mosaic[::2, ::2] = light[::2, ::2, 0]
    mosaic[1::2, 1::2] = light[1::2, 1::2, 2]
    return np.round(mosaic * 65535).astype("<u2")


def _tag(number: int, kind: int, *values: int) -> tuple[int, int, int, bytes]:
    return number, kind, len(values), struct.pack(f"<{len(values)}{_FORMS[kind]}", *values)


def _fractions(number: int, kind: int, *tens_of_millionths: int) -> tuple[int, int, int, bytes]:
    form = "i" if kind == _SIGNED else "I"
    pairs = b"".join(struct.pack(f"<2{form}", value, 10_000_000) for value in tens_of_millionths)
    return number, kind, len(tens_of_millionths), pairs


def _tiff(directories: list[tuple[list[tuple[int, int, int, bytes]], bytes]]) -> bytes:
    """Each directory with its strip; the second is a SubIFD of the first."""
    file = bytearray(b"II*\0\0\0\0\0")
    place = 0
    for given, strip in reversed(directories):
        strip_at = len(file)
        file += strip + b"\0" * (len(strip) % 2)
        tags = [*given, _tag(273, _LONG, strip_at), *([_tag(330, _LONG, place)] if place else [])]
        entries = b""
        for number, kind, count, value in sorted(tags):
            if len(value) > 4:
                held = struct.pack("<I", len(file))
                file += value + b"\0" * (len(value) % 2)
            else:
                held = value.ljust(4, b"\0")
            entries += struct.pack("<HHI", number, kind, count) + held
        place = len(file)
        file += struct.pack("<H", len(tags)) + entries + bytes(4)
    file[4:8] = struct.pack("<I", place)
    return bytes(file)
