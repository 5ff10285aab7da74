"""The seam between the scorer and the graph: three passes. `plain` and `fast` implement it."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from lychee_app.model.positions import Grid


class Forward(Protocol):
    """Three passes of the graph. Each may raise torch's own errors; the scorer translates them."""

    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        """The vision tower. patches: float32 (patches, channels * frames * patch * patch) on the model's
        device -> (levels, tokens, hidden), see families.py."""
        ...

    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        """The final norm's output at each row's last position: (rows, hidden), in the model's precision.

        rows: token ids, 1-D int64 on the CPU, each with one run of as many image-pad tokens as `image` has.
        """
        ...

    def generate(
        self, ids: Tensor, image: Tensor, grid: Grid, max_tokens: int, stop_ids: frozenset[int]
    ) -> list[int]:
        """Greedy: the arg max of each step, first of equals; no sampling, no repetition penalty.

        ids as a row of `last_hidden`. At most `max_tokens` new ids; a stop id that ended it is the last one.
        """
        ...

    def forget(self) -> None:
        """Gives back memory that is only held for speed. Called when memory ran out."""
        ...
