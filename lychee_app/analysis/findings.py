"""What is worth saying about a run, as kinds and numbers. The page words them, in two languages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from lychee_app.analysis.caveats import tells_little
from lychee_app.analysis.cut import Cut, above, suggest_cut
from lychee_app.analysis.elements import element_table, is_found
from lychee_app.analysis.spread import saturation, spread
from lychee_app.domain import domain_of
from lychee_app.ranking import is_scored
from lychee_app.records import Axis, Cutoff, Run, Scored

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


def findings(run: Run, cutoff: Cutoff | None = None) -> list[Finding]:
    """In the order they are worth reading. `cutoff` is the one in force; the suggested one if None.

    Of a sorting, and where the scores tell little (caveats.py), only what does not rest on them.
    """
    scored = [row for row in run.images if is_scored(row)]
    if run.request.columns or tells_little(scored):
        return [*_passed_over(run), *_unscored(run), *_duplicates(run)]
    suggested = suggest_cut(scored)
    if cutoff is None and suggested is not None:
        cutoff = suggested.cutoff
    top = above(scored, cutoff) if cutoff else []
    return [
        *_standing_out(scored, suggested),
        *_spread(scored, suggested),
        *_below(scored),
        *_elements(run, top),
        *_passed_over(run),
        *_unscored(run),
        *_duplicates(run),
    ]


def _standing_out(scored: Sequence[Scored], cut: Cut | None) -> Iterator[Finding]:
    if cut and cut.gap >= STANDS_OUT[cut.cutoff.axis]:
        yield Finding("first_n_stand_out", cut.count, len(scored), cut.gap, axis=cut.cutoff.axis)


def _spread(scored: Sequence[Scored], cut: Cut | None) -> Iterator[Finding]:
    """At most one of saturated and flat; skewed only where the scores do spread."""
    found = spread(scored)
    if found is None or found.count < FEWEST:
        return
    at_top, at_bottom = saturation(scored)
    if 2 * (at_top + at_bottom) >= found.count and all(row.margin is not None for row in scored):
        yield Finding("saturated", at_top + at_bottom, found.count, low=at_bottom, high=at_top)
    elif cut is None and found.width <= FLAT_POINTS:
        yield Finding("flat", found.count, found.count, found.width, found.low, found.high)
    elif abs(found.skewness) >= SKEWED:
        yield Finding("skewed", total=found.count, value=found.skewness)


def _below(scored: Sequence[Scored]) -> Iterator[Finding]:
    low = [row for row in scored if row.score is not None and row.score < BELOW]
    if low:
        yield Finding("below_six", len(low), len(scored), BELOW)


def _elements(run: Run, top: Sequence[Scored]) -> Iterator[Finding]:
    """Nothing of an element that has a word which the judge does not know."""
    table, domain = element_table(run), domain_of(run.model, run.checkpoint_hash)
    if not table.rows:
        return
    judged = [column for column in table.columns if not domain or not domain.understood(column.text).unknown]
    nowhere = [column for column in judged if not column.found_in]
    for column in nowhere:
        total, value = len(table.rows), column.best_score or 0.0
        yield Finding("element_nowhere", total=total, value=value, element=column.index, text=column.text)
    for column in judged:
        lacking = [row for row in top if row.elements and not is_found(row.elements[column.index])]
        if lacking and column not in nowhere:
            yield Finding(
                "element_missing_in_top", len(lacking), len(top), element=column.index, text=column.text
            )
    if len(table.columns) > 1 and len(judged) == len(table.columns):
        yield Finding("complete", len(table.complete), len(table.rows))


def _passed_over(run: Run) -> Iterator[Finding]:
    if count := sum(row.passed_over for row in run.images):
        yield Finding("passed_over", count, len(run.images))


def _unscored(run: Run) -> Iterator[Finding]:
    missing = sum(not is_scored(row) and not row.passed_over and not row.stood_for for row in run.images)
    if missing:
        yield Finding("unscored", missing, len(run.images))


def _duplicates(run: Run) -> Iterator[Finding]:
    """Equal bytes. Files that could not be read have no hash and are no copies of each other."""
    known = [row.sha256 for row in run.images if row.sha256]
    if extra := len(known) - len(set(known)):
        yield Finding("duplicates", extra, len(run.images))
