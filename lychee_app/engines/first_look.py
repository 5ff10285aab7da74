"""Two looks at a library: a cheap one at every image, then the full one at the best of them.

    all sources -> first look, a quarter of the tokens -> the best N -> full look
                                     \\-> the others: rows without a score, and the reason

What was passed over is told as soon as it is certain, so that no more than N rows wait for the end of the
first look. Both looks are the engine's own, by the same tower and the same read-out.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget, Scored, Source
from lychee_app.request import Request

SHARE = 4
"""The first look is at 1/4 of the tokens."""

Sources = Sequence[tuple[int, Source]]
Look = Callable[[bool, Sources], Iterable[Scored]]
"""(whether it is the first one, which images) -> a row for each, in any order."""


def first_request(request: Request) -> Request:
    """What the first look asks: whether the whole query is met. Elements and reasons are for the full one."""
    question = replace(request.question, elements=())
    return replace(request, question=question, mode="judge", prefilter=None)


def first_budget(budget: ImageBudget) -> ImageBudget:
    """That of the first look: a quarter, but no less than the checkpoint takes."""
    return budget.at_most(budget.max_tokens // SHARE)


def looks(request: Request, sources: Sources, look: Look) -> Iterator[Scored]:
    """One row per source: by the full look; with `prefilter` only the best so many, the others passed over.

    With so many sources or fewer there is nothing to choose. Ties keep upload order; an image that the first
    look cannot score is a row with its reason.
    """
    keep = request.prefilter
    if keep is None or len(sources) <= keep:
        yield from look(False, sources)
        return
    best: list[tuple[float, int, Scored]] = []  # the weakest first
    for row in look(True, sources):
        if row.margin is None:
            yield row
            continue
        entry = (row.margin, -row.upload_index, row)
        if len(best) < keep:
            heapq.heappush(best, entry)
        else:
            yield _passed_over(heapq.heappushpop(best, entry)[2], keep)
    chosen = {row.upload_index for _, _, row in best}
    yield from look(False, [pair for pair in sources if pair[0] in chosen])


def _passed_over(row: Scored, keep: int) -> Scored:
    """Without a score, which would stand among those of a full look; what was seen is told by the reason."""
    reason = Reason.of("passed-over", keep=keep, score=row.score or 0.0)
    return replace(row, score=None, margin=None, p_yes=None, reason=reason)
