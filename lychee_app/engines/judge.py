"""One candidate after the other, as one request asks: prompt -> model (judge / explain) -> parse -> a row.

What every engine does wherever it does it, so that a score depends on no engine.
"""

import time
from collections import deque
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from lychee_app import intake, verdict
from lychee_app.cache import CacheKey, RecentReplies, ReplyCache
from lychee_app.domain import UNLIKE, Domain, domain_of
from lychee_app.engines.example import Models, models_of
from lychee_app.engines.first_look import first_budget, first_request
from lychee_app.errors import OutOfMemory, ScoringError
from lychee_app.prompt import PROMPT_VERSION
from lychee_app.reasons import Reason
from lychee_app.records import Candidate, ImageBudget, Mode, Refused, Reply, Scored, Scorer, Source
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.verdict import ALONE, Likeness

OOM_SHARES = (2, 4)
"""After memory ran out the image is tried with 1/2 of its tokens, then with 1/4."""

QUERIES_AT_ONCE = 16
"""More queries of one image are judged in several passes: a pass holds all their tokens in memory."""


def judge_of(request: Request, scorer: Scorer, settings: Settings, cache: ReplyCache | None) -> "Judge":
    """Raises UsageError where the scorer's model knows no word of the query, and where an example is gone, is
    another image by now or cannot be read."""
    domain = domain_of(scorer.info.name, scorer.info.checkpoint_hash)
    request, budget = as_taught(request, domain), _budget(request, scorer, settings)
    curve = domain.likeness if domain else None
    models = models_of(request, scorer, budget, curve, settings) if request.examples else None
    return Judge(request, scorer, budget, domain, RecentReplies() if cache is None else cache, models)


def _budget(request: Request, scorer: Scorer, settings: Settings) -> ImageBudget:
    info, asked = scorer.info, request.max_image_tokens
    if asked is None:
        asked = min(settings.max_image_tokens, info.usual_tokens or info.budget.max_tokens)
    return info.budget.at_most(asked)


@dataclass(frozen=True)
class Judge:
    """Scores one candidate after the other as one request asks."""

    request: Request
    scorer: Scorer
    budget: ImageBudget
    domain: Domain | None
    cache: ReplyCache
    models: Models | None = None
    """The example images, where there are some."""

    def first_look(self) -> "Judge":
        """The same at a quarter of the tokens, asked for the whole query alone."""
        return replace(self, request=first_request(self.request), budget=first_budget(self.budget))

    def keys(self, candidate: Candidate) -> list[CacheKey]:
        """What the cache may be asked about it."""
        question = self.request.question
        keys = [self._key(candidate, "judge", text) for text in (question.sent, *question.parts) if text]
        if self.request.mode == "explain":
            keys.append(self._key(candidate, "explain", self._as_explained()))
        if self.models is not None:
            keys += [self._key(candidate, "judge", self.models.key(one)) for one in self.request.examples]
        return keys

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
        return bare_row(item) if isinstance(item, Refused) else self._row(item)

    def _row(self, candidate: Candidate) -> Scored:
        started = time.perf_counter()
        candidate = self._noted(candidate)
        try:
            candidate, (replies, likeness) = self._with_less(candidate)
        except ScoringError as error:
            seconds = time.perf_counter() - started
            return replace(bare_row(candidate), reason=error.reason, seconds=seconds)
        bare = bare_row(candidate, replies[0].tile if self.request.question.sent else 0)
        row = verdict.answered(bare, self.request.question, self.request.mode, replies, likeness)
        return replace(row, seconds=time.perf_counter() - started)

    def _noted(self, candidate: Candidate) -> Candidate:
        """With a note where the image is unlike what the judge was taught from."""
        if self.domain is None or not self.domain.is_unlike(candidate.image):
            return candidate
        return replace(candidate, notes=(*candidate.notes, UNLIKE))

    def _with_less(self, candidate: Candidate) -> tuple[Candidate, tuple[list[Reply], Likeness]]:
        """The replies; where memory runs out, those to a smaller image. Raises ScoringError.

        Those are not kept: an image resized twice has other pixels than one brought to that size at once.
        """
        attempt, judge = candidate, self
        for share in OOM_SHARES:
            try:
                return attempt, (judge._replies(attempt), judge._likeness(attempt))
            except OutOfMemory:
                self.scorer.release()
                attempt = _smaller(candidate, share, self.budget)
                judge = replace(self, cache=RecentReplies())
        return attempt, (judge._replies(attempt), judge._likeness(attempt))

    def _likeness(self, candidate: Candidate) -> Likeness:
        """To each example, from the cache where it is known; the image is looked at once for both."""
        if self.models is None:
            return ALONE
        known: dict[str, Reply] = {}
        for example in self.request.examples:
            key = self._key(candidate, "judge", self.models.key(example))
            if (reply := self.cache.cached(key)) is not None:
                known[example.sha256] = reply
        if missing := [one for one in self.request.examples if one.sha256 not in known]:
            told = self.models.replies(candidate, missing, self.scorer)
            self.cache.remember(
                {self._key(candidate, "judge", self.models.key(one)): told[one] for one in missing}
            )
            known |= {example.sha256: reply for example, reply in told.items()}
        like, unlike = self.request.like, self.request.unlike
        return Likeness(like and known[like.sha256], unlike and known[unlike.sha256])

    def _replies(self, candidate: Candidate) -> list[Reply]:
        """Replies to the query and its parts, from the cache where they are known."""
        question = self.request.question
        if not question.sent:
            return self._judged(candidate, question.parts)
        if self.request.mode == "explain":
            return [self.explained(candidate), *self._judged(candidate, question.parts)]
        return self._judged(candidate, (question.sent, *question.parts))

    def _judged(self, candidate: Candidate, queries: Sequence[str]) -> list[Reply]:
        keys = [self._key(candidate, "judge", query) for query in queries]
        known = {key: reply for key in keys if (reply := self.cache.cached(key)) is not None}
        missing = list(dict.fromkeys(key for key in keys if key not in known))
        if missing:
            told = {}
            for first in range(0, len(missing), QUERIES_AT_ONCE):
                some = missing[first : first + QUERIES_AT_ONCE]
                texts = [key.query for key in some]
                answers = self._best(candidate, texts)
                told |= dict(zip(some, answers, strict=True))
            self.cache.remember(told)
            known |= told
        return [known[key] for key in keys]

    def _best(self, candidate: Candidate, texts: Sequence[str]) -> list[Reply]:
        """To each text the reply with the highest margin: about the whole image, or about a tile of it.

        By itself, so that what is asked together does not matter, and what is not to be seen is found in any
        tile. The whole is there for what no tile shows alone; of equals it counts.
        """
        best = self.scorer.judge(candidate, texts, self.request.instruction)
        for tile in range(1, 1 + len(candidate.tiles)):
            seen = self.scorer.judge(_view(candidate, tile), texts, self.request.instruction)
            pairs = zip(best, (replace(reply, tile=tile) for reply in seen), strict=True)
            best = [max(pair, key=lambda reply: reply.margin or 0.0) for pair in pairs]
        return best

    def explained(self, candidate: Candidate) -> Reply:
        """In words, about the view of it that is judged to match best."""
        query = self._as_explained()
        key = self._key(candidate, "explain", query)
        reply = self.cache.cached(key)
        if reply is None:
            tile = self._judged(candidate, [query])[0].tile if candidate.tiles else 0
            reply = self.scorer.explain(_view(candidate, tile), query, self.request.explain_max_tokens)
            reply = replace(reply, tile=tile)
            self.cache.remember({key: reply})
        return reply

    def _as_explained(self) -> str:
        query = self.request.question.sent
        return self.domain.as_explained(query) if self.domain else query

    def _key(self, candidate: Candidate, mode: Mode, query: str) -> CacheKey:
        info, request = self.scorer.info, self.request
        return CacheKey(
            sha256=candidate.sha256,
            query=query,
            mode=mode,
            checkpoint_hash=info.checkpoint_hash,
            prompt_version=PROMPT_VERSION,
            precision=info.precision,
            width_px=candidate.image.width,
            height_px=candidate.image.height,
            instruction=request.instruction if mode == "judge" or candidate.tiles else "",
            max_new_tokens=request.explain_max_tokens if mode == "explain" else 0,
            pixels_version=intake.PIXELS_VERSION,
            tile_width_px=candidate.tiles[0].width if candidate.tiles else 0,
            tile_height_px=candidate.tiles[0].height if candidate.tiles else 0,
        )


def _smaller(candidate: Candidate, share: int, budget: ImageBudget) -> Candidate:
    tokens = max(budget.min_tokens, candidate.tokens(budget.token_px) // share)
    return intake.refit(candidate, tokens, budget)


def placed(row: Scored, source: Source) -> Scored:
    """With where its image is, if that is not bytes in hand."""
    if source.address:
        return replace(row, address=source.address)
    if source.path is None or source.private:
        return row
    return replace(row, path=str(source.path), companions=tuple(map(str, source.companions)))


def _view(candidate: Candidate, tile: int) -> Candidate:
    """The candidate as the model is given it: one tile of it, from 1, or the whole."""
    return replace(candidate, image=candidate.tiles[tile - 1], tiles=()) if tile else candidate


def bare_row(item: Candidate | Refused, tile: int = 0) -> Scored:
    """The row but for the replies. tile: what the one to the query is about."""
    if isinstance(item, Refused):
        return Scored(item.upload_index, item.name, item.sha256, reason=item.reason)
    seen, count = _view(item, tile).image, len(item.tiles)
    notes = (*item.notes, Reason.of("tiles", count=count)) if count else item.notes
    return Scored(
        upload_index=item.upload_index,
        name=item.name,
        sha256=item.sha256,
        notes=notes,
        width_px=item.width_px,
        height_px=item.height_px,
        seen_width_px=seen.width,
        seen_height_px=seen.height,
        thumbnail=item.thumbnail,
        capture=item.capture,
        fingerprint=item.fingerprint,
        sharpness=item.sharpness,
    )


def as_taught(request: Request, domain: Domain | None) -> Request:
    """In the words of the judge that is asked. Raises UsageError where it knows none of them."""
    return (
        replace(request, question=domain.asked(request.question))
        if domain and (request.question.sent or request.columns)
        else request
    )
