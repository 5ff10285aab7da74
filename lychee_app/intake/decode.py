"""The bytes of a file -> upright RGB of the size the model is shown, and a thumbnail. A pure function.

Knows Pillow and what it gets wrong. Does not know names, hashes, processes or limits of time and memory:
`workers` runs this where it can be limited and ended.
"""

import io
import re
import warnings
from dataclasses import dataclass, replace

from PIL import ExifTags, Image, ImageChops

from lychee_app.errors import ImageError
from lychee_app.intake import colour, decoders, metadata
from lychee_app.intake.fitting import fit
from lychee_app.intake.sniff import HEAD_BYTES, sniff
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget

PIXELS_VERSION = 1
"""Part of the cache key. Raise it whenever a file may come out as other pixels than before."""
THUMBNAIL_PX = 320
BAND_PX = 8_000_000
"""Larger images are flattened and shrunk in bands of this many pixels: no second copy of the whole exists."""

_CUT_SHORT = re.compile("truncat|unexpected end|end of (?:file|data|image)|not enough|incomplete", re.I)
_NO_MEMORY = re.compile("insufficient memory|out of memory|cannot allocate|memory allocation", re.I)
_NEW_SUBFILE_TYPE, _REDUCED, _MAKE, _SUB_IFDS, _DNG_VERSION = 254, 1, 271, 330, 50706
_BITS_PER_SAMPLE, _PHOTOMETRIC, _WHITE_IS_ZERO = 258, 262, 0
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_QUARTER_TURNS = {5, 6, 7, 8}


@dataclass(frozen=True)
class Decoded:
    """`image` is what the model sees; `width_px` and `height_px` are the original's, upright."""

    image: Image.Image
    width_px: int
    height_px: int
    thumbnail: bytes
    notes: tuple[Reason, ...] = ()


def decode(data: bytes, budget: ImageBudget, max_px: int, light_bytes: int | None = None) -> Decoded:
    """Decodes the first frame or page of `data`. `light_bytes`: how much memory it may take, by estimate.

    Raises ImageError whatever is wrong with the file, and nothing else; its codes: empty, format,
    camera-raw, not-an-image, no-decoder, pixels, pixels-bomb, aspect, truncated, corrupt, memory, and heavy
    where the estimate is over `light_bytes`.
    """
    kind = sniff(data[:HEAD_BYTES])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decoded_or_bare(_Task(kind, budget, max_px, light_bytes), data)
    except ImageError:
        raise
    except Exception as error:
        raise _broken(kind, error, metadata.is_cut_short(kind, data)) from error


def _decoded_or_bare(task: "_Task", data: bytes) -> Decoded:
    """A file that fails is tried again without what is not pixels: metadata must not cost a good picture."""
    decoders.need(task.kind)
    if metadata.is_damaged(task.kind, data):
        raise ValueError("the pixels do not match their checksum")
    try:
        return task.run(data)
    except (ImageError, MemoryError):
        raise
    except Exception:
        bare = metadata.without(task.kind, data)
        if bare is None:
            raise
        decoded = task.run(bare)
        return replace(decoded, notes=(*decoded.notes, Reason.of("metadata-broken")))


@dataclass(frozen=True)
class _Task:
    """What is asked of one file of a known kind."""

    kind: str
    budget: ImageBudget
    max_px: int
    light_bytes: int | None

    def run(self, data: bytes) -> Decoded:
        """Raises ImageError, and whatever the decoder does."""
        try:
            with Image.open(io.BytesIO(data), formats=[self.kind]) as image:
                return self._decoded(image)
        except Image.DecompressionBombError as error:
            raise ImageError("pixels-bomb", limit=self.max_px / 1e6) from error

    def _decoded(self, image: Image.Image) -> Decoded:
        if _is_raw_preview(image):
            raise ImageError("camera-raw")
        width_px, height_px = image.size
        if width_px * height_px > self.max_px:
            raise ImageError(
                "pixels",
                width_px=width_px,
                height_px=height_px,
                megapixels=width_px * height_px / 1e6,
                limit=self.max_px / 1e6,
            )
        if self.kind != "JPEG":
            self._weigh(image)
        if self.kind == "PNG":
            image.load()  # asking for the orientation would, and what fails there once is all black after it
        turn = orientation(image)
        upright = _swapped(image.size, turn)
        goal = _swapped(fit(*upright, self.budget), turn)
        if self.kind == "JPEG":
            image.draft(None, goal)  # type: ignore[arg-type]  # decodes at 1/2, 1/4 or 1/8, not below the goal
            self._weigh(image)
        small, note = _resized(image, goal)
        rgb, colour_note = colour.to_srgb(small, image.info.get("icc_profile"))
        rgb = rgb.transpose(_TURNS[turn]) if turn in _TURNS else rgb
        notes = (note, colour_note, _more_frames(image))
        return Decoded(rgb, *upright, _thumbnail(rgb, upright), tuple(note for note in notes if note))

    def _weigh(self, image: Image.Image) -> None:
        need = _estimate_bytes(image)
        if self.light_bytes is not None and need > self.light_bytes:
            raise ImageError("heavy", megabytes=need / 1e6)


def _broken(kind: str, error: Exception, cut_short: bool) -> ImageError:
    """What a decoder's exception means."""
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return ImageError("memory")
    kind = decoders.SPOKEN.get(kind, kind)
    if cut_short or isinstance(error, EOFError) or _CUT_SHORT.search(str(error)):
        return ImageError("truncated", kind=kind)
    return ImageError("corrupt", kind=kind)


def _is_raw_preview(image: Image.Image) -> bool:
    """NEF, DNG, ARW and others are TIFFs whose first picture is a small copy of another."""
    tags = getattr(image, "tag_v2", None) if image.format == "TIFF" else None
    kind = 0 if tags is None else tags.get(_NEW_SUBFILE_TYPE, 0)
    if tags is None or not isinstance(kind, int) or not kind & _REDUCED:
        return False
    return any(tag in tags for tag in (_SUB_IFDS, _DNG_VERSION, _MAKE))


def orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it is broken. Pillow turns a TIFF as it loads."""
    if image.format == "TIFF":
        return 1
    try:
        turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _swapped(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """The size before or after the turn."""
    return (size[1], size[0]) if turn in _QUARTER_TURNS else size


def _resized(image: Image.Image, goal: tuple[int, int]) -> tuple[Image.Image, Reason | None]:
    """(flat pixels of the goal's size, in the colours of the file; a note or None)."""
    image.load()
    grey = _grey_range(image) if colour.is_deep(image) else None
    large = image.width * image.height > BAND_PX
    whole = _shrunk(image, goal, grey) if large else colour.flat(image, grey)
    small = whole.resize(goal, Image.Resampling.BICUBIC)
    if image.format in {"JPEG", "MPO"} and small.mode == "CMYK" and "adobe" not in image.info:
        small = ImageChops.invert(small)  # only Adobe's are stored inverted, which Pillow takes all to be
    return small, grey.note if grey else None


def _grey_range(image: Image.Image) -> colour.GreyRange:
    tags = getattr(image, "tag_v2", None)
    if tags is None:
        return colour.grey_range(image, bits=16, stretch=False, inverted=False)
    bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return colour.grey_range(image, bits, stretch=True, inverted=inverted)


def _shrunk(image: Image.Image, goal: tuple[int, int], grey: colour.GreyRange | None) -> Image.Image:
    """Flattened band by band, and box-reduced as far as twice the goal's size is left."""
    factor = max(1, min(image.width // (2 * goal[0]), image.height // (2 * goal[1])))
    height = max(1, BAND_PX // image.width // factor) * factor
    canvas: Image.Image | None = None
    for top in range(0, image.height, height):
        box = (0, top, image.width, min(top + height, image.height))
        band = colour.flat(image.crop(box), grey).reduce(factor)
        if canvas is None:
            canvas = Image.new(band.mode, (band.width, -(-image.height // factor)))
        canvas.paste(band, (0, top // factor))
    assert canvas is not None  # an image has at least one row
    return canvas


def _thumbnail(image: Image.Image, original: tuple[int, int]) -> bytes:
    """WebP of at most THUMBNAIL_PX a side, in the shape of the original."""
    scale = min(THUMBNAIL_PX, max(image.size)) / max(original)
    size = (max(1, round(original[0] * scale)), max(1, round(original[1] * scale)))
    file = io.BytesIO()
    small = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)
    small.save(file, "WEBP", quality=80, method=0)
    return file.getvalue()


def _more_frames(image: Image.Image) -> Reason | None:
    """The note on a file with more than one frame or page."""
    try:
        several = image.format != "MPO" and getattr(image, "is_animated", False)
    except Exception:
        return None
    if not several:
        return None
    return Reason.of("first-page" if image.format == "TIFF" else "first-frame")


_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
_EXTRA_BYTES = {"WEBP": 12, "AVIF": 12, "HEIF": 8}
"""What a decoder holds per pixel beside the image."""


def _estimate_bytes(image: Image.Image) -> int:
    """Memory that decoding takes, roughly: the pixels, what the decoder holds beside them, a band's copy."""
    pixels = image.width * image.height
    each = _PIXEL_BYTES.get(image.mode, 4) + _EXTRA_BYTES.get(image.format or "", 0)
    return pixels * each + min(pixels, BAND_PX) * 8
