"""Ratings that photo programs read, in XMP sidecars beside the images: planned, written, taken back.

    plan -> write -> undo            found, inside: what sidecars, and images themselves, say

Of a sidecar that is there, only rating, label and keywords change, and nothing where somebody rejected the
image before and it was not picked here. Images themselves are touched where that is asked for alone: then of
a JPEG the XMP inside (jpeg.py) changes as a sidecar's would.
"""

from lychee_app.ratings.packet import Rating, read
from lychee_app.ratings.plan import STARS, Change, Plan, Tally, Wish, plan, stars_of
from lychee_app.ratings.sidecars import Folder, found, inside
from lychee_app.ratings.write import Journal, Undone, Written, journals, recover, undo, write

__all__ = [
    "STARS",
    "Change",
    "Folder",
    "Journal",
    "Plan",
    "Rating",
    "Tally",
    "Undone",
    "Wish",
    "Written",
    "found",
    "inside",
    "journals",
    "plan",
    "read",
    "recover",
    "stars_of",
    "undo",
    "write",
]
