"""The embedded demo: a small checkpoint that knows drawn objects, its gallery and its words.

`recipe/` beside the package made them.
"""

from pathlib import Path

from lychee_app.demo.gallery import GALLERY_QUERIES, GALLERY_QUERY, gallery_query, write_gallery
from lychee_app.demo.words import colours, known_words, words

CHECKPOINT = Path(__file__).with_name("checkpoint")
CHECKPOINT_HASH = "7aa25270a135cb31"
"""Its `model.weights.identity`: the demo is known by it, wherever a copy lies and however that is spelt."""

__all__ = [
    "CHECKPOINT",
    "CHECKPOINT_HASH",
    "GALLERY_QUERIES",
    "GALLERY_QUERY",
    "colours",
    "gallery_query",
    "known_words",
    "words",
    "write_gallery",
]
