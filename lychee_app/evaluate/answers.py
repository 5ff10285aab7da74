"""Has a truth's images judged: each image looked at once for all the queries it is judged for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from lychee_app import query, recorder
from lychee_app.engines import Engine, Event, Opened, Progress
from lychee_app.evaluate.measures import Sample
from lychee_app.evaluate.truth import Truth
from lychee_app.ranking import best_axis, is_scored, strength
from lychee_app.records import Run, Scored, ScorerInfo, Source
from lychee_app.request import Request


@dataclass(frozen=True)
class Answer:
    """One query's images with what the judge said of each and what is true, in the order of the truth."""

    query: str
    rows: tuple[Scored, ...]
    relevance: tuple[float, ...]

    @property
    def unscored(self) -> tuple[Scored, ...]:
        return tuple(row for row in self.rows if not is_scored(row))

    def sample(self, relevant_from: float, left_out: frozenset[str] = frozenset()) -> Sample:
        """The scored images, but for those names. The probability is the judge's own, or a tenth of a score
        that was read out of text.
        """
        pairs = zip(self.rows, self.relevance, strict=True)
        kept = [(row, truth) for row, truth in pairs if is_scored(row) and row.name not in left_out]
        rows, axis = [row for row, _ in kept], best_axis([row for row, _ in kept])
        relevance = np.array([truth for _, truth in kept], float)
        chances = [(row.score or 0.0) / 10 if row.p_yes is None else row.p_yes for row in rows]
        strengths = np.array([strength(row, axis) for row in rows], float)
        return Sample(strengths, np.array(chances, float), relevance, relevance >= relevant_from)


@dataclass(frozen=True)
class Answers:
    """Of one judge in one setting. `seconds` is the time that scoring took, without opening the model."""

    request: Request
    info: ScorerInfo
    token_budget: int
    each: tuple[Answer, ...]
    seconds: float
    looks: int
    """Images looked at, counting one again for every time."""


def ask(
    truth: Truth, request: Request, engine: Engine, on_event: Callable[[Event], None] = lambda event: None
) -> Answers:
    """`request` is that of every query but for its question. Raises what recorder.rank raises, and QueryError
    for a query that says nothing.
    """
    questions = {text: query.ask(text, parts=()) for text in truth.queries}
    requests = {text: engine.check(replace(request, question=asked)) for text, asked in questions.items()}
    clock, rows = _Clock(on_event, looks(truth, request)), dict[tuple[str, str], Scored]()
    for queries, images in _looks(truth, together=request.mode == "judge"):
        sources = [Source(name, path=truth.folder / name) for name in images]
        wanted = [requests[text] for text in queries]
        if request.mode == "judge":
            runs = recorder.rank_each(wanted, sources, engine, recorder.Unkept(), clock)
        else:
            runs = [recorder.rank(one, sources, engine, recorder.Unkept(), clock) for one in wanted]
        for text, run in zip(queries, runs, strict=True):
            rows |= {(text, name): row for name, row in zip(images, _by_place(run), strict=True)}
        clock.rest()
    each = []
    for text in truth.queries:
        judged = [one for one in truth.judgements if one.query == text]
        own = tuple(replace(rows[text, one.image], name=one.image) for one in judged)
        each.append(Answer(text, own, tuple(one.relevance for one in judged)))
    opened = clock.opened
    return Answers(request, opened.info, opened.budget.max_tokens, tuple(each), clock.seconds, clock.done)


def looks(truth: Truth, request: Request) -> int:
    """How many images will be looked at."""
    return sum(len(images) for _, images in _looks(truth, together=request.mode == "judge"))


def _looks(truth: Truth, *, together: bool) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    """Images with the queries that they are all judged for: one look at each image, or one for each query."""
    asked: dict[str, list[str]] = {}
    for one in truth.judgements:
        asked.setdefault(one.image, []).append(one.query)
    groups: dict[tuple[str, ...], list[str]] = {}
    for image, queries in asked.items():
        for some in [tuple(queries)] if together else [(text,) for text in queries]:
            groups.setdefault(some, []).append(image)
    yield from groups.items()


def _by_place(run: Run) -> list[Scored]:
    return sorted(run.images, key=lambda row: row.upload_index)


class _Clock:
    """Passes events on as if all looks were one run, and keeps what they tell of the judge and the time."""

    def __init__(self, on_event: Callable[[Event], None], total: int) -> None:
        self._on_event, self._total = on_event, total
        self._before, self._seconds_before = 0, 0.0
        self._last: Progress | None = None
        self._opened: Opened | None = None

    def __call__(self, event: Event) -> None:
        if isinstance(event, Opened):
            first, self._opened = self._opened is None, event
            return self._on_event(event) if first else None
        self._last = event
        return self._on_event(replace(event, done=self.done, total=self._total, seconds=self.seconds))

    def rest(self) -> None:
        """Between two looks."""
        self._before, self._seconds_before, self._last = self.done, self.seconds, None

    @property
    def done(self) -> int:
        return self._before + (self._last.done if self._last else 0)

    @property
    def seconds(self) -> float:
        return self._seconds_before + (self._last.seconds if self._last else 0.0)

    @property
    def opened(self) -> Opened:
        assert self._opened is not None  # an engine says so before its first row
        return self._opened
