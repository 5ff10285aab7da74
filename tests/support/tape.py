"""A stand-in for CUDA graphs, which need a card: tests of the books around them use it on a processor."""

from collections.abc import Callable

from torch import Tensor

from lychee_app.model.graphs import Recorded


class Tape:
    """A capture for the processor: runs the work anew into one place, as a graph does."""

    def __init__(self) -> None:
        self.recorded = self.replayed = self.renewed = 0

    def __call__(self, work: Callable[[], Tensor]) -> Recorded:
        self.recorded += 1
        out = work().clone()

        def run() -> None:
            self.replayed += 1
            out.copy_(work())

        return Recorded(run, out)

    def renew(self) -> None:
        self.renewed += 1
