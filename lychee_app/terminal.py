"""What the command shows in a terminal: a progress line on stderr, a table on stdout."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from lychee_app.engines import Progress as Step
from lychee_app.locale import Words
from lychee_app.packed import light
from lychee_app.ranking import one_decimal, ranked
from lychee_app.reasons import Reason
from lychee_app.records import Run, Scored

MOST_LISTED = 10_000
"""Images in a table, where nobody says how many."""


@contextmanager
def progress_line(total: int, t: Words) -> Iterator[Callable[[Step], None]]:
    """A line on stderr that follows a run: 12/32, seconds per image, time left, memory."""
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[note]}"))
    with _line(*columns) as progress:
        task = progress.add_task("", total=total, note=t("terminal.loading"))

        def show(step: Step) -> None:
            seconds, eta = f"{step.seconds_per_image:.2f}", f"{step.eta_seconds:.0f}"
            note = t("terminal.progress", seconds=seconds, eta=eta, memory=t.reason(step.memory.told))
            progress.update(task, completed=step.done, total=step.total, note=note)

        yield show


@contextmanager
def download_line() -> Iterator[Callable[[int, int], None]]:
    """A line on stderr that follows (done bytes, total bytes)."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with _line(*columns) as progress:
        task = progress.add_task("", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)


def _line(*columns: ProgressColumn) -> Progress:
    """Drawn for a person only: in a file of complaints it would be a line of nothing."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def listed(run: Run, limit: int | None) -> int:
    """How many images a table shows: so many, or as many as somebody may read."""
    return min(len(run.images), MOST_LISTED if limit is None else limit)


def table(run: Run, t: Words, limit: int | None = None) -> Table:
    """The ranking, of `listed` images; those without a score come last with their reason. Names and replies
    are plain text.

    A column for notes, in few words, where an image has one.
    """
    places = ranked(light(run.images))[: listed(run, limit)]
    noted = any(place.scored.notes for place in places)
    view = Table()
    view.add_column(t("terminal.rank"), justify="right")
    view.add_column(t("terminal.score"), justify="right")
    for element in run.question.elements:
        view.add_column(Text(element), justify="right")
    view.add_column(t("terminal.image"), overflow="fold")
    view.add_column(t("terminal.reply"), overflow="fold")
    if noted:
        view.add_column(t("terminal.note"), overflow="fold")
    for place in places:
        row = place.scored
        reply = t.reason(row.reason) if row.reason else row.reply.text if row.reply else ""
        parts = [one_decimal(score) for score in row.elements] or ["–"] * len(run.question.elements)
        notes = [Text(t.listed(_brief(note, t) for note in row.notes))] if noted else []
        name, said = Text(_whole_shot(row)), Text(_tame(reply))
        view.add_row(_place(place.rank), one_decimal(row.score), *parts, name, said, *notes)
    return view


def sorting_table(run: Run, groups: Sequence[Sequence[Scored]], t: Words) -> Table:
    """The images of each name, best first, and of none."""
    view = Table()
    view.add_column(t("terminal.sorted.name"), overflow="fold")
    view.add_column(t("terminal.sorted.count"), justify="right")
    view.add_column(t("terminal.sorted.images"), overflow="fold")
    names = [*(column.name for column in run.request.columns), t("sorting.none")]
    for number, (name, group) in enumerate(zip(names, groups, strict=True)):
        told = [
            f"{_whole_shot(row)} {one_decimal(row.elements[number])}"
            if number < len(row.elements)
            else row.name
            for row in group
        ]
        view.add_row(Text(name), str(len(group)), Text(", ".join(told)))
    return view


def summary(run: Run, listed: int, t: Words) -> Text:
    """What was asked of what, and how long it took. listed: how many images of the run the table shows."""
    kinds = Counter((row.failed, row.passed_over, row.stood_for) for row in light(run.images))
    of, unscored = len(run.images), kinds[True, False, False]
    passed_over, alike = kinds[False, True, False], kinds[False, False, True]
    count = t("terminal.images", n=of)
    count = t("terminal.passed_over", count=count, n=of - passed_over - unscored) if passed_over else count
    count = t("terminal.unscored", count=count, unscored=unscored) if unscored else count
    count = t("terminal.alike", count=count, alike=alike) if alike else count
    count = t("terminal.best", listed=listed, count=count) if listed < of else count
    asked = [run.request.named.strip()]
    if run.question.typed_not:
        asked.append(t("gallery.but_not", text=run.question.typed_not.strip()))
    judged = t(f"terminal.{run.request.mode}", model=run.model)
    took = t("terminal.took", seconds=f"{run.seconds:.1f}")
    return Text("  ·  ".join((*asked, judged, count, took)))


def _whole_shot(row: Scored) -> str:
    """IMG_1.jpg + NEF, XMP"""
    return f"{row.name} + {row.beside}" if row.beside else row.name


def _brief(note: Reason, t: Words) -> str:
    """A note in few words; its sentence where there are none, as for one of a newer version."""
    key = f"note.{note.code.replace('-', '_')}"
    return t(key, **note.values) if t.has(key) else t.reason(note)


def _tame(reply: str) -> str:
    """Without what would move the cursor or change the terminal."""
    return "".join(char if char.isprintable() else " " for char in reply).strip()


def _place(rank: int | None) -> str:
    return "–" if rank is None else str(rank)
