"""A run as CSV for spreadsheets, and its names as plain text."""

import csv
import io
import math
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from lychee_app.curate import groups
from lychee_app.packed import light
from lychee_app.ranking import Ranked, ranked
from lychee_app.records import Decision, Run, Scored

BOM = "\ufeff"
"""Excel takes a CSV without it for the system's old code page."""
_FORMULA = "=+-@＝＋－＠"
_UNSEEN = {"Cc", "Cf", "Zs", "Zl", "Zp"}

Cell = str | float | int | None


def to_csv(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    timing: bool = True,
    columns: Mapping[int, str | None] | None = None,
    limit: int | None = None,
) -> str:
    """One line per image, by rank. Numbers are whole and plain; text that a spreadsheet would run is quoted.

    Valid UTF-8 whatever a file was called. timing, columns, limit: see document.
    """
    return "".join(csv_pieces(run, decisions, timing=timing, columns=columns, limit=limit))


def csv_pieces(
    run: Run,
    decisions: Mapping[int, Decision] | None = None,
    *,
    timing: bool = True,
    columns: Mapping[int, str | None] | None = None,
    limit: int | None = None,
) -> Iterator[str]:
    """The text of `to_csv` in pieces, a line each: of very many images it is never held as a whole."""
    writer = csv.writer(_Line(), lineterminator="\r\n")

    def line(cells: Iterable[Cell]) -> str:
        return writer.writerow(map(_cell, cells)).encode("utf-8", "backslashreplace").decode()  # type: ignore[attr-defined]

    after = [*(["column"] if columns is not None else []), *(["seconds"] if timing else [])]
    yield BOM + line((*_FIRST, *(f"element: {e}" for e in run.question.elements), *_REST, *after))
    group_of = {index: group.best for group in groups(run.images) for index in group.members}
    for place in ranked(light(run.images))[:limit]:
        index = place.scored.upload_index
        cells = _cells(place, len(run.question.elements), (decisions or {}).get(index))
        cells.append(group_of.get(index))
        if columns is not None:
            cells.append(columns.get(index))
        if timing:
            cells.append(place.scored.seconds)
        yield line(cells)


class _Line:
    """What csv writes to, and gives back."""

    def write(self, text: str) -> str:
        return text


def columns_csv(
    rows: Iterable[tuple[int, int | None, float, float, str]], decisions: Mapping[int, Decision]
) -> str:
    """The first columns of `to_csv` for very many images: (upload index, rank, score, margin, name), in the
    order given."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow([*_FIRST, "decision", "margin", "upload_index"])
    for index, rank, score, margin, name in rows:
        cells = (rank, score, name, decisions.get(index), margin, index)
        writer.writerow([_cell(cell) for cell in cells])
    return BOM + file.getvalue().encode("utf-8", "backslashreplace").decode()


def names_text(images: Iterable[Scored]) -> str:
    """One name per line, in the order given; a line break inside a name becomes a space."""
    return "\n".join(" ".join(_shown(row.name).split()) for row in images)


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula: an apostrophe goes before one that might be.

    https://owasp.org/www-community/attacks/CSV_Injection, and the full-width signs that some versions take
    for the plain ones. Signs hidden behind blanks or invisible characters count too.
    """
    text = _shown(text)
    seen = next((char for char in text if unicodedata.category(char) not in _UNSEEN), "")
    risky = (seen and seen in _FORMULA) or text[:1] in {"\t", "\r", "\n"}
    return f"'{text}" if risky else text


_FIRST = ("rank", "score", "name")
_REST = (
    "decision", "error", "raw", "margin", "p_yes", "upload_index", "width_px", "height_px", "sha256", "path",
    "notes", "taken", "camera", "lens", "focal_mm", "f_number", "exposure_seconds", "iso", "group",
)  # fmt: skip


def _cells(place: Ranked, elements: int, decision: Decision | None) -> list[Cell]:
    """In the order of _FIRST, the elements, _REST but for its last."""
    row = place.scored
    parts = list(row.elements) if len(row.elements) == elements else [None] * elements
    raw = row.reply.text if row.reply else None
    capture = row.capture
    rest: list[Cell] = [
        decision,
        row.reason and str(row.reason),
        raw,
        row.margin,
        row.p_yes,
        row.upload_index,
    ]
    rest += [
        row.width_px or None,
        row.height_px or None,
        row.sha256,
        row.path or row.address,
        "; ".join(map(str, row.notes)),
        capture.time or None,
        capture.camera or None,
        capture.lens or None,
        capture.focal_mm,
        capture.f_number,
        capture.exposure_seconds,
        capture.iso,
    ]
    return [place.rank, row.score, row.name, *parts, *rest]


def _cell(cell: Cell) -> Cell:
    if isinstance(cell, str):
        return harmless(cell)
    return None if cell is None or not math.isfinite(cell) else cell


def _shown(text: str) -> str:
    """Control characters other than white space become the sign for what cannot be shown."""
    return "".join("\ufffd" if unicodedata.category(c) == "Cc" and c not in "\t\r\n" else c for c in text)
