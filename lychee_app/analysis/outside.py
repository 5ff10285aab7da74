"""Images that the judge was not made for: their scores mean little, and so does what they add up to."""

from collections.abc import Iterable

from lychee_app.domain import UNLIKE
from lychee_app.records import Scored

MOST_OUTSIDE = 0.25
"""With a larger share of such images nothing is concluded from the scores. One drawn scene in a hundred gets
the note wrongly, so a quarter of a drawn pile never does; of a pile that is half photographs, more than a
quarter gets it."""


def outside(images: Iterable[Scored]) -> list[Scored]:
    """Those with the note, in the order given."""
    return [row for row in images if any(note == UNLIKE for note in row.notes)]


def tells_little(images: Iterable[Scored]) -> bool:
    """Whether so many are outside that no cut-off can be suggested and nothing found."""
    images = list(images)
    return len(outside(images)) > MOST_OUTSIDE * len(images)
