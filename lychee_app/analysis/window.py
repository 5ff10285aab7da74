"""Which images of a large run are shown: its order, what a filter leaves, and one page of that, in columns.

What `ranking` says of rows is said here of columns, for 100,000 rows in some milliseconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from lychee_app.analysis.cut import TOP_SHOWN
from lychee_app.records import Axis, Cutoff, Decision
from lychee_app.store.table import Table

Kind = Literal["all", "above", "pick", "reject", "undecided", "unscored"]
Sort = Literal["rank", "upload", "name"]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Wish:
    """What is to be shown. text: part of a name, whatever its case. low, high: scores, 0 to 10; where either
    is given, images without a score are not shown."""

    kind: Kind = "all"
    text: str = ""
    low: float | None = None
    high: float | None = None
    sort: Sort = "rank"


class Columns:
    """A table with the order of its rows. Places are those in the table's columns."""

    def __init__(self, table: Table) -> None:
        self.table = table
        with_score = ~np.isnan(table.scores)
        self.axis: Axis = "margin" if with_score.any() and self._whole(with_score) else "score"
        keys = table.margins if self.axis == "margin" else table.scores
        scored = np.flatnonzero(with_score)
        best = scored[np.argsort(-keys[scored], kind="stable")]
        self.order: Places = np.concatenate([best, np.flatnonzero(~with_score)])
        self.ranks = np.zeros(len(table), dtype=np.int64)
        """From 1; 0 where there is no score."""
        self.ranks[best] = np.arange(1, len(best) + 1)

    def _whole(self, with_score: NDArray[np.bool_]) -> bool:
        return not np.isnan(self.table.margins[with_score]).any()

    def shown(self, wish: Wish, decisions: Mapping[int, Decision], cutoff: Cutoff | None) -> Places:
        """Places of what the wish leaves, in its order."""
        held = self._of_kind(wish.kind, decisions, cutoff)
        if wish.text.strip():
            held &= pc.match_substring(  # type: ignore[attr-defined]
                self.table.names, wish.text.strip(), ignore_case=True
            ).to_numpy(zero_copy_only=False)
        if wish.low is not None:
            held &= self.table.scores >= wish.low
        if wish.high is not None:
            held &= self.table.scores <= wish.high
        order = self._sorted(wish.sort)
        return order[held[order]]

    def of(self, indices: Sequence[int]) -> tuple[list[int | None], list[float], list[float], list[str]]:
        """Ranks, scores, margins and names of upload indices that are there, in this order."""
        at = np.searchsorted(self.table.indices, np.asarray(indices, dtype=np.int64))
        ranks = [rank or None for rank in self.ranks[at].tolist()]
        names = self.table.names.take(at).to_pylist()
        return ranks, self.table.scores[at].tolist(), self.table.margins[at].tolist(), names

    def rank(self, index: int) -> int | None:
        """Of an upload index; None where there is no score."""
        return int(self.ranks[np.searchsorted(self.table.indices, index)]) or None

    def above(self, cutoff: Cutoff | None) -> list[int]:
        """Upload indices at or above the cut-off, best first."""
        held = self._above(cutoff)
        return self.table.indices[self.order[held[self.order]]].tolist()

    def best_first(self, indices: Sequence[int]) -> list[int]:
        """These upload indices by rank, those that are there."""
        held = np.isin(self.table.indices, np.asarray(indices, dtype=np.int64))
        return self.table.indices[self.order[held[self.order]]].tolist()

    def _sorted(self, sort: Sort) -> Places:
        if sort == "upload":
            return np.arange(len(self.table))
        if sort == "name":
            return pc.sort_indices(self.table.names).to_numpy().astype(np.int64)  # type: ignore[attr-defined]
        return self.order

    def _of_kind(
        self, kind: Kind, decisions: Mapping[int, Decision], cutoff: Cutoff | None
    ) -> NDArray[np.bool_]:
        if kind == "above":
            return self._above(cutoff)
        if kind == "unscored":
            return np.isnan(self.table.scores)
        if kind == "all":
            return np.ones(len(self.table), dtype=bool)
        wanted = decisions if kind == "undecided" else [i for i, made in decisions.items() if made == kind]
        held = np.isin(self.table.indices, np.fromiter(wanted, dtype=np.int64))
        return ~held if kind == "undecided" else held

    def _above(self, cutoff: Cutoff | None) -> NDArray[np.bool_]:
        """As `cut.above` has it."""
        if cutoff is None:
            return np.zeros(len(self.table), dtype=bool)
        if cutoff.axis == "margin":
            return ~np.isnan(self.table.scores) & (self.table.margins >= cutoff.value)
        return self.table.scores >= min(cutoff.value, TOP_SHOWN)
