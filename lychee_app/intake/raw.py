"""A camera's raw file -> the picture in it: the preview the camera put there, or a development at half size.

LibRaw (rawpy) reads it; it is loaded when the first raw file comes. What is a raw file and is none of those
`sniff` knows by their first bytes is a TIFF by its own account: NEF, ARW, DNG, PEF, SRW and others.
"""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from PIL import Image

from lychee_app.errors import ImageError
from lychee_app.intake import exif
from lychee_app.reasons import Reason
from lychee_app.records import UNTOLD, Capture

_NEW_SUBFILE_TYPE, _PHOTOMETRIC, _COMPRESSION, _MAKE, _SUB_IFDS, _DNG_VERSION = 254, 262, 259, 271, 330, 50706
_REDUCED = 1
_SENSOR = {32803, 34892}
"""Photometric interpretations: a colour filter, linear raw."""
_SENSOR_PACKING = {32767, 32769, 32770, 34713, 65535}
"""Compressions of Sony, Samsung, Nikon and Pentax."""
_MOST_TAGS, _MOST_SUB_IFDS = 1000, 16
_ONE_VALUE = {1: "B", 3: "H", 4: "I"}
_SRGB_CURVE = (2.4, 12.92)

Tags = dict[int, int]


@dataclass(frozen=True)
class Picture:
    """What is shown of a raw file: `preview` is a JPEG, or `developed` is there, upright.

    `width_px` and `height_px` are the sensor's, upright. `turned`: the preview is upright as it lies.
    """

    width_px: int
    height_px: int
    note: Reason
    preview: bytes = b""
    developed: Image.Image | None = None
    turned: bool = False
    capture: Capture = UNTOLD


def is_raw(data: bytes) -> bool:
    """Whether a TIFF is a camera's raw file: its first picture is the sensor's, or a small copy of it."""
    try:
        order = {b"II": "<", b"MM": ">"}[data[:2]]
        first = _tags(data, order, struct.unpack_from(order + "I", data, 4)[0])
        if _DNG_VERSION in first or _is_sensor(first):
            return True
        if first.get(_NEW_SUBFILE_TYPE, 0) & _REDUCED and (_SUB_IFDS in first or _MAKE in first):
            return True
        return any(_is_sensor(_tags(data, order, at)) for at in _sub_ifds(data, order, first))
    except (KeyError, struct.error):
        return False


def picture(
    data: bytes, wanted: Callable[[int, int], tuple[int, int]], check: Callable[[int, int], None]
) -> Picture:
    """The preview where it has the size that is `wanted` of the whole picture's, else a development.

    wanted: upright (width, height) -> the size that is shown. check: is told the sensor's size before
    anything is unpacked, and raises ImageError where it is over the limits. Where the sensor's pixels cannot
    be unpacked a smaller preview has to do. Raises ImageError "raw-unread" where there is none.
    """
    with _opened(data) as raw:
        sizes = raw.sizes
        check(sizes.width, sizes.height)
        quarter = sizes.flip in {5, 6}
        width_px, height_px = (sizes.height, sizes.width) if quarter else (sizes.width, sizes.height)
        preview = _preview(raw)
        size, turned = _upright(preview, (width_px, height_px)) if preview else ((0, 0), False)
        least = wanted(width_px, height_px)
        note = Reason.of("raw-preview", width_px=size[0], height_px=size[1])
        capture = exif.of_raw(data, raw, preview)
        shown = Picture(width_px, height_px, note, preview, turned=turned, capture=capture)
        if size[0] >= least[0] and size[1] >= least[1]:
            return shown
        try:
            developed, note = _developed(raw), Reason.of("raw-developed")
            return Picture(width_px, height_px, note, developed=developed, capture=capture)
        except MemoryError:
            raise
        except Exception as error:
            if preview:
                return shown
            raise ImageError("raw-unread", detail=_said(error)) from error


@contextmanager
def _opened(data: bytes) -> Iterator[Any]:
    import rawpy

    raw = rawpy.RawPy()
    try:
        try:
            raw.open_buffer(io.BytesIO(data))
        except rawpy.LibRawError as error:
            raise ImageError("raw-unread", detail=_said(error)) from error
        yield raw
    finally:
        raw.close()


def _preview(raw: Any) -> bytes:
    """The embedded JPEG, with the camera's orientation in its EXIF; b"" where there is none."""
    import rawpy

    try:
        found = raw.extract_thumb()
    except rawpy.LibRawError:
        return b""
    return found.data if found.format == rawpy.ThumbFormat.JPEG else b""


def _upright(preview: bytes, whole: tuple[int, int]) -> tuple[tuple[int, int], bool]:
    """(upright size, whether its pixels are upright already): some cameras turn a preview and tag it too."""
    try:
        with Image.open(io.BytesIO(preview), formats=["JPEG"]) as image:
            width, height = image.size
            turn = image.getexif().get(0x0112, 1)
    except Exception:
        return (0, 0), False
    if turn not in {5, 6, 7, 8}:
        return (width, height), False
    lies = (width > height) == (whole[0] > whole[1]) and width != height
    return ((width, height), True) if lies else ((height, width), False)


def _developed(raw: Any) -> Image.Image:
    """Half the sensor's size a side, as its colour filter gives it without guessing; sRGB, upright."""
    return Image.fromarray(raw.postprocess(half_size=True, use_camera_wb=True, gamma=_SRGB_CURVE))


def _said(error: Exception) -> str:
    """LibRaw's words, which rawpy gives as bytes."""
    told = error.args[0] if error.args else error
    return told.decode(errors="replace") if isinstance(told, bytes) else str(told)


def _is_sensor(tags: Tags) -> bool:
    return tags.get(_PHOTOMETRIC) in _SENSOR or tags.get(_COMPRESSION) in _SENSOR_PACKING


def _sub_ifds(data: bytes, order: str, tags: Tags) -> list[int]:
    """Where the pictures inside the first one lie."""
    if _SUB_IFDS not in tags:
        return []
    count, held = tags[-_SUB_IFDS], tags[_SUB_IFDS]
    if count == 1:
        return [held]
    return list(struct.unpack_from(f"{order}{min(count, _MOST_SUB_IFDS)}I", data, held))


def _tags(data: bytes, order: str, at: int) -> Tags:
    """Tag -> its value, or where its values lie. How many SubIFDs there are stands under the negative tag."""
    (count,) = struct.unpack_from(order + "H", data, at)
    tags: Tags = {}
    for place in range(at + 2, at + 2 + 12 * min(count, _MOST_TAGS), 12):
        tag, kind, several = struct.unpack_from(order + "HHI", data, place)
        form = _ONE_VALUE.get(kind, "I") if several == 1 else "I"
        (tags[tag],) = struct.unpack_from(order + form, data, place + 8)
        if tag == _SUB_IFDS:
            tags[-tag] = several
    return tags
