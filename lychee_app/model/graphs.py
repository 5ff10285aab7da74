"""Passes recorded once and replayed after that: one launch in place of hundreds from Python.

`GraphCache` keeps the books: what comes a second time is recorded, because most galleries repeat few image
sizes, and only so many recordings are kept. `CudaCapture` records, as a CUDA graph. All recordings of one
capture share their working memory: inputs are copied in before a replay, and the result out after it.
"""

import gc
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

log = logging.getLogger(__name__)

CAPACITY = 16
REMEMBERED = 64
"""Keys that came once and are waited for."""

Work = Callable[..., Tensor]


@dataclass(frozen=True)
class Recorded:
    """`run` repeats the work on what its inputs hold by then; the result is in `out` until another runs."""

    run: Callable[[], None]
    out: Tensor


class Capture(Protocol):
    def __call__(self, work: Callable[[], Tensor]) -> Recorded:
        """May run `work` on the way. What it allocates and launches must be the same every time."""
        ...

    def renew(self) -> None:
        """Called when nothing that was recorded is held any more."""
        ...


@dataclass(frozen=True)
class _Graph:
    """`work` is held because the tensors it brought along are read by every replay."""

    work: Work
    inputs: tuple[Tensor, ...]
    recorded: Recorded

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        for held, tensor in zip(self.inputs, inputs, strict=True):
            held.copy_(tensor)
        self.recorded.run()
        return self.recorded.out.clone()


class GraphCache:
    """Without a capture everything is run as it comes. Not for two threads at once."""

    def __init__(self, capture: Capture | None, capacity: int = CAPACITY) -> None:
        self._capture, self._capacity = capture, capacity
        self._graphs: OrderedDict[Hashable, _Graph] = OrderedDict()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()

    def __call__(self, key: Hashable, work: Work, *inputs: Tensor) -> Tensor:
        """work(*inputs). Equal keys mean equal work on inputs of equal shapes; `work` changes none of them.

        Tensors that `work` brings along besides its inputs must stay where they are in memory.
        """
        if self._capture is None:
            return work(*inputs)
        if key not in self._graphs and not self._record(key, work, inputs, self._capture):
            return work(*inputs)
        self._graphs.move_to_end(key)
        return self._graphs[key](inputs)

    def __len__(self) -> int:
        return len(self._graphs)

    def forget(self) -> None:
        """Gives the memory of all recordings back; each key has to come twice again."""
        self._graphs.clear()
        self._seen.clear()
        if self._capture is not None:
            self._capture.renew()

    def stop(self) -> None:
        """Records nothing from now on."""
        self.forget()
        self._capture = None

    def _record(self, key: Hashable, work: Work, inputs: Sequence[Tensor], capture: Capture) -> bool:
        """Whether there is a recording now."""
        if not self._came_before(key):
            return False
        held = tuple(tensor.clone() for tensor in inputs)
        try:
            recorded = capture(lambda: work(*held))
        except Exception as error:  # an operation that cannot be recorded, a card too full: run as it comes
            log.warning("Passes are not recorded here, each kernel is launched by itself: %s", error)
            self.stop()
            return False
        self._graphs[key] = _Graph(work, held, recorded)
        if len(self._graphs) > self._capacity:  # after the new one: working memory lives as long as any does
            self._graphs.popitem(last=False)
        return True

    def _came_before(self, key: Hashable) -> bool:
        """Each key counts once: one whose recording was dropped has to come twice again."""
        if key in self._seen:
            del self._seen[key]
            return True
        self._seen[key] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return False


class CudaCapture:
    """`Capture` as CUDA graphs, from any thread, on a stream of its own and in one pool of memory."""

    def __init__(self, device: torch.device) -> None:
        self._stream = torch.cuda.Stream(device)
        self.renew()

    def __call__(self, work: Callable[[], Tensor]) -> Recorded:
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            work()  # handles and workspaces that a thread makes at its first launch cannot be recorded
        here.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            out = work()
        return Recorded(graph.replay, out)

    def renew(self) -> None:
        """A pool whose last graph is gone cannot be recorded into again."""
        self._pool = torch.cuda.graph_pool_handle()


def capture_for(device: torch.device) -> Capture | None:
    return CudaCapture(device) if device.type == "cuda" else None


def clear_workspaces() -> None:
    """cuBLAS's outlive a model, each in a segment of the card's memory that it keeps from being given back:
    16.6 GB where transformers takes all weights in one. A recorded pass that lives may use them: then not.
    """
    kinds = map(type, gc.get_objects())  # isinstance would ask each object, and some warn when they are asked
    if not any(issubclass(kind, torch.cuda.CUDAGraph) for kind in kinds):
        torch._C._cuda_clearCublasWorkspaces()  # type: ignore[attr-defined]
