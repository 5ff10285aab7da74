"""The seam between what is asked and where the work is done: `Engine.run(request, sources)` -> events.

An engine may hold the model in this process (`local`) or elsewhere: who listens sees events only.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Protocol

from lychee_app.cache import ReplyCache
from lychee_app.records import ImageBudget, MemoryReading, Reply, Scored, ScorerInfo, Source
from lychee_app.request import Request


@dataclass(frozen=True)
class Opened:
    """The model is open: which one it is, and the budget each image of this run gets.

    `request` is as the judge is really asked: in the words that it was taught.
    """

    info: ScorerInfo
    budget: ImageBudget
    request: Request


@dataclass(frozen=True)
class Progress:
    """One more row. `seconds` are those since the model was open; `memory` is read after the row."""

    scored: Scored
    done: int
    total: int
    seconds: float
    memory: MemoryReading

    @property
    def seconds_per_image(self) -> float:
        return self.seconds / self.done

    @property
    def eta_seconds(self) -> float:
        return self.seconds_per_image * (self.total - self.done)


@dataclass(frozen=True)
class Grouping:
    """So many images were looked at, to find those that are alike: before Opened, where one of each is
    judged."""

    done: int
    total: int


Event = Opened | Progress | Grouping


class Engine(Protocol):
    """Tests put a scorer of their own into the local one."""

    def prepared(self, request: Request) -> Request:
        """The request as its judge will be asked, in the words that it was taught. Nothing is loaded for it.

        Raises CheckpointError where the model is not there, or can be told to be broken or of another kind
        without loading it, and UsageError where it knows no word of the query.
        """
        ...

    def run(
        self, request: Request, sources: Sequence[tuple[int, Source]], *, cache: ReplyCache | None = None
    ) -> Generator[Event, None, None]:
        """Opened, then one Progress per (upload index, source): in their order, or as they are done where
        several are at it; the best of a request with `prefilter` come last.

        An image that cannot be scored is a row with `error`. Closing the generator ends the work after the
        images in hand. Raises CheckpointError and OutOfMemory where the model cannot be opened, UsageError
        where it knows no word of the query, and ModelLost where it can go on no more: rows given before
        stand.
        """
        ...

    def explain(
        self, request: Request, source: tuple[int, Source], sha256: str, *, cache: ReplyCache | None = None
    ) -> Reply:
        """The explanation of the one image that was scored as `sha256`, whatever the request's mode.

        Raises ImageError where it cannot be read or is another by now, ScoringError, and what `run` raises.
        """
        ...
