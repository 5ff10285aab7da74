"""The engine in this process: the whole flow in one place.

    query + image bytes -> intake -> prompt -> model (judge / explain) -> parse -> ranking

The loaded scorer is kept between runs, which take turns.
"""

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

from lychee_app import intake
from lychee_app.cache import ReplyCache
from lychee_app.engines import Event, Opened, Progress
from lychee_app.engines.bursts import judged
from lychee_app.engines.first_look import looks
from lychee_app.engines.judge import Judge, judge_of, placed
from lychee_app.engines.opening import OpenScorer, opener, prepared
from lychee_app.errors import ModelLost
from lychee_app.model import checkpoints
from lychee_app.records import Reply, Scored, Scorer, Source
from lychee_app.request import Precision, Request
from lychee_app.settings import Settings


class LocalEngine:
    """`open_scorer` is the seam: (model name, precision) -> Scorer. None opens this machine's checkpoints."""

    def __init__(self, settings: Settings, open_scorer: OpenScorer | None = None) -> None:
        self._settings = settings
        self._open_scorer = open_scorer
        self._turn = threading.Lock()
        self._loaded: tuple[tuple[str, Precision], Scorer] | None = None

    def prepared(self, request: Request) -> Request:
        return prepared(request, self._settings, self._open_scorer)

    def run(
        self, request: Request, sources: Sequence[tuple[int, Source]], *, cache: ReplyCache | None = None
    ) -> Generator[Event, None, None]:
        return judged(self._run, request, sources, cache, self._settings)

    def _run(
        self, request: Request, sources: Sequence[tuple[int, Source]], cache: ReplyCache | None
    ) -> Generator[Event, None, None]:
        intake.get_ready(len(sources), self._settings)
        with self._scorer_for(request) as scorer:
            judge = judge_of(request, scorer, self._settings, cache)
            yield Opened(scorer.info, judge.budget, judge.request)
            own = dict(sources)
            started = time.perf_counter()
            rows = looks(request, sources, lambda first, some: self._look(judge, some, first))
            for done, row in enumerate(rows, start=1):
                scorer.release()
                seconds = time.perf_counter() - started
                stands = placed(row, own[row.upload_index])
                yield Progress(stands, done, len(sources), seconds, scorer.memory())

    def explain(
        self, request: Request, source: tuple[int, Source], sha256: str, *, cache: ReplyCache | None = None
    ) -> Reply:
        with self._scorer_for(request) as scorer:
            judge = judge_of(request, scorer, self._settings, cache)
            try:
                return judge.explained(intake.reread(source, sha256, judge.budget, self._settings))
            finally:
                scorer.release()

    def _look(self, judge: Judge, sources: Sequence[tuple[int, Source]], first: bool) -> Iterator[Scored]:
        judge = judge.first_look() if first else judge
        return judge.rows(intake.prepare(sources, judge.budget, self._settings))

    @contextmanager
    def _scorer_for(self, request: Request) -> Iterator[Scorer]:
        """The loaded scorer, or a new one, for one at a time; the old one goes first, as two may not fit.

        A model that is lost in the block is opened anew for who comes next.
        """
        with self._turn:
            name, precision = str(checkpoints.resolved(request.model, self._settings)), request.precision
            if self._loaded is None or self._loaded[0] != (name, precision):
                self._loaded = None
                self._loaded = (name, precision), opener(self._settings, self._open_scorer)(name, precision)
            _, scorer = self._loaded
            try:
                yield scorer
            except ModelLost:
                self._loaded = None
                raise
