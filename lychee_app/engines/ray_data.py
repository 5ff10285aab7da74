"""The engine on a Ray cluster, for what one process cannot do: many cards, many machines, very many images.

    sources -> blocks -> decoders (processors) -> scorers (a card, or processors, each) -> rows, as they come

Ray Data streams the blocks: how many lie between two stages is bounded, whatever the number of images. What
a process that dies was at is done again by another, and each image becomes one row. Decoding and judging are
those of every engine (intake, judge.py), so scores are the same.

Importing this imports Ray.
"""

import asyncio
import logging
import os
import pickle
import platform
import socket
import threading
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pyarrow as pa
import ray
import ray.data
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from lychee_app import intake
from lychee_app.cache import CacheKey, RecentReplies, ReplyCache
from lychee_app.engines import Event, Opened, Progress
from lychee_app.engines.bursts import judged
from lychee_app.engines.first_look import first_budget, looks
from lychee_app.engines.judge import Judge, bare_row, judge_of, placed
from lychee_app.engines.local import LocalEngine
from lychee_app.engines.opening import OpenScorer, opener
from lychee_app.engines.pools import Pools, RayOptions, pools
from lychee_app.errors import CheckpointError, LycheeError
from lychee_app.model import checkpoints, weights
from lychee_app.reasons import Reason
from lychee_app.records import Candidate, MemoryReading, Refused, Reply, Scored, Source
from lychee_app.request import Request
from lychee_app.settings import Settings, without_reports

BLOCK_BYTES = 16 << 20
"""Decoded images go on in blocks of about so much: five of 1,280 tokens."""
OBJECT_STORE_BYTES = 1 << 30
"""Of the Ray that is started here. Blocks between the stages lie in it."""
BATCH_IMAGES = 5
"""A scorer is given so many together, and asks the board once for all of them."""
MOST_DEATHS = 2
"""An image that was at hand when so many scorers died, the last time alone, is not tried again."""
DECODERS_EACH = 2
"""Decoder processes of each worker: one image is read while another is decoded."""
_SMALL_BYTES = 1 << 30
"""Of weights; see model/threads.py."""
_CONNECT_SECONDS = 5.0
_JOIN_SECONDS = 60.0
_TELL_SECONDS = 10.0
_WATCH_SECONDS = 2.0
_NOT_THERE = frozenset(
    {
        "not-downloaded",
        "not-downloaded-near",
        "checkpoint-missing",
        "checkpoint-no-folder",
        "config-missing",
        "shard-missing",
    }
)
"""Codes of a checkpoint that is on the machine that asks and not on the one that should score."""


class RayEngine:
    """See Engine. Rows come as they are done, in no order. Model and pools are there for one run."""

    def __init__(
        self, settings: Settings, options: RayOptions | None = None, open_scorer: OpenScorer | None = None
    ) -> None:
        """open_scorer: the seam; it is called in the scorers' processes, so it must survive a pickle."""
        self._settings = settings
        self._options = options or RayOptions()
        self._open_scorer = open_scorer
        self._here = LocalEngine(settings, open_scorer)

    def prepared(self, request: Request) -> Request:
        return self._here.prepared(request)

    def run(
        self, request: Request, sources: Sequence[tuple[int, Source]], *, cache: ReplyCache | None = None
    ) -> Generator[Event, None, None]:
        """Equal images share one computation, but for those that are judged at the same time. Also raises
        LycheeError where there is no cluster. Which images are alike is looked for in this process.

        The cache is asked and filled here, for the scorers, from a thread of its own too."""
        return judged(self._run, request, sources, cache, self._settings)

    def _run(
        self, request: Request, sources: Sequence[tuple[int, Source]], cache: ReplyCache | None
    ) -> Generator[Event, None, None]:
        if not sources:
            return
        cache = RecentReplies() if cache is None else cache
        connect(self._options.address or self._settings.ray_address)
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        board: Any = _Board.options(scheduling_strategy=here).remote()  # it goes when this process goes
        over = threading.Event()
        threading.Thread(target=_give_up_lost_nodes, args=(board, over), daemon=True).start()
        threading.Thread(target=_look_up, args=(board, cache), daemon=True).start()
        try:
            yield from self._events(request, sources, board, cache)
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise _told(board, error) from error
        finally:
            over.set()
            with suppress(Exception):  # it may be gone with its cluster
                ray.kill(board)

    def explain(
        self, request: Request, source: tuple[int, Source], sha256: str, *, cache: ReplyCache | None = None
    ) -> Reply:
        """In this process: one image needs no cluster."""
        return self._here.explain(request, source, sha256, cache=cache)

    def _events(
        self, request: Request, sources: Sequence[tuple[int, Source]], board: Any, cache: ReplyCache
    ) -> Generator[Event, None, None]:
        own, began = dict(sources), 0.0
        memory = MemoryReading("RAM", 0, 0)

        def look(first: bool, some: Sequence[tuple[int, Source]]) -> Iterator[Scored]:
            """Where Ray can do no more with what is left of a cluster (a machine is gone), what is missing is
            begun anew with what there is then, as long as that leads any further."""
            nonlocal memory
            waiting, before = dict(some), len(some) + 1
            while waiting and len(waiting) < before:
                before = len(waiting)
                try:
                    for row, latest in self._rows(request, list(waiting.items()), board, first, cache):
                        memory = latest
                        if waiting.pop(row.upload_index, None):  # what died may be done again
                            yield row
                except (ray.exceptions.RayError, ConnectionError) as error:
                    failure = _told(board, error)
                    if failure.code != "ray-failed" or len(waiting) == before:
                        raise failure from error

        for done, row in enumerate(looks(request, sources, look), start=1):
            if not began:
                opened, ago_seconds = _answer(board.opened.remote())
                began = time.perf_counter() - ago_seconds
                name = self._named(request)
                info = replace(opened.info, name=name) if checkpoints.is_path(name) else opened.info
                yield replace(opened, info=info)
            seconds = time.perf_counter() - began
            yield Progress(placed(row, own[row.upload_index]), done, len(sources), seconds, memory)

    def _rows(
        self,
        request: Request,
        sources: Sequence[tuple[int, Source]],
        board: Any,
        first: bool,
        cache: ReplyCache,
    ) -> Iterator[tuple[Scored, MemoryReading]]:
        sized = pools(list(_alive().values()), small=self._is_small(request), options=self._options)
        count = sized.block_images(len(sources))
        blocks = [
            _packed([(index, _anywhere(source)) for index, source in sources[start : start + count]])
            for start in range(0, len(sources), count)
        ]
        batches = self._streamed(request, blocks, sized, board, first).iter_batches(
            batch_size=None, batch_format="pyarrow", prefetch_batches=0
        )
        for batch in batches:
            done: list[tuple[Scored, MemoryReading, dict[CacheKey, Reply]]] = _unpacked(batch)
            if told := {key: reply for _, _, replies in done for key, reply in replies.items()}:
                cache.remember(told)
            yield from ((row, memory) for row, memory, _ in done)

    def _streamed(
        self, request: Request, blocks: list[pa.Table], sized: Pools, board: Any, first: bool
    ) -> ray.data.Dataset:
        name = self._named(request)
        if checkpoints.is_path(name):
            name = os.path.abspath(os.path.expanduser(name))
        request = replace(request, model=name)
        decoded = ray.data.from_blocks(blocks).map_batches(
            _decoded,  # type: ignore[arg-type]
            batch_size=None,
            batch_format="pyarrow",
            fn_args=(board, self._settings, first),
            compute=ray.data.TaskPoolStrategy(size=sized.decoders),
            num_cpus=sized.decoder_cpus,
        )
        return decoded.map_batches(
            _Scorer,  # type: ignore[arg-type]
            batch_size=min(BATCH_IMAGES, blocks[0].num_rows),
            batch_format="pyarrow",
            fn_constructor_args=(request, self._settings, self._open_scorer, board, first),
            compute=ray.data.ActorPoolStrategy(size=sized.scorers, max_tasks_in_flight_per_actor=2),
            num_cpus=sized.scorer_cpus,
            num_gpus=sized.scorer_cards,
        )

    def _named(self, request: Request) -> str:
        return str(checkpoints.resolved(request.model, self._settings))

    def _is_small(self, request: Request) -> bool:
        if self._open_scorer is not None:
            return True
        folder = checkpoints.locate(self._named(request), self._settings)
        return weights.inspect(folder).weight_bytes < _SMALL_BYTES


def connect(address: str | None) -> None:
    """To the cluster there, unless this process has one already. Raises LycheeError."""
    if not ray.is_initialized():
        without_reports()
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        with _unheard():
            _start(address)
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.target_max_block_size = BLOCK_BYTES


@contextmanager
def _unheard() -> Iterator[None]:
    """What Ray's core says of itself when it starts goes to this process's stderr, whatever it is asked."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _start(address: str | None) -> None:
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address is None:
        ray.init("local", include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, **quiet)
        return
    try:
        host, _, port = address.rpartition(":")
        if port.isdecimal() and "://" not in address:  # Ray itself would try for a minute
            socket.create_connection((host, int(port)), timeout=_CONNECT_SECONDS).close()
        _join(address, quiet)
    except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as error:
        if "RAY_AUTH_MODE" in f"{error} {error.__cause__}":
            raise LycheeError("ray-token", address=address) from error
        raise LycheeError("ray-no-cluster", address=address, detail=_line(error)) from error


def _join(address: str, quiet: dict[str, Any]) -> None:
    """Raises TimeoutError: where something else listens, Ray asks it for ever."""
    joined: Future[None] = Future()

    def join() -> None:
        try:
            ray.init(address=address, **quiet)
            joined.set_result(None)
        except Exception as error:
            joined.set_exception(error)

    threading.Thread(target=join, daemon=True).start()
    joined.result(_JOIN_SECONDS)


@ray.remote(num_cpus=0)
class _Board:
    """What the processes of one run tell each other: the judge that is open, or why there is none; which
    images each scorer is at; and what the cache of the process that asks knows of them.

    Where it is gone the run ends: another one would not know what is open.
    """

    def __init__(self) -> None:
        self._known = asyncio.Event()
        self._opened: Opened | None = None
        self._since = 0.0
        self._scorers: dict[str, list[Any]] = {}
        self._openings: Counter[str] = Counter()
        self._failure: LycheeError | None = None
        self._at_hand: dict[str, set[int]] = {}
        self._deaths: Counter[int] = Counter()
        self._questions: asyncio.Queue[tuple[int, list[CacheKey]]] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[_Known]] = {}

    async def begin(self, scorer: str) -> int:
        """Before a scorer opens the model: how often it has begun to since it last had it."""
        self._openings[scorer] += 1
        return self._openings[scorer]

    async def settle(self, opened: Opened, host: str, node: str, scorer: Any, identity: str) -> None:
        """Of each scorer, where it is and how it is reached. All must be the same judge."""
        del self._openings[identity]
        self._scorers.setdefault(node, []).append(scorer)
        first, info = self._opened or opened, opened.info
        if self._opened is None:
            self._opened, self._since = opened, time.monotonic()
        if first.info.checkpoint_hash != info.checkpoint_hash:
            self._failure = CheckpointError("worker-other-model", host=host, model=info.name)
        elif (first.info.precision, first.budget) != (info.precision, opened.budget):
            before, now = first.info.precision, info.precision
            self._failure = CheckpointError("worker-other-precision", host=host, before=before, now=now)
        self._known.set()

    async def scorers(self, node: str) -> list[Any]:
        """Those that opened their model on that node."""
        return self._scorers.pop(node, [])

    async def take(
        self, scorer: str, images: Sequence[int], keys: list[CacheKey]
    ) -> tuple[dict[int, int], "_Known"]:
        """Before a scorer judges images, by upload index: over which of them how many died; and the replies
        that are known. Those that come again while another process is said to have them cost it its life.

        Several of which one is under suspicion are to be taken one by one, so that it is known which it was.
        """
        for other, hand in self._at_hand.items():
            if other != scorer:
                self._deaths.update(hand.intersection(images))
                hand.difference_update(images)
        deaths = {index: self._deaths[index] for index in images if self._deaths[index]}
        self._at_hand[scorer] = set() if deaths and len(images) > 1 else set(images)
        return deaths, await self._known_of(keys) if keys else {}

    async def _known_of(self, keys: list[CacheKey]) -> "_Known":
        ticket, answer = id(keys), asyncio.get_running_loop().create_future()
        self._answers[ticket] = answer
        self._questions.put_nowait((ticket, keys))
        return await answer

    async def questions(self) -> list[tuple[int, list[CacheKey]]]:
        """Those that wait for an answer, as soon as there is one."""
        asked = [await self._questions.get()]
        while not self._questions.empty():
            asked.append(self._questions.get_nowait())
        return asked

    async def answer(self, ticket: int, known: "_Known") -> None:
        self._answers.pop(ticket).set_result(known)

    async def fail(self, error: LycheeError) -> None:
        self._failure = self._failure or error
        self._known.set()

    async def opened(self) -> tuple[Opened, float]:
        """As soon as the first scorer has its model, and for how many seconds it has. Raises what failed."""
        await self._known.wait()
        if self._failure or not self._opened:
            raise self._failure or RuntimeError
        return self._opened, time.monotonic() - self._since

    async def failure(self) -> LycheeError | None:
        return self._failure


_Known = Mapping[CacheKey, Reply] | Exception
"""What the cache knows, or why it cannot be asked."""


class _Replies(RecentReplies):
    """The cache of one scorer, which keeps apart what was computed here."""

    def __init__(self) -> None:
        super().__init__()
        self._new: deque[Mapping[CacheKey, Reply]] = deque()

    def remember(self, replies: Mapping[CacheKey, Reply]) -> None:
        super().remember(replies)
        self._new.append(replies)

    def learn(self, replies: Mapping[CacheKey, Reply]) -> None:
        """Of replies that the one who asks has."""
        super().remember(replies)

    def new(self) -> dict[CacheKey, Reply]:
        """What was computed since this was asked last."""
        told: dict[CacheKey, Reply] = {}
        while self._new:
            told |= self._new.popleft()
        return told


class _Scorer:
    """An actor: holds the model, and makes rows of blocks of candidates."""

    def __init__(
        self,
        request: Request,
        settings: Settings,
        open_scorer: OpenScorer | None,
        board: Any,
        first: bool,
    ) -> None:
        self._board = board
        self._judge: Judge | None = None
        self._replies = _Replies()
        here = ray.get_runtime_context()
        self._process, identity = here.get_worker_id(), here.get_actor_id()
        settings = _here(settings)
        try:
            if _answer(board.begin.remote(identity)) > MOST_DEATHS:
                raise CheckpointError("worker-ended", host=platform.node(), model=request.model)
            scorer = opener(settings, open_scorer)(request.model, request.precision)
            judge = judge_of(request, scorer, settings, self._replies)
            self._judge = judge.first_look() if first else judge
            opened = Opened(scorer.info, judge.budget, judge.request)
            place = (platform.node(), here.get_node_id(), here.current_actor, identity)
            _answer(board.settle.remote(opened, *place))
        except LycheeError as error:
            _answer(board.fail.remote(_of_this_host(error, request.model)))

    def __call__(self, block: pa.Table) -> Iterator[pa.Table]:
        judge = self._judge
        if judge is None:
            return
        try:
            for row in self._rows(judge, _unpacked(block)):
                judge.scorer.release()
                yield _packed([(row, judge.scorer.memory(), self._replies.new())])
        except LycheeError as error:
            _answer(self._board.fail.remote(error))
            raise
        self._board.take.remote(self._process, [], [])

    def _rows(self, judge: Judge, items: list[Candidate | Refused]) -> Iterator[Scored]:
        keys = [key for item in items if isinstance(item, Candidate) for key in judge.keys(item)]
        if not self._take(items, keys):
            yield from judge.rows(items)
            return
        for item in items:
            if self._take([item]) >= MOST_DEATHS and isinstance(item, Candidate):
                yield replace(bare_row(item), reason=Reason.of("scorer-ended", n=MOST_DEATHS))
            else:
                yield judge.row(item)

    def _take(self, items: list[Candidate | Refused], keys: Sequence[CacheKey] = ()) -> int:
        """See _Board.take: the most that died over one of them."""
        indices = [item.upload_index for item in items]
        deaths, known = _answer(self._board.take.remote(self._process, indices, keys))
        if isinstance(known, Exception):
            raise known
        self._replies.learn(known)
        return max(deaths.values(), default=0)


def _decoded(block: pa.Table, board: Any, settings: Settings, first: bool) -> Iterator[pa.Table]:
    opened, _ = _answer(board.opened.remote())
    budget = first_budget(opened.budget) if first else opened.budget
    for item in intake.prepare(_unpacked(block), budget, replace(settings, decode_ahead=DECODERS_EACH)):
        yield _packed([item])


def _answer(reference: Any, timeout_seconds: float | None = None) -> Any:
    return ray.get(reference, timeout=timeout_seconds)


def _packed(items: Sequence[Any]) -> pa.Table:
    """As one column of pickles: between processes of one run, and nowhere else."""
    column = pa.array([pickle.dumps(item, pickle.HIGHEST_PROTOCOL) for item in items], pa.large_binary())
    return pa.table({"item": column})


def _unpacked(block: pa.Table) -> list[Any]:
    return [pickle.loads(item.as_buffer()) for item in block["item"]]


def _look_up(board: Any, cache: ReplyCache) -> None:
    """Answers the scorers from the cache, until the run is over."""
    with suppress(Exception):  # the board goes with the run, or with its cluster
        while True:
            for ticket, keys in _answer(board.questions.remote()):
                try:
                    told = {key: cache.cached(key) for key in keys}
                    known = {key: reply for key, reply in told.items() if reply is not None}
                except Exception as error:
                    known = error
                board.answer.remote(ticket, known)


def _give_up_lost_nodes(board: Any, over: threading.Event) -> None:
    """Until the run is over. Ray waits for ever for a place for what was on a machine that is gone."""
    before = _alive()
    while not over.wait(_WATCH_SECONDS):
        with suppress(Exception):  # the whole cluster may be gone: the run hears of that by itself
            now = _alive()
            for node in before.keys() - now.keys():
                for scorer in _answer(board.scorers.remote(node), _TELL_SECONDS):
                    ray.kill(scorer, no_restart=True)
            before = now


def _alive() -> dict[str, dict[str, float]]:
    """What each node that is there has, by its id."""
    return {node["NodeID"]: node["Resources"] for node in ray.nodes() if node["Alive"]}


def _here(settings: Settings) -> Settings:
    """With a data folder of this machine where that of the one who asks is not there."""
    if os.path.isdir(settings.data_folder):
        return settings
    return replace(settings, data_folder=Settings.from_environment().data_folder)


def _anywhere(source: Source) -> Source:
    """As every process finds it: each has a current folder of its own."""
    return source if source.path is None else replace(source, path=source.path.absolute())


def _of_this_host(error: LycheeError, model: str) -> LycheeError:
    if error.code not in _NOT_THERE:
        return error
    code = "worker-without-folder" if checkpoints.is_path(model) else "worker-without-model"
    return CheckpointError(code, host=platform.node(), model=model)


def _told(board: Any, error: Exception) -> LycheeError:
    """What a run is said to have failed of: what a process of it told, or what Ray says."""
    with suppress(Exception):
        if failure := _answer(board.failure.remote(), _TELL_SECONDS):
            return failure
    if "No module named 'lychee_app" in str(error):
        return LycheeError("worker-without-lychee")
    return LycheeError("ray-failed", detail=_line(error))


def _line(error: BaseException) -> str:
    """The last line of what may be a whole traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).rstrip(".")
