"""Images larger than a thumbnail, decoded on demand by the same guarded decoder that feeds the model."""

import io

import streamlit as st

from lychee_app import intake
from lychee_app.errors import ImageError
from lychee_app.records import ImageBudget, Refused, Source
from lychee_app.settings import Settings

LARGE_TOKENS = 2048
"""About 1.6 megapixels: fills a large dialog."""


def large(source: Source, sha256: str, settings: Settings) -> bytes:
    """The image upright and in sRGB, for people to look at. Raises ImageError."""
    return _decoded(source, sha256, ImageBudget(max_tokens=LARGE_TOKENS), settings)


def as_seen(source: Source, sha256: str, budget: ImageBudget, settings: Settings) -> bytes:
    """Exactly the pixels the model was given. Raises ImageError."""
    return _decoded(source, sha256, budget, settings)


@st.cache_data(max_entries=48, show_spinner=False)
def _decoded(_source: Source, sha256: str, budget: ImageBudget, _settings: Settings) -> bytes:
    """Cached by content, not by name."""
    item = next(iter(intake.prepare([(0, _source)], budget, _settings)))
    if isinstance(item, Refused):
        raise ImageError(f"{item.name}: {item.reason}", code=item.code)
    file = io.BytesIO()
    item.image.save(file, "WEBP", quality=90, method=2)
    return file.getvalue()
