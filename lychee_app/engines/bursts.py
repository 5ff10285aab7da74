"""One of each group of images that are alike is judged; the others are rows that name it.

    sources -> looked at, small -> groups -> the sharpest of each -> any engine's own run

It saves the judging of the others, and costs a look at all.
"""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import replace

from lychee_app import curate, intake
from lychee_app.cache import ReplyCache
from lychee_app.engines import Event, Grouping, Progress
from lychee_app.engines.judge import bare_row, placed
from lychee_app.packed import Rows
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget, Source
from lychee_app.request import Request
from lychee_app.settings import Settings

LOOK = ImageBudget(token_px=1, max_tokens=640 * 480, most_tiles=0)
TOLD_EACH = 20
"""Images from one sign of life to the next."""

Run = Callable[[Request, Sequence[tuple[int, Source]], ReplyCache | None], Generator[Event, None, None]]


def judged(
    judge: Run,
    request: Request,
    sources: Sequence[tuple[int, Source]],
    cache: ReplyCache | None,
    settings: Settings,
) -> Generator[Event, None, None]:
    """The events of a run, of one of each group where that is asked for: first those of the look. The rows of
    a group come together, so that a run that is cut off has whole groups. Where the sharpest one cannot be
    scored, the next is asked in its place.
    """
    if request.bursts != "one":
        return (yield from judge(request, sources, cache))
    looks = Rows()
    for item in intake.prepare(sources, LOOK, settings):
        looks.put(replace(bare_row(item), seen_width_px=0, seen_height_px=0))
        if len(looks) % TOLD_EACH == 0:
            yield Grouping(len(looks), len(sources))
    of_first = {group.best: group.members for group in curate.groups(looks)}
    beside = {index for members in of_first.values() for index in members[1:]}
    own, done, is_open = dict(sources), 0, False
    asked = [source for source in sources if source[0] not in beside]
    while asked:
        next_best: list[tuple[int, Source]] = []
        with closing(judge(request, asked, cache)) as events:
            for event in events:
                if not isinstance(event, Progress):
                    if not is_open:
                        yield event
                    is_open = True
                    continue
                index = event.scored.upload_index
                look = looks.of(index)
                row = replace(event.scored, fingerprint=look.fingerprint, sharpness=look.sharpness)
                rest = of_first.pop(index, (index,))[1:]
                done += 1
                yield replace(event, scored=row, done=done, total=len(sources))
                if rest and row.failed:
                    of_first[rest[0]] = rest
                    next_best.append((rest[0], own[rest[0]]))
                    continue
                for other in rest:
                    done += 1
                    beside_it = replace(looks.of(other), reason=Reason.of("alike", name=row.name))
                    yield replace(event, scored=placed(beside_it, own[other]), done=done, total=len(sources))
        asked = next_best
