"""Records <-> what a table holds.

Records become JSON in ASCII: floats come back bit for bit, and so does any text, lone surrogates (names that
are no UTF-8) included. What repeats in every row of a run (the prompt) is compressed away. Everything that
reads raises Damaged for what was not written here.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from lychee_app.query import Question
from lychee_app.reasons import Reason
from lychee_app.records import (
    Capture,
    Cutoff,
    Heartbeat,
    MemoryReading,
    Phase,
    Reply,
    Run,
    Scored,
    Source,
    Status,
)
from lychee_app.request import Column, Example, Request
from lychee_app.store.database import Damaged

T = TypeVar("T")


@dataclass(frozen=True)
class RunSummary:
    """One line of the history. `done` counts rows, `scored` those with a score. `shown`: of the best images
    the upload index and what its thumbnail is known by, best first."""

    id: str
    created: str
    title: str
    request: Request
    model: str
    status: Status
    total: int
    done: int
    scored: int
    best_score: float | None
    picks: int = 0
    rejects: int = 0
    shown: tuple[tuple[int, str], ...] = ()

    @property
    def question(self) -> Question:
        return self.request.question


@dataclass(frozen=True)
class Rewritten:
    """A file of this machine whose metadata changed, and nothing of its picture: its SHA-256 before and now,
    and the stars that it has inside."""

    path: Path
    before: str
    after: str
    stars: int | None

    def of(self, row: Scored) -> Scored:
        """The row of that file, as it is now."""
        return replace(row, sha256=self.after, capture=replace(row.capture, rating=self.stars))


@dataclass(frozen=True)
class View:
    """A moment of a run, cheap to take. `version` grows with every change: a poller can skip equal ones.

    `here`: nobody but this store scores it. `idle_seconds` are those since its last sign of life.
    """

    run_id: str
    phase: Phase
    status: Status
    done: int
    total: int
    version: int
    seconds_per_image: float = 0.0
    eta_seconds: float = 0.0
    idle_seconds: float = 0.0
    memory: MemoryReading | None = None
    warnings: tuple[Reason, ...] = ()
    error: Reason | None = None
    here: bool = True


def pack_scored(scored: Scored) -> bytes:
    """Everything but the thumbnail, which has a table of its own."""
    return _pack({name: value for name, value in vars(scored).items() if name != "thumbnail"})


def pack_light(scored: Scored) -> str:
    """What a large run is counted, sorted and filtered by (store/table.py): some of a part's columns, without
    what is empty; of the hash the first 128 bits."""
    capture = {name: getattr(scored.capture, name) for name in ("time", "camera", "lens")}
    light = {
        "content_hash": scored.sha256[:32],
        "elements": scored.elements,
        "reason": scored.reason and {"code": scored.reason.code},
        "notes": [{"code": note.code} for note in scored.notes],
        "width_px": scored.width_px,
        "height_px": scored.height_px,
        "capture": {name: text.encode(errors="replace").decode() for name, text in capture.items() if text},
    }
    return json.dumps({name: value for name, value in light.items() if value}, separators=(",", ":"))


def unpack_scored(data: bytes, thumbnail: bytes | None, shared: dict[str, str]) -> Scored:
    """`shared` lets the rows of a run share equal prompts in memory."""
    with _damage_told():
        return read_scored(json.loads(zlib.decompress(data)), thumbnail, shared)


def read_scored(row: dict[str, Any], thumbnail: bytes | None, shared: dict[str, str]) -> Scored:
    """From its fields by name, as JSON tells them. Raises Damaged."""
    with _damage_told():
        row["reply"] = row["reply"] and _reply(row["reply"], shared)
        for name in ("not_reply", "like_reply", "unlike_reply"):  # of the last two older rows know nothing
            row[name] = row.get(name) and _reply(row[name], shared)
        row["element_replies"] = tuple(_reply(reply, shared) for reply in row["element_replies"])
        row["elements"] = tuple(row["elements"])
        row["notes"] = tuple(map(Reason.read, row["notes"]))
        row["companions"] = tuple(row.get("companions", ()))
        row["capture"] = _build(Capture, row.get("capture", {}))
        row["reason"] = _reason(row.get("reason", row.get("error")))
        row["span"] = row["span"] and tuple(row["span"])
        return _build(Scored, row | {"thumbnail": thumbnail or b""})


def pack_reply(reply: Reply) -> bytes:
    return _pack(vars(reply))


def unpack_reply(data: bytes) -> Reply:
    with _damage_told():
        return _reply(json.loads(zlib.decompress(data)), {})


def write_run(run: Run) -> str:
    """Everything but the images."""
    return json.dumps({name: value for name, value in vars(run).items() if name != "images"}, default=vars)


def read_run(text: str, **changes: Any) -> Run:
    with _damage_told():
        row = json.loads(text)
        row |= {"request": _request(row["request"]), "error": _reason(row.get("error"))}
        row["left_out"] = tuple(map(Reason.read, row.get("left_out", ())))
        return replace(_build(Run, row), **changes)


def write_request(request: Request) -> str:
    return json.dumps(request, default=vars)


def read_request(text: str) -> Request:
    with _damage_told():
        return _request(json.loads(text))


def write_reasons(reasons: Sequence[Reason]) -> str:
    return json.dumps(list(reasons), default=vars)


def read_reasons(text: str) -> tuple[Reason, ...]:
    with _damage_told():
        return tuple(map(Reason.read, json.loads(text)))


def write_heartbeat(heartbeat: Heartbeat) -> str:
    return json.dumps(vars(heartbeat), default=vars)


def read_heartbeat(text: str) -> Heartbeat:
    with _damage_told():
        row = json.loads(text)
        memory = row["memory"] and _build(MemoryReading, row["memory"])
        return _build(
            Heartbeat, row | {"memory": memory, "warnings": tuple(map(Reason.read, row["warnings"]))}
        )


def write_source(source: Source) -> str:
    """Where a source is, whatever folder is the current one later; bytes in hand are kept as an upload."""
    companions = [str(path.absolute()) for path in source.companions]
    record = {"name": source.name, "path": source.path and str(source.path.absolute())}
    there = {"companions": companions, "address": source.address, "version": source.version}
    return json.dumps(record | {name: value for name, value in there.items() if value})


def read_source(text: str, upload: Path | None) -> Source:
    with _damage_told():
        row = json.loads(text)
        path = upload or (Path(row["path"]) if row["path"] else None)
        companions = tuple(map(Path, row.get("companions", ())))
        return Source(
            row["name"],
            path=path,
            private=upload is not None,
            companions=companions,
            address=row.get("address"),
            version=row.get("version", ""),
        )


def write_cutoff(cutoff: Cutoff | None) -> str | None:
    return None if cutoff is None else json.dumps(vars(cutoff))


def read_cutoff(text: str | None) -> Cutoff | None:
    with _damage_told():
        return None if text is None else _build(Cutoff, json.loads(text))


def _reason(stored: str | Mapping[str, Any] | None) -> Reason | None:
    """A string, under its name of then ("error"), is what was written before reasons were data."""
    return None if stored is None else Reason.read(stored)


def _request(row: dict[str, Any]) -> Request:
    question = row["question"]
    whole = _build(Question, question | {"elements": tuple(question["elements"])})
    examples = {name: row.get(name) and _build(Example, row[name]) for name in ("like", "unlike")}
    columns = tuple(_build(Column, column) for column in row.get("columns", ()))
    return _build(Request, row | {"question": whole, "columns": columns, **examples})


def _reply(row: dict[str, Any], shared: dict[str, str]) -> Reply:
    prompt = shared.setdefault(row["prompt"], row["prompt"])
    return _build(Reply, row | {"generated_ids": tuple(row["generated_ids"]), "prompt": prompt})


def _pack(row: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(row, default=vars, separators=(",", ":")).encode("ascii"), 1)


def _build(kind: Callable[..., T], row: Mapping[str, Any]) -> T:
    """A record from its fields; fields that an older row lacks take their defaults."""
    known = {field.name for field in fields(kind)}  # pyright: ignore[reportArgumentType]
    return kind(**{name: value for name, value in row.items() if name in known})


@contextmanager
def _damage_told() -> Iterator[None]:
    try:
        yield
    except (zlib.error, ValueError, TypeError, KeyError) as error:
        raise Damaged(str(error)) from error
