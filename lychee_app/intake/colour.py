"""Any pixels -> plain 8-bit ones: depth, palettes, transparency, colour profiles.

Knows Pillow modes. Does not know files, sizes or orientation. Left as they are: a PNG's gAMA and cHRM, and
gain maps, which most viewers ignore too.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from PIL import Image, ImageCms, ImageStat

from lychee_app.reasons import Reason

WHITE, DARK = 255, 32
"""The grounds that transparency is laid over."""
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_DEEP = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")
_EXTREMA_ROWS = 256
_SAMPLE_PX = 256
_FAINT, _LIGHT = 32, 224
"""Below that alpha nothing counts as drawn; from that tone on white hides it."""
_HIDDEN, _CLEAR = 0.95, 0.05
"""Shares: of what is drawn, from which on white hides it; of the picture, that must be clear."""
_SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK", "LAB": "LAB"}
_FLAGS = ImageCms.Flags.BLACKPOINTCOMPENSATION
_INTENT = ImageCms.Intent.RELATIVE_COLORIMETRIC


@dataclass(frozen=True)
class GreyRange:
    """Which values of a deep grey image are black and white, and what to say about it."""

    black: float
    white: float
    note: Reason | None = None


def is_deep(image: Image.Image) -> bool:
    """Grey of more than 8 bits, which Pillow clips instead of scaling."""
    return image.mode in _DEEP


def grey_range(image: Image.Image, bits: int, stretch: bool, inverted: bool) -> GreyRange:
    """How the grey of a loaded deep image is scaled to 8 bits. `bits` is what the file declares per sample.

    Unsigned samples span their declared bits. With `stretch` (TIFF, where 12-bit data in 16-bit samples
    is common) an image that uses 12 bits or fewer of 16 spans those. Signed, 32-bit and float samples have no
    agreed white: floats within 0..1 and values within 0..255 are taken at that, the rest spans its own range.
    """
    low, high = extrema(image)
    found = GreyRange(0, 2**bits - 1)
    if image.mode in {"I", "F"}:
        found = _open_range(image.mode, low, high)
    elif stretch and bits == 16 and 255 < high < 4096:
        used = int(high).bit_length()
        found = GreyRange(0, 2**used - 1, Reason.of("few-bits", bits=used))
    return GreyRange(found.white, found.black, found.note) if inverted else found


def _open_range(mode: str, low: float, high: float) -> GreyRange:
    if mode == "F" and low >= 0 and high <= 1:
        return GreyRange(0, 1)
    if low >= 0 and high <= WHITE:
        return GreyRange(0, WHITE)
    return GreyRange(low, high, Reason.of("own-range", low=low, high=high))


def extrema(image: Image.Image) -> tuple[float, float]:
    """(lowest, highest) of the finite values, (0, 0) if there is none. Pillow's own fails on big-endian."""
    import numpy as np

    lows, highs = [], []
    for top in range(0, image.height, _EXTREMA_ROWS):
        box = (0, top, image.width, min(top + _EXTREMA_ROWS, image.height))
        values = np.asarray(image.crop(box))
        values = values[np.isfinite(values)]
        if values.size:
            lows.append(float(values.min()))
            highs.append(float(values.max()))
    return min(lows, default=0.0), max(highs, default=0.0)


def ground(image: Image.Image) -> int:
    """The grey that transparency is laid over: WHITE, but DARK where what is drawn is as light as that."""
    if image.mode in _DEEP or not image.has_transparency_data:
        return WHITE
    sample = image.resize(
        (min(image.width, _SAMPLE_PX), min(image.height, _SAMPLE_PX)), Image.Resampling.NEAREST
    )
    sample = _with_alpha(sample)
    if sample.mode not in {"LA", "RGBA"}:
        return WHITE
    alpha = sample.getchannel("A")
    drawn = alpha.point([0] * _FAINT + [255] * (256 - _FAINT))
    tones = sample.convert("L").histogram(drawn)
    clear = 1 - ImageStat.Stat(alpha).mean[0] / 255
    hidden = sum(tones[_LIGHT:]) > _HIDDEN * sum(tones) > 0
    return DARK if hidden and clear > _CLEAR else WHITE


def flat(image: Image.Image, grey: GreyRange | None = None, on: int = WHITE) -> Image.Image:
    """The pixels as 8-bit L, RGB, CMYK or LAB, transparency over the grey `on`. Deep images need `grey`."""
    if grey is not None:
        return _scaled(image, grey)
    image = _with_alpha(image)
    if image.mode in {"RGBA", "LA"}:
        return _over(image, on)
    return image if image.mode in _SPACES else image.convert("RGB")


def _with_alpha(image: Image.Image) -> Image.Image:
    """What is transparent, however the file says it, as RGBA or LA. The rest as it is, but for bits."""
    if image.mode in _PREMULTIPLIED:
        return image.convert(_PREMULTIPLIED[image.mode])
    if image.mode == "PA" or (image.mode == "P" and "transparency" in image.info):
        return image.convert("RGBA")
    if image.mode == "1" or (image.mode == "L" and "transparency" in image.info):
        return image.convert("LA" if "transparency" in image.info else "L")
    if image.mode == "RGB" and "transparency" in image.info:
        return _with_key(image).convert("RGBA")
    return image


def _with_key(image: Image.Image) -> Image.Image:
    """Of 16-bit RGB the pixels were cut to 8 bits, the colour that is transparent was not."""
    key = image.info["transparency"]
    if isinstance(key, tuple) and max(key) > WHITE:
        image.info["transparency"] = tuple(value >> 8 for value in key)
    return image


def _over(image: Image.Image, grey: int) -> Image.Image:
    mode = "RGB" if image.mode == "RGBA" else "L"
    below = Image.new(mode, image.size, (grey,) * len(mode))
    below.paste(image.convert(mode), mask=image.getchannel("A"))
    return below


def _scaled(image: Image.Image, grey: GreyRange) -> Image.Image:
    """Linear from black to white, rounded; NaN is black."""
    import numpy as np

    values = np.asarray(image).astype(np.float32)
    span = (grey.white - grey.black) or 1.0
    with np.errstate(all="ignore"):
        scaled = (values - np.float32(grey.black)) * np.float32(WHITE / span)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        scaled[values == clear] = WHITE
    return Image.fromarray(np.clip(np.nan_to_num(scaled + 0.5), 0, WHITE).astype(np.uint8))


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, Reason | None]:
    """(RGB image in sRGB, a note or None). A profile that is broken or of another space is left out."""
    if profile:
        try:
            return _converted(image, profile), None
        except Exception:  # whatever it is that is wrong with it, the picture is there
            return _plain(image), Reason.of("profile-broken")
    return _plain(image), None


def _plain(image: Image.Image) -> Image.Image:
    if image.mode != "LAB":
        return image.convert("RGB")
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )
    return _applied(image, transform)


def _converted(image: Image.Image, profile: bytes) -> Image.Image:
    transform = _transform(profile, image.mode)
    return image.convert("RGB") if transform is None else _applied(image, transform)


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """None where the profile is sRGB itself. Raises ValueError if it is for another mode."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    about: Any = source.profile
    space = about.xcolor_space.strip().upper()
    if space != _SPACES[mode]:
        raise ValueError(f"a profile for {space}, pixels in {mode}")
    if mode == "RGB" and (about.profile_description or "").startswith("sRGB"):
        return None
    srgb = ImageCms.createProfile("sRGB")
    return ImageCms.buildTransform(source, srgb, mode, "RGB", _INTENT, _FLAGS)


def _applied(image: Image.Image, transform: ImageCms.ImageCmsTransform) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only in place is nothing returned
    return converted
