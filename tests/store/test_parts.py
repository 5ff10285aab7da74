"""A run as Parquet: what was written comes back, by this library and by any other that reads Parquet."""

import json
import multiprocessing
import os
import resource
import signal
from dataclasses import fields, replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app.errors import StoreError
from lychee_app.reasons import Reason
from lychee_app.records import Capture, Reply, Scored
from lychee_app.store.parts import SCHEMA, PartsWriter, files_in, open_parts, scored_of, table_of
from tests.support.rows import explained, failed, finite, names, reply, row, run_of, told


def everything(index: int) -> Scored:
    parts = (reply("sofa", 1.0), reply("lamp", -3.25))
    return row(
        index,
        2.5,
        elements=(7.3, None),
        element_replies=parts,
        not_reply=reply("dog", -9.0),
        like_reply=replace(reply("", 1.5), likeness=0.75),
        unlike_reply=replace(reply("", -2.0), likeness=0.25),
        notes=(Reason.of("tiles", count=4), told("odd")),
        seconds=0.25,
        width_px=4000,
        height_px=3000,
        seen_width_px=1120,
        seen_height_px=840,
        thumbnail=b"RIFF\x00\xff",
        path="/photos/2019/沙发.jpg",
        companions=("/photos/2019/沙发.xmp",),
        capture=Capture("2026-05-04T13:02:11+02:00", "Canon EOS R6", "", 50.0, 4.0, 1 / 250, 400),
    )


ROWS = [everything(0), failed(1), row(2, 3.5), *explained([None, None, None, 7.5])[3:]]
RUN = run_of([], elements=("sofa", "lamp"), not_text="dog", total=4)


def written(folder: Path, rows: list[Scored], **options) -> PartsWriter:
    writer = PartsWriter(folder, RUN, **options)
    for each in rows:
        writer.add(each)
    writer.flush()
    return writer


def test_rows_and_their_run_come_back_as_they_were_written(tmp_path: Path) -> None:
    written(tmp_path, ROWS)
    parts = open_parts(tmp_path)
    assert list(parts.rows()) == ROWS
    assert parts.run == RUN
    assert parts.run.request.question.elements == ("sofa", "lamp")


def test_whatever_a_row_and_a_reply_know_has_a_column() -> None:
    under_other_names = {"sha256": "content_hash", "path": "source", "address": "source"}
    assert {under_other_names.get(each.name, each.name) for each in fields(Scored)} <= set(SCHEMA.names)
    assert {each.name for each in fields(Reply)} == {each.name for each in SCHEMA.field("reply").type}
    assert {each.name for each in fields(Capture)} == {each.name for each in SCHEMA.field("capture").type}


def test_an_image_that_lies_elsewhere_keeps_its_address(tmp_path: Path) -> None:
    there = row(0, 1.0, address="s3://bucket/a b/1.jpg")
    written(tmp_path, [there])
    assert list(open_parts(tmp_path).rows()) == [there]


@given(names(), st.floats(), finite(), names())
def test_any_number_and_any_text_comes_back_bit_for_bit(name, score, logit, text) -> None:
    said = Reply(text, "judge", text, logit, -logit, 1, 0, (1, 2), text, 9, 4, 0.1)
    image = Scored(0, name, "ab", score=score, margin=logit, p_yes=-0.0, reply=said, reason=told(text))
    (again,) = scored_of(table_of([image], RUN), {})
    assert repr(again) == repr(image)


def test_other_programs_find_plain_columns_and_the_request_in_the_file(tmp_path: Path) -> None:
    written(tmp_path, [*ROWS, row(9, 1.0, name="not-utf8-\udcff.jpg")])
    (file,) = files_in(tmp_path)
    table = pq.read_table(file)
    assert table.schema.equals(SCHEMA)
    assert table["status"].to_pylist() == ["scored", "refused", "scored", "scored", "scored"]
    assert table["source"][0].as_py() == "/photos/2019/沙发.jpg"
    assert table["name"][4].as_py() == "not-utf8-\\udcff.jpg"
    assert table["reply"][0].as_py()["logit_yes"] == 1.25
    stored = json.loads(pq.read_schema(file).metadata[b"lychee.run"])
    assert (stored["request"]["question"]["typed"], stored["checkpoint_hash"]) == ("Find me A Cat", "c" * 64)


def test_rows_are_split_into_parts_that_are_never_touched_again(tmp_path: Path) -> None:
    written(tmp_path, [row(index, 1.0) for index in range(5)], rows_per_part=2)
    first = {file: file.read_bytes() for file in files_in(tmp_path)}
    assert [pq.read_metadata(file).num_rows for file in first] == [2, 2, 1]
    written(tmp_path, [row(5, 1.0)])
    assert {file: file.read_bytes() for file in files_in(tmp_path)[:3]} == first
    assert [each.upload_index for each in open_parts(tmp_path).rows()] == list(range(6))


def test_a_slow_run_writes_parts_by_the_clock(tmp_path: Path) -> None:
    writer = PartsWriter(tmp_path, RUN, seconds_per_part=0.0)
    writer.add(row(0, 1.0))
    assert len(files_in(tmp_path)) == 1


def test_of_two_rows_of_one_image_the_later_counts(tmp_path: Path) -> None:
    written(tmp_path, [row(0, 1.0), failed(1), row(2, 1.0)])
    written(tmp_path, [row(1, 4.0)])
    parts = open_parts(tmp_path)
    assert list(parts.rows()) == [row(0, 1.0), row(2, 1.0), row(1, 4.0)]
    assert parts.dataset().count_rows() == 4


def test_what_is_no_result_is_refused_in_a_sentence(tmp_path: Path) -> None:
    for made, code in ((None, "parts-none"), (b"PAR1", "parts-corrupt")):
        if made is not None:
            (tmp_path / "part-00000-ab.parquet").write_bytes(made)
        with pytest.raises(StoreError) as caught:
            open_parts(tmp_path)
        assert caught.value.code == code
    other = tmp_path / "other.parquet"
    pq.write_table(table_of(ROWS, RUN).replace_schema_metadata({}), other)
    with pytest.raises(StoreError) as caught:
        open_parts(other)
    assert caught.value.code == "parts-foreign"


def write_with_little_room(folder: Path, limit_bytes: int, pipe) -> None:
    """In a process of its own: every file it writes may have so many bytes, as on a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
    writer = PartsWriter(folder, RUN, rows_per_part=2)
    try:
        for index in range(4):
            writer.add(row(index, 1.0, thumbnail=os.urandom(100 if index < 2 else 200_000)))
    except StoreError as error:
        pipe.send(error)


def test_a_full_disk_is_told_in_a_sentence_and_finished_parts_stay(tmp_path: Path) -> None:
    here, there = multiprocessing.get_context("spawn").Pipe()
    room = (tmp_path, 100_000, there)
    process = multiprocessing.get_context("spawn").Process(target=write_with_little_room, args=room)
    process.start()
    assert here.poll(60), "it never told"
    error = here.recv()
    process.join()
    assert error.code == "store-full"
    assert "Free some space" in str(error)
    assert [each.upload_index for each in open_parts(tmp_path).rows()] == [0, 1]
    assert [file.name for file in tmp_path.iterdir()] == [file.name for file in files_in(tmp_path)]


def test_rows_that_a_full_disk_refused_are_written_when_there_is_room(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    writer = PartsWriter(folder, RUN)
    folder.rmdir()
    folder.write_bytes(b"in the way")
    writer.add(row(0, 1.0))
    with pytest.raises(StoreError) as caught:
        writer.flush()
    assert caught.value.code == "parts-closed"
    folder.unlink()
    folder.mkdir()
    writer.add(replace(row(1, 1.0)))
    writer.flush()
    assert [each.upload_index for each in open_parts(folder).rows()] == [0, 1]
