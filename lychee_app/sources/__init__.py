"""Which files are meant: what was typed or dropped -> sources, and what was left out, counted by kind.

    paths -> walk -> Found            names of files in a browser -> Picked

Both by the rules in left_out and companions.

A file is opened only to look at its first bytes, where the suffix says nothing.
"""

from lychee_app.sources.left_out import Rules, for_the_browser, holds_a_picture, of_the_browser
from lychee_app.sources.paths import find, with_new_sidecars
from lychee_app.sources.uploads import Chosen, Picked, picked

__all__ = [
    "Chosen",
    "Picked",
    "Rules",
    "find",
    "for_the_browser",
    "holds_a_picture",
    "of_the_browser",
    "picked",
    "with_new_sidecars",
]
