"""How many threads of the processor the work on one image uses.

A large model takes all. A small one leaves room for the processes that decode the next images: its products
take well under a millisecond, and threads that wait for each other at the end of every one, on cores that
others use too, made the demo ten times slower (two cores, both busy). Knows sizes. Does not know models.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

SMALL_BYTES = 1 << 30
DECODERS = 3
MOST_FOR_SMALL = 4


def threads_for(weight_bytes: int, threads: int) -> int:
    """Of `threads`, what torch would take, those a model with so many bytes of weights should take."""
    if weight_bytes >= SMALL_BYTES:
        return threads
    return max(1, min(MOST_FOR_SMALL, threads - DECODERS))


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
