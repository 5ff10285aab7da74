"""What the browser sends of files that are added: first their names, then what is wanted, many at once.

    POST /lychee/choose        {"files": [[name, bytes, head]], "exclude": [...], "hidden": false}
                               -> {"wanted": [2, 0], "left": {"system": 1}, "told": [...]}; told: what is no
                               image though it was meant, and globs that excluded nothing, a line each
    POST /lychee/add/{draft}   a line of JSON, {"files": [[name, bytes, changed]], "left": {"system": 1}}, and
                               behind it the bytes of those files, one after the other; all are added, or
                               none. changed: when, in milliseconds since 1970; may be left out

Nothing of a file is held here: it is hashed while it is written to where it stays. Streamlit's own field
sends one request a file, holds each in memory, and calls `a"b` and `a%22b` alike.
"""

import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.concurrency import run_in_threadpool

from lychee_app import intake, sources
from lychee_app.intake.names import same_name_safe
from lychee_app.locale import Words
from lychee_app.sources import Chosen, Picked, Rules
from lychee_app.store import Store
from lychee_app.store.uploads import Arriving

MOST_NAMES_BYTES = 64 << 20
MOST_LINE_BYTES = 1 << 20
MOST_BYTES = intake.MAX_FILE_BYTES + MOST_LINE_BYTES
"""Of one request: a file of the largest size, or many small ones."""
MOST_TOLD = 5
"""Files that are no images, by name."""
AT_ONCE_BYTES = 1 << 20
"""So many bytes are handed from the server's own thread to the one that writes."""


def choose(store: Store, body: bytes, t: Words) -> dict[str, Any]:
    """Raises StoreError where all that is wanted could never be kept, ValueError and its like for what is no
    list of files."""
    asked = json.loads(body)
    rules = Rules(tuple(map(str, asked["exclude"])), bool(asked["hidden"]))
    files = [
        Chosen(str(name), int(size), base64.b64decode(head, validate=True))
        for name, size, head in asked["files"]
    ]
    found = sources.picked(files, rules)
    store.drafts.check_cap(sum(files[place].size_bytes for place in found.wanted))
    return {"wanted": found.wanted, "left": dict(found.left_out), "told": _told(found, t)}


def _told(found: Picked, t: Words) -> list[str]:
    lines = [
        t("adding.refused", name=same_name_safe(name), why=t.reason(why))
        for name, why in found.refused[:MOST_TOLD]
    ]
    if more := len(found.refused) - len(lines):
        lines.append(t("adding.refused_more", n=more))
    return [*lines, *(t("exclude.unmet", glob=glob) for glob in found.unmet)]


@dataclass(frozen=True)
class Head:
    """The line before the files' bytes."""

    names: tuple[str, ...]
    sizes_bytes: tuple[int, ...]
    modified: tuple[float | None, ...]
    left_out: dict[str, int]

    @classmethod
    def read(cls, line: bytes) -> "Head":
        row = json.loads(line)
        names = tuple(str(name) for name, *_ in row["files"])
        sizes = tuple(int(size) for _, size, *_ in row["files"])
        modified = tuple(float(more[0]) / 1000 if more else None for _, _, *more in row["files"])
        if any(size < 0 for size in sizes) or sum(sizes) > intake.MAX_FILE_BYTES:
            raise ValueError(f"{sum(sizes):,} bytes; at most {intake.MAX_FILE_BYTES:,} at once")
        return cls(names, sizes, modified, {str(kind): int(n) for kind, n in row["left"].items()})


async def receive(store: Store, draft_id: str, stream: AsyncIterator[bytes]) -> int:
    """Adds the files of one request to a draft; returns how many. Raises StoreError, and ValueError and its
    like for what is no such request or was cut short: nothing of it is added then."""
    line, rest = await _line_of(stream)
    head = Head.read(line)
    with store.drafts.arriving() as arriving:
        spread = _Spread(arriving, head.sizes_bytes)
        waiting = bytearray(rest)
        async for data in stream:
            waiting += data
            if len(waiting) >= AT_ONCE_BYTES:
                await run_in_threadpool(spread.put, waiting)
                waiting = bytearray()
        await run_in_threadpool(spread.put, waiting)
        if spread.missing_bytes:
            raise ValueError(f"{spread.missing_bytes:,} bytes did not come")
        left_out = sources.of_the_browser(head.left_out)
        dated = zip(arriving.files, head.modified, strict=True)
        files = [replace(file, modified=moment) for file, moment in dated]
        await run_in_threadpool(store.drafts.receive, draft_id, head.names, files, left_out)
    return len(head.names)


async def _line_of(stream: AsyncIterator[bytes]) -> tuple[bytes, bytes]:
    """The first line, and what came with it."""
    data = bytearray()
    async for piece in stream:
        data += piece
        line, end, rest = data.partition(b"\n")
        if end:
            return bytes(line), bytes(rest)
        if len(data) > MOST_LINE_BYTES:
            break
    raise ValueError("no list of files")


class _Spread:
    """Spreads what comes over the files that it is of."""

    def __init__(self, arriving: Arriving, sizes_bytes: Sequence[int]) -> None:
        self._arriving = arriving
        self._sizes = deque(sizes_bytes)
        self._left_bytes: int | None = None
        self._next()

    @property
    def missing_bytes(self) -> int:
        return (self._left_bytes or 0) + sum(self._sizes)

    def put(self, data: bytearray) -> None:
        """Raises StoreError, and ValueError where more comes than was told."""
        view = memoryview(data)
        while view:
            if self._left_bytes is None:
                raise ValueError(f"{len(view):,} bytes too many")
            part = view[: self._left_bytes]
            self._arriving.write(part)
            self._left_bytes -= len(part)
            view = view[len(part) :]
            self._next()

    def _next(self) -> None:
        """Ends each file that is whole and begins the one behind it; an empty one is whole at once."""
        while not self._left_bytes:
            if self._left_bytes == 0:
                self._arriving.end()
            if not self._sizes:
                self._left_bytes = None
                return
            self._left_bytes = self._sizes.popleft()
            self._arriving.begin()
