"""What a judge does not know, where it was made for less than everything: words of a query, kinds of images.

Most judges have no such bounds; the demo has.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from lychee_app import demo
from lychee_app.demo import knowledge, unlike
from lychee_app.demo.knowledge import Understood
from lychee_app.errors import UsageError
from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import sigmoid

UNLIKE = Reason.of("unlike-demo")
"""The note on an image that is unlike what its judge was taught from."""


@dataclass(frozen=True)
class Curve:
    """Makes a score of a likeness (likeness.py). It was fitted to whether an image shows something of an
    example that shows one thing or three; of a fuller one a single thing is a small share, and scores low.
    """

    centre: float
    slope: float

    def __call__(self, likeness: float) -> float:
        return sigmoid(self.slope * (likeness - self.centre))


LIKENESS = Curve(0.349, 25.4)
"""The demo's, on drawn scenes: `python -m benchmarks example --fit --examples 30 --scenes 24 --seed 4`."""


@dataclass(frozen=True)
class Domain:
    """The bounds of one judge.

    `understood`: which words of a text it was taught. `as_taught`: the text with those words in the form it
    was taught. `as_explained`: the text as it is asked to explain it. `nearest`: the word of its own that a
    misspelt one is likely to be, or None. `is_unlike`: whether an image, at the size the model sees, is
    unlike what it was taught from. `likeness`: what it makes of how like an image is to an example.
    """

    understood: Callable[[str], Understood]
    as_taught: Callable[[str], str]
    as_explained: Callable[[str], str]
    nearest: Callable[[str], str | None]
    is_unlike: Callable[[Image.Image], bool]
    likeness: Curve

    def unknown_words(self, question: Question) -> tuple[str, ...]:
        """Of the query, its elements and what is not wanted, each once."""
        texts = (question.sent, *question.parts)
        return tuple(dict.fromkeys(word for text in texts for word in self.understood(text).unknown))

    def knows_something_of(self, text: str) -> bool:
        return bool(self.understood(text).known)

    def asked(self, question: Question) -> Question:
        """The same question in the words that the judge was taught: "two horses" -> "two horse".

        Raises UsageError where it knows none of the query's; of a sorting's, of one of them.
        """
        for text in (question.sent,) if question.sent else question.elements:
            if not self.knows_something_of(text):
                meant = list(filter(None, map(self.nearest, self.understood(text).unknown)))
                if meant:
                    raise UsageError("query-misspelt", query=text, meant=", ".join(meant))
                raise UsageError("query-unknown", query=text)
        return replace(
            question,
            sent=self.as_taught(question.sent),
            elements=tuple(map(self.as_taught, question.elements)),
            sent_not=self.as_taught(question.sent_not),
        )


def domain_of(model: str, checkpoint_hash: str = "") -> Domain | None:
    """The hash is the judge's, where it is known: by name alone a copy of the demo would be another judge.

    None: no bounds are known. "auto" has none, for it may stand for any.
    """
    return _DEMO if model == "demo" or checkpoint_hash == demo.CHECKPOINT_HASH else None


def unknown_words(domain: Domain | None, question: Question) -> tuple[str, ...]:
    """Those that a judge of these bounds does not know; none where it reads freely."""
    return domain.unknown_words(question) if domain else ()


def not_understood(domain: Domain | None, question: Question) -> list[Reason]:
    """One reason that names the words which a judge of these bounds does not know, if there are any."""
    words = unknown_words(domain, question)
    if not domain or not words:
        return []
    meant = {word: domain.nearest(word) for word in words}
    told = [f"{word} ({name}?)" if name else word for word, name in meant.items()]
    return [Reason.of("words-unknown", words=", ".join(told))]


_DEMO = Domain(
    knowledge.understood,
    knowledge.as_taught,
    knowledge.as_explained,
    knowledge.nearest,
    unlike.is_unlike,
    LIKENESS,
)
