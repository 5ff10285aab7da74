"""A picture -> small grey views of it and of its parts, and its tints: all that its fingerprint is made of.

With Pillow alone, which is all that decoders' processes load; `curate.fingerprint` makes hashes of them.
"""

from functools import cache

from PIL import Image

SIDE_PX, COUNT, TINTS = 32, 12, 16
"""A view is SIDE_PX x SIDE_PX; there are TINTS x TINTS cells of two tints each."""
TINTS_BYTES = 2 * TINTS**2
BYTES = COUNT * SIDE_PX**2 + TINTS_BYTES
BOX = Image.Resampling.BOX


def views(picture: Image.Image) -> bytes:
    """BYTES: the views, that of the whole first, then Cb and Cr of each cell. Of RGB, of any size."""
    grey, (width, height) = picture.convert("L"), picture.size
    found = []
    for left, top, right, bottom in _parts():
        box = (left * width, top * height, right * width, bottom * height)
        found.append(grey.resize((SIDE_PX, SIDE_PX), BOX, box=box).tobytes())
    tints = bytearray(picture.resize((TINTS, TINTS), BOX, reducing_gap=1.0).convert("YCbCr").tobytes())
    del tints[::3]  # how light it is
    return b"".join([*found, tints])


@cache
def _parts() -> tuple[tuple[float, float, float, float], ...]:
    """As shares of the sides: the whole; 0.9 from the middle; 0.8 and 0.7 from the corners and the middle."""
    corners = ((0.5, 0.5), (0, 0), (1, 0), (0, 1), (1, 1))
    parts = [(1.0, 0, 0), (0.9, 0.5, 0.5), *((share, *at) for share in (0.8, 0.7) for at in corners)]
    found = []
    for share, across, down in parts:
        left, top = across * (1 - share), down * (1 - share)
        found.append((left, top, min(1.0, left + share), min(1.0, top + share)))
    return tuple(found)
