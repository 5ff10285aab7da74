"""Memory of processes, looked at again and again while something else goes on.

Knows process ids. Does not know what the processes do.
"""

import threading
from collections.abc import Callable, Iterable

import psutil


def resident_bytes(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        return psutil.Process(pid).memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def shared_out_bytes(pid: int) -> int:
    """Of pages that n processes have, each counts 1/n (Linux: PSS). 0 for a process that is gone."""
    try:
        return psutil.Process(pid).memory_full_info().pss
    except psutil.NoSuchProcess:
        return 0


def family(pid: int) -> list[int]:
    """A process and all it started, as they are now."""
    try:
        own = psutil.Process(pid)
        return [pid, *(child.pid for child in own.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


class Watched:
    """The sum over `pids()` every few seconds, from entering to leaving; `samples` in bytes, in order.

    Each process counts by `bytes_of`: whole, or with its share of what it has together with others.
    """

    def __init__(
        self,
        pids: Callable[[], Iterable[int]],
        every_seconds: float = 0.005,
        bytes_of: Callable[[int], int] = resident_bytes,
    ) -> None:
        self.samples: list[int] = []
        self._pids, self._every, self._bytes_of = pids, every_seconds, bytes_of
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._thread.join(10)

    @property
    def peak_bytes(self) -> int:
        return max(self.samples, default=0)

    def _watch(self) -> None:
        while not self._over.wait(self._every):
            self.samples.append(sum(map(self._bytes_of, self._pids())))
