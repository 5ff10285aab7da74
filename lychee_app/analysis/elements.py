"""Images by elements: which element each image lacks, and which no image shows."""

from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True)
class ElementTable:
    """`rows` holds (upload index, one score per element) in upload order; None where there is no score."""

    columns: tuple[ElementColumn, ...]
    rows: tuple[tuple[int, tuple[float | None, ...]], ...]

    @property
    def complete(self) -> tuple[int, ...]:
        """Upload indexes of the images that show every element."""
        return tuple(index for index, scores in self.rows if scores and all(is_found(s) for s in scores))


def element_table(run: Run) -> ElementTable:
    """Images without element scores (failed ones, or a run that asked for none) are not in it."""
    wanted = len(run.question.elements)
    images = sorted(run.images, key=lambda row: row.upload_index)
    rows = tuple((row.upload_index, row.elements) for row in images if wanted and len(row.elements) == wanted)
    return ElementTable(tuple(_column(i, text, rows) for i, text in enumerate(run.question.elements)), rows)


def is_found(score: float | None) -> bool:
    return score is not None and score >= FOUND


def _column(index: int, text: str, rows: Sequence[tuple[int, tuple[float | None, ...]]]) -> ElementColumn:
    scored = [(score, upload) for upload, scores in rows if (score := scores[index]) is not None]
    best_score = max((score for score, _ in scored), default=None)
    found_in = tuple(upload for score, upload in scored if score >= FOUND)
    return ElementColumn(index, text, best_score, found_in)
