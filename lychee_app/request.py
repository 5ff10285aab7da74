"""What is asked, whole: the question, and all that its answer depends on beside the images."""

from dataclasses import dataclass
from typing import Literal

from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.query import Question

Mode = Literal["judge", "explain"]
Precision = Literal["auto", "float32", "bfloat16", "int8", "int4"]
"""What the language weights are held in; "auto" is what the device does best."""

Bursts = Literal["all", "one"]
"""Of images that are alike, taken in a row or saved again: all are judged, or one of each group."""


@dataclass(frozen=True)
class Example:
    """An image that others are to be like, or unlike. Its bytes lie at `path`, and are those of `sha256`."""

    name: str
    sha256: str
    path: str


@dataclass(frozen=True)
class Column:
    """One name of a sorting (sorting.py): its query as typed, and the least score that goes there."""

    name: str
    query: str
    least: float = 5.0


@dataclass(frozen=True)
class Request:
    """Travels from where it is asked to the engine, and is stored in the Run as it is.

    `like` and `unlike` count beside the question, which may be empty where one of them is given (verdict.py).
    With `columns` it is a sorting: the question's elements are their queries, in that order.
    `model` is a name or a folder; "auto" stands for the best one there is. `max_image_tokens` is the most an
    image may have: None takes the machine's own (Settings), and no checkpoint takes more than its limits.
    `prefilter`: so many are judged in full, the best by a first look at a quarter of the tokens
    (engines/first_look.py); None: all.
    """

    question: Question
    mode: Mode = "judge"
    model: str = "auto"
    instruction: str = DEFAULT_INSTRUCTION
    max_image_tokens: int | None = None
    explain_max_tokens: int = 160
    precision: Precision = "auto"
    prefilter: int | None = None
    columns: tuple[Column, ...] = ()
    like: Example | None = None
    unlike: Example | None = None
    bursts: Bursts = "all"

    @property
    def examples(self) -> tuple[Example, ...]:
        return tuple(example for example in (self.like, self.unlike) if example)

    @property
    def named(self) -> str:
        """In a line: the words and the examples, as in "green sofa ≈ sofa.jpg"; or the names of a sorting."""
        if self.columns:
            return " | ".join(column.name for column in self.columns)
        signs = ("≈", self.like), ("≉", self.unlike)
        examples = [f"{sign} {one.name}" for sign, one in signs if one]
        return " ".join([self.question.typed, *examples] if self.question.typed else examples)
