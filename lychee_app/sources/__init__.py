"""Which files are meant: what was typed or dropped -> sources, and what was left out, counted by kind.

    paths -> walk -> (left_out, companions) -> Found

A file is opened only to look at its first bytes, where the suffix says nothing.
"""

from lychee_app.sources.left_out import Rules
from lychee_app.sources.paths import find

__all__ = ["Rules", "find"]
