"""A run in columns: what a large one is sorted, filtered and paged by, without its rows.

A million rows are some tens of megabytes here; their thumbnails and replies stay where they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Table:
    """All columns are in the order of `indices`, which are upload indices, ascending.

    indices: int64 (rows,). scores, margins: float64 (rows,), NaN where there is none. names: as they are
    shown; what is no Unicode in them is escaped or replaced.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    margins: NDArray[np.float64]
    names: pa.StringArray

    @classmethod
    def of(
        cls,
        indices: NDArray[np.int64],
        scores: NDArray[np.float64],
        margins: NDArray[np.float64],
        names: Sequence[str],
    ) -> "Table":
        return cls(indices, scores, margins, pa.array(names, pa.string()))

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def count_scored(self) -> int:
        return int(np.count_nonzero(~np.isnan(self.scores)))
