import hashlib
import itertools
import os
import struct
import tracemalloc
import zipfile
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app.errors import StoreError
from lychee_app.export import clean_name, unique_name, write_zip
from lychee_app.export.names import folded
from lychee_app.records import Scored, Source
from tests.support.rows import HOSTILE_NAMES, failed, names, row, run_of

# --- names


@given(names())
def test_a_clean_name_is_one_part_that_every_system_takes(name: str) -> None:
    clean = clean_name(name)
    assert clean not in {"", ".", ".."}
    assert not set(clean) & set('/\\<>:"|?*\x00\n\r\u202e\u2066\u2028')
    assert len(clean.encode()) <= 255
    assert clean == clean.strip(" .")
    assert not is_reserved(clean)
    assert clean_name(clean) == clean


def test_a_name_keeps_what_it_can() -> None:
    assert clean_name("咖啡馆 (1).JPG") == "咖啡馆 (1).JPG"
    assert clean_name("../../etc/passwd") == "passwd"
    assert clean_name("..\\win.ini") == "win.ini"
    assert clean_name("👩\u200d🍳\u200d.jpg") == "👩\u200d🍳\u200d.jpg"
    assert clean_name("\u200d") == "image"
    assert clean_name("con.jpg") == "_con.jpg"
    assert clean_name("a\u202egpj.exe") == "agpj.exe"
    assert clean_name("\x00") == "image"
    assert clean_name("x" * 300 + ".jpeg") == "x" * 250 + ".jpeg"
    assert clean_name("沙" * 120 + ".jpg") == "沙" * 83 + ".jpg"


@given(st.lists(names(), max_size=12))
def test_cleaned_names_can_all_be_files_of_one_folder_at_once(raw: list[str]) -> None:
    taken: set[str] = set()
    for name in raw:
        chosen = unique_name(clean_name(name), taken)
        assert folded(chosen) not in taken
        assert len(chosen.encode()) <= 255
        taken.add(folded(chosen))
    assert len(taken) == len(raw)


def test_a_taken_name_gets_a_number_before_its_suffix() -> None:
    taken = {folded("A.JPG"), folded("a (2).jpg")}
    assert unique_name("a.jpg", taken) == "a (3).jpg"
    assert unique_name("b.jpg", taken) == "b.jpg"


def test_names_that_differ_in_case_or_composition_alone_are_one_name() -> None:
    assert folded("Café.JPG") == folded("cafe\u0301.jpg")


# --- the archive


def test_picks_are_named_by_rank_and_score_and_hold_the_original_bytes(tmp_path: Path) -> None:
    images = [shot(0, 9.84, b"zero"), shot(1, 3.0, b"one"), shot(2, 9.96, b"two")]
    zipped = write_zip(tmp_path / "p.zip", run_of(images), [0, 2], sources(b"zero", b"one", b"two"))
    assert zipped.written == ((2, "01_10.0_2.jpg"), (0, "02_9.8_0.jpg"))
    assert zipped.left_out == ()
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["01_10.0_2.jpg", "02_9.8_0.jpg"]
        assert archive.read("01_10.0_2.jpg") == b"two"
        assert {member.external_attr >> 16 for member in archive.infolist()} == {0o644}


def test_hostile_names_cannot_leave_the_folder_they_are_unpacked_in(tmp_path: Path) -> None:
    images = [shot(i, 5.0, b"%d" % i, name) for i, name in enumerate(HOSTILE_NAMES)]
    images += [failed(len(images))]
    data = [b"%d" % i for i in range(len(images))]
    write_zip(tmp_path / "p.zip", run_of(images), range(len(images)), sources(*data))
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        listed = archive.namelist()
        archive.extractall(tmp_path / "out")
    unpacked = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "p.zip"]
    assert sorted(path.name for path in unpacked) == sorted(listed)
    assert {path.parent for path in unpacked} == {tmp_path / "out"}
    assert sorted(path.read_bytes() for path in unpacked) == sorted(data)


def test_each_file_keeps_its_date(tmp_path: Path) -> None:
    taken = datetime(2019, 7, 14, 18, 30, 8)  # local, as ZIP has it
    source = dated(tmp_path / "a.jpg", taken.timestamp())
    write_zip(tmp_path / "p.zip", run_of([shot(0, 5.0, b"x")]), [0], [(0, source)])
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        (member,) = archive.infolist()
    assert datetime(*member.date_time) == taken
    assert struct.unpack("<HHBl", member.extra)[3] == int(taken.timestamp())


@pytest.mark.parametrize(
    ("year", "told"),
    [(1950, (1980, 1, 1)), (1979, (1980, 1, 1)), (2107, (2107, 6, 1)), (2150, (2107, 12, 31))],
)
def test_a_date_that_zip_cannot_tell_of_is_the_nearest_that_it_can(
    tmp_path: Path, year: int, told: tuple[int, ...]
) -> None:
    source = dated(tmp_path / "a.jpg", datetime(year, 6, 1, 12, tzinfo=UTC).timestamp())
    write_zip(tmp_path / "p.zip", run_of([shot(0, 5.0, b"x")]), [0], [(0, source)])
    with zipfile.ZipFile(tmp_path / "p.zip") as archive:
        assert archive.infolist()[0].date_time[:3] == told
        assert archive.testzip() is None


def test_with_fixed_dates_the_same_picks_give_the_same_bytes(tmp_path: Path) -> None:
    images = [shot(0, 5.0, b"x"), shot(1, 7.0, b"x")]
    for name, moment in (("a.zip", 1.0e9), ("b.zip", 1.5e9)):
        files = [(index, dated(tmp_path / f"{index}.jpg", moment)) for index in range(2)]
        write_zip(tmp_path / name, run_of(images), [0, 1], files, fixed_dates=True)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.namelist() == sorted(archive.namelist())


def test_what_is_gone_or_changed_is_left_out_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "changed.jpg").write_bytes(b"now")
    images = [shot(i, 5.0, b"then") for i in range(4)]
    found = [
        (0, Source("a", path=tmp_path / "gone.jpg")),
        (1, Source("b", path=tmp_path / "changed.jpg")),
        (2, Source("c", data=b"then")),
    ]
    zipped = write_zip(tmp_path / "p.zip", run_of(images), range(4), found)
    assert [index for index, _ in zipped.written] == [2]
    assert [(left.upload_index, left.code) for left in zipped.left_out] == [
        (0, "missing"), (1, "changed-since"), (3, "origin-unknown"),
    ]  # fmt: skip


def test_an_image_without_a_score_can_be_picked_too(tmp_path: Path) -> None:
    zipped = write_zip(tmp_path / "p.zip", run_of([failed(0)]), [0], sources(b"bytes"))
    assert zipped.written == ((0, "unscored_0.jpg"),)


def test_a_big_archive_is_written_piece_by_piece(tmp_path: Path) -> None:
    count, size = 24, 2_000_000
    paths = []
    for i in range(count):
        path = tmp_path / f"{i}.jpg"
        path.write_bytes(bytes([i]) * size)
        paths.append((i, Source(path.name, path=path)))
    images = [shot(i, 5.0, bytes([i]) * size) for i in range(count)]
    tracemalloc.start()
    write_zip(tmp_path / "p.zip", run_of(images), range(count), paths)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "p.zip").stat().st_size > count * size
    assert peak < 4 * size


def test_a_zip_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        write_zip(tmp_path / "gone" / "p.zip", run_of([shot(0, 1.0, b"x")]), [0], sources(b"x"))
    assert list(tmp_path.iterdir()) == []


def shot(index: int, score: float, data: bytes, name: str | None = None) -> Scored:
    found = row(index, score=score, sha256=hashlib.sha256(data).hexdigest())
    return found if name is None else row(index, score=score, sha256=found.sha256, name=name)


def sources(*data: bytes) -> list[tuple[int, Source]]:
    return [(index, Source(f"{index}.jpg", data=item)) for index, item in enumerate(data)]


def dated(path: Path, moment: float) -> Source:
    """A file of that date whose bytes are b"x"."""
    path.write_bytes(b"x")
    os.utime(path, (moment, moment))
    return Source(path.name, path=path)


def is_reserved(name: str) -> bool:
    marks = [*"0123456789", "¹", "²", "³"]
    devices = {"con", "prn", "aux", "nul", "conin$", "conout$"}
    devices |= {device + mark for device, mark in itertools.product(("com", "lpt"), marks)}
    return PureWindowsPath(name).name.split(".")[0].rstrip().lower() in devices
