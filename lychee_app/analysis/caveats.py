"""What to know before a run's scores are believed: what its judge does not know of query and images."""

from collections.abc import Collection, Iterable

from lychee_app.domain import Domain, domain_of, not_understood
from lychee_app.numbers import Numbers, count, numbers_of
from lychee_app.reasons import Reason
from lychee_app.records import Run, Scored
from lychee_app.request import Example

MOST_UNLIKE = 0.25
"""With a larger share of such images nothing is concluded from the scores. One drawn scene in a hundred gets
the note wrongly, so a quarter of a drawn pile never does; of a pile that is half photographs, more than a
quarter gets it."""


def caveats(run: Run, images: Iterable[Scored] | Numbers | None = None) -> list[Reason]:
    """Of words that the judge does not know, and of images unlike what it was taught from. images: the run's
    own, where it is held without them."""
    domain = domain_of(run.model, run.checkpoint_hash)
    found = not_understood(domain, run.question)
    rows = run.images if images is None else images
    return [*found, *of_examples(run.request.examples, domain), *of_images(rows)]


def of_examples(examples: Collection[Example], domain: Domain | None) -> list[Reason]:
    """Of a likeness whose score was fitted to nothing."""
    return [Reason.of("likeness-rough")] if examples and domain is None else []


def of_images(images: Iterable[Scored] | Numbers) -> list[Reason]:
    """Of those with a score."""
    found = numbers_of(images)
    if noted := count(found.unlike & found.with_score):
        code = "images-unlike-many" if tells_little(found) else "images-unlike"
        return [Reason(code, {"n": noted, "total": found.count_scored})]
    return []


def tells_little(images: Iterable[Scored] | Numbers) -> bool:
    """Whether so many of those with a score are unlike what the judge knows that no cut-off can be suggested
    and nothing found."""
    found = numbers_of(images)
    return count(found.unlike & found.with_score) > MOST_UNLIKE * found.count_scored
