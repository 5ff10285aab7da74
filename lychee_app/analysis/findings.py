"""What is worth saying about a run, as kinds and numbers. The page words them, in two languages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from lychee_app.analysis.caveats import tells_little
from lychee_app.analysis.cut import Cut, has_margins, is_above, suggest_cut
from lychee_app.analysis.elements import FOUND, element_table
from lychee_app.analysis.spread import saturation, spread
from lychee_app.domain import domain_of
from lychee_app.numbers import Mask, Numbers, count, numbers_of
from lychee_app.records import Axis, Cutoff, Run

STANDS_OUT: dict[Axis, float] = {"score": 1.0, "margin": 2.0}
FLAT_POINTS = 2.0
FEWEST = 5
"""With fewer images nothing is said about how they are spread."""
BELOW = 6.0
SKEWED = 0.5

Kind = Literal[
    "first_n_stand_out",
    "flat",
    "saturated",
    "skewed",
    "below_six",
    "element_nowhere",
    "element_missing_in_top",
    "complete",
    "passed_over",
    "unscored",
    "duplicates",
]


@dataclass(frozen=True)
class Finding:
    """One thing to say. `count` of `total` images; `value` is in points (or nats on the margin axis).

    first_n_stand_out: the first `count` stand `value` above the rest, on `axis`.
    flat: all but the outer tenths of `total` images lie within `value` points, from `low` to `high`.
    saturated: `count` of `total` are shown as 10.0 (`high`, a number of images) or 0.0 (`low`, likewise), and
        have margins that still tell them apart.
    skewed: `value` is the skewness; above 0 the few are high and the many low ("right-skewed").
    below_six: `count` of `total` are below 6.
    element_nowhere: element number `element` (from 0), `text`, is in none of `total`; best score `value`.
    element_missing_in_top: of the `total` images above the cut-off, `count` lack that element.
    complete: `count` of `total` show every element (possibly none).
    unscored: `count` of `total` have no score.
    duplicates: `count` of `total` are copies of another image in the run.
    """

    kind: Kind
    count: int = 0
    total: int = 0
    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    axis: Axis = "score"
    element: int | None = None
    text: str = ""


def findings(run: Run, cutoff: Cutoff | None = None, images: Numbers | None = None) -> list[Finding]:
    """In the order they are worth reading. `cutoff` is the one in force; the suggested one if None. images:
    those of the run, where it is held without them.

    Of a sorting, and where the scores tell little (caveats.py), only what does not rest on them.
    """
    found = numbers_of(run.images, len(run.question.elements)) if images is None else images
    whatever = [*_passed_over(found), *_unscored(found), *_copies(found)]
    if run.request.columns or tells_little(found):
        return whatever
    suggested = suggest_cut(found)
    if cutoff is None and suggested is not None:
        cutoff = suggested.cutoff
    top = is_above(found, cutoff) if cutoff else np.zeros(len(found), bool)
    return [
        *_standing_out(found, suggested),
        *_spread(found, suggested),
        *_below(found),
        *_elements(run, found, top),
        *whatever,
    ]


def _standing_out(found: Numbers, cut: Cut | None) -> Iterator[Finding]:
    if cut and cut.gap >= STANDS_OUT[cut.cutoff.axis]:
        yield Finding("first_n_stand_out", cut.count, found.count_scored, cut.gap, axis=cut.cutoff.axis)


def _spread(images: Numbers, cut: Cut | None) -> Iterator[Finding]:
    """At most one of saturated and flat; skewed only where the scores do spread."""
    found = spread(images)
    if found is None or found.count < FEWEST:
        return
    at_top, at_bottom = saturation(images)
    if 2 * (at_top + at_bottom) >= found.count and has_margins(images):
        yield Finding("saturated", at_top + at_bottom, found.count, low=at_bottom, high=at_top)
    elif cut is None and found.width <= FLAT_POINTS:
        yield Finding("flat", found.count, found.count, found.width, found.low, found.high)
    elif abs(found.skewness) >= SKEWED:
        yield Finding("skewed", total=found.count, value=found.skewness)


def _below(found: Numbers) -> Iterator[Finding]:
    if low := count(found.scores < BELOW):
        yield Finding("below_six", low, found.count_scored, BELOW)


def _elements(run: Run, found: Numbers, top: Mask) -> Iterator[Finding]:
    """Nothing of an element that has a word which the judge does not know."""
    table, domain = element_table(run, found), domain_of(run.model, run.checkpoint_hash)
    if not len(table):
        return
    judged = [column for column in table.columns if not domain or not domain.understood(column.text).unknown]
    nowhere = [column for column in judged if not column.found_in]
    for column in nowhere:
        total, value = len(table), column.best_score or 0.0
        yield Finding("element_nowhere", total=total, value=value, element=column.index, text=column.text)
    parts = found.elements[top]
    judged_parts = parts[~np.isnan(parts).all(axis=1)]
    for column in judged:
        lacking = count(~(judged_parts[:, column.index] >= FOUND))
        if lacking and column not in nowhere:
            yield Finding(
                "element_missing_in_top", lacking, len(parts), element=column.index, text=column.text
            )
    if len(table.columns) > 1 and len(judged) == len(table.columns):
        yield Finding("complete", len(table.complete), len(table))


def _passed_over(found: Numbers) -> Iterator[Finding]:
    if passed_over := count(found.passed_over):
        yield Finding("passed_over", passed_over, len(found))


def _unscored(found: Numbers) -> Iterator[Finding]:
    if missing := count(~found.with_score & ~found.passed_over & ~found.stood_for):
        yield Finding("unscored", missing, len(found))


def _copies(found: Numbers) -> Iterator[Finding]:
    """Equal bytes. Files that could not be read have no hash and are no copies of each other."""
    if found.copies:
        yield Finding("duplicates", found.copies, len(found))
