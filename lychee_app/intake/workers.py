"""Decoder processes: started once, kept, limited in time and memory, replaced when they die.

A decoder is a fresh Python that imports Pillow and nothing heavier; it inherits no state, needs no `__main__`
guard, and works under a thread of any application.

Each process has one thread here that feeds it, so a slow file holds up nobody else. Images that take much
memory by estimate are decoded one at a time over all runs of this process; the others are small. That is the
total budget: one whole allowance, plus 1/LIGHT_SHARE of it for each process.
"""

import atexit
import contextlib
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, Generic, TypeVar, cast

from lychee_app.errors import LycheeError
from lychee_app.intake.pipes import Head, receive, receive_into, refusal, refused, send
from lychee_app.reasons import Reason

T = TypeVar("T")

LIGHT_SHARE = 4
"""An image that takes more than a quarter of the allowance waits for its turn."""
START_SECONDS = 60.0
LEAST_SECONDS = 0.05
"""A second attempt gets that much, however long the first one took."""
_PIPE_BYTES = 1 << 20
_START = "import sys; sys.path.append(sys.argv[1]); from lychee_app.intake.child import main; main()"


@dataclass(frozen=True)
class Answer:
    """`pipes.refused(head)` says why there are no pixels in `body`. `sha256` is "" if unread.

    `body` is the decoder's own buffer: what is wanted of it is taken before the next job.
    """

    sha256: str
    head: Head
    body: memoryview


@dataclass(frozen=True)
class Job(Generic[T]):
    """One file, as bytes, as a path, or as what fetches it: `head` says what is wanted of it (see child.py).

    `fetch` gives its bytes, or why there are none. `take` makes of the answer what the future holds. Both run
    in the thread that feeds the decoder.
    """

    head: Head
    data: bytes
    seconds: float
    memory_bytes: int
    answer_bytes: int
    take: Callable[[Answer], T]
    fetch: Callable[[], bytes | Reason] | None = None


class Pool:
    """Decoder processes, each started when its first job comes, or before."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Job[Any], Future[Any]] | None] = queue.SimpleQueue()
        self._heavy = threading.Lock()
        self._grow = threading.Lock()
        self._decoders: list[_Decoder] = []
        self._owner = os.getpid()
        atexit.register(self.close)

    def grow(self, size: int, *, started: bool = False) -> None:
        """Makes sure that there are `size` decoders. started: new ones start their process at once."""
        with self._grow:
            while len(self._decoders) < size:
                decoder = _Decoder()
                self._decoders.append(decoder)
                name = f"decoder-{len(self._decoders)}"
                threading.Thread(target=self._feed, args=(decoder, started), name=name, daemon=True).start()

    def submit(self, job: Job[T]) -> "Future[T]":
        future: Future[T] = Future()
        self._jobs.put((job, future))
        return future

    def processes(self) -> list[int]:
        """Ids of the decoder processes that run now."""
        return [process.pid for decoder in self._decoders if (process := decoder.process) is not None]

    def close(self) -> None:
        """Ends all decoders. Jobs not begun stay undone. In a fork of the owner it does nothing."""
        if os.getpid() != self._owner:
            return
        for decoder in self._decoders:
            self._jobs.put(None)
            decoder.stop()

    def _feed(self, decoder: "_Decoder", started: bool) -> None:
        if started:
            with contextlib.suppress(LycheeError):  # its first job will tell
                decoder.start()
        while (item := self._jobs.get()) is not None:
            job, future = item
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(self._done(decoder, job))
                except BaseException as error:
                    future.set_exception(error)
            del item, job, future

    def _done(self, decoder: "_Decoder", job: Job[T]) -> T:
        """A crash may have come from outside, or from too little memory: once more, alone.

        All attempts together have the time of one; waiting for other large images is not counted.
        """
        if job.fetch is not None:
            data = job.fetch()
            if isinstance(data, Reason):
                return job.take(Answer("", refusal(data), memoryview(b"")))
            job = replace(job, data=data, fetch=None)
        light = replace(job, head=job.head | {"light_bytes": job.memory_bytes // LIGHT_SHARE})
        answer, left = _timed(decoder, light)
        for code in ("heavy", "crash"):
            if (reason := refused(answer.head)) and reason.code == code:
                with self._heavy:
                    answer, left = _timed(decoder, replace(job, seconds=left))
        return job.take(answer)


def _timed(decoder: "_Decoder", job: Job[Any]) -> tuple[Answer, float]:
    """The answer, and how much of the job's time is left."""
    started = time.monotonic()
    answer = decoder.run(job)
    return answer, max(LEAST_SECONDS, job.seconds - (time.monotonic() - started))


class _Decoder:
    """One process, and the rules under which it is ended. Used by one thread."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self._room = bytearray()
        self._stopped = False

    def run(self, job: Job[Any]) -> Answer:
        """Sends the job and waits. Raises LycheeError if no process can be started."""
        process = self._running()
        if len(self._room) < job.answer_bytes:
            self._room = bytearray(job.answer_bytes)
        with _Ending(process, job.seconds) as ending:
            answer = self._exchange(process, job)
        if ending.fired or not answer.head:
            self._discard()
        if answer.head:
            return answer
        timeout = Reason.of("timeout", seconds=job.head["seconds"])
        return replace(answer, head=refusal(timeout if ending.fired else Reason.of("crash")))

    def _exchange(self, process: subprocess.Popen[bytes], job: Job[Any]) -> Answer:
        """The answer; one without a head if the process died or talked nonsense."""
        sha256 = ""
        try:
            send(_in(process), job.head, job.data)
            sha256 = receive(_out(process))[0]["sha256"]
            return Answer(sha256, *receive_into(_out(process), self._room))
        except (OSError, EOFError, ValueError, KeyError):
            return Answer(sha256, {}, memoryview(b""))

    def start(self) -> None:
        """Starts the process, unless it runs. Raises LycheeError."""
        self._running()

    def stop(self) -> None:
        self._stopped = True
        self._discard()

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is not None and self.process.poll() is not None:
            self._discard()
        if self._stopped:
            raise LycheeError("decoders-closed")
        if self.process is None:
            self.process = start()
        return self.process

    def _discard(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            _end(process)


class _Ending:
    """Kills a process `seconds` from now, unless the block is left before. `fired` says which."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.fired = False
        self._process = process
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def _fire(self) -> None:
        self.fired = True
        self._process.kill()

    def __enter__(self) -> "_Ending":
        self._timer.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._timer.cancel()
        self._timer.join()  # it may be firing just now


_shared: dict[int, Pool] = {}
_sharing = threading.Lock()


def shared(size: int, *, started: bool = False) -> Pool:
    """The one pool of this process, with `size` decoders or more (see grow). A fork of it gets its own."""
    with _sharing:
        pool = _shared.get(os.getpid())
        if pool is None:
            pool = _shared[os.getpid()] = Pool()
    pool.grow(size, started=started)
    return pool


def start() -> subprocess.Popen[bytes]:
    """A decoder that has said it is ready. Raises LycheeError."""
    package = str(Path(__file__).resolve().parents[2])
    command = [sys.executable, "-P", "-c", _START, package]
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the parent to answer
        )
    except OSError as error:
        raise LycheeError("decoder-not-started", detail=str(error)) from error
    try:
        with _Ending(process, START_SECONDS):
            receive(_out(process))
    except (EOFError, ValueError) as error:
        _end(process)
        status = process.returncode
        raise LycheeError("decoder-ended", program=sys.executable, status=status) from error
    _widen(process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            cast(BinaryIO, pipe).close()


def _widen(process: subprocess.Popen[bytes]) -> None:
    """Larger pipes where the system has them: fewer switches per image."""
    try:
        import fcntl

        for pipe in (_in(process), _out(process)):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    except (ImportError, AttributeError, OSError):
        return


def _in(process: subprocess.Popen[bytes]) -> BinaryIO:
    return cast(BinaryIO, process.stdin)


def _out(process: subprocess.Popen[bytes]) -> BinaryIO:
    return cast(BinaryIO, process.stdout)
