"""The rows of a result that lies in Parquet parts, read where they lie: a few columns of all, all of a few.

What is light of every row is held: some 280 bytes each, 28 MB for 100,000 images. Thumbnails and what the
model said are read when they are asked for.
"""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lychee_app.records import Reply, Run, Scored, Source
from lychee_app.store.parts import SCHEMA, Parts, explained, scored_of
from lychee_app.store.table import Table

KEPT_GROUPS = 16
"""Groups of rows that were read last: the next image is often of one of them."""
_SORTED_BY = ("upload_index", "score", "margin")
_SOURCE = ["upload_index", "name", "source", "companions"]
_HEAVY = {"thumbnail", "reply", "element_replies", "not_reply"}
_NO_TEXT, _NO_NUMBER = pa.scalar(None, pa.string()), pa.scalar(None, pa.float64())


class Attached:
    """A result. May be used from several threads. Raises StoreError where its files are gone or damaged,
    whatever is asked for."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._kept: OrderedDict[tuple[int, tuple[str, ...]], pa.Table] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def files(self) -> tuple[Path, ...]:
        return self._parts.files

    @property
    def run(self) -> Run:
        """Without its images."""
        return self._parts.run

    @cached_property
    def table(self) -> Table:
        light, at = self._light, self._order
        indices, scores, margins = (light[name].to_numpy()[at] for name in _SORTED_BY)
        return Table(indices, scores, margins, light["name"].combine_chunks().take(pa.array(at)))

    def all(self) -> Iterator[Scored]:
        """Each row once, in the order in which they were written."""
        return self._parts.rows()

    def some(self, indices: Sequence[int]) -> list[Scored]:
        """Rows in this order, without those that are not there: without thumbnails, and of the replies only
        what a card shows."""
        found = self._light.take(pa.array(self._order[self._places(indices)]))
        empty = {name: pa.nulls(len(found), SCHEMA.field(name).type) for name in _HEAVY}
        whole = pa.table({name: found[name] for name in found.column_names} | empty)
        texts, margins = (found[name].to_pylist() for name in ("reply_text", "not_margin"))
        rows = scored_of(whole.select(SCHEMA.names), {})
        return [self._with_replies(*each) for each in zip(rows, texts, margins, strict=True)]

    def row(self, index: int) -> Scored:
        """All of one. Raises LookupError when there is none."""
        (row,) = scored_of(self._read(index, SCHEMA.names), {})
        return row

    def thumbnail(self, index: int) -> bytes:
        """b"" where none was made. Raises LookupError when there is no such row."""
        return self._read(index, ["thumbnail"])["thumbnail"][0].as_py() or b""

    def sources(self) -> Iterator[tuple[int, Source]]:
        """(upload index, where it is) of every image, in upload order."""
        light = self._light.select(_SOURCE).take(pa.array(self._order))
        columns = (light[name].to_pylist() for name in _SOURCE)
        for index, name, source, companions in zip(*columns, strict=True):
            yield index, _source(name, source, companions or ())

    def source(self, index: int) -> Source:
        """Raises LookupError when there is none."""
        row = self._light.select(_SOURCE).slice(self._place(index), 1).to_pylist()[0]
        return _source(row["name"], row["source"], row["companions"] or ())

    @cached_property
    def _light(self) -> pa.Table:
        """Of every row of every file: the light columns, `reply_text` (of explain mode alone) and
        `not_margin`."""
        run = self._parts.run
        columns: dict[str, Any] = {name: pc.field(name) for name in SCHEMA.names if name not in _HEAVY}
        explains, has_not = run.request.mode == "explain", bool(run.question.sent_not)
        columns["reply_text"] = pc.field("reply", "text") if explains else pc.scalar(_NO_TEXT)
        yes, no = (pc.field("not_reply", name) for name in ("logit_yes", "logit_no"))
        columns["not_margin"] = yes - no if has_not else pc.scalar(_NO_NUMBER)
        with explained(self._parts.files[0]):
            return self._parts.dataset().to_table(columns=columns)

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The rows that count among those of every file, by upload index: of two of one image the later."""
        indices = self._light["upload_index"].to_numpy()
        _, latest = np.unique(indices[::-1], return_index=True)
        return len(indices) - 1 - latest

    @cached_property
    def _groups(self) -> tuple[list[int], list[tuple[Path, int]]]:
        """Of each group of rows the first, counted through all files; and the file, and which group of it."""
        firsts, where, first = [], [], 0
        for file in self._parts.files:
            with explained(file):
                head = pq.read_metadata(file)
            for group in range(head.num_row_groups):
                firsts.append(first)
                where.append((file, group))
                first += head.row_group(group).num_rows
        return firsts, where

    def _with_replies(self, row: Scored, text: str | None, not_margin: float | None) -> Scored:
        question = self.run.question
        if text is not None:
            row = replace(row, reply=_brief(question.sent, text=text))
        if not_margin is not None:
            row = replace(row, not_reply=_brief(question.sent_not, margin=not_margin))
        return row

    def _places(self, indices: Sequence[int]) -> list[int]:
        """Where in the table these are, those that are there."""
        every = self.table.indices
        found = np.searchsorted(every, np.asarray(indices, dtype=np.int64)).tolist()
        pairs = zip(indices, found, strict=True)
        return [place for index, place in pairs if place < len(every) and every[place] == index]

    def _place(self, index: int) -> int:
        """Among the rows of every file."""
        if not (found := self._places([index])):
            raise LookupError(f"the result has no image {index}")
        return int(self._order[found[0]])

    def _read(self, index: int, names: list[str]) -> pa.Table:
        """One row with these columns, from its group of rows."""
        at, (firsts, _) = self._place(index), self._groups
        group = bisect_right(firsts, at) - 1
        return self._group(group, names).slice(at - firsts[group], 1)

    def _group(self, group: int, names: list[str]) -> pa.Table:
        key = group, tuple(names)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        file, number = self._groups[1][group]
        with explained(file):
            found = pq.ParquetFile(file).read_row_group(number, names)
        for name in set(names) - set(found.column_names):  # written before there was such a column
            found = found.append_column(name, pa.nulls(len(found), SCHEMA.field(name).type))
        with self._lock:
            self._kept[key] = found.select(names)
            if len(self._kept) > KEPT_GROUPS:
                self._kept.popitem(last=False)
        return found.select(names)


def _brief(query: str, *, text: str = "", margin: float | None = None) -> Reply:
    """What a card shows of a reply: a text, or how much is met of what is not wanted."""
    yes, no = (None, None) if margin is None else (margin, 0.0)
    mode = "explain" if margin is None else "judge"
    return Reply(query, mode, text, yes, no, 0, 0, (), "", 0, 0, 0.0)


def _source(name: str, source: str | None, companions: Sequence[str]) -> Source:
    if source is None or ("://" in source and not Path(source).is_absolute()):
        return Source(name, address=source)
    return Source(name, path=Path(source), companions=tuple(map(Path, companions)))
