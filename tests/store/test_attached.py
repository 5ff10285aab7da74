"""Results that lie in Parquet parts, and large runs of the store: a few columns or a few rows at a time."""

import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lychee_app.errors import StoreError
from lychee_app.records import Run, Scored, Source
from lychee_app.store import Store
from lychee_app.store.parts import PartsWriter, open_parts
from tests.support.rows import TAKEN, failed, reply, row, run_of

SHOTS = [
    row(
        0,
        2.5,
        name="a/沙发.jpg",
        path="/photos/a.jpg",
        companions=("/photos/a.xmp",),
        thumbnail=b"RIFF0",
        elements=(8.0,),
        capture=TAKEN,
    ),
    failed(1),
    row(2, -1.0, name="B.jpg", not_reply=reply("dog", -3.0), width_px=40, height_px=30, thumbnail=b"RIFF2"),
    row(4, 7.25, name="not-utf8-\udcff.jpg", address="s3://bucket/4.jpg", elements=(2.0,)),
]
RUN = run_of([], total=5, not_text="dog", elements=("sofa",), status="running")
FOREIGN = io.BytesIO()
pq.write_table(pa.table({"upload_index": [9]}), FOREIGN)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The result in three parts; the last one has another row of image 2."""
    writer = PartsWriter(tmp_path / "result", RUN, rows_per_part=2)
    for each in (replace(SHOTS[2], score=1.0, name="old.jpg"), *SHOTS):
        writer.add(each)
    writer.flush()
    return tmp_path / "result"


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "home") as store:
        yield store


def kept(store: Store, rows: list[Scored], run: Run = RUN) -> str:
    """The same run as the store itself keeps one."""
    store.create(
        replace(run, id="own"), [Source(f"{n}", path=Path(f"/photos/{n}")) for n in range(run.total)]
    )
    for each in rows:
        store.add("own", each)
    return "own"


def test_a_result_stands_in_the_history_and_says_how_far_it_is(store: Store, folder: Path) -> None:
    run_id = store.attach(folder)
    (line,) = store.runs()
    assert (line.id, line.total, line.done, line.scored) == (run_id, 5, 4, 3)
    assert line.status == "interrupted"
    assert line.best_score == SHOTS[3].score
    view = store.view(run_id)
    assert view
    assert (view.phase, view.done) == ("over", 4)
    assert store.is_attached(run_id)


def test_its_rows_come_back_whole_one_by_one_and_all_at_once(store: Store, folder: Path) -> None:
    run_id = store.attach(folder)
    assert [store.row(run_id, each.upload_index) for each in SHOTS] == SHOTS
    assert list(store.load(run_id).images) == SHOTS
    assert store.packed(run_id) == SHOTS
    assert [store.thumbnail(run_id, each.upload_index) for each in SHOTS] == [s.thumbnail for s in SHOTS]
    with pytest.raises(LookupError):
        store.row(run_id, 3)


def test_some_rows_are_light_and_in_the_order_asked_for(store: Store, folder: Path) -> None:
    found = store.some(store.attach(folder), [4, 3, 2, 0])
    assert [each.upload_index for each, _ in found] == [4, 2, 0]
    assert [each.name for each, _ in found[1:]] == ["B.jpg", "a/沙发.jpg"]
    light = found[1][0]
    assert (light.score, light.margin, light.width_px) == (SHOTS[2].score, SHOTS[2].margin, 40)
    assert (light.thumbnail, light.reply, light.element_replies) == (b"", None, ())
    assert light.not_reply
    assert light.not_reply.p_yes == pytest.approx(reply("dog", -3.0).p_yes)
    assert found[0][1].address == "s3://bucket/4.jpg"
    assert found[2][1].path == Path("/photos/a.jpg")
    assert found[2][1].companions == (Path("/photos/a.xmp"),)


def test_what_was_said_in_explain_mode_is_part_of_a_light_row(store: Store, tmp_path: Path) -> None:
    writer = PartsWriter(tmp_path / "told", run_of([], total=1, mode="explain"))
    writer.add(row(0, score=7.0, reply=replace(reply(text="A sofa. Score: 7 / 10"), mode="explain")))
    writer.flush()
    ((light, _),) = store.some(store.attach(tmp_path / "told"), [0])
    assert light.reply
    assert light.reply.text == "A sofa. Score: 7 / 10"


@pytest.mark.parametrize("where", ["parts", "store"])
def test_the_columns_are_those_of_the_rows_wherever_they_lie(store: Store, folder: Path, where: str) -> None:
    table = store.table(store.attach(folder) if where == "parts" else kept(store, SHOTS))
    assert table.indices.tolist() == [0, 1, 2, 4]
    assert np.array_equal(table.scores, [row.score or np.nan for row in SHOTS], equal_nan=True)
    assert np.array_equal(table.margins, [row.margin or np.nan for row in SHOTS], equal_nan=True)
    assert len(table) == len(table.names) == 4
    assert table.count_scored == 3
    assert np.array_equal(table.elements, [[8.0], [np.nan], [np.nan], [2.0]], equal_nan=True)
    assert table.pixels.tolist() == [0, 0, 1200, 0]
    assert table.cameras.to_pylist() == [TAKEN.camera, "", "", ""]
    assert table.times.to_pylist() == [TAKEN.time, "", "", ""]
    assert (table.passed_over.tolist(), table.copies) == ([False] * 4, 0)


def test_a_run_of_the_store_gives_some_of_its_rows_too(store: Store) -> None:
    run_id = kept(store, SHOTS)
    found = store.some(run_id, [4, 3, 0])
    assert [each.upload_index for each, _ in found] == [4, 0]
    assert found[1][0].score == SHOTS[0].score
    assert found[1][0].thumbnail == b""
    assert found[1][1].path == Path("/photos/0")
    assert store.thumbnail(run_id, 0) == b"RIFF0"
    assert not store.is_attached(run_id)


def test_picks_of_a_result_are_kept_and_deleting_it_leaves_its_files(store: Store, folder: Path) -> None:
    run_id, files = store.attach(folder), sorted(folder.iterdir())
    store.decide(run_id, 4, "pick")
    assert store.attach(folder) == run_id
    assert store.decisions(run_id) == {4: "pick"}
    store.delete(run_id)
    assert store.runs() == []
    assert sorted(folder.iterdir()) == files


def test_a_result_that_was_moved_is_found_again_by_opening_it_there(store: Store, folder: Path) -> None:
    run_id = store.attach(folder)
    moved = folder.rename(folder.with_name("elsewhere"))
    with pytest.raises(StoreError) as caught:
        store.row(run_id, 0)
    assert caught.value.code == "parts-none"
    assert store.attach(moved) == run_id
    assert store.row(run_id, 0) == SHOTS[0]


def test_a_part_that_is_another_file_under_the_same_name_is_read_anew(store: Store, folder: Path) -> None:
    run_id = store.attach(folder)
    last = sorted(folder.iterdir())[-1]
    table = pq.read_table(last)
    moved = table.set_column(1, "source", pa.array(["/elsewhere/x.jpg"] * len(table)))
    pq.write_table(moved.replace_schema_metadata(table.schema.metadata), last)
    assert store.source(run_id, 4).path == Path("/elsewhere/x.jpg")
    assert store.source(run_id, 0).path == Path("/photos/a.jpg")


def test_parts_that_came_since_are_read(store: Store, folder: Path) -> None:
    run_id = store.attach(folder)
    assert len(store.table(run_id)) == 4
    writer = PartsWriter(folder, RUN)
    writer.add(row(3, 0.5))
    writer.flush()
    assert store.row(run_id, 3).score == row(3, 0.5).score
    store.attach(folder)
    assert store.runs()[0].status == "done"


def test_a_run_that_the_store_keeps_itself_is_not_replaced_by_its_parts(store: Store, folder: Path) -> None:
    store.create(RUN, [Source(f"{n}", path=Path(f"/photos/{n}")) for n in range(5)])
    assert store.attach(folder) == RUN.id
    assert not store.is_attached(RUN.id)


def test_a_copy_of_a_result_is_another_run_as_long_as_both_are_there(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    writer = PartsWriter(copy, RUN)
    writer.add(row(3, 0.5))
    writer.flush()
    first, second = store.attach(folder), store.attach(copy)
    assert [(line.id, line.done) for line in store.runs()] == [(second, 5), (first, 4)]
    assert (store.attach(copy), store.attach(folder)) == (second, first)
    with pytest.raises(LookupError):
        store.row(first, 3)
    store.decide(second, 3, "pick")
    assert store.decisions(first) == {}
    store.delete(second)
    moved = folder.rename(tmp_path / "moved")
    assert store.attach(moved) == first
    assert [line.id for line in store.runs()] == [first]


def test_parts_that_are_not_whole_are_left_out_and_named(store: Store, folder: Path) -> None:
    first, _, last = sorted(folder.iterdir())
    last.write_bytes(last.read_bytes()[:-8])
    run_id = store.attach(folder)
    assert store.cut_short(run_id) == [last]
    assert store.table(run_id).indices.tolist() == [0, 1, 2]
    first.write_bytes(b"")
    assert store.cut_short(run_id) == [first, last]
    assert [each.upload_index for each in store.load(run_id).images] == [1, 2]


def test_a_file_of_another_kind_is_called_no_result_and_not_a_damaged_one(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "table.csv").write_text("rank,name\n1,a.jpg\n")
    sorted(folder.iterdir())[0].with_name("part-00000-other.parquet").write_bytes(FOREIGN.getvalue())
    for path in (tmp_path / "table.csv", folder):
        with pytest.raises(StoreError) as caught:
            store.attach(path)
        assert caught.value.code == "parts-foreign"


@pytest.mark.parametrize(
    "other",
    [
        replace(RUN, request=replace(RUN.request, instruction="Another.")),
        replace(RUN, checkpoint_hash="0" * 64),
        replace(RUN, total=6),
    ],
)
def test_parts_of_two_results_in_one_folder_are_not_taken_for_one(
    store: Store, folder: Path, other: Run
) -> None:
    run_id = store.attach(folder)
    gone_on = PartsWriter(folder, replace(RUN, id="again", created="2026-04-01T10:00:00+00:00", title="T"))
    gone_on.add(row(3, 0.5))
    gone_on.flush()
    assert len(store.table(run_id)) == 5
    writer = PartsWriter(folder, other)
    writer.add(row(0, 9.0))
    writer.flush()
    for read in (
        lambda: store.attach(folder),
        lambda: store.table(run_id),
        lambda: list(open_parts(folder).rows()),
    ):
        with pytest.raises(StoreError) as caught:
            read()
        assert caught.value.code == "parts-mixed"


def rewritten(file: Path, column: str, values: pa.Array) -> None:
    table = pq.read_table(file)
    other = table.set_column(table.column_names.index(column), column, values)
    pq.write_table(other.replace_schema_metadata(table.schema.metadata), file)


def test_a_part_that_another_program_wrote_anew_is_the_same(store: Store, folder: Path) -> None:
    first = sorted(folder.iterdir())[0]
    rewritten(first, "upload_index", pa.array([2, 0]))  # may be null now
    assert store.table(store.attach(folder)).indices.tolist() == [0, 1, 2, 4]


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("upload_index", pa.array([None, 0])),
        ("score", pa.array(["high", "low"])),
        ("reply", pa.array([{}, {"text": "yes"}])),
    ],
)
def test_a_part_with_other_columns_is_called_damaged(
    store: Store, folder: Path, column: str, values: pa.Array
) -> None:
    rewritten(sorted(folder.iterdir())[0], column, values)
    with pytest.raises(StoreError) as caught:
        store.row(store.attach(folder), 0)
    assert caught.value.code == "parts-corrupt"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", [100, -200])
def test_a_part_whose_bytes_were_lost_is_called_damaged(store: Store, folder: Path, place: int) -> None:
    first = sorted(folder.iterdir())[0]
    data = bytearray(first.read_bytes())
    data[place : place + 150] = b"\x0f" * 150
    first.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        store.attach(folder)
    assert caught.value.code == "parts-corrupt"
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", ["nothing", "empty", "cut"])
def test_what_is_no_result_is_refused_with_a_reason(store: Store, folder: Path, kind: str) -> None:
    if kind == "nothing":
        shutil.rmtree(folder)
    for file in folder.glob("*") if kind != "nothing" else ():
        file.write_bytes(file.read_bytes()[:-8] if kind == "cut" else b"")
    with pytest.raises(StoreError) as caught:
        store.attach(folder)
    assert caught.value.code.startswith("parts-")
    assert store.runs() == []
