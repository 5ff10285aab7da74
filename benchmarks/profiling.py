"""What a device does in one pass: how long it is busy, how often it is told to start something, and on what.

Knows torch's profiler. Does not know what the pass is. On a processor the outermost operations stand for
kernels, so that the same lines can be read there.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks import floors

TOP = 12
_LAUNCHES = ("cudaLaunchKernel", "cuLaunchKernel", "cudaGraphLaunch", "cudaMemcpyAsync", "cudaMemsetAsync")


@dataclass(frozen=True)
class Span:
    """One kernel or operation, in microseconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True)
class Profile:
    """`launches` are calls to the driver that start something on the device; a graph is one."""

    wall_ms: float
    busy_ms: float
    launches: int
    kernels: int
    top: tuple[tuple[str, int, float], ...]
    """Name, times and milliseconds of the kernels that took longest in all."""

    def lines(self) -> list[str]:
        head = f"busy {self.busy_ms:.2f} of {self.wall_ms:.2f} ms, {self.launches} launches"
        kernels = [f"{taken:9.2f} ms {times:6d} x  {name[:80]}" for name, times, taken in self.top]
        return [f"{head}, {self.kernels} kernels", *kernels]


def profiled(work: Callable[[], Any], device: torch.device) -> Profile:
    """Of one run of `work`, which should have run before. The profiler makes launching slower."""
    on_card = device.type == "cuda"
    wall = floors.seconds(work, device)
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_card else [])]
    with profile(activities=activities, acc_events=True) as found:
        work()
        floors.synchronize(device)
    events: list[Any] = list(found.events() or ())
    spans = [
        Span(event.name, event.time_range.start, event.time_range.end)
        for event in events
        if (event.device_type.name == "CUDA" if on_card else event.cpu_parent is None)
    ]
    launches = sum(event.name.startswith(_LAUNCHES) for event in events)
    return Profile(1e3 * wall, busy_ms(spans), launches, len(spans), top(spans))


def busy_ms(spans: Iterable[Span]) -> float:
    """Time in which at least one of them ran."""
    total = end = 0.0
    for span in sorted(spans, key=lambda each: each.start):
        total += max(0.0, span.end - max(end, span.start))
        end = max(end, span.end)
    return total / 1e3


def top(spans: Iterable[Span], count: int = TOP) -> tuple[tuple[str, int, float], ...]:
    taken, times = Counter[str](), Counter[str]()
    for span in spans:
        taken[span.name] += span.end - span.start  # type: ignore[assignment]
        times[span.name] += 1
    return tuple((name, times[name], each / 1e3) for name, each in taken.most_common(count))
