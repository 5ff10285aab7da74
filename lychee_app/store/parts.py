"""A run as Parquet: parts in a folder, each written once and whole, and the way back to its rows.

    FOLDER/part-00000-<16 hex digits>.parquet, part-00001-...: at most ROWS_PER_PART rows each, as they came

A part appears under its name when all of it is on disk, and is never touched again, so a run that is cut off
loses at most the rows of the part it was filling. Where two parts have a row of the same `upload_index` (a
file that changed, an image tried again), the one in the part of the higher number counts.

| column | |
| --- | --- |
| upload_index | place among the images that were asked about, from 0: the row's identity |
| source | where the image is: an absolute path, or an address such as s3://bucket/key; null for bytes |
| name | as it is shown: relative to the folder that was given |
| content_hash | SHA-256 of the file, in hex; "" where not even its bytes could be read |
| status | "scored", or "refused" for one without a score |
| score, margin, p_yes | 0 to 10, nats, 0 to 1, unrounded; null where there is none (see Scored) |
| elements | the score of each element of the query, in their order |
| reason | code, and values as JSON, of why there is no score |
| notes | the same of what is to be said of an image beside its score |
| reply | to the query: text is what the model said, verbatim, with both logits, the prompt and its tokens |
| element_replies, not_reply | the same of each element, and of what the images should not show |
| like_reply, unlike_reply | the same beside the example images, where the query has some |
| span | where in reply.text the score was read: start and end; null in judge mode |
| seconds | that its scoring took |
| width_px, height_px | of the original, upright; 0 where it could not be opened |
| seen_width_px, seen_height_px | of what the model was shown |
| thumbnail | a small WebP |
| companions | other files of the same shot |
| fingerprint, sharpness | what images are told to be alike by, and the best of them (curate/) |
| capture | when and with what it was taken, as its file says (see Capture) |
| exact | null but for a row with text that is no Unicode (names of files may be so): all of it, as JSON |

The file's metadata has `lychee.layout` (LAYOUT) and `lychee.run`: the Run without its images as JSON, with
the whole Request, the name, hash and precision of the checkpoint that judged, and `total`.
"""

import json
import os
import re
import textwrap
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from lychee_app.errors import StoreError
from lychee_app.records import Run, Scored
from lychee_app.store import rows
from lychee_app.store.database import Damaged, file_error

MAGIC = b"PAR1"
"""Begins and ends a file of Parquet."""
LAYOUT = "1"
"""Grows when a column changes its meaning; a new column is no change."""
ROWS_PER_PART = 1000
ROWS_PER_GROUP = 250
"""Within a part: so many rows are unpacked for one of them."""
SECONDS_PER_PART = 20.0
"""A slow run writes smaller parts: so much work is lost at most with the process that does it."""

_REASON = pa.struct([("code", pa.string()), ("values", pa.string())])
_REPLY = pa.struct(
    [
        ("query", pa.string()),
        ("mode", pa.string()),
        ("text", pa.string()),
        ("logit_yes", pa.float64()),
        ("logit_no", pa.float64()),
        ("yes_id", pa.int64()),
        ("no_id", pa.int64()),
        ("generated_ids", pa.list_(pa.int64())),
        ("prompt", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("image_tokens", pa.int64()),
        ("seconds", pa.float64()),
        ("tile", pa.int64()),
        ("likeness", pa.float64()),
    ]
)
_CAPTURE = pa.struct(
    [
        ("time", pa.string()),
        ("camera", pa.string()),
        ("lens", pa.string()),
        ("focal_mm", pa.float64()),
        ("f_number", pa.float64()),
        ("exposure_seconds", pa.float64()),
        ("iso", pa.int64()),
        ("rating", pa.int64()),
    ]
)
SCHEMA = pa.schema(
    [
        pa.field("upload_index", pa.int64(), nullable=False),
        ("source", pa.string()),
        pa.field("name", pa.string(), nullable=False),
        pa.field("content_hash", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        ("score", pa.float64()),
        ("margin", pa.float64()),
        ("p_yes", pa.float64()),
        ("elements", pa.list_(pa.float64())),
        ("reason", _REASON),
        ("notes", pa.list_(_REASON)),
        ("reply", _REPLY),
        ("element_replies", pa.list_(_REPLY)),
        ("not_reply", _REPLY),
        ("like_reply", _REPLY),
        ("unlike_reply", _REPLY),
        ("span", pa.list_(pa.int64())),
        ("seconds", pa.float64()),
        ("width_px", pa.int64()),
        ("height_px", pa.int64()),
        ("seen_width_px", pa.int64()),
        ("seen_height_px", pa.int64()),
        ("thumbnail", pa.binary()),
        ("companions", pa.list_(pa.string())),
        ("capture", _CAPTURE),
        ("fingerprint", pa.string()),
        ("sharpness", pa.float64()),
        ("exact", pa.string()),
    ]
)


class PartsWriter:
    """Writes the rows of one run. `run`: as it is once the model is open. Used by one thread at a time."""

    def __init__(
        self,
        folder: Path,
        run: Run,
        *,
        rows_per_part: int = ROWS_PER_PART,
        seconds_per_part: float = SECONDS_PER_PART,
    ) -> None:
        """Makes the folder if it is not there. Raises StoreError."""
        self._folder, self._run = folder, run
        self._most, self._longest = rows_per_part, seconds_per_part
        self._waiting: list[Scored] = []
        self._since = time.monotonic()
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)

    def add(self, scored: Scored) -> None:
        """Raises StoreError where a part is full and cannot be written; its rows are then kept for the next
        attempt."""
        if not self._waiting:
            self._since = time.monotonic()
        self._waiting.append(scored)
        if len(self._waiting) >= self._most or time.monotonic() - self._since >= self._longest:
            self.flush()

    def flush(self, **ended: Any) -> None:
        """Writes what waits as a part. Raises StoreError; parts that are there are unharmed.

        ended: fields of the run, as they are now.
        """
        self._run = replace(self._run, **ended)
        if not self._waiting:
            return
        number = 1 + max((_number(file) for file in files_in(self._folder)), default=-1)
        goal = self._folder / f"part-{number:05}-{uuid.uuid4().hex[:16]}.parquet"
        table = table_of(self._waiting, self._run)
        with explained(goal), _aside(goal) as file:
            pq.write_table(table, file, compression="zstd", row_group_size=ROWS_PER_GROUP)
        self._waiting = []


@dataclass(frozen=True)
class Parts:
    """A result that can be read. `run` is without its images, as the newest part has it; `files` are in the
    order in which they were written. `cut_short`: parts that are not whole, as one that was copied halfway;
    they are left out."""

    files: tuple[Path, ...]
    run: Run
    cut_short: tuple[Path, ...] = ()

    def dataset(self) -> pyarrow.dataset.Dataset:
        """For questions in columns. It has every row of every part: see `counting`."""
        return pyarrow.dataset.dataset([str(file) for file in self.files], schema=SCHEMA, format="parquet")

    def check(self, file: Path, schema: pa.Schema) -> None:
        """Raises StoreError for a file that is no part, or a part of another result: its scores are answers
        to something else."""
        check_layout(file, schema)
        if not self.are_of(_run_in(schema)):
            raise StoreError("parts-mixed", path=str(file), newest=self.files[-1].name)

    def are_of(self, run: Run) -> bool:
        """Whether they may be parts of it. One that went on may have another id and date."""
        of_ours, of_other = (
            (one.request, one.checkpoint_hash, one.precision, one.total) for one in (self.run, run)
        )
        return of_ours == of_other

    def counting(self) -> list[np.ndarray]:
        """Of each file, which of its rows count: a mask in the order of its rows. Raises StoreError."""
        indices = []
        for file in self.files:
            with explained(file), pq.ParquetFile(file) as opened:
                self.check(file, opened.schema_arrow)
                indices.append(opened.read(["upload_index"])[0].to_numpy())
        every = np.concatenate(indices)[::-1]
        _, latest = np.unique(every, return_index=True)
        counts = np.zeros(len(every), dtype=bool)
        counts[latest] = True
        return np.split(counts[::-1], np.cumsum([len(each) for each in indices])[:-1])

    def rows(self) -> Iterator[Scored]:
        """Each image once, in the order in which they were written, one part in memory at a time.

        Raises StoreError.
        """
        shared: dict[str, str] = {}
        for file, counts in zip(self.files, self.counting(), strict=True):
            with explained(file):
                table = pq.read_table(file, schema=SCHEMA).filter(pa.array(counts))
                some = scored_of(table, shared)
            yield from some


def open_parts(path: Path) -> Parts:
    """A folder of parts, or one of them. Raises StoreError where there are none, or none that is whole, or
    they are of something else."""
    files = files_of(path)
    cut_short = tuple(filter(is_cut_short, files))
    whole = [file for file in files if file not in cut_short] or files
    return Parts(tuple(whole), _run_of(whole[-1]), cut_short)


def files_of(path: Path) -> list[Path]:
    """A folder of parts, or one of them: its files. Raises StoreError where there are none."""
    if files := files_in(path) if path.is_dir() else [path] if path.is_file() else []:
        return files
    raise StoreError("parts-none", path=str(path))


def is_cut_short(file: Path) -> bool:
    """Whether it lacks its end, or ever had none. Raises StoreError where it cannot be read."""
    with explained(file), file.open("rb") as opened:
        size = opened.seek(0, os.SEEK_END)
        opened.seek(max(0, size - len(MAGIC)))
        return opened.read() != MAGIC or size < 3 * len(MAGIC)


def files_in(folder: Path) -> list[Path]:
    """The parts that lie there, in the order in which they were written; [] where there is no folder."""
    return sorted(folder.glob("part-*.parquet"), key=lambda file: (_number(file), file.name))


def table_of(scored: Sequence[Scored], run: Run) -> pa.Table:
    """Rows of a run as they lie in a part, with its metadata. Its images are not looked at."""
    head = {"lychee.layout": LAYOUT, "lychee.run": rows.write_run(replace(run, images=()))}
    records = [_record(row) for row in scored]
    try:
        table = pa.Table.from_pylist(records, SCHEMA)
    except UnicodeEncodeError:
        pairs = zip(scored, records, strict=True)
        table = pa.Table.from_pylist([_readable(row, record) for row, record in pairs], SCHEMA)
    return table.replace_schema_metadata(head)


def scored_of(table: pa.Table, shared: dict[str, str]) -> list[Scored]:
    """The rows of a table with the columns of SCHEMA. `shared` lets them share equal prompts in memory.

    Raises Damaged.
    """
    return [_scored(record, shared) for record in table.to_pylist()]


def _record(row: Scored) -> dict[str, Any]:
    record = vars(row) | {
        "source": os.path.abspath(row.path) if row.path else row.address,
        "content_hash": row.sha256,
        "status": "refused" if row.score is None else "scored",
        "reason": row.reason and _told(vars(row.reason)),
        "notes": [_told(vars(note)) for note in row.notes],
        "reply": row.reply and vars(row.reply),
        "element_replies": [vars(reply) for reply in row.element_replies],
        "not_reply": row.not_reply and vars(row.not_reply),
        "like_reply": row.like_reply and vars(row.like_reply),
        "unlike_reply": row.unlike_reply and vars(row.unlike_reply),
        "capture": vars(row.capture),
    }
    return {name: record.get(name) for name in SCHEMA.names}


def _told(reason: Mapping[str, Any]) -> dict[str, str]:
    return {"code": reason["code"], "values": json.dumps(reason["values"])}


def _readable(row: Scored, record: dict[str, Any]) -> dict[str, Any]:
    """The record with "\\udcff" for what is no Unicode, and the row as it is where there is any such."""
    readable = _with_escapes(record)
    if readable == record:
        return record
    exact = {name: value for name, value in vars(row).items() if name != "thumbnail"}
    return readable | {"exact": json.dumps(exact, default=vars)}


def _with_escapes(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {name: _with_escapes(each) for name, each in value.items()}
        case list() | tuple():
            return [_with_escapes(each) for each in value]
    return value


def _scored(record: dict[str, Any], shared: dict[str, str]) -> Scored:
    thumbnail = record["thumbnail"]
    if record["exact"] is not None:
        return rows.read_scored(json.loads(record["exact"]), thumbnail, shared)
    source, is_address = record["source"], "://" in (record["source"] or "")
    is_address = is_address and not os.path.isabs(source)
    read = record | {
        "path": None if is_address else source,
        "address": source if is_address else None,
        "sha256": record["content_hash"],
        "reason": record["reason"] and _untold(record["reason"]),
        "notes": [_untold(note) for note in record["notes"] or ()],
        "element_replies": record["element_replies"] or (),
        "elements": record["elements"] or (),
        "companions": record["companions"] or (),
        "capture": record["capture"] or {},
        "fingerprint": record.get("fingerprint") or "",
        "sharpness": record.get("sharpness") or 0.0,
    }
    return rows.read_scored(read, thumbnail, shared)


def _untold(reason: Mapping[str, str]) -> dict[str, Any]:
    return {"code": reason["code"], "values": json.loads(reason["values"])}


def _run_of(file: Path) -> Run:
    with explained(file):
        with file.open("rb") as opened:
            if opened.read(len(MAGIC)) not in (MAGIC, b""):
                raise StoreError("parts-foreign", path=str(file))
        schema = pq.read_schema(file)
        check_layout(file, schema)
        return _run_in(schema)


def _run_in(schema: pa.Schema) -> Run:
    """Raises Damaged, KeyError and ValueError."""
    return rows.read_run(schema.metadata[b"lychee.run"].decode())


def check_layout(file: Path, schema: pa.Schema) -> None:
    """Raises StoreError for a file that is no part, or one of a later Lychee."""
    if (schema.metadata or {}).get(b"lychee.layout") != LAYOUT.encode():
        raise StoreError("parts-foreign", path=str(file))


def is_ours(file: Path) -> bool:
    """By its name: others call theirs part-... too."""
    return re.fullmatch(r"part-\d{5,}-[0-9a-f]{16}\.parquet", file.name) is not None


def _number(file: Path) -> int:
    number = file.name.split("-")[1]
    return int(number) if number.isdecimal() else -1


@contextmanager
def _aside(goal: Path) -> Iterator[BinaryIO]:
    """A file that becomes `goal` when all of it is on disk, and vanishes if that fails."""
    aside = goal.with_name(f".{goal.name}.unfinished")
    try:
        with aside.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        aside.rename(goal)
    finally:
        aside.unlink(missing_ok=True)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raises StoreError for what the disk or pyarrow refuse."""
    try:
        yield
    except (pa.ArrowException, Damaged, ValueError, KeyError) as error:
        raise _corrupt(path, error) from error
    except OSError as error:
        if error.errno is None:  # pyarrow's, of what it read
            raise _corrupt(path, error) from error
        told = file_error(path, error)
        if told.code == "store-full":
            raise told from error
        raise StoreError("parts-closed", path=str(path), detail=error.strerror or str(error)) from error


def _corrupt(path: Path, error: Exception) -> StoreError:
    """In one line: pyarrow lists whole schemas, and shows bytes as they are."""
    readable = "".join(c if c.isprintable() else " " for c in str(error))
    detail = textwrap.shorten(readable, 200, placeholder=" …")
    return StoreError("parts-corrupt", path=str(path), detail=detail)
