"""How the processor's cores are shared: many threads for one image, or an image a core.

A large model takes all cores for one image. The products of a small one take well under a millisecond, and
threads that wait for each other at the end of every one, on cores that others use too, made the demo ten
times slower (two cores, both busy): so each of its images stays on one core, and several are in work at once.
Knows sizes. Does not know models.
"""

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


@contextmanager
def limited(threads: int | None) -> Iterator[None]:
    """So many within, in whichever thread this is entered; as before after it. None changes nothing."""
    if threads is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
