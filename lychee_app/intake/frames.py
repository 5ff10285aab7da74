"""Which frame or page of a file is shown: the first that is not blank.

Fades begin in one colour, and scans with an empty cover.
"""

import io
from collections.abc import Callable, Iterator
from itertools import accumulate

from PIL import Image

from lychee_app.errors import ImageError
from lychee_app.intake import colour
from lychee_app.reasons import Reason

BLANK_STEPS = 24
"""A frame in which no channel spans more of its 255 steps shows nothing, but for specks of dust."""
_SPECKS = 0.001
MOST_FRAMES = 200
MOST_PX = 60_000_000
"""No more frames than that are looked through, nor more pixels of them."""
_SAMPLED_PX, _SAMPLE_SIDE_PX = 4_000_000, 2000


def is_blank(image: Image.Image) -> bool:
    """Whether the frame is of one colour, as it is shown. Loads it. Of a large one every few pixels count."""
    image.load()
    if image.width * image.height > _SAMPLED_PX:
        size = (min(image.width, _SAMPLE_SIDE_PX), min(image.height, _SAMPLE_SIDE_PX))
        image = image.resize(size, Image.Resampling.NEAREST)
    grey = colour.grey_range(image, 16, stretch=False, inverted=False) if colour.is_deep(image) else None
    shown = colour.flat(image, grey, colour.ground(image))
    tones, specks = shown.histogram(), _SPECKS * shown.width * shown.height
    return all(_span(tones[at : at + 256], specks) <= BLANK_STEPS for at in range(0, len(tones), 256))


def _span(tones: list[int], specks: float) -> int:
    """From the darkest to the lightest tone, without so many pixels at either end."""
    low, high = (next(_passed(side, specks)) for side in (tones, tones[::-1]))
    return 255 - high - low


def _passed(tones: list[int], specks: float) -> Iterator[int]:
    return (tone for tone, count in enumerate(accumulate(tones)) if count > specks)


def count(image: Image.Image) -> int:
    """Frames or pages. What lies beside the picture of an MPO is the same one again."""
    try:
        return 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
    except Exception:
        return 1


def first_shown(data: bytes, kind: str, check: Callable[[Image.Image], None]) -> int | None:
    """Which frame is the first, beside the blank one that a file opens at, that shows something, if one does.

    check: is told of each frame before it is decoded, and raises where it is over the limits. A frame that
    cannot be decoded ends the search. Raises ImageError "heavy", if `check` does.
    """
    try:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            opened_at, pixels = image.tell(), image.width * image.height
            for frame in range(min(count(image), MOST_FRAMES)):
                if frame == opened_at:
                    continue
                image.seek(frame)
                check(image)
                pixels += image.width * image.height
                if pixels > MOST_PX:
                    break
                if not is_blank(image):
                    return frame
    except Exception as error:
        if isinstance(error, ImageError) and error.code == "heavy":  # alone it may be looked at
            raise
    return None


def note(image: Image.Image, later: int | None) -> Reason | None:
    """What is said of a file of several frames or pages. later: the one that is shown, if not the first."""
    several = count(image)
    if several < 2:
        return None
    pages = image.format == "TIFF"
    if later is None:
        return Reason.of("first-page") if pages else Reason.of("first-frame")
    code = "later-page" if pages else "later-frame"
    return Reason.of(code, number=later + 1, of=several)
