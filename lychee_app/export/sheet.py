"""Chosen images as a contact sheet: a PDF of small pictures with rank, score and name."""

import io
import string
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.errors import FPDFException
from PIL import Image

from lychee_app import ranking
from lychee_app.export.fonts import covering
from lychee_app.locale import Words
from lychee_app.packed import light
from lychee_app.ranking import Ranked, one_decimal
from lychee_app.records import Run

WIDTH_MM, HEIGHT_MM = 210.0, 297.0
MARGIN_MM, GAP_MM, HEAD_MM = 12.0, 4.0, 21.0
COLUMNS, ROWS = 4, 5
CELL_MM = (
    (WIDTH_MM - 2 * MARGIN_MM - (COLUMNS - 1) * GAP_MM) / COLUMNS,
    (HEIGHT_MM - 2 * MARGIN_MM - HEAD_MM - (ROWS - 1) * GAP_MM) / ROWS,
)
TAIL = 12
"""Letters kept of the end of a text that is shortened: they tell a name from its neighbours, and its kind."""
UNKNOWN = "\u25a1?"
"""What stands for a letter that no font has: the first of these that one has."""


@dataclass(frozen=True)
class _Style:
    """`most` is how many lines a text may have, each `high_mm`."""

    points: float
    high_mm: float
    most: int = 1


TITLE, SCORE, SMALL = _Style(12.0, 5.5), _Style(9.0, 3.8), _Style(7.0, 3.1, 2)


@dataclass(frozen=True)
class Sheet:
    """A PDF. `unshown`: of how many images the name has letters that no font of this machine has."""

    data: bytes
    unshown: int = 0


def to_pdf(
    run: Run, chosen: Collection[int], *, language: str = "en", folders: Sequence[Path] | None = None
) -> Sheet:
    """The images of those upload indexes, best first, 20 on a page of A4. Names in it can be searched for.

    Made of the thumbnails that the run keeps: no original is read. folders: of fonts; None takes this
    system's. Where they lack letters of a name, the sheet says of how many names.
    """
    words, places = Words(language), ranking.chosen(run.images, chosen)
    names = [_printable(place.scored.name) for place in ranking.chosen(light(run.images), chosen)]
    title = _printable(run.name)
    facts = _printable(" · ".join(_facts(run, len(places), words)))
    own = words("sheet.unshown", n=2)
    pages = _Pages({*string.printable[:95], *"–·…", *title, *facts, *own, *"".join(names)}, folders)
    if pages.lacks(own):  # English needs no font of this machine
        words = Words()
        facts = _printable(" · ".join(_facts(run, len(places), words)))
    unshown = sum(map(pages.lacks, names))
    note = words("sheet.unshown", n=unshown) if unshown else ""
    pages.set_creation_date(_moment(run.created))
    on_page = COLUMNS * ROWS
    count = max(1, -(-len(places) // on_page))
    for page in range(count):
        pages.add_page()
        pages.head(title, facts, f"{page + 1} / {count}", note)
        some = slice(page * on_page, (page + 1) * on_page)
        for cell, (place, name) in enumerate(zip(places[some], names[some], strict=True)):
            pages.put(cell, place, name)
    return Sheet(bytes(pages.output()), unshown)


def _facts(run: Run, count: int, words: Words) -> Iterator[str]:
    if run.title:
        yield f"{words('report.query')}: {run.question.typed}"
    if run.question.typed_not:
        yield f"{words('report.but_not')}: {run.question.typed_not}"
    yield words("sheet.count", n=count, total=run.total)
    yield f"{words.model(run.model)}, {words(f'mode.{run.request.mode}')}"
    yield words.when(run.created)


def _moment(created: str) -> datetime:
    try:
        return datetime.fromisoformat(created)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)


def _printable(text: str) -> str:
    """One line, without what nobody sees; what is no letter has a sign for it."""
    seen = "".join(c for c in unicodedata.normalize("NFC", text) if unicodedata.category(c) != "Cf")
    return "".join(c if c.isprintable() else "\ufffd" for c in " ".join(seen.split()))


def _last_word(line: str, letter: str) -> str:
    """What is carried over to the next line, where the letter goes on with a word that began behind a space.
    Between Chinese characters, and within a word as long as the line, it is broken as it comes."""
    before, _, word = line.rpartition(" ")
    is_chinese = any(unicodedata.east_asian_width(each) in "WF" for each in word + letter)
    return word if before and letter != " " and not is_chinese else ""


class _Pages(FPDF):
    """The pages, and the fonts they are written in. Measures are in millimetres."""

    def __init__(self, letters: set[str], folders: Sequence[Path] | None) -> None:
        super().__init__(format=(WIDTH_MM, HEIGHT_MM))
        self.set_margin(0)
        self.set_auto_page_break(False)
        self.c_margin = 0
        self.set_image_filter("DCTDecode")
        self._shown, self._widths = set(letters), dict[str, float]()
        self._family = self._found({*letters, *UNKNOWN}, folders)
        self._unknown = next(sign for sign in UNKNOWN if sign in self._shown)
        self._ellipsis = "…" if "…" in self._shown else "..."

    def _found(self, letters: set[str], folders: Sequence[Path] | None) -> str:
        """The family to write in; the others stand in where it lacks a letter."""
        self._shown, families = set(), []
        for face in covering(letters, folders):
            family = f"face{len(families)}"
            try:
                self.add_font(family, "", face.path, collection_font_number=face.number)
            except (FPDFException, OSError, ValueError, KeyError):
                continue
            families.append(family)
            self._shown |= face.adds
        if not families:  # one that every reader of PDF has
            self._shown = {letter for letter in letters if ord(letter) < 256}
            return "helvetica"
        self.set_fallback_fonts(families[1:], exact_match=False)
        return families[0]

    def lacks(self, text: str) -> bool:
        return not self._shown.issuperset(text)

    def head(self, title: str, facts: str, number: str, note: str) -> None:
        wide = WIDTH_MM - 2 * MARGIN_MM
        self._write(title, (MARGIN_MM, MARGIN_MM), wide - 20, TITLE)
        self._write(facts, (MARGIN_MM, MARGIN_MM + 6.5), wide, SMALL)
        self._write(note, (MARGIN_MM, MARGIN_MM + 13.3), wide, SMALL)
        self._write(number, (WIDTH_MM - MARGIN_MM - 14, MARGIN_MM), 14, SMALL)

    def put(self, cell: int, place: Ranked, name: str) -> None:
        row, column = divmod(cell, COLUMNS)
        wide, high = CELL_MM
        x, y = MARGIN_MM + column * (wide + GAP_MM), MARGIN_MM + HEAD_MM + row * (high + GAP_MM)
        room = high - 4.5 - SMALL.most * SMALL.high_mm
        self._picture(place.scored.thumbnail, name, (x, y, wide, room))
        told = one_decimal(place.scored.score)
        told = told if place.rank is None else f"{place.rank} · {told}"
        self._write(told, (x, y + room + 0.8), wide, SCORE)
        self._write(name, (x, y + room + 4.5), wide, SMALL)

    def _picture(self, thumbnail: bytes, name: str, box: tuple[float, float, float, float]) -> None:
        """As large as the box allows; an empty frame where there is no picture."""
        x, y, wide, high = box
        if not thumbnail:
            self.set_draw_color(190)
            return self.rect(x, y, wide, high)
        image = Image.open(io.BytesIO(thumbnail)).convert("RGB")
        scale = min(wide / image.width, high / image.height)
        width, height = scale * image.width, scale * image.height
        corner = x + (wide - width) / 2, y + (high - height) / 2
        self.image(image, *corner, width, height, alt_text=self._text(name))
        return None

    def _write(self, text: str, at: tuple[float, float], wide: float, style: _Style) -> None:
        self.set_font(self._family, size=style.points)
        for number, line in enumerate(self._fitted(self._text(text), wide, style)):
            self.set_xy(at[0], at[1] + number * style.high_mm)
            self.cell(wide, style.high_mm, line)

    def _text(self, text: str) -> str:
        return "".join(letter if letter in self._shown else self._unknown for letter in text)

    def _fitted(self, text: str, wide: float, style: _Style) -> list[str]:
        """The text in the lines that it may have; where it is too long its middle is left out."""
        for kept in range(len(text), TAIL, -1):
            whole = text if kept == len(text) else f"{text[: kept - TAIL]}{self._ellipsis}{text[-TAIL:]}"
            lines = self._broken(whole, wide, style.points)
            if len(lines) <= style.most:
                return lines
        return self._broken(text, wide, style.points)[: style.most]

    def _broken(self, text: str, wide: float, points: float) -> list[str]:
        lines, line, used = [], "", 0.0
        for letter in text:
            width = self._width(letter) * points
            if line and used + width > wide:
                kept = _last_word(line, letter)
                lines.append(line[: len(line) - len(kept)])
                line, used = kept, sum(map(self._width, kept)) * points
            line, used = line + letter, used + width
        return [*lines, line] if line else lines

    def _width(self, letter: str) -> float:
        """At one point. The font is set."""
        if letter not in self._widths:
            self._widths[letter] = self.get_string_width(letter) / self.font_size_pt
        return self._widths[letter]
