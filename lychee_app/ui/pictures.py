"""Images larger than a thumbnail, decoded on demand by the same guarded decoder that feeds the model."""

import io

import streamlit as st
from PIL import Image

from lychee_app import intake
from lychee_app.records import ImageBudget, Scored, Source
from lychee_app.settings import Settings

LARGE_TOKENS = 2048
"""About 1.6 megapixels: fills a large dialog."""


def large(source: Source, sha256: str, settings: Settings) -> bytes:
    """The image upright and in sRGB, for people to look at. Raises ImageError."""
    return _large(source, sha256, settings)


def as_seen(source: Source, row: Scored, max_tokens: int, settings: Settings) -> bytes:
    """Exactly the pixels the model was given, as lossless WebP; `row` knows their size. Raises ImageError."""
    size = (row.seen_width_px, row.seen_height_px)
    return _seen(source, row.sha256, budget_of(row, max_tokens), size, settings)


def budget_of(row: Scored, max_tokens: int) -> ImageBudget:
    """The run's budget. The least tokens an image may have are the checkpoint's: as the size seen tells."""
    size, token_px = (row.seen_width_px, row.seen_height_px), ImageBudget.token_px
    tokens = size[0] * size[1] // token_px**2
    for least in range(tokens, 0, -1):
        budget = ImageBudget(max_tokens, least)
        if intake.fit(row.width_px, row.height_px, budget) == size:
            return budget
    return ImageBudget(max_tokens)


@st.cache_data(max_entries=48, show_spinner=False)
def _large(_source: Source, sha256: str, _settings: Settings) -> bytes:
    """Cached by content, not by name."""
    file = io.BytesIO()
    candidate = intake.reread((0, _source), sha256, ImageBudget(max_tokens=LARGE_TOKENS), _settings)
    candidate.image.save(file, "WEBP", quality=90, method=2)
    return file.getvalue()


@st.cache_data(max_entries=48, show_spinner=False)
def _seen(
    _source: Source, sha256: str, budget: ImageBudget, size: tuple[int, int], _settings: Settings
) -> bytes:
    """Made smaller from what the budget allows where memory had run out (intake.refit)."""
    image = intake.reread((0, _source), sha256, budget, _settings).image
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=20, method=0)
    return file.getvalue()
