"""Ratings beside the images, as XMP sidecars that photo programs read: planned, written, taken back.

    plan -> write -> undo            found, inside: what sidecars, and images themselves, say

Images themselves are never touched. Of a sidecar that is there, only rating, label and keywords change,
and nothing where somebody rejected the image before and it was not picked here.
"""

from lychee_app.ratings.packet import Rating, read
from lychee_app.ratings.plan import STARS, Change, Plan, Tally, Wish, plan, stars_of
from lychee_app.ratings.sidecars import Folder, found, inside
from lychee_app.ratings.write import Journal, Undone, Written, journals, undo, write

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
    "stars_of",
    "undo",
    "write",
]
