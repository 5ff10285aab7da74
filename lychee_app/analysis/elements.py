"""Images by elements: which element each image lacks, and which no image shows."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lychee_app.numbers import Floats, Numbers, numbers_of
from lychee_app.records import Run

FOUND = 6.0
"""An element is found from 6 of 10 on, where the lowest range of scores ends: at 5 the model cannot tell, or
sees the right thing in another colour."""


@dataclass(frozen=True)
class ElementColumn:
    """One element over all images. `best_score` is None where no image has a score for it."""

    index: int
    text: str
    best_score: float | None
    found_in: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ElementTable:
    """Of the images with a score for an element, in upload order: `indices` int64 (images,), `scores` float64
    (images, elements), NaN where there is none."""

    columns: tuple[ElementColumn, ...]
    indices: NDArray[np.int64]
    scores: Floats

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def complete(self) -> tuple[int, ...]:
        """Upload indexes of the images that show every element."""
        return tuple(self.indices[(self.scores >= FOUND).all(axis=1)].tolist())


def element_table(run: Run, images: Numbers | None = None) -> ElementTable:
    """Images without element scores (failed ones, or a run that asked for none) are not in it. images: those
    of the run, where it is held without them."""
    texts = run.question.elements
    found = numbers_of(run.images, len(texts)) if images is None else images
    held = ~np.isnan(found.elements).all(axis=1) if texts else np.zeros(len(found), bool)
    order = np.flatnonzero(held)[np.argsort(found.indices[held])]
    indices, scores = found.indices[order], found.elements[order]
    columns = (_column(place, text, indices, scores[:, place]) for place, text in enumerate(texts))
    return ElementTable(tuple(columns), indices, scores)


def _column(place: int, text: str, indices: NDArray[np.int64], scores: Floats) -> ElementColumn:
    known = scores[~np.isnan(scores)]
    best = float(known.max()) if len(known) else None
    return ElementColumn(place, text, best, tuple(indices[scores >= FOUND].tolist()))
