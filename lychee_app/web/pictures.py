"""Images larger than a thumbnail, decoded on demand by the same guarded decoder that feeds the model."""

import io
import math
from dataclasses import dataclass
from functools import lru_cache

from PIL import Image

from lychee_app import intake
from lychee_app.errors import ImageError
from lychee_app.records import ImageBudget, Refused, Scored, Source
from lychee_app.settings import Settings

LARGE_PX = 4_000_000
"""More than most windows show."""


SMALL_TOKENS = 320 * 320


@lru_cache(maxsize=1024)
def small(source: Source, settings: Settings) -> bytes:
    """The thumbnail of an image that was not scored, as WebP. Raises ImageError."""
    budget = ImageBudget(token_px=1, max_tokens=SMALL_TOKENS)
    item = next(iter(intake.prepare([(0, source)], budget, settings)))
    if isinstance(item, Refused):
        raise ImageError(item.reason)
    return item.thumbnail


@lru_cache(maxsize=24)
def large(source: Source, sha256: str, settings: Settings) -> bytes:
    """The image upright and in sRGB, for people to look at, as WebP. Raises ImageError."""
    budget = ImageBudget(token_px=1, max_tokens=LARGE_PX, most_tiles=0)
    candidate = intake.reread((0, source), sha256, budget, settings)
    file = io.BytesIO()
    candidate.image.save(file, "WEBP", quality=90, method=1)
    return file.getvalue()


@dataclass(frozen=True)
class _Seen:
    """What the model was given: the whole image (tile 0) or a tile of it, at this size."""

    size_px: tuple[int, int]
    tile: int


def as_seen(source: Source, row: Scored, max_tokens: int, settings: Settings) -> bytes:
    """Exactly the pixels the model was given, as lossless WebP; `row` knows their size. Raises ImageError.

    Of an image in tiles those of the one that counts.
    """
    seen = _Seen((row.seen_width_px, row.seen_height_px), row.reply.tile if row.reply else 0)
    return _as_seen(source, row.sha256, budget_of(row, max_tokens), seen, settings)


def budget_of(row: Scored, max_tokens: int) -> ImageBudget:
    """The run's budget. The side of a token and the least tokens an image may have are the checkpoint's: as
    the reply and the size seen tell."""
    size = (row.seen_width_px, row.seen_height_px)
    tokens = row.reply.image_tokens if row.reply else 1
    token_px = math.isqrt(size[0] * size[1] // tokens)
    for least in range(tokens, 0, -1):
        budget = ImageBudget(token_px, max_tokens, least)
        if _shown_px(row, budget) == size:
            return budget
    return ImageBudget(token_px, max_tokens)


def _shown_px(row: Scored, budget: ImageBudget) -> tuple[int, int]:
    """The size of what the row's reply is about."""
    tiles = intake.tiling(row.width_px, row.height_px, budget) if row.reply and row.reply.tile else None
    return tiles.tile_px if tiles else intake.fit(row.width_px, row.height_px, budget)


@lru_cache(maxsize=24)
def _as_seen(source: Source, sha256: str, budget: ImageBudget, seen: _Seen, settings: Settings) -> bytes:
    """Made smaller from what the budget allows where memory had run out (intake.refit)."""
    candidate = intake.reread((0, source), sha256, budget, settings)
    image = (candidate.image, *candidate.tiles)[seen.tile]
    if image.size != seen.size_px:
        image = image.resize(seen.size_px, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=20, method=0)
    return file.getvalue()
