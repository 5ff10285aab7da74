"""The rows of a result that lies in Parquet parts, read where they lie: a few columns of all, all of a few.

What is light of every row is held: some 320 bytes each, 32 MB for 100,000 images. Thumbnails and what the
model said are read when they are asked for. A part is read once, as long as it is the same file.
"""

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lychee_app.records import Reply, Run, Scored, Source
from lychee_app.request import Mode
from lychee_app.store.parts import SCHEMA, Parts, explained, scored_of
from lychee_app.store.table import COLUMNS, Table

KEPT_GROUPS = 16
"""Groups of rows that were read last: the next image is often of one of them."""
_SOURCE = ["upload_index", "name", "source", "companions"]
_REPLIES = ("reply", "element_replies", "not_reply", "like_reply", "unlike_reply")
_HEAVY = {"thumbnail", "fingerprint", "status", "p_yes", "span", "seconds", *_REPLIES}
"""Or not needed of many."""
_LIGHT = pa.schema([field for field in SCHEMA if field.name not in _HEAVY])
Identity = tuple[Path, int, int]
"""Of a file: where it lies, when it was last changed, in nanoseconds, and its bytes."""


def identities(files: Sequence[Path]) -> tuple[Identity, ...]:
    """Raises StoreError for one that is gone."""
    found = []
    for file in files:
        with explained(file):
            status = file.stat()
        found.append((file, status.st_mtime_ns, status.st_size))
    return tuple(found)


@dataclass(frozen=True)
class _Part:
    """What is light of the rows of one file, and how many rows each of its groups has."""

    rows: pa.Table
    groups: list[int]


class Attached:
    """A result. May be used from several threads. Raises StoreError where its files are gone or damaged,
    whatever is asked for."""

    def __init__(self, parts: Parts, before: "Attached | None" = None) -> None:
        """before: of the same result when it had fewer parts; what it read is not read again."""
        self._parts = parts
        self.identities = identities(parts.files)
        self.cut_short = identities(parts.cut_short)
        """Files that are left out."""
        self._known = dict(before._known) if before and parts.are_of(before.run) else {}
        self._reading = threading.RLock()
        self._kept: OrderedDict[tuple[int, tuple[str, ...]], pa.Table] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def run(self) -> Run:
        """Without its images."""
        return self._parts.run

    @cached_property
    def table(self) -> Table:
        light, order = self._light.select(COLUMNS), self._order
        if len(order) < len(light) or (np.diff(order) < 0).any():
            light = light.take(pa.array(order))
        return Table.read(light, len(self.run.question.elements))

    def all(self) -> Iterator[Scored]:
        """Each row once, in the order in which they were written."""
        return self._parts.rows()

    def some(self, indices: Sequence[int]) -> list[Scored]:
        """Rows in this order, without those that are not there: without thumbnails, and of the replies only
        what a card shows."""
        found = self._light.take(pa.array(self._order[self._places(indices)]))
        said = {name: found[name].to_pylist() for name in _REPLIES if name in found.column_names}
        empty = {name: pa.nulls(len(found), SCHEMA.field(name).type) for name in _HEAVY}
        whole = pa.table({name: found[name] for name in _LIGHT.names} | empty)
        rows = scored_of(whole.select(SCHEMA.names), {})
        mode = self.run.request.mode
        for name, records in said.items():
            briefs = [record and _brief(mode if name == "reply" else "judge", **record) for record in records]
            rows = [replace(row, **{name: brief}) for row, brief in zip(rows, briefs, strict=True)]
        return rows

    def row(self, index: int) -> Scored:
        """All of one. Raises LookupError when there is none."""
        read = self._read(index, SCHEMA.names)
        with explained(self._parts.files[-1].parent):
            (row,) = scored_of(read, {})
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
        """Of every row of every file: the light columns, and what a card shows of the replies there are."""
        with self._reading, explained(self._parts.files[-1].parent):
            return pa.concat_tables(part.rows for part in self._by_file.values())

    @cached_property
    def _by_file(self) -> dict[Identity, _Part]:
        """The same, file by file. Through `pyarrow.dataset` it would take half as long again."""
        run = self._parts.run
        shown = {
            "reply": ["text"] if run.request.mode == "explain" else [],
            "not_reply": ["logit_yes", "logit_no"] if run.question.sent_not else [],
            "like_reply": ["likeness"] if run.request.like else [],
            "unlike_reply": ["likeness"] if run.request.unlike else [],
        }
        leaves = [f"{reply}.{leaf}" for reply, names in shown.items() for leaf in names]
        read = {}
        for one in self.identities:
            if (part := self._known.get(one)) is None:
                with explained(one[0]), pq.ParquetFile(one[0]) as file:
                    self._parts.check(one[0], file.schema_arrow)
                    head = file.metadata
                    groups = [head.row_group(number).num_rows for number in range(head.num_row_groups)]
                    part = _Part(_light(file.read([*_LIGHT.names, *leaves], use_threads=False)), groups)
            read[one] = part
        self._known = read
        return read

    @cached_property
    def _order(self) -> NDArray[np.int64]:
        """The rows that count among those of every file, by upload index: of two of one image the later."""
        indices = self._light["upload_index"].to_numpy()
        _, latest = np.unique(indices[::-1], return_index=True)
        return len(indices) - 1 - latest

    @cached_property
    def _groups(self) -> tuple[list[int], list[tuple[Path, int]]]:
        """Of each group of rows the first, counted through all files; and the file, and which group of it."""
        parts = self._by_file.items()
        where = [(file, number) for (file, *_), part in parts for number in range(len(part.groups))]
        sizes = [size for _, part in parts for size in part.groups]
        return list(accumulate(sizes[:-1], initial=0)), where

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


def _light(table: pa.Table) -> pa.Table:
    """With the light columns that there were not yet when it was written. Raises ArrowException and
    ValueError where one is of another kind, or has no value where each row must have one."""
    for name in set(_LIGHT.names) - set(table.column_names):
        table = table.append_column(name, pa.nulls(len(table), _LIGHT.field(name).type))
    light = table.select(_LIGHT.names).replace_schema_metadata(None)
    light = light if light.schema == _LIGHT else light.cast(_LIGHT)
    for name in set(table.column_names) - set(_LIGHT.names):
        light = light.append_column(name, table[name])
    return light


def _brief(mode: Mode, text: str = "", **told: float | None) -> Reply:
    """What a card shows of a reply: a text, or how much is met of what is not wanted, or of an example."""
    yes, no = told.get("logit_yes"), told.get("logit_no")
    return Reply("", mode, text, yes, no, 0, 0, (), "", 0, 0, 0.0, likeness=told.get("likeness"))


def _source(name: str, source: str | None, companions: Sequence[str]) -> Source:
    if source is None or ("://" in source and not Path(source).is_absolute()):
        return Source(name, address=source)
    return Source(name, path=Path(source), companions=tuple(map(Path, companions)))
