"""What somebody says of their own images: which queries each one answers, and how well. Read from a file.

CSV with the columns query, image, relevance (others are let be; a comma, semicolon or tab between them).
JSON: a list of such rows, or {"query": ..., "images": {name: relevance}} as the demo gallery's truth.json, or
a list of those. A relevance is a number from 0, graded or 0 and 1, or yes and no, in English or Chinese.
"""

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from lychee_app import query as queries
from lychee_app.errors import LycheeError, QueryError, UsageError

COLUMNS = ("query", "image", "relevance")
_WORDS = {"yes": 1.0, "true": 1.0, "y": 1.0, "no": 0.0, "false": 0.0, "n": 0.0, "是": 1.0, "否": 0.0}


@dataclass(frozen=True)
class Judgement:
    """`query` and `image` are as the file has them first, where it has one of them in several spellings.
    `relevance` is finite and not below 0."""

    query: str
    image: str
    relevance: float


@dataclass(frozen=True)
class Truth:
    """Judgements in the order of the file, each pair of query and image once.

    `folder` is what image names are relative to. From `relevant_from` on, an image counts as relevant where a
    measure knows only yes and no.
    """

    judgements: tuple[Judgement, ...]
    folder: Path
    relevant_from: float

    @property
    def queries(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.query for one in self.judgements))

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(one.image for one in self.judgements))


def read(file: Path, images: Path | None = None, relevant_from: float | None = None) -> Truth:
    """`images` is the folder that names are relative to; the file's own if None. `relevant_from` is half of
    the highest relevance in the file if None.

    Raises UsageError for a file that is no truth or cannot be read, LycheeError for images that are not
    there: a slip in a name must not pass for a bad ranking.
    """
    folder = file.parent if images is None else images
    judgements = _each_once(_rows(file), file, folder)
    images_named = dict.fromkeys(one.image for one in judgements)
    missing = [name for name in images_named if not os.path.isfile(folder / name)]
    if missing:
        raise LycheeError(
            "truth-images", n=len(missing), image=missing[0], folder=str(folder), path=str(file)
        )
    highest = max(one.relevance for one in judgements)
    if relevant_from is None:
        relevant_from = highest / 2 or highest or 1.0  # half of the least number there is would be 0
    return Truth(judgements, folder, relevant_from)


def _rows(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """(number of the row or entry from 1, its values by column)"""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("truth-no-text", path=str(file)) from error
    except OSError as error:
        raise UsageError("truth-unreadable", path=str(file), detail=error.strerror or str(error)) from error
    if "\0" in text:
        raise UsageError("truth-no-text", path=str(file))
    if file.suffix.lower() == ".json" or text.lstrip()[:1] in ("{", "["):
        yield from _of_json(text, file)
    else:
        yield from _of_csv(text, file)


def _of_csv(text: str, file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """A spreadsheet may have put "sep=;" above the header, and commas into numbers where others part."""
    table = text.lstrip()
    if table[:4].lower() == "sep=":
        table = table.partition("\n")[2].lstrip()
    above = text.count("\n") - table.count("\n")
    header = table.partition("\n")[0]
    between = max(",;\t", key=header.count)
    point = "," if between == "," else "."
    reader = csv.DictReader(io.StringIO(table, newline=""), delimiter=between, skipinitialspace=True)
    named = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
    missing = [name for name in COLUMNS if name not in named]
    if missing:
        found = ", ".join(filter(None, named)) or "–"
        raise UsageError("truth-columns", path=str(file), missing=", ".join(missing), found=found)
    try:
        for row in reader:
            if any(map(str.strip, row.get(None) or ())):  # type: ignore[call-overload]
                raise UsageError("truth-more", path=str(file), line=above + reader.line_num)
            if any((value or "").strip() for value in row.values() if isinstance(value, str)):
                values = {name: row[named[name]] for name in COLUMNS}
                relevance = (values["relevance"] or "").replace(",", point)
                yield above + reader.line_num, {**values, "relevance": relevance}
    except csv.Error as error:
        raise UsageError("truth-no-table", path=str(file), detail=str(error)) from error


def _of_json(text: str, file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        whole = json.loads(text, object_pairs_hook=lambda pairs: _keys_once(pairs, file))
    except (ValueError, RecursionError) as error:
        raise UsageError("truth-no-table", path=str(file), detail=str(error)) from error
    for number, entry in enumerate(whole if isinstance(whole, list) else [whole], start=1):
        if not isinstance(entry, dict):
            raise UsageError(
                "truth-columns", path=str(file), missing=", ".join(COLUMNS), found=str(entry)[:60]
            )
        images = entry.get("images")
        if isinstance(images, dict):
            for image, relevance in images.items():
                yield number, {"query": entry.get("query"), "image": image, "relevance": relevance}
            continue
        missing = [name for name in COLUMNS if name not in entry]
        if missing:
            found = ", ".join(map(str, entry)) or "–"
            raise UsageError("truth-columns", path=str(file), missing=", ".join(missing), found=found)
        yield number, entry


def _keys_once(pairs: list[tuple[str, Any]], file: Path) -> dict[str, Any]:
    """JSON itself lets the last of two values win without a word."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            raise UsageError("truth-key-twice", path=str(file), key=key)
    return found


def _each_once(
    rows: Iterable[tuple[int, Mapping[str, Any]]], file: Path, folder: Path
) -> tuple[Judgement, ...]:
    found: dict[tuple[str, str], Judgement] = {}
    as_first: dict[tuple[str, str], str] = {}
    for number, row in rows:
        texts = (row["query"], row["image"])
        query, image = (text.strip() if isinstance(text, str) else "" for text in texts)
        if not query or not image:
            raise UsageError("truth-blank", path=str(file), line=number)
        query = as_first.setdefault(("query", _sent(query)), query)
        image = _as_here(image, folder)
        image = as_first.setdefault(("image", os.path.normpath(image)), image)
        one = Judgement(query, image, _relevance(row["relevance"], number, file))
        before = found.setdefault((query, image), one)
        if before.relevance != one.relevance:
            raise UsageError("truth-twice", path=str(file), line=number, query=query, image=image)
    if not found:
        raise UsageError("truth-empty", path=str(file))
    return tuple(found.values())


def _as_here(image: str, folder: Path) -> str:
    """The file may come from Windows; elsewhere a name may hold a backslash itself."""
    if "\\" not in image or os.path.isfile(folder / image):
        return image
    return PureWindowsPath(image).as_posix()


def _sent(typed: str) -> str:
    try:
        return queries.clean(typed)
    except QueryError:  # it is told when it is asked
        return typed


def _relevance(given: Any, number: int, file: Path) -> float:
    told = "" if given is None else str(given).strip()
    try:
        value = _WORDS[told.lower()] if told.lower() in _WORDS else float(told)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise UsageError("truth-relevance", path=str(file), line=number, value=told)
    return value
