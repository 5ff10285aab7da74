"""Which images of a large run are shown: its order, what a filter leaves, and one page of that, in columns.

What `ranking` says of rows is said here of columns, for 100,000 rows in some milliseconds.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow.compute
from numpy.typing import NDArray

from lychee_app.analysis.cut import has_margins, is_above
from lychee_app.numbers import Floats, Mask
from lychee_app.records import Axis, Cutoff, Decision
from lychee_app.store.table import Table

Kind = Literal["all", "above", "pick", "reject", "undecided", "unscored"]
SORTS = ("rank", "upload", "name", "date", "size", "camera", "lens")
"""And "element:0", "element:1", ... for those of the query."""
Places = NDArray[np.int64]
pc: Any = pyarrow.compute
"""Its functions are made at import, where no type checker sees them."""


@dataclass(frozen=True)
class Wish:
    """What is to be shown. text: part of a name, a camera or a lens, whatever its case. low, high: scores, 0
    to 10, of the query; of one of its elements where `of` is 0 or more. Where either is given, images without
    such a score are not shown. bar, stars: see `shown`."""

    kind: Kind = "all"
    text: str = ""
    of: int = -1
    low: float | None = None
    high: float | None = None
    sort: str = "rank"
    bar: str = ""
    stars: str = ""


class Columns:
    """A table with the order of its rows. Places are those in the table's columns."""

    def __init__(self, table: Table) -> None:
        self.table = table
        with_score = table.with_score
        self.axis: Axis = "margin" if with_score.any() and has_margins(table) else "score"
        keys = table.margins if self.axis == "margin" else table.scores
        scored = np.flatnonzero(with_score)
        best = scored[np.argsort(-keys[scored], kind="stable")]
        self.order: Places = np.concatenate([best, np.flatnonzero(~with_score)])
        self.ranks = np.zeros(len(table), dtype=np.int64)
        """From 1; 0 where there is no score."""
        self.ranks[best] = np.arange(1, len(best) + 1)

    def shown(
        self,
        wish: Wish,
        decisions: Mapping[int, Decision],
        cutoff: Cutoff | None,
        within: Sequence[Collection[int]] = (),
    ) -> Places:
        """Places of what the wish leaves, in its order. within: the upload indices of the wish's bar, and
        those of its stars."""
        held = self._of_kind(wish.kind, decisions, cutoff)
        if text := wish.text.strip():
            texts: list[Any] = [self.table.names, self.table.cameras, self.table.lenses]
            found = (pc.match_substring(one, text, ignore_case=True) for one in texts)
            held &= np.any([one.to_numpy(zero_copy_only=False) for one in found], axis=0)
        scores = self._element(wish.of) if wish.of >= 0 else self.table.scores
        if wish.low is not None:
            held &= scores >= wish.low
        if wish.high is not None:
            held &= scores <= wish.high
        for indices in within:
            held &= self._among(indices)
        order = self._sorted(wish.sort)
        return order[held[order]]

    def of(self, indices: Sequence[int]) -> tuple[list[int | None], list[float], list[float], list[str]]:
        """Ranks, scores, margins and names of upload indices that are there, in this order."""
        at = np.searchsorted(self.table.indices, np.asarray(indices, dtype=np.int64))
        ranks = [rank or None for rank in self.ranks[at].tolist()]
        names = self.table.names.take(at).to_pylist()
        return ranks, self.table.scores[at].tolist(), self.table.margins[at].tolist(), names

    def margins(self, indices: Sequence[int]) -> Floats:
        """Of upload indices that are there, in this order."""
        return self.table.margins[np.searchsorted(self.table.indices, np.asarray(indices, dtype=np.int64))]

    def rank(self, index: int) -> int | None:
        """Of an upload index; None where there is no score."""
        return int(self.ranks[np.searchsorted(self.table.indices, index)]) or None

    def above(self, cutoff: Cutoff) -> list[int]:
        """Upload indices at or above the cut-off, best first."""
        held = is_above(self.table, cutoff)
        return self.table.indices[self.order[held[self.order]]].tolist()

    def best_first(self, indices: Collection[int]) -> list[int]:
        """These upload indices by rank, those that are there."""
        held = self._among(indices)
        return self.table.indices[self.order[held[self.order]]].tolist()

    def _sorted(self, sort: str) -> Places:
        """Equals by rank. Newest, largest and best first; what is not known last."""
        table = self.table
        if sort == "rank":
            return self.order
        if sort == "upload":
            return np.arange(len(table))
        if sort.startswith("element:"):
            keys = -self._element(int(sort.removeprefix("element:")))
        elif sort == "size":
            keys = -table.pixels
        elif sort == "date":
            keys = _alphabetical(pc.utf8_slice_codeunits(table.times, 0, 23), newest_first=True)
        else:
            keys = _alphabetical({"name": table.names, "camera": table.cameras, "lens": table.lenses}[sort])
        return self.order[np.argsort(keys[self.order], kind="stable")]

    def _element(self, place: int) -> Floats:
        """The scores of an element; none where the query has no such."""
        elements = self.table.elements
        return elements[:, place] if place < elements.shape[1] else np.full(len(elements), np.nan)

    def _of_kind(self, kind: Kind, decisions: Mapping[int, Decision], cutoff: Cutoff | None) -> Mask:
        if kind == "above":
            return is_above(self.table, cutoff) if cutoff else np.zeros(len(self.table), bool)
        if kind == "unscored":
            return ~self.table.with_score
        if kind == "all":
            return np.ones(len(self.table), bool)
        if kind == "undecided":
            return ~self._among(decisions)
        return self._among([index for index, made in decisions.items() if made == kind])

    def _among(self, indices: Collection[int]) -> Mask:
        return np.isin(self.table.indices, np.fromiter(indices, np.int64, len(indices)))


def _alphabetical(texts: Any, newest_first: bool = False) -> NDArray[Any]:
    """Keys to sort texts by; those of "" are the last."""
    keys = pc.rank(texts, "descending" if newest_first else "ascending", tiebreaker="dense").to_numpy()
    empty = pc.equal(texts, "").to_numpy(zero_copy_only=False)
    return np.where(empty, len(keys) + 1, keys.astype(np.int64))
