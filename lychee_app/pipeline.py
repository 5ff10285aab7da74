"""The whole flow in one place: question + sources -> scored rows, in upload order.

    query + image bytes -> intake -> prompt -> model (judge / explain) -> parse -> ranking

`score_each` yields every row as soon as it is there; `rank` runs it to the end and returns a Run. Does
not know storage, or that it may run in the background: those are store/ and jobs.py.
"""

import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from lychee_app import intake, verdict
from lychee_app.cache import CacheKey, RecentReplies, ReplyCache
from lychee_app.errors import ModelLost, OutOfMemory, ScoringError, UsageError
from lychee_app.prompt import PROMPT_VERSION
from lychee_app.query import Question
from lychee_app.records import (
    Candidate,
    ImageBudget,
    MemoryReading,
    Mode,
    Refused,
    Reply,
    Run,
    Scored,
    Scorer,
    Source,
)
from lychee_app.settings import Settings

OOM_SHARES = (2, 4)
"""After CUDA ran out of memory the image is tried with 1/2 of its tokens, then with 1/4."""


@dataclass(frozen=True)
class Progress:
    """One more row. `seconds_per_image` is the mean so far; `memory` is read after the row."""

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


def score_each(
    question: Question,
    sources: Sequence[tuple[int, Source]],
    scorer: Scorer,
    settings: Settings,
    *,
    mode: Mode = "judge",
    cache: ReplyCache | None = None,
) -> Generator[Progress, None, None]:
    """Scores each (upload index, source), and yields in that order; the next images are decoded meanwhile.

    An image that cannot be scored is a row with `error`. Raises ModelLost when the model can go on no more;
    rows yielded before stand.
    """
    budget = budget_of(scorer, settings)
    judge = _Judge(question, mode, scorer, settings, budget, RecentReplies() if cache is None else cache)
    paths = {index: str(source.path) for index, source in sources if source.path and not source.private}
    started, rows = time.perf_counter(), judge.rows(intake.prepare(sources, budget, settings))
    for done, row in enumerate(rows, start=1):
        scorer.release()
        seconds = time.perf_counter() - started
        placed = replace(row, path=paths.get(row.upload_index))
        yield Progress(placed, done, len(sources), seconds, scorer.memory())


def rank(
    question: Question,
    sources: Sequence[Source],
    scorer: Scorer,
    settings: Settings,
    *,
    mode: Mode = "judge",
    cache: ReplyCache | None = None,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> Run:
    """Scores all sources and returns the finished run. Raises UsageError without sources, and ModelLost."""
    if not sources:
        raise UsageError("There are no images to rank. Give at least one.", code="no-images")
    run = draft_run(question, mode, scorer.info.name, settings, total=len(sources))
    run = settled(run, scorer, settings)
    rows: list[Scored] = []
    peak, seconds = 0, 0.0
    for progress in score_each(question, list(enumerate(sources)), scorer, settings, mode=mode, cache=cache):
        rows.append(progress.scored)
        peak, seconds = max(peak, progress.memory.peak_bytes), progress.seconds
        on_progress(progress)
    return replace(run, status="done", images=tuple(rows), seconds=seconds, peak_memory_bytes=peak)


def draft_run(question: Question, mode: Mode, model: str, settings: Settings, total: int) -> Run:
    """An empty run: what is asked, before the model is open."""
    return Run(
        id=uuid.uuid4().hex,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        query=question.typed,
        sent_query=question.sent,
        model=model,
        checkpoint_hash="",
        mode=mode,
        total=total,
        not_text=question.typed_not,
        sent_not=question.sent_not,
        elements=question.elements,
        instruction=settings.instruction,
        max_image_tokens=settings.max_image_tokens,
    )


def settled(run: Run, scorer: Scorer, settings: Settings) -> Run:
    """The run with all that its scores depend on, now that the model is open."""
    info = scorer.info
    return replace(
        run,
        model=info.name,
        checkpoint_hash=info.checkpoint_hash,
        precision=info.precision,
        max_image_tokens=budget_of(scorer, settings).max_tokens,
    )


def budget_of(scorer: Scorer, settings: Settings) -> ImageBudget:
    """The checkpoint's own limits, and the user's where that is lower."""
    own = scorer.info.budget
    return replace(own, max_tokens=max(own.min_tokens, min(own.max_tokens, settings.max_image_tokens)))


def explain_one(
    source: tuple[int, Source],
    sha256: str,
    query: str,
    scorer: Scorer,
    settings: Settings,
    *,
    cache: ReplyCache,
) -> Reply:
    """The explanation of the image that was scored as `sha256`.

    Raises ImageError if it cannot be read or is another by now, ScoringError, ModelLost.
    """
    budget = budget_of(scorer, settings)
    candidate = intake.reread(source, sha256, budget, settings)
    judge = _Judge(Question(query, query), "explain", scorer, settings, budget, cache)
    return judge.explained(candidate)


def get_ready(count: int, settings: Settings) -> None:
    """To call before a model is opened: what `count` images need beside it starts meanwhile."""
    intake.get_ready(count, settings)


def sources_of(paths: Iterable[str | Path]) -> list[Source]:
    """Images, folders and globs -> sources. Raises UsageError (see intake.find)."""
    return intake.find(list(paths))


@dataclass(frozen=True)
class _Judge:
    """Scores one candidate after the other under one question."""

    question: Question
    mode: Mode
    scorer: Scorer
    settings: Settings
    budget: ImageBudget
    cache: ReplyCache

    def rows(self, items: Iterable[Candidate | Refused]) -> Generator[Scored, None, None]:
        """In the order of the items: one at a time, or several where the scorer takes them."""
        if self.scorer.info.at_once > 1:
            yield from self._rows_at_once(items, self.scorer.info.at_once)
        else:
            yield from map(self.row, items)

    def _rows_at_once(
        self, items: Iterable[Candidate | Refused], count: int
    ) -> Generator[Scored, None, None]:
        """Never an image together with its twin, whose replies it shall share."""
        waiting: deque[tuple[str, Future[Scored]]] = deque()
        crew = ThreadPoolExecutor(count, thread_name_prefix="lychee-judge")
        try:
            for item in items:
                while len(waiting) > count or any(sha256 == item.sha256 for sha256, _ in waiting):
                    yield waiting.popleft()[1].result()
                waiting.append((item.sha256, crew.submit(self.row, item)))
            while waiting:
                yield waiting.popleft()[1].result()
        finally:
            crew.shutdown(cancel_futures=True)

    def row(self, item: Candidate | Refused) -> Scored:
        """Never raises for what one image does: that is the row's `error`."""
        return _refused(item) if isinstance(item, Refused) else self._row(item)

    def _row(self, candidate: Candidate) -> Scored:
        started = time.perf_counter()
        try:
            candidate, replies = self._with_less(candidate)
        except ScoringError as error:
            seconds = time.perf_counter() - started
            return replace(_bare(candidate), error=str(error), seconds=seconds)
        return replace(self._scored(candidate, replies), seconds=time.perf_counter() - started)

    def _with_less(self, candidate: Candidate) -> tuple[Candidate, list[Reply]]:
        """The replies; where memory runs out, those to a smaller image. Raises ScoringError.

        Those are not kept: an image resized twice has other pixels than one brought to that size at once.
        """
        attempt, judge = candidate, self
        for share in OOM_SHARES:
            try:
                return attempt, judge._replies(attempt)
            except OutOfMemory:
                self.scorer.release()
                attempt = _smaller(candidate, share, self.budget)
                judge = replace(self, cache=RecentReplies())
        return attempt, judge._replies(attempt)

    def _replies(self, candidate: Candidate) -> list[Reply]:
        """Replies to the query and its parts, from the cache where they are known."""
        if self.mode == "explain":
            return [self.explained(candidate), *self._judged(candidate, self.question.parts)]
        return self._judged(candidate, (self.question.sent, *self.question.parts))

    def _judged(self, candidate: Candidate, queries: Sequence[str]) -> list[Reply]:
        keys = [self._key(candidate, "judge", query) for query in queries]
        known = {key: reply for key in keys if (reply := self.cache.cached(key)) is not None}
        missing = list(dict.fromkeys(key for key in keys if key not in known))
        if missing:
            texts = [key.query for key in missing]
            answers = self.scorer.judge(candidate, texts, self.settings.instruction)
            told = dict(zip(missing, map(_finite, answers), strict=True))
            self.cache.remember(told)
            known |= told
        return [known[key] for key in keys]

    def explained(self, candidate: Candidate) -> Reply:
        key = self._key(candidate, "explain", self.question.sent)
        reply = self.cache.cached(key)
        if reply is None:
            reply = self.scorer.explain(candidate, self.question.sent, self.settings.explain_max_tokens)
            self.cache.remember({key: reply})
        return reply

    def _key(self, candidate: Candidate, mode: Mode, query: str) -> CacheKey:
        info = self.scorer.info
        return CacheKey(
            sha256=candidate.sha256,
            query=query,
            mode=mode,
            checkpoint_hash=info.checkpoint_hash,
            prompt_version=PROMPT_VERSION,
            precision=info.precision,
            width_px=candidate.image.width,
            height_px=candidate.image.height,
            instruction=self.settings.instruction if mode == "judge" else "",
            max_new_tokens=self.settings.explain_max_tokens if mode == "explain" else 0,
            pixels_version=intake.PIXELS_VERSION,
        )

    def _scored(self, candidate: Candidate, replies: list[Reply]) -> Scored:
        reply, parts = replies[0], replies[1:]
        not_reply = parts.pop() if self.question.sent_not else None
        decide = verdict.explained if self.mode == "explain" else verdict.judged
        given = decide(reply, not_reply)
        return replace(
            _bare(candidate),
            score=given.score,
            margin=given.margin,
            p_yes=given.p_yes,
            elements=tuple(verdict.judged(part).score for part in parts),
            reply=reply,
            element_replies=tuple(parts),
            not_reply=not_reply,
            span=given.span,
            error=given.reason,
        )


def _finite(reply: Reply) -> Reply:
    """The reply, unless its numbers mean nothing: then no other row of this model can be trusted either."""
    if reply.margin is not None and not math.isfinite(reply.margin):
        numbers = f"{reply.logit_yes}, {reply.logit_no}"
        message = (
            f"The model's numbers are not finite ({numbers}); nothing it says can be trusted. Start again, "
            "and fetch the checkpoint again if it stays."
        )
        raise ModelLost(message, code="not-finite")
    return reply


def _smaller(candidate: Candidate, share: int, budget: ImageBudget) -> Candidate:
    tokens = max(budget.min_tokens, candidate.tokens(budget.token_px) // share)
    return intake.refit(candidate, tokens, budget)


def _bare(candidate: Candidate) -> Scored:
    return Scored(
        upload_index=candidate.upload_index,
        name=candidate.name,
        sha256=candidate.sha256,
        notes=candidate.notes,
        width_px=candidate.width_px,
        height_px=candidate.height_px,
        seen_width_px=candidate.image.width,
        seen_height_px=candidate.image.height,
        thumbnail=candidate.thumbnail,
    )


def _refused(item: Refused) -> Scored:
    return Scored(item.upload_index, item.name, item.sha256, error=item.reason)
