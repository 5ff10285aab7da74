"""Rows that are held packed: the same rows, for little memory."""

import copy
import gc
import pickle
import tracemalloc
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app import query, recorder
from lychee_app.cache import ReplyCache
from lychee_app.curate import groups
from lychee_app.engines import Event, Opened, Progress
from lychee_app.packed import IN_MEMORY_BYTES, Rows, light
from lychee_app.ranking import ranked
from lychee_app.records import ImageBudget, MemoryReading, Reply, Scored, ScorerInfo, Source
from lychee_app.request import Request
from lychee_app.store import Store
from tests.support.rows import TAKEN, failed, names, reply, row, told


@given(st.lists(names(), max_size=8))
def test_packed_rows_are_the_rows_whatever_they_are_called(called: list[str]) -> None:
    rows = [
        row(index, float(index), name=name, capture=TAKEN, notes=(told(name),), thumbnail=bytes([index]))
        for index, name in enumerate(called)
    ]
    packed = Rows(rows[::-1])
    assert packed == tuple(rows)
    assert list(packed) == rows
    assert [packed.of(one.upload_index) for one in rows] == rows
    assert packed[1:] == rows[1:]
    assert light(packed) == [replace(one, thumbnail=b"") for one in rows]
    assert ranked(packed) == ranked(rows)
    assert groups(packed) == groups(rows)
    for copied in (copy.deepcopy, copy.copy, lambda it: pickle.loads(pickle.dumps(it))):
        assert copied(packed) == rows
        assert copied(packed[1:]) == tuple(rows[1:])
        assert copied(ranked(packed)) == tuple(ranked(rows))


def test_a_row_takes_the_place_of_an_earlier_one_and_those_that_are_not_wanted_go() -> None:
    packed = Rows([row(2, 1.0, thumbnail=b"old"), failed(0), row(5, 3.0)])
    packed.put(row(2, 2.0, thumbnail=b"new"))
    assert packed == [failed(0), row(2, 2.0, thumbnail=b"new"), row(5, 3.0)]
    packed.keep(lambda one: one.score is not None)
    assert (list(packed.indices), len(packed)) == ([2, 5], 2)
    assert packed[-1] == row(5, 3.0)
    with pytest.raises(IndexError):
        packed[2]
    with pytest.raises(LookupError):
        packed.of(0)


def test_thumbnails_that_nobody_keeps_are_held_and_read_again_however_many() -> None:
    size, count = IN_MEMORY_BYTES // 4, 6
    packed = Rows()
    for index in range(count):
        packed.put(row(index, thumbnail=bytes([index]) * size))
    assert [one.thumbnail for one in packed] == [bytes([index]) * size for index in range(count)]
    packed.put(row(count - 1, thumbnail=b"another"))
    assert packed[-1].thumbnail == b"another"


def test_thumbnails_that_are_kept_are_read_there_when_they_are_asked_for() -> None:
    asked: list[int] = []

    def there(index: int) -> bytes:
        asked.append(index)
        if index == 2:
            raise LookupError
        return b"there"

    packed = Rows(thumbnail=there)
    for index in range(3):
        packed.put(row(index, thumbnail=b"here"), is_kept=index > 0)
    assert [one.margin for one in packed.light] == [None] * 3
    assert asked == []
    assert [one.thumbnail for one in packed] == [b"here", b"there", b""]


class Quick:
    """An engine that makes up a row for each image at once: a thumbnail of 20 kB, a prompt of its own."""

    def prepared(self, request: Request) -> Request:
        return request

    def run(
        self, request: Request, sources: Sequence[tuple[int, Source]], *, cache: ReplyCache | None = None
    ) -> Generator[Event, None, None]:
        budget = ImageBudget(28, 16)
        yield Opened(ScorerInfo("fake", "f" * 16, "float32", "cpu", budget), budget, request)
        for done, (index, source) in enumerate(sources, start=1):
            said = reply(prompt=f"{index} " * 200)
            own = {"thumbnail": bytes([index % 256]) * 20_000, "reply": said, "path": str(source.path)}
            made = row(index, float(index), **own)
            yield Progress(made, done, len(sources), 0.1, MemoryReading("RAM", 1, 2, 1))

    def explain(
        self, request: Request, source: tuple[int, Source], sha256: str, *, cache: ReplyCache | None = None
    ) -> Reply:
        raise NotImplementedError


def test_a_run_that_is_kept_holds_little_of_each_row_and_reads_the_rest(tmp_path: Path) -> None:
    sources = [Source(f"{index}.jpg", path=tmp_path / f"{index}.jpg") for index in range(150)]
    request = Request(query.ask("red"), model="fake")

    def held(store: Store, count: int) -> tuple[int, Sequence[Scored]]:
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        run = recorder.rank(request, sources[:count], Quick(), store)
        gc.collect()
        assert run.images == store.load(run.id).images
        return tracemalloc.get_traced_memory()[0] - before, run.images

    with Store.open(tmp_path / "home") as store:
        tracemalloc.start()
        try:
            (few, _), (many, rows) = held(store, 50), held(store, 150)
        finally:
            tracemalloc.stop()
        assert rows[149].thumbnail == bytes([149]) * 20_000
    assert (many - few) / 100 < 2_000
