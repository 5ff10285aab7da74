"""Two sides at the same jobs: how long each took, how much memory, and what came out.

Knows sides, jobs and clocks. Does not know what the figures are held against.
"""

import argparse
import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from benchmarks import floors, sides
from benchmarks.sides import Case, Ours, Published, Side
from lychee_app.model import fast

WARM = 2
"""Runs of a case that do not count. What comes a second time may be recorded then."""

Job = Callable[[Side], Any]


@dataclass
class Measured:
    """What one side did in one case. Bytes include the weights; 0 where they cannot be read."""

    first_ms: list[float] = field(default_factory=list)
    times_ms: list[float] = field(default_factory=list)
    peak_bytes: int = 0
    held_bytes: int = 0
    result: Any = None

    @property
    def ms(self) -> float:
        return statistics.median(self.times_ms)

    def over(self, weights: int) -> dict[str, int] | None:
        """The most allocated at once, and what the allocator held after the pass, over the weights."""
        if not self.held_bytes:
            return None
        return {"allocated": self.peak_bytes - weights, "held": self.held_bytes - weights}


@dataclass(frozen=True)
class Compared:
    """Published and ours for each job; `exact` are the logits of the judged cases in a higher precision."""

    pairs: list[tuple[Measured, Measured]]
    ours: Ours
    exact: list[Tensor]

    @property
    def passes(self) -> str:
        """FastForward, or the plain passes where it is not trusted; and whether with Triton kernels."""
        forward = self.ours.forward
        parts = (forward, forward.ops) if isinstance(forward, fast.FastForward) else (forward,)
        return " + ".join(type(part).__name__ for part in parts)


def jobs_of(cases: Sequence[Case], explain: int) -> list[Job]:
    """All cases judged; then one token and `explain` tokens of the first."""
    jobs: list[Job] = [lambda side, case=case: side.judge(case) for case in cases]
    lengths = (1, explain) if explain else ()
    return jobs + [lambda side, length=length: side.explain(cases[0], length) for length in lengths]


def in_turns(
    model: Any, jobs: Sequence[Job], cases: Sequence[Case], arguments: argparse.Namespace
) -> Compared:
    exact = _exact(model, cases, arguments)
    published, ours = Published(copy.deepcopy(model)), _ours(model, arguments)
    device = model.lm_head.weight.device
    found = [(Measured(), Measured()) for _ in jobs]
    for _ in range(arguments.repeats + WARM):
        for job, pair in zip(jobs, found, strict=True):
            for side, measured in zip((published, ours), pair, strict=True):
                _measure(side, job, measured, device)
    return Compared(found, ours, exact)


def apart(model: Any, jobs: Sequence[Job], cases: Sequence[Case], arguments: argparse.Namespace) -> Compared:
    exact = _exact(model, cases, arguments)
    published = _column(Published(model), jobs, arguments.repeats)
    ours = _ours(model, arguments)
    pairs = zip(published, _column(ours, jobs, arguments.repeats), strict=True)
    return Compared(list(pairs), ours, exact)


def _exact(model: Any, cases: Sequence[Case], arguments: argparse.Namespace) -> list[Tensor]:
    return sides.exact_logits(model, cases) if arguments.exact else []


def _column(side: Side, jobs: Sequence[Job], repeats: int) -> list[Measured]:
    column = [Measured() for _ in jobs]
    for job, measured in zip(jobs, column, strict=True):
        torch.cuda.empty_cache()  # what the job before it left
        for _ in range(repeats + WARM):
            _measure(side, job, measured, torch.device("cuda"))
    torch.cuda.empty_cache()
    return column


def _ours(model: Any, arguments: argparse.Namespace) -> Ours:
    forward = fast.checked_forward(model, kernels=not arguments.no_kernels, recorded=not arguments.no_graphs)
    return Ours(forward, model)


def _measure(side: Side, job: Job, measured: Measured, device: torch.device) -> None:
    """The first WARM runs of a case do not count: they may compile, plan, record, or fill a cache."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def work() -> None:
        measured.result = job(side)

    taken = 1e3 * floors.seconds(work, device)
    if len(measured.first_ms) < WARM:
        measured.first_ms.append(taken)
        return
    measured.times_ms.append(taken)
    if device.type == "cuda":
        measured.peak_bytes = max(measured.peak_bytes, torch.cuda.max_memory_allocated(device))
        measured.held_bytes = torch.cuda.memory_reserved(device)
