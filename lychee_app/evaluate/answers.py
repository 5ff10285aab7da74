"""Has a truth's images judged: each image looked at once for all the queries it is judged for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lychee_app import analysis, query, recorder
from lychee_app.domain import domain_of, not_understood, unknown_words
from lychee_app.engines import Engine, Event, Opened, Progress
from lychee_app.evaluate.measures import Sample
from lychee_app.evaluate.truth import Truth
from lychee_app.query import Question
from lychee_app.ranking import best_axis, is_scored, strength
from lychee_app.reasons import Reason
from lychee_app.records import Scored, ScorerInfo, Source
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
        relevant = relevance >= relevant_from
        if relevance.any():  # no measure depends on its unit, and sums of the largest numbers are none
            relevance = relevance / relevance.max()
        chances = [(row.score or 0.0) / 10 if row.p_yes is None else row.p_yes for row in rows]
        strengths = np.array([strength(row, axis) for row in rows], float)
        return Sample(strengths, np.array(chances, float), relevance, relevant)


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

    @property
    def unknown_words(self) -> tuple[str, ...]:
        """Of all queries, those that the judge does not know."""
        return unknown_words(domain_of(self.info.name, self.info.checkpoint_hash), self._everything)

    @property
    def caveats(self) -> list[Reason]:
        """What to know before the figures are believed: of all queries, and of each image once."""
        domain = domain_of(self.info.name, self.info.checkpoint_hash)
        images = {row.name: row for answer in self.each for row in answer.rows}
        return [*not_understood(domain, self._everything), *analysis.of_images(images.values())]

    @property
    def _everything(self) -> Question:
        """All queries as the parts of one."""
        sent, *others = (query.ask(answer.query, parts=()).sent for answer in self.each)
        return Question("", sent, tuple(others))


@dataclass(frozen=True)
class Ask:
    """An image and the queries it is judged for."""

    source: Source
    queries: tuple[str, ...]


@dataclass(frozen=True)
class Looked:
    """`rows` has one row per query of each Ask, in their order. What else there is: see Answers."""

    rows: tuple[dict[str, Scored], ...]
    info: ScorerInfo
    token_budget: int
    seconds: float
    looks: int


def ask(
    truth: Truth, request: Request, engine: Engine, on_event: Callable[[Event], None] = lambda event: None
) -> Answers:
    """`request` is that of every query but for its question. Raises what `look` raises."""
    asked = _asked(truth)
    found = look(
        [Ask(Source(name, path=truth.folder / name), asked[name]) for name in asked],
        request,
        engine,
        on_event,
    )
    rows = dict(zip(asked, found.rows, strict=True))
    each = []
    for text in truth.queries:
        judged = [one for one in truth.judgements if one.query == text]
        own = tuple(replace(rows[one.image][text], name=one.image) for one in judged)
        each.append(Answer(text, own, tuple(one.relevance for one in judged)))
    return Answers(request, found.info, found.token_budget, tuple(each), found.seconds, found.looks)


def looks(truth: Truth, request: Request) -> int:
    """How many times an image will be looked at: once, or in explain mode once for every query."""
    return len(truth.images) if request.mode == "judge" else len(truth.judgements)


def look(
    asks: Sequence[Ask],
    request: Request,
    engine: Engine,
    on_event: Callable[[Event], None] = lambda event: None,
) -> Looked:
    """Each image once for all its queries; in explain mode once for each. asks: not empty.

    Raises what recorder.rank raises, and QueryError for a query that says nothing.
    """
    questions = {text: query.ask(text, parts=()) for one in asks for text in one.queries}
    requests = {text: engine.prepared(replace(request, question=asked)) for text, asked in questions.items()}
    rows: list[dict[str, Scored]] = [{} for _ in asks]
    together = request.mode == "judge"
    clock = _Clock(on_event, sum(1 if together else len(one.queries) for one in asks))
    for queries, places in _groups(asks, together=together):
        sources, wanted = [asks[at].source for at in places], [requests[text] for text in queries]
        if together:
            runs = recorder.rank_each(wanted, sources, engine, recorder.Unkept(), clock)
        else:
            runs = [recorder.rank(one, sources, engine, recorder.Unkept(), clock) for one in wanted]
        for text, run in zip(queries, runs, strict=True):
            for row in run.images:
                rows[places[row.upload_index]][text] = row
        clock.rest()
    opened = clock.opened
    return Looked(tuple(rows), opened.info, opened.budget.max_tokens, clock.seconds, clock.done)


def _asked(truth: Truth) -> dict[str, tuple[str, ...]]:
    """The queries that each image is judged for."""
    asked: dict[str, list[str]] = {}
    for one in truth.judgements:
        asked.setdefault(one.image, []).append(one.query)
    return {image: tuple(queries) for image, queries in asked.items()}


def _groups(asks: Sequence[Ask], *, together: bool) -> Iterator[tuple[tuple[str, ...], list[int]]]:
    """The places of the asks that have the same queries: all of these at once, or one query at a time."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, one in enumerate(asks):
        for some in [one.queries] if together else [(text,) for text in one.queries]:
            groups.setdefault(some, []).append(at)
    yield from groups.items()


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
        if not isinstance(event, Progress):
            return self._on_event(event)
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
