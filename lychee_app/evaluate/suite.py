"""The built-in suite: what a judge can and cannot do, on drawn scenes whose truth is known.

pairs        which of two scenes that differ in one thing stands higher: right by chance half of the time
wordings     the same query in Chinese, mixed and translated, against the English
changes      what should not move a score, and what somebody may write into a picture to raise it
sizes        the same at fewer image tokens: a scene, and sixteen scenes in one picture
steadiness   the same again, in another order, among other queries: by how much a margin moves
"""

import hashlib
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from lychee_app.engines import Engine, Event, Progress
from lychee_app.evaluate.answers import Ask, Looked, look
from lychee_app.evaluate.changes import ADVERSE, HARMLESS
from lychee_app.evaluate.pairs import CELL_SIZE, Pair, Scene, pairs
from lychee_app.records import Scored, ScorerInfo, Source
from lychee_app.request import Request

WORDINGS = ("zh", "mixed", "en_from_zh", "zh_from_en")
LANGUAGES = 20
"""Queries asked in every wording."""
SIZES = (16, 25, 36, 49, 64, 128, 256, 512, 1024, 1280)
"""Image tokens; those below 64 are for judges that take no more."""
_MOSAIC = 4
_STEADY = 12


@dataclass(frozen=True)
class Rate:
    """How many of `decided` pairs stood the right way round. `interval`: 95 %, exact (Clopper-Pearson)."""

    right: int
    decided: int
    interval: tuple[float, float] | None

    @property
    def share(self) -> float | None:
        return self.right / self.decided if self.decided else None

    @property
    def is_chance(self) -> bool:
        """Whether a coin could have done it."""
        return self.interval is None or self.interval[0] <= 0.5


@dataclass(frozen=True)
class Moved:
    """How far scores moved, in points of 10: `mean` with its sign, `largest` without. `lost` of `count` pairs
    stood the right way round before and no longer do.
    """

    count: int
    mean: float
    largest: float
    lost: int


@dataclass(frozen=True)
class Size:
    """`tokens` at most. `apart`: mean points between the scene that answers and the one that does not."""

    tokens: int
    scenes: Rate
    scenes_apart: float
    mosaics: Rate
    mosaics_apart: float
    seconds_per_image: float


@dataclass(frozen=True)
class Suite:
    """`kinds` by kind and language; `steadiness`: the largest change of a margin (explain mode: score);
    `fingerprint` is of all answers: equal where each is the same to the last bit.
    """

    request: Request
    info: ScorerInfo
    token_budget: int
    kinds: dict[str, dict[str, Rate]]
    wordings: dict[str, Moved]
    harmless: dict[str, Moved]
    adverse: dict[str, Moved]
    sizes: tuple[Size, ...]
    steadiness: dict[str, float]
    fingerprint: str
    seconds: float
    looks: int


def run_suite(
    request: Request,
    engine: Engine,
    on_event: Callable[[Event], None] = lambda event: None,
    per_kind: int | None = None,
) -> Suite:
    """per_kind: so many pairs of each kind, all if None. Raises what `look` raises."""
    chosen = {kind: some[:per_kind] for kind, some in pairs().items()}
    sitting = _Sitting(request, engine, on_event, per_kind)
    plain = sitting.look(_asks(pair for some in chosen.values() for pair in some))
    kinds = {
        kind: {lang: rate(_verdicts(plain, some, lang)) for lang in ("en", "zh")}
        for kind, some in chosen.items()
    }
    things = chosen["thing"]
    return Suite(
        request=request,
        info=sitting.info,
        token_budget=sitting.token_budget,
        kinds=kinds,
        wordings=_wordings(plain, chosen["colour"][:LANGUAGES]),
        harmless={name: sitting.changed(things, plain, name) for name in HARMLESS},
        adverse={name: sitting.changed(things, plain, name) for name in ADVERSE},
        sizes=sitting.sizes(things),
        steadiness=sitting.steadiness(things[:_STEADY]),
        fingerprint=fingerprint(plain),
        seconds=sitting.seconds,
        looks=sitting.looks,
    )


def suite_looks(request: Request, per_kind: int | None = None) -> int:
    """How many times an image will be looked at, at most: a judge of few tokens is asked at fewer sizes."""
    chosen = [some[:per_kind] for some in pairs().values()]
    things = len(chosen[0])
    changes, sizes = things * (len(HARMLESS) + len(ADVERSE)), 4 * things * 6
    if request.mode == "judge":
        return sum(2 * len(some) for some in chosen) + changes + sizes + 12 * min(_STEADY, things)
    plain = sum(2 * (2 + len(pair.also)) for some in chosen for pair in some)
    return plain + changes + sizes + 2 * min(_STEADY, things) * (4 * 4 + 4 + min(_STEADY, things) + 1)


def rate(verdicts: Sequence[bool | None]) -> Rate:
    from scipy.stats import binomtest

    decided = [verdict for verdict in verdicts if verdict is not None]
    right = sum(decided)
    if not decided:
        return Rate(0, 0, None)
    interval = binomtest(right, len(decided)).proportion_ci(0.95, "exact")
    return Rate(right, len(decided), (float(interval.low), float(interval.high)))


Rows = dict[str, dict[str, Scored]]
"""By the scene's name and the query."""


class _Sitting:
    """Has sets of scenes looked at, one after the other, by one judge."""

    def __init__(
        self, request: Request, engine: Engine, on_event: Callable[[Event], None], per_kind: int | None
    ) -> None:
        self._request, self._engine, self._on_event = request, engine, on_event
        self._first: Looked | None = None
        self._planned = suite_looks(request, per_kind)
        self.seconds, self.looks = 0.0, 0

    @property
    def info(self) -> ScorerInfo:
        assert self._first is not None
        return self._first.info

    @property
    def token_budget(self) -> int:
        assert self._first is not None
        return self._first.token_budget

    def look(self, asks: Sequence[Ask], tokens: int | None = None) -> Rows:
        request = self._request if tokens is None else replace(self._request, max_image_tokens=tokens)
        found = look(asks, request, self._engine, self._tell)
        self._first = self._first or found
        self.seconds, self.looks = self.seconds + found.seconds, self.looks + found.looks
        return {ask.source.name: rows for ask, rows in zip(asks, found.rows, strict=True)}

    def changed(self, some: Sequence[Pair], plain: Rows, name: str) -> Moved:
        """One change, done to the scenes that it should do nothing to."""
        harmless = name in HARMLESS
        change = (HARMLESS if harmless else ADVERSE)[name]
        scenes = [pair.match if harmless else pair.mismatch for pair in some]
        asks = [
            Ask(Source(scene.name, _png(change(scene.picture, pair.en))), (pair.en,))
            for scene, pair in zip(scenes, some, strict=True)
        ]
        after = self.look(asks)
        moved = []
        for scene, pair in zip(scenes, some, strict=True):
            row, new = plain[scene.name][pair.en], after[scene.name][pair.en]
            match, mismatch = (plain[one.name][pair.en] for one in (pair.match, pair.mismatch))
            now = (new, mismatch) if harmless else (match, new)
            moved.append((row, new, _right(match, mismatch), _right(*now)))
        return _moved(moved)

    def sizes(self, some: Sequence[Pair]) -> tuple[Size, ...]:
        budget = self.info.budget
        most = min(budget.max_tokens, self.token_budget)
        least = 64 if most >= 64 else 0
        wanted = [tokens for tokens in SIZES if max(least, budget.min_tokens) <= tokens <= most]
        scenes, sheets = list(some), mosaics(some)
        return tuple(self._size(tokens, scenes, sheets) for tokens in wanted)

    def _size(self, tokens: int, scenes: Sequence[Pair], mosaics: Sequence[Pair]) -> Size:
        before = self.seconds, self.looks
        rows = self.look(_asks([*scenes, *mosaics], "en"), tokens)
        seconds, count = self.seconds - before[0], self.looks - before[1]
        of_scenes, of_mosaics = (_verdicts(rows, each, "en") for each in (scenes, mosaics))
        return Size(
            tokens,
            rate(of_scenes),
            _apart(rows, scenes),
            rate(of_mosaics),
            _apart(rows, mosaics),
            seconds / max(1, count),
        )

    def steadiness(self, some: Sequence[Pair]) -> dict[str, float]:
        queries = tuple(pair.en for pair in some[:4])
        scenes = [scene for pair in some for scene in (pair.match, pair.mismatch)]
        sources = [Source(scene.name, scene.png) for scene in scenes]
        asks = [Ask(source, queries) for source in sources]
        others = {
            "again": asks,
            "other_order": asks[::-1],
            "other_query_order": [Ask(source, queries[::-1]) for source in sources],
            "more_queries": [Ask(source, (*queries, *(pair.zh for pair in some))) for source in sources],
            "one_query": [Ask(source, queries[:1]) for source in sources],
        }
        first = self.look(asks)
        return {name: _largest_change(first, self.look(other)) for name, other in others.items()}

    def _tell(self, event: Event) -> None:
        if isinstance(event, Progress):
            done, seconds = self.looks + event.done, self.seconds + event.seconds
            event = replace(event, done=done, total=max(done, self._planned), seconds=seconds)
        elif self._first is not None:
            return
        self._on_event(event)


def _asks(some: Iterable[Pair], only: str = "") -> list[Ask]:
    found = []
    for pair in some:
        queries = (pair.en,) if only else tuple(dict.fromkeys((pair.en, pair.zh, *pair.also)))
        found += [Ask(Source(scene.name, scene.png), queries) for scene in (pair.match, pair.mismatch)]
    return found


def _verdicts(rows: Rows, some: Sequence[Pair], lang: str) -> list[bool | None]:
    found = []
    for pair in some:
        query = pair.en if lang == "en" else pair.zh
        found.append(_right(rows[pair.match.name][query], rows[pair.mismatch.name][query]))
    return found


def _right(match: Scored, mismatch: Scored) -> bool | None:
    """Whether the match stands above; a tie does not. None where one of the two has no score."""
    high, low = _strength(match), _strength(mismatch)
    return None if high is None or low is None else high > low


def _strength(row: Scored) -> float | None:
    return row.score if row.margin is None else row.margin


def _apart(rows: Rows, some: Sequence[Pair]) -> float:
    gaps = [
        match - mismatch
        for pair in some
        if (match := rows[pair.match.name][pair.en].score) is not None
        and (mismatch := rows[pair.mismatch.name][pair.en].score) is not None
    ]
    return float(np.mean(gaps)) if gaps else 0.0


def _wordings(plain: Rows, some: Sequence[Pair]) -> dict[str, Moved]:
    """Against the English."""
    found = {}
    for at, wording in enumerate(WORDINGS):
        moved = []
        for pair in some:
            query = (pair.zh, *pair.also)[at]
            now = [plain[scene.name][query] for scene in (pair.match, pair.mismatch)]
            before = [plain[scene.name][pair.en] for scene in (pair.match, pair.mismatch)]
            was, is_ = _right(before[0], before[1]), _right(now[0], now[1])
            moved += [(before[0], now[0], was, is_), (before[1], now[1], None, None)]
        found[wording] = _moved(moved)
    return found


def _moved(each: Iterable[tuple[Scored, Scored, bool | None, bool | None]]) -> Moved:
    """each: (before, after, whether the pair was right, whether it is)."""
    each = list(each)
    off = np.array(
        [
            after.score - before.score
            for before, after, _, _ in each
            if before.score is not None and after.score is not None
        ]
    )
    lost = sum(bool(was) and is_ is False for _, _, was, is_ in each)
    if not len(off):
        return Moved(0, 0.0, 0.0, lost)
    return Moved(len(off), float(off.mean()), float(np.abs(off).max()), lost)


def mosaics(some: Sequence[Pair]) -> list[Pair]:
    """Sixteen scenes in one picture, one of which answers the query; and the same without that one."""
    found = []
    for at, pair in enumerate(some):
        others = [other.mismatch for other in some if pair.en not in other.mismatch.shows][: _MOSAIC**2 - 1]
        if len(others) < _MOSAIC**2 - 1:
            continue
        place = (5 * at) % _MOSAIC**2
        sides = []
        for scene in (pair.match, pair.mismatch):
            cells = [*others[:place], scene, *others[place:]]
            shows = frozenset().union(*(cell.shows for cell in cells))
            sides.append(Scene(f"mosaic-{scene.name}", _sheet(cells), shows))
        found.append(replace(pair, match=sides[0], mismatch=sides[1]))
    return found


def _sheet(cells: Sequence[Scene]) -> Image.Image:
    sheet = Image.new("RGB", (_MOSAIC * CELL_SIZE[0], _MOSAIC * CELL_SIZE[1]))
    for at, cell in enumerate(cells):
        sheet.paste(cell.picture, (at % _MOSAIC * CELL_SIZE[0], at // _MOSAIC * CELL_SIZE[1]))
    return sheet


def _largest_change(first: Rows, second: Rows) -> float:
    """Over the queries that both were asked."""
    found = 0.0
    for name, rows in first.items():
        for query in rows.keys() & second[name].keys():
            one, other = _strength(rows[query]), _strength(second[name][query])
            if one is not None and other is not None:
                found = max(found, abs(one - other))
    return found


def fingerprint(rows: Rows) -> str:
    told = [
        f"{name} {query} {strength.hex() if (strength := _strength(row)) is not None else None}"
        for name, each in sorted(rows.items())
        for query, row in sorted(each.items())
    ]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", compress_level=1)
    return file.getvalue()
