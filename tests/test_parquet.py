"""Runs that are written as Parquet while they are scored, and go on from what was written."""

import os
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lychee_app import query, recorder
from lychee_app.cache import ReplyCache
from lychee_app.engines import Event, Progress
from lychee_app.engines.local import LocalEngine
from lychee_app.errors import ModelLost, StoreError, UsageError
from lychee_app.parquet import InParts
from lychee_app.reasons import Reason
from lychee_app.recorder import Log, Unkept
from lychee_app.records import Run, Source, Status
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.store.parts import files_in, open_parts
from tests.support.fakes import FakeScorer, engine_of, picture, raising
from tests.support.rows import told

RED = Request(query.ask("red"))


@pytest.fixture
def photos(tmp_path: Path) -> list[Source]:
    """Six files; the fourth is no image."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, colour in enumerate(("red", "green", "blue", "red", "green", "blue")):
        (folder / f"{number}.png").write_bytes(b"<html>" if number == 3 else picture(colour, seed=number))
    return [Source(file.name, path=file) for file in sorted(folder.iterdir())]


def rank(
    photos: Sequence[Source],
    settings: Settings,
    folder: Path,
    scorer: FakeScorer | None = None,
    *,
    log: Log | None = None,
    requests: Sequence[Request] = (RED,),
    folders: Sequence[Path] = (),
    on_event=lambda event: None,
) -> list[Run]:
    """As the command line does it."""
    places = dict(zip(requests, folders or [folder], strict=True))
    parts = InParts(log or Unkept(), places, rows_per_part=2)
    engine = engine_of(scorer or FakeScorer(), settings)
    return recorder.rank_each(requests, photos, engine, parts, on_event, going_on=lambda n: None)


def cut_off(photos: Sequence[Source], settings: Settings, folder: Path, *, log: Log | None = None) -> None:
    """A run that loses its model at the sixth image."""
    lost = FakeScorer(before=raising(ModelLost(told("gone")), "5.png"))
    with pytest.raises(ModelLost):
        rank(photos, settings, folder, lost, log=log)


def test_the_parts_hold_what_the_run_holds(photos: list[Source], settings: Settings, tmp_path: Path) -> None:
    (run,) = rank(photos, settings, tmp_path / "parts")
    parts = open_parts(tmp_path / "parts")
    assert tuple(parts.rows()) == run.images
    assert parts.run.checkpoint_hash == run.checkpoint_hash == "f" * 16
    assert len(parts.files) == 3
    assert [row.score is None for row in parts.rows()] == [False, False, False, True, False, False]


def test_rows_are_there_while_the_run_is_scored(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    seen: list[tuple[int, int]] = []

    def look(event: Event) -> None:
        if isinstance(event, Progress):
            seen.append((event.done, 2 * len(files_in(tmp_path / "parts"))))

    rank(photos, settings, tmp_path / "parts", on_event=look)
    assert seen == [(1, 0), (2, 2), (3, 2), (4, 4), (5, 4), (6, 6)]


@pytest.mark.parametrize("kept", ["parts and history", "parts alone", "history alone"])
def test_a_run_that_was_cut_off_goes_on_and_scores_no_image_twice(
    photos: list[Source], settings: Settings, tmp_path: Path, kept: str
) -> None:
    first, second = settings.data_folder, tmp_path / "other home"
    folder = tmp_path / "parts"
    with Store.open(first) as store:
        cut_off(photos, settings, folder, log=store)
    standing = {file: file.read_bytes() for file in files_in(folder)}
    if kept == "history alone":
        folder, standing = tmp_path / "new parts", {}
    scorer = FakeScorer()
    with Store.open(second if kept == "parts alone" else first) as store:
        (run,) = rank(photos, settings, folder, scorer, log=store)
        assert store.load(run.id).images == run.images
        assert [each.status for each in store.runs()] == ["done"]
    assert [name for name, _ in scorer.seen] == ["5.png"]
    assert {file: file.read_bytes() for file in files_in(folder)}.items() >= standing.items()
    rows = list(open_parts(folder).rows())
    assert sorted(row.upload_index for row in rows) == [0, 1, 2, 3, 4, 5]
    assert sorted(rows, key=lambda row: row.upload_index) == list(run.images)


def test_a_file_that_changed_is_scored_anew(photos: list[Source], settings: Settings, tmp_path: Path) -> None:
    cut_off(photos, settings, tmp_path / "parts")
    assert photos[0].path
    photos[0].path.write_bytes(picture("blue", seed=9))
    scorer = FakeScorer()
    (run,) = rank(photos, settings, tmp_path / "parts", scorer)
    assert [name for name, _ in scorer.seen] == ["0.png", "5.png"]
    assert (run.images[0].score or 9) < 1
    assert {row.upload_index: row for row in open_parts(tmp_path / "parts").rows()}[0] == run.images[0]


def test_a_file_that_was_not_touched_since_is_not_read_again(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    with Store.open(settings.data_folder) as store:
        cut_off(photos, settings, tmp_path / "parts", log=store)
        run = store.load(store.runs()[0].id)
    path = photos[0].path
    assert path
    from lychee_app.store.store import holds

    later = "2999-01-01T00:00:00+00:00"
    path.write_bytes(b"other bytes, which nobody has a look at")
    assert holds(run.images[0], photos[0], later)
    assert not holds(run.images[0], photos[0], run.created)


def test_a_finished_result_is_read_and_nothing_is_scored(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    (before,) = rank(photos[:5], settings, tmp_path / "parts")
    stands = open_parts(tmp_path / "parts").run
    assert (stands.status, stands.seconds) == ("done", before.seconds)
    assert stands.peak_memory_bytes == before.peak_memory_bytes > 0
    scorer = FakeScorer()
    (run,) = rank(photos[:5], settings, tmp_path / "parts", scorer)
    assert scorer.seen == []
    assert run.images == before.images
    assert run.seconds > before.seconds


def test_each_of_several_queries_has_a_folder(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    requests = [RED, Request(query.ask("blue"))]
    scorer = FakeScorer()
    runs = rank(
        photos,
        settings,
        tmp_path,
        scorer,
        requests=requests,
        folders=[tmp_path / "red", tmp_path / "blue"],
    )
    assert len(scorer.seen) == 5
    for run, name in zip(runs, ("red", "blue"), strict=True):
        parts = open_parts(tmp_path / name)
        assert tuple(parts.rows()) == run.images
        assert parts.run.question.typed == name


def test_a_folder_with_another_result_is_refused_and_stays(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    rank(photos, settings, tmp_path / "parts")
    before = {file: file.read_bytes() for file in files_in(tmp_path / "parts")}
    other = Request(query.ask("blue"))
    for more in ({"requests": [other]}, {"photos": photos[1:]}):
        with pytest.raises(UsageError) as caught:
            rank(**{"photos": photos, "settings": settings, "folder": tmp_path / "parts"} | more)
        assert caught.value.code == "parts-other"
        assert "red" in str(caught.value)
    judge = FakeScorer(info=replace(FakeScorer().info, checkpoint_hash="0" * 16))
    with pytest.raises(UsageError) as caught:
        rank(photos, settings, tmp_path / "parts", judge)
    assert caught.value.code == "parts-there"
    assert {file: file.read_bytes() for file in files_in(tmp_path / "parts")} == before


def test_what_cannot_be_written_ends_the_run_in_a_sentence_and_the_history_has_its_rows(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"

    def in_the_way(event: Event) -> None:
        if isinstance(event, Progress) and event.done == 3:
            folder.rename(tmp_path / "moved")
            folder.write_bytes(b"")

    with Store.open(settings.data_folder) as store:
        with pytest.raises(StoreError) as caught:
            rank(photos, settings, folder, log=store, on_event=in_the_way)
        assert caught.value.code == "parts-closed"
        (kept,) = store.runs()
        assert (kept.status, kept.done) == ("failed", 4)
    assert len(files_in(tmp_path / "moved")) == 1
    os.remove(folder)


class Ends(Unkept):
    """A log that notes how runs ended."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: list[tuple[Status, str | None]] = []

    def finish(
        self, run_id: str, status: Status, seconds: float, peak_memory_bytes: int, error: Reason | None = None
    ) -> None:
        self.ends.append((status, error and error.code))


@pytest.mark.parametrize(("full_from", "finished"), [(3, 1), (5, 2)], ids=["in the middle", "at the end"])
def test_a_disk_that_is_full_fails_the_run_and_it_goes_on_from_its_finished_parts(
    photos: list[Source], settings: Settings, tmp_path: Path, full_from: int, finished: int
) -> None:
    """As on a full disk, no file may have more than so many bytes (RLIMIT_FSIZE)."""
    resource = pytest.importorskip("resource")
    before, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(event: Event) -> None:
        if isinstance(event, Progress) and event.done == full_from:
            resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, hard))

    folder, log = tmp_path / "parts", Ends()
    try:
        with pytest.raises(StoreError) as caught:
            rank(photos, settings, folder, log=log, on_event=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (before, hard))
    assert (caught.value.code, log.ends) == ("store-full", [("failed", "store-full")])
    assert len(files_in(folder)) == len(list(folder.iterdir())) == finished
    scorer = FakeScorer()
    (run,) = rank(photos, settings, folder, scorer)
    names = [photo.name for photo in photos[2 * finished :] if photo.name != "3.png"]
    assert [name for name, _ in scorer.seen] == names
    assert sorted(open_parts(folder).rows(), key=lambda row: row.upload_index) == list(run.images)


def test_parts_that_are_not_whole_are_set_aside_and_their_images_scored_anew(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    folder, aside = tmp_path / "parts", list[Path]()
    (before,) = rank(photos, settings, folder)
    first, second, last = files_in(folder)
    last.write_bytes(last.read_bytes()[:-100])
    first.write_bytes(b"")
    assert {row.upload_index for row in open_parts(folder).rows()} == {2, 3}
    scorer = FakeScorer()
    log = InParts(Unkept(), {RED: folder}, aside.append, rows_per_part=2)
    (run,) = recorder.rank_each(
        [RED], photos, engine_of(scorer, settings), log, going_on=lambda n: None
    )
    assert [name for name, _ in scorer.seen] == ["0.png", "1.png", "4.png", "5.png"]
    assert aside == [Path(f"{file}.cut-short") for file in (first, last)]
    assert {*files_in(folder)} > {second}
    rows = sorted(open_parts(folder).rows(), key=lambda row: row.upload_index)
    assert rows == list(run.images)
    assert [row.margin for row in rows] == [row.margin for row in before.images]


def test_a_folder_that_cannot_be_made_is_told_before_anything_is_scored(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    scorer = FakeScorer()
    with Store.open(settings.data_folder) as store:
        with pytest.raises(StoreError) as caught:
            rank(photos, settings, tmp_path / "file" / "parts", scorer, log=store)
        assert (caught.value.code, store.runs(), scorer.seen) == ("parts-closed", [], [])


class Silent(LocalEngine):
    """Says nothing where there is nothing to do, as the engine on Ray."""

    def run(
        self, request: Request, sources: Sequence[tuple[int, Source]], *, cache: ReplyCache | None = None
    ) -> Generator[Event, None, None]:
        if sources:
            yield from super().run(request, sources, cache=cache)


def test_what_the_history_has_whole_is_written_as_parts_though_nothing_is_left_to_score(
    photos: list[Source], settings: Settings, tmp_path: Path
) -> None:
    engine = Silent(settings, lambda name, precision: FakeScorer())

    def stop(event: Event) -> None:
        if isinstance(event, Progress) and event.done == event.total:
            raise KeyboardInterrupt

    with Store.open(settings.data_folder) as store:
        with pytest.raises(KeyboardInterrupt):
            recorder.rank_each([RED], photos, engine, store, stop, going_on=lambda n: None)
        log = InParts(store, {RED: tmp_path / "parts"}, rows_per_part=4)
        (run,) = recorder.rank_each([RED], photos, engine, log, going_on=lambda n: None)
        assert (run.status, len(store.runs())) == ("done", 1)
        parts = open_parts(tmp_path / "parts")
        assert tuple(parts.rows()) == run.images
    assert parts.run.checkpoint_hash == "f" * 16
