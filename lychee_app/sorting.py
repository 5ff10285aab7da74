"""Several queries as one sorting: names with a query each, and which image goes to which name.

A sorting is a run whose question has no words of its own: its elements are the queries of the names, judged
one by one from one look at each image. An image goes to the name whose query it meets best, measured from
that name's own cut-off: scores of different queries are not of one scale, how far each is above where its own
begins is nearer to it. What passes no cut-off goes to none. What somebody moved by hand stays there.
"""

import csv
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from lychee_app import decide, query
from lychee_app.errors import QueryError, UsageError
from lychee_app.export.names import clean_name, folded
from lychee_app.packed import Some, light
from lychee_app.query import Question
from lychee_app.records import Run, Scored, Source, logit
from lychee_app.request import Column

MOST_COLUMNS = 100
NONE = ""
"""The name of what goes to no name, where it is written down."""


def read(path: Path) -> tuple[Column, ...]:
    """A CSV of name, query and, if wanted, the least score that goes there; or lines of "name: query >= 7".

    Raises UsageError.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("names-no-text", path=str(path)) from error
    except OSError as error:
        raise UsageError("names-unreadable", path=str(path), detail=error.strerror or str(error)) from error
    if "\0" in text:
        raise UsageError("names-no-text", path=str(path))
    return columns(text, as_csv=path.suffix.lower() == ".csv")


def columns(text: str, *, as_csv: bool = False) -> tuple[Column, ...]:
    """Of one name a line; blank lines and # comments are none. Raises UsageError, which names the line."""
    found: list[Column] = []
    for number, cells in _lines(text, as_csv):
        name, typed, cut = (*cells, "", "")[:3] if len(cells) > 1 else (cells[0], cells[0], "")
        if as_csv and number == 1 and [name.lower(), typed.lower()] == ["name", "query"]:
            continue
        found.append(_column(number, name.strip(), typed.strip(), cut.strip()))
    if not found:
        raise UsageError("sorting-none")
    if len(found) > MOST_COLUMNS:
        raise UsageError("sorting-many", count=len(found), limit=MOST_COLUMNS)
    names: dict[str, str] = {}
    for column in found:
        if (same := names.get(folded(column.name))) is not None:
            raise UsageError("sorting-twice", name=same, other=column.name)
        names[folded(column.name)] = column.name
    return tuple(found)


_LEAST = re.compile(r"(.*?)\s*(≥|>=)\s*(.*)")


def as_text(wanted: Sequence[Column]) -> str:
    """As lines that `columns` reads."""
    marks = ("" if column.least == Column.least else f" >= {column.least:g}" for column in wanted)
    return "\n".join(
        f"{column.name}: {column.query}{mark}" for column, mark in zip(wanted, marks, strict=True)
    )


def _lines(text: str, as_csv: bool) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(re.split("\r\n?|\n", text), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, next(csv.reader([line])) if as_csv else _cells(line)


def _cells(line: str) -> list[str]:
    """name: query >= 7"""
    name, *more = re.split("[:：]", line, maxsplit=1)
    if more and (least := _LEAST.fullmatch(more[0].strip())):
        typed, sign, cut = least.groups()
        return [name, typed, cut or sign]
    return [name, *more]


def _column(number: int, name: str, typed: str, cut: str) -> Column:
    name = unicodedata.normalize("NFC", name)
    if not name:
        raise UsageError("sorting-unnamed", line=number)
    if (clean := clean_name(name)) != name:
        raise UsageError("sorting-name", line=number, name=name, clean=clean)
    try:
        query.clean(typed)
    except QueryError as error:
        raise UsageError("sorting-query", line=number, name=name, detail=str(error)) from error
    try:
        least = float(cut) if cut else Column.least
    except ValueError:
        least = -1.0
    if not 0 < least < 10:
        raise UsageError("sorting-cut", line=number, name=name, given=cut)
    return Column(name, typed, least)


def question(wanted: Sequence[Column]) -> Question:
    return Question("", "", tuple(query.clean(column.query) for column in wanted))


def place(row: Scored, wanted: Sequence[Column]) -> int | None:
    """The column that the image goes to by itself; of equals the first. None: it passes no cut-off."""
    above = [
        (reply.margin - logit(column.least / 10), -number)
        for number, (column, reply) in enumerate(zip(wanted, row.element_replies, strict=False))
        if reply.margin is not None
    ]
    best = max(above, default=(-1.0, 0))
    return -best[1] if best[0] >= 0 else None


def placed(run: Run, moved: Mapping[int, str] | None = None) -> dict[int, int | None]:
    """Column by upload index, of every image of the run. moved: by hand, to a name or NONE; a name that the
    sorting has not counts for nothing."""
    wanted = run.request.columns
    numbers: dict[str, int | None] = {column.name: number for number, column in enumerate(wanted)} | {
        NONE: None
    }
    places = {row.upload_index: place(row, wanted) for row in light(run.images)}
    by_hand = {index: numbers[name] for index, name in (moved or {}).items() if name in numbers}
    return places | {index: number for index, number in by_hand.items() if index in places}


def listed(run: Run, places: Mapping[int, int | None]) -> list[Sequence[Scored]]:
    """The images of each column, best first, then those of none."""
    wanted, rows = run.request.columns, light(run.images)
    groups: list[list[tuple[float, int, int]]] = [[] for _ in range(len(wanted) + 1)]
    for at, row in enumerate(rows):
        number = places.get(row.upload_index)
        number = len(wanted) if number is None else number
        groups[number].append((-_strength(row, number), row.upload_index, at))
    return [Some(rows, [at for *_, at in sorted(group)]) for group in groups]


def plan(
    run: Run,
    places: Mapping[int, int | None],
    sources: Iterable[tuple[int, Source]],
    folder: Path,
    action: decide.Action,
) -> decide.Plan:
    """What would be copied or moved into a folder for each name that has images. Changes nothing.

    Raises UsageError where a folder cannot be used.
    """
    names = {index: run.request.columns[place].name for index, place in places.items() if place is not None}
    return decide.plan(run, list(names), sources, folder, action, under=names)


def _strength(row: Scored, number: int) -> float:
    """Of its match with that column's query, or with any for what goes to none."""
    margins: Iterable[float] = (reply.margin for reply in row.element_replies if reply.margin is not None)
    if number < len(row.element_replies):
        margins = [row.element_replies[number].margin or float("-inf")]
    return max(margins, default=float("-inf"))
