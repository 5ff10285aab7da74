"""What to know before a run's scores are believed: what its judge does not know of query and images."""

from collections.abc import Collection, Iterable

from lychee_app.domain import UNLIKE, Domain, domain_of, not_understood
from lychee_app.ranking import is_scored
from lychee_app.reasons import Reason
from lychee_app.records import Run, Scored
from lychee_app.request import Example

MOST_UNLIKE = 0.25
"""With a larger share of such images nothing is concluded from the scores. One drawn scene in a hundred gets
the note wrongly, so a quarter of a drawn pile never does; of a pile that is half photographs, more than a
quarter gets it."""


def caveats(run: Run) -> list[Reason]:
    """Of words that the judge does not know, and of images unlike what it was taught from."""
    domain = domain_of(run.model, run.checkpoint_hash)
    found = not_understood(domain, run.question)
    return [*found, *of_examples(run.request.examples, domain), *of_images(run.images)]


def of_examples(examples: Collection[Example], domain: Domain | None) -> list[Reason]:
    """Of a likeness whose score was fitted to nothing."""
    return [Reason.of("likeness-rough")] if examples and domain is None else []


def of_images(images: Iterable[Scored]) -> list[Reason]:
    """Of those with a score."""
    scored = [row for row in images if is_scored(row)]
    if count := len(unlike(scored)):
        code = "images-unlike-many" if tells_little(scored) else "images-unlike"
        return [Reason(code, {"n": count, "total": len(scored)})]
    return []


def unlike(images: Iterable[Scored]) -> list[Scored]:
    """Those with the note, in the order given."""
    return [row for row in images if UNLIKE in row.notes]


def tells_little(images: Iterable[Scored]) -> bool:
    """Whether so many are unlike what the judge knows that no cut-off can be suggested and nothing found."""
    images = list(images)
    return len(unlike(images)) > MOST_UNLIKE * len(images)
