"""Rows in columns: what is counted of them, as arrays."""

import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lychee_app.domain import UNLIKE
from lychee_app.packed import light
from lychee_app.records import Scored

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Numbers:
    """What is counted of rows, in their order.

    indices: upload indices, int64 (rows,). scores, margins: float64 (rows,), NaN where there is none.
    elements: float64 (rows, elements), likewise. unlike (domain.UNLIKE), passed_over, stood_for (see Scored):
    bool (rows,). copies: how many rows are of the same bytes as one before them.
    """

    indices: NDArray[np.int64]
    scores: Floats
    margins: Floats
    elements: Floats
    unlike: Mask
    passed_over: Mask
    stood_for: Mask
    copies: int

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def with_score(self) -> Mask:
        return ~np.isnan(self.scores)

    @property
    def count_scored(self) -> int:
        return count(self.with_score)

    def best(self, most: int) -> NDArray[np.int64]:
        """Places of so many rows with the highest scores at most, the best first; equals in their order."""
        places = np.argsort(-np.nan_to_num(self.scores, nan=-1.0), kind="stable")
        return places[: min(most, self.count_scored)]


def numbers_of(images: Iterable[Scored] | Numbers, elements: int = 0) -> Numbers:
    """elements: how many the query has; those of rows that have another number are left out."""
    if isinstance(images, Numbers):
        return images
    numbers, known, files = array("d"), set[str](), 0
    for row in light(images):
        marks = row.upload_index, UNLIKE in row.notes, row.passed_over, row.stood_for
        parts = row.elements if len(row.elements) == elements else (None,) * elements
        told = (*marks, row.score, row.margin, *parts)
        numbers.extend(math.nan if number is None else number for number in told)
        if row.sha256:
            files += 1
            known.add(row.sha256)
    columns = np.array(numbers).reshape(-1, 6 + elements).T
    indices, unlike, passed_over, stood_for, scores, margins = columns[:6]
    return Numbers(
        indices=indices.astype(np.int64),
        scores=scores,
        margins=margins,
        elements=columns[6:].T,
        unlike=unlike.astype(bool),
        passed_over=passed_over.astype(bool),
        stood_for=stood_for.astype(bool),
        copies=files - len(known),
    )


def count(mask: Mask) -> int:
    return int(np.count_nonzero(mask))
