"""The bytes of a file -> upright RGB of the size the model is shown, and a thumbnail. A pure function.

Knows Pillow and what it gets wrong. Does not know names, hashes, processes or limits of time and memory:
`workers` runs this where it can be limited and ended.
"""

import io
import math
import re
import warnings
from dataclasses import dataclass, replace

from PIL import ExifTags, Image, ImageChops, ImageFilter, ImageStat

from lychee_app.errors import ImageError
from lychee_app.intake import colour, cut_short, decoders, exif, fitting, frames, icon, metadata, raw
from lychee_app.intake.fitting import fit
from lychee_app.intake.sniff import HEAD_BYTES, RAW, sniff
from lychee_app.reasons import Reason
from lychee_app.records import UNTOLD, Capture, ImageBudget
from lychee_app.views import views

PIXELS_VERSION = 4
"""Part of the cache key. Raise it whenever a file may come out as other pixels than before."""
THUMBNAIL_PX = 320
BAND_PX = 8_000_000
"""Larger images are flattened and shrunk in bands of this many pixels: no second copy of the whole exists."""

_LEAST_PERCENT = 0.5
"""Of a picture: less would be told as 0 %."""
_CUT_SHORT = re.compile("truncat|unexpected end|end of (?:file|data|image)|not enough|incomplete", re.I)
_NO_MEMORY = re.compile("insufficient memory|out of memory|cannot allocate|memory allocation", re.I)
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
    """`image` is what the model sees; `width_px` and `height_px` are the original's, upright.

    `tiles`, all of one size, are parts of it, larger, where the whole is shown too small. `views`: of a blank
    one none.
    """

    image: Image.Image
    width_px: int
    height_px: int
    thumbnail: bytes
    notes: tuple[Reason, ...] = ()
    tiles: tuple[Image.Image, ...] = ()
    capture: Capture = UNTOLD
    sharpness: float = 0.0
    views: bytes = b""


def decode(data: bytes, budget: ImageBudget, max_px: int, light_bytes: int | None = None) -> Decoded:
    """Decodes one picture of `data`: the first frame or page that shows something, the largest of an icon,
    a raw file's preview. `light_bytes`: how much memory it may take, by estimate.

    Raises ImageError whatever is wrong with the file, and nothing else; its codes: empty, not-copied, format,
    camera-raw, raw-unread, not-an-image, no-decoder, pixels, pixels-bomb, aspect, truncated, truncated-share,
    corrupt, memory, and heavy where the estimate is over `light_bytes`.
    """
    kind = sniff(data[:HEAD_BYTES])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if kind == "TIFF" and raw.is_raw(data):
                kind = RAW
            if kind == "ICO":
                kind, data = icon.largest(data)
            decoders.need(kind)
            task = _Task(kind, budget, max_px, light_bytes)
            return task.developed(data) if kind == RAW else _decoded_or_rest(task, data)
    except ImageError:
        raise
    except Exception as error:
        raise _broken(kind, error, cut_short.is_cut_short(kind, data)) from error


def _decoded_or_rest(task: "_Task", data: bytes) -> Decoded:
    """A file that fails is tried again without what is not pixels, and with what there is of one that lacks
    its end: neither metadata nor a few missing rows must cost a good picture.
    """
    if metadata.is_damaged(task.kind, data):
        raise ValueError("the pixels do not match their checksum")
    try:
        if cut_short.is_padded(task.kind, data):
            raise EOFError("zeros where its end should be")
        return task.run(data)
    except (ImageError, MemoryError):
        raise
    except Exception:
        bare = metadata.without(task.kind, data)
        broken = Reason.of("metadata-broken")
        ways: list[tuple[cut_short.Rest, tuple[Reason, ...]]] = []
        if rest := cut_short.rest_of(task.kind, data):
            ways.append((rest, ()))
        if bare is not None:
            ways.append(
                (cut_short.rest_of(task.kind, bare) or cut_short.Rest(bare, 0, is_cut=False), (broken,))
            )
        for rest, notes in ways:
            if decoded := _rest(task, rest):
                return replace(decoded, notes=(*decoded.notes, *notes))
        raise


def _rest(task: "_Task", rest: cut_short.Rest) -> Decoded | None:
    """None where that cannot be decoded either. Raises ImageError where too much is missing."""
    if rest.missing > cut_short.MOST_MISSING:
        kind = decoders.SPOKEN.get(task.kind, task.kind)
        share, limit = 100 * rest.missing, 100 * cut_short.MOST_MISSING
        raise ImageError("truncated-share", kind=kind, percent=share, limit=limit)
    try:
        decoded = task.run(rest.data)
    except (ImageError, MemoryError):
        raise
    except Exception:
        return None
    if not rest.is_cut:
        return decoded
    percent = 100 * rest.missing
    is_told = percent >= _LEAST_PERCENT
    share = Reason.of("cut-short", percent=percent) if is_told else Reason.of("cut-short-little")
    if rest.passes is None:
        return replace(decoded, notes=(*decoded.notes, share))
    coarse = Reason.of("cut-short-passes", whole=rest.passes.whole, least=rest.passes.least)
    return replace(decoded, notes=(*decoded.notes, coarse, *([share] if rest.missing else [])))


@dataclass(frozen=True)
class _Task:
    """What is asked of one file of a known kind."""

    kind: str
    budget: ImageBudget
    max_px: int
    light_bytes: int | None

    def run(self, data: bytes, turned: bool = False) -> Decoded:
        """turned: its pixels are upright, whatever it says. Raises ImageError, and what the decoder does."""
        try:
            with Image.open(io.BytesIO(data), formats=[self.kind]) as image:
                self._check(image)
                later = self._seek(image, data)
                capture = exif.of_image(image)  # before the pixels: a TIFF is closed with them
                decoded = self._decoded(image, 1 if turned else orientation(image, data))
                rating = exif.rating(image)  # after them: a PNG's XMP may stand behind
                decoded = replace(decoded, capture=replace(capture, rating=rating))
                note = frames.note(image, later)
                return replace(decoded, notes=(*decoded.notes, note)) if note else decoded
        except Image.DecompressionBombError as error:
            raise ImageError("pixels-bomb", limit=self.max_px / 1e6) from error

    def developed(self, data: bytes) -> Decoded:
        """Of a camera's raw file. Raises as `run`."""
        found = raw.picture(data, lambda width, height: fit(width, height, self.budget), self._check_size)
        if found.developed is not None:
            decoded = self._decoded(found.developed, 1)
        else:
            decoded = replace(self, kind="JPEG").run(found.preview, found.turned)
        notes = (found.note, *decoded.notes)
        return replace(
            decoded,
            width_px=found.width_px,
            height_px=found.height_px,
            notes=notes,
            capture=found.capture,
        )

    def _check(self, image: Image.Image) -> None:
        self._check_size(*image.size)
        if self.kind != "JPEG":  # of which less is decoded: that is weighed when it is known
            self._weigh(image)

    def _check_size(self, width_px: int, height_px: int) -> None:
        if width_px * height_px > self.max_px:
            raise ImageError(
                "pixels",
                width_px=width_px,
                height_px=height_px,
                megapixels=width_px * height_px / 1e6,
                limit=self.max_px / 1e6,
            )

    def _seek(self, image: Image.Image, data: bytes) -> int | None:
        """Loads the frame that is shown, and says which it is if it is not the first."""
        if self.kind == "PNG":
            image.load()  # asking for the orientation would, and what fails there once is all black after it
        if frames.count(image) < 2 or not frames.is_blank(image):
            return None
        later = frames.first_shown(data, self.kind, self._check)
        if later is not None:
            image.seek(later)
        return later

    def _decoded(self, image: Image.Image, turn: int) -> Decoded:
        upright = _swapped(image.size, turn)
        goal = _swapped(fit(*upright, self.budget), turn)
        tiling = fitting.tiling(*upright, self.budget)
        sheet = goal if tiling is None else _swapped(tiling.sheet_px, turn)
        if image.format in {"JPEG", "MPO"}:
            image.draft(None, sheet)  # type: ignore[arg-type]  # decodes at 1/2, 1/4 or 1/8, not below
            self._weigh(image)
        profile = image.info.get("icc_profile")
        pixels = _Pixels.of(image)
        small, colour_note = colour.to_srgb(pixels.resized(goal), profile)
        small = _turned(small, turn)
        tiles: tuple[Image.Image, ...] = ()
        if tiling is not None:
            large = _turned(colour.to_srgb(pixels.resized(sheet), profile)[0], turn)
            tiles = tuple(large.crop(box) for box in tiling.boxes)
        notes = tuple(note for note in (pixels.note, colour_note) if note)
        shown = _shown(small, upright)
        seen = b"" if frames.is_blank(shown) else views(shown)
        return Decoded(small, *upright, _webp(shown), notes, tiles, sharpness=_sharpness(shown), views=seen)

    def _weigh(self, image: Image.Image) -> None:
        need = _estimate_bytes(image)
        if self.light_bytes is not None and need > self.light_bytes:
            raise ImageError("heavy", megabytes=need / 1e6)


def _broken(kind: str, error: Exception, is_cut: bool) -> ImageError:
    """What a decoder's exception means."""
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        return ImageError("memory")
    kind = decoders.SPOKEN.get(kind, kind)
    if is_cut or isinstance(error, EOFError) or _CUT_SHORT.search(str(error)):
        return ImageError("truncated", kind=kind)
    return ImageError("corrupt", kind=kind)


def orientation(image: Image.Image, data: bytes) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none, it is broken or it is done already.

    Pillow turns a TIFF as it loads, libheif what its file says itself: only then EXIF is to be asked. Of an
    AVIF Pillow gives what its boxes say, and EXIF only where there is something in them.
    """
    if image.format == "TIFF":
        return 1
    try:
        if image.format == "HEIF":
            turn = 1 if metadata.is_turned_by_boxes(data) else image.info.get("original_orientation")
        elif image.format == "AVIF" and not metadata.is_turned_by_boxes(data):
            tags = Image.Exif()
            tags.load(metadata.exif_in_boxes(data))
            turn = tags.get(ExifTags.Base.Orientation, 1)
        else:
            turn = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _turned(image: Image.Image, turn: int) -> Image.Image:
    return image.transpose(_TURNS[turn]) if turn in _TURNS else image


def _swapped(size: tuple[int, int], turn: int) -> tuple[int, int]:
    """The size before or after the turn."""
    return (size[1], size[0]) if turn in _QUARTER_TURNS else size


@dataclass(frozen=True)
class _Pixels:
    """A loaded image, and what its grey and its clear parts are shown as."""

    image: Image.Image
    grey: colour.GreyRange | None
    ground: int

    @classmethod
    def of(cls, image: Image.Image) -> "_Pixels":
        image.load()
        grey = _grey_range(image) if colour.is_deep(image) else None
        return cls(image, grey, colour.ground(image))

    @property
    def note(self) -> Reason | None:
        if self.ground != colour.WHITE:
            return Reason.of("dark-ground")
        return self.grey.note if self.grey else None

    def resized(self, goal: tuple[int, int]) -> Image.Image:
        """Flat pixels of that size, in the colours of the file."""
        image = self.image
        large = image.width * image.height > BAND_PX
        whole = self._shrunk(goal) if large else colour.flat(image, self.grey, self.ground)
        small = whole.resize(goal, Image.Resampling.BICUBIC)
        if image.format in {"JPEG", "MPO"} and small.mode == "CMYK" and "adobe" not in image.info:
            return ImageChops.invert(small)  # only Adobe's are stored inverted, which Pillow takes all to be
        return small

    def _shrunk(self, goal: tuple[int, int]) -> Image.Image:
        """Flattened band by band, and box-reduced as far as twice the goal's size is left."""
        image = self.image
        factor = max(1, min(image.width // (2 * goal[0]), image.height // (2 * goal[1])))
        height = max(1, BAND_PX // image.width // factor) * factor
        canvas: Image.Image | None = None
        for top in range(0, image.height, height):
            box = (0, top, image.width, min(top + height, image.height))
            band = colour.flat(image.crop(box), self.grey, self.ground).reduce(factor)
            if canvas is None:
                canvas = Image.new(band.mode, (band.width, -(-image.height // factor)))
            canvas.paste(band, (0, top // factor))
        assert canvas is not None  # an image has at least one row
        return canvas


def _grey_range(image: Image.Image) -> colour.GreyRange:
    tags = getattr(image, "tag_v2", None)
    if image.format == "PPM" and image.mode == "I":
        return colour.GreyRange(0, 65535)
    if tags is None:
        return colour.grey_range(image, bits=16, stretch=False, inverted=False)
    bits = tags.get(_BITS_PER_SAMPLE, (16,))[0]
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    return colour.grey_range(image, bits, stretch=True, inverted=inverted)


def _shown(image: Image.Image, original: tuple[int, int]) -> Image.Image:
    """The thumbnail: of at most THUMBNAIL_PX a side, in the shape of the original."""
    scale = min(THUMBNAIL_PX, max(image.size)) / max(original)
    size = (max(1, round(original[0] * scale)), max(1, round(original[1] * scale)))
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.0)


def _webp(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", quality=80, method=0)
    return file.getvalue()


_GRAIN = ImageFilter.Kernel((3, 3), (1, -2, 1, -2, 4, -2, 1, -2, 1), scale=2, offset=128)
"""What no edge and no slope has: J. Immerkaer, Fast noise variance estimation, 1996. Half as strong, so that
it has room in a byte."""


_GRAIN_IN_STEPS, _MOST_GRAIN = 5.0, 0.9
"""Times its variance. Of pixels that know nothing of each other it would be 4; in a picture that was shrunk
neighbours share their grain, and the mask sees less of it. And the most of the steps that is taken for grain:
some of sand or cloth is the picture."""


def _sharpness(thumbnail: Image.Image) -> float:
    """The squares of the steps from pixel to pixel (Brenner, both ways), less those that are grain, by how
    light it is: so it is the same in any light, until that is too much. Of a burst it shows what is shaken or
    out of focus."""
    grey = thumbnail.convert("L")
    (width, height), light = grey.size, ImageStat.Stat(grey).mean[0]
    if min(width, height) < 3:
        return 0.0
    before = grey.crop((0, 0, width - 1, height)), grey.crop((0, 0, width, height - 1))
    behind = grey.crop((1, 0, width, height)), grey.crop((0, 1, width, height))
    both = zip(before, behind, strict=True)
    steps = sum(ImageStat.Stat(ImageChops.difference(*pair)).rms[0] ** 2 for pair in both)
    counts = grey.filter(_GRAIN).crop((1, 1, width - 1, height - 1)).histogram()
    mean = 2 * sum(abs(level - 128) * count for level, count in enumerate(counts)) / sum(counts)
    spread = math.sqrt(math.pi / 2) * mean / 6
    return (steps - min(_GRAIN_IN_STEPS * spread**2, _MOST_GRAIN * steps)) / (light**2 + 1)


_PIXEL_BYTES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}
_EXTRA_BYTES = {"WEBP": 12, "AVIF": 12, "HEIF": 8, "JPEG2000": 16}
"""What a decoder holds per pixel beside the image."""


def _estimate_bytes(image: Image.Image) -> int:
    """Memory that decoding takes, roughly: the pixels, what the decoder holds beside them, a band's copy."""
    pixels = image.width * image.height
    each = _PIXEL_BYTES.get(image.mode, 4) + _EXTRA_BYTES.get(image.format or "", 0)
    return pixels * each + min(pixels, BAND_PX) * 8
