"""The embedded demo: a small checkpoint that knows drawn objects, its gallery, and the recipe that made
both."""

from lychee_app.demo.gallery import GALLERY_QUERY, write_gallery
from lychee_app.demo.words import colours, words

__all__ = ["GALLERY_QUERY", "colours", "words", "write_gallery"]
