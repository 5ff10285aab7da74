"""How the processor's cores are shared: many threads for one image, or an image a core.

A large model takes all cores for one image. The products of a small one take well under a millisecond, and
threads that wait for each other at the end of every one, on cores that others use too, made the demo ten
times slower (two cores, both busy): so each of its images stays on one core, and several are in work at once.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL_BYTES = 1 << 30
MOST_AT_ONCE = 4


def threads_for(weight_bytes: int, threads: int) -> int:
    """Of `threads`, what torch would take: how many work on one image, with so many bytes of weights."""
    return threads if weight_bytes >= SMALL_BYTES else 1


def images_at_once(weight_bytes: int, threads: int) -> int:
    """How many images are in work at once, each on its own share of `threads`."""
    return 1 if weight_bytes >= SMALL_BYTES else max(1, min(MOST_AT_ONCE, threads))


def unlimited() -> int:
    """How many threads torch takes where nobody limits it, asked from any thread."""
    with _guard:
        return _unlimited if _within else torch.get_num_threads()


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """So many within, in whichever thread this is entered; as before after it. None changes nothing.

    A thread that first computes while another one is limited would take that limit for its own. So what was
    there before the first of them is kept for all.
    """
    if threads is None:
        yield
        return
    _enter()
    _mine.limits.append(threads)
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        _mine.limits.pop()
        _leave(_mine.limits[-1] if _mine.limits else None)


class _Mine(threading.local):
    """The limits that this thread is in, outermost first."""

    def __init__(self) -> None:
        self.limits: list[int] = []


_mine = _Mine()
_guard = threading.Lock()
_within = 0
_unlimited = 0


def _enter() -> None:
    global _within, _unlimited  # noqa: PLW0603
    with _guard:
        if not _within:
            _unlimited = torch.get_num_threads()
        _within += 1


def _leave(outer: int | None) -> None:
    """Under the lock: who comes first after the last has left must find what was there before."""
    global _within  # noqa: PLW0603
    with _guard:
        _within -= 1
        torch.set_num_threads(outer or _unlimited)
