"""From sources to candidates, in order and one row each, whatever the files are."""

import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app import intake
from lychee_app.errors import ImageError
from lychee_app.intake import workers
from lychee_app.intake.decode import decode
from lychee_app.records import Candidate, Refused, Source
from lychee_app.settings import Settings
from tests.intake.conftest import BUDGET, codes, prepared
from tests.support import hostile, pictures


def test_images_come_in_order_each_with_its_index_name_and_hash(settings: Settings) -> None:
    files = [pictures.encoded(pictures.scene(40 + 400 * (5 - index), 60), "PNG") for index in range(6)]
    sources = [(10 + index, Source(f"a/{index}.png", data)) for index, data in enumerate(files)]
    items = list(intake.prepare(sources, BUDGET, settings))
    assert [item.upload_index for item in items] == list(range(10, 16))
    assert [item.name for item in items] == [f"a/{index}.png" for index in range(6)]
    assert len({item.sha256 for item in items}) == 6


def test_a_process_decodes_exactly_what_the_pure_function_does(settings: Settings) -> None:
    data = pictures.good("JPEG")
    [candidate] = prepared([data], settings)
    plain = decode(data, BUDGET, settings.max_image_px)
    assert isinstance(candidate, Candidate)
    assert candidate.image.tobytes() == plain.image.tobytes()
    assert candidate.thumbnail == plain.thumbnail
    assert (candidate.width_px, candidate.height_px) == (160, 120)


def test_a_path_and_its_bytes_give_the_same(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "ünï 图片.png"
    path.write_bytes(pictures.good("PNG"))
    sources = [Source("x", data=path.read_bytes()), Source("x", path=path)]
    one, other = intake.prepare(enumerate(sources), BUDGET, settings)
    assert isinstance(one, Candidate)
    assert isinstance(other, Candidate)
    assert one.sha256 == other.sha256
    assert one.image.tobytes() == other.image.tobytes()


def test_the_same_picture_and_the_same_name_twice_are_two_rows(settings: Settings) -> None:
    source = Source("same.png", pictures.good("PNG"))
    items = list(intake.prepare([(0, source), (1, source)], BUDGET, settings))
    assert [item.upload_index for item in items] == [0, 1]
    assert items[0].sha256 == items[1].sha256


def test_bad_files_cost_their_own_row_and_no_other(settings: Settings) -> None:
    good = pictures.good("PNG")
    files = [
        good,
        b"",
        b"hello",
        good[:300],
        hostile.FOREIGN["a PDF"],
        good,
        *hostile.bombs().values(),
        good,
    ]
    found = codes(files, settings)
    assert found[:6] == ["", "empty", "not-an-image", "truncated-share", "format", ""]
    assert all(found[6:-1])
    assert found[-1] == ""


def test_a_refused_file_keeps_its_hash(settings: Settings) -> None:
    [item] = prepared([b"hello"], settings)
    assert item.sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


def test_what_cannot_be_read_is_a_row_without_a_hash(settings: Settings, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    paths = [tmp_path / "gone.jpg", tmp_path, tmp_path / "pipe.jpg", Path("/dev/zero"), Path("a\x00b")]
    sources = [Source("x", path=path) for path in paths] + [Source("neither")]
    items = list(intake.prepare(enumerate(sources), BUDGET, settings))
    found = [item.code for item in items if isinstance(item, Refused)]
    assert found == ["unreadable", *["not-a-file"] * 3, "unreadable", "unreadable"]
    assert [item.sha256 for item in items] == [""] * 6


def test_a_file_too_large_to_read_is_refused_unread(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "large.tif"
    with path.open("wb") as file:
        file.truncate(intake.MAX_FILE_BYTES + 1)
    [item] = intake.prepare([(0, Source("large.tif", path=path))], BUDGET, settings)
    assert isinstance(item, Refused)
    assert item.code == "file-size"
    assert "400 MB" in str(item.reason)


def test_names_are_made_fit_to_be_shown(settings: Settings) -> None:
    [item] = intake.prepare([(0, Source("../../etc/\u202egpj.png", pictures.good("PNG")))], BUDGET, settings)
    assert item.name == "gpj.png"


def test_sources_are_drawn_only_as_they_are_needed(settings: Settings) -> None:
    drawn: list[int] = []

    def endless() -> Iterator[tuple[int, Source]]:
        while True:
            drawn.append(len(drawn))
            yield drawn[-1], Source("x", pictures.good("PNG"))

    images = intake.prepare(endless(), BUDGET, replace(settings, decode_ahead=3))
    assert drawn == []
    for count in range(1, 8):
        next(images)
        assert len(drawn) <= count + 3
    images.close()


def test_the_next_images_are_decoded_while_the_caller_works(settings: Settings) -> None:
    slow = pictures.png_black(6000, 6000)
    images = intake.prepare(((index, Source("x", slow)) for index in range(3)), BUDGET, settings)
    started = time.perf_counter()
    next(images)
    alone = time.perf_counter() - started
    time.sleep(4 * alone + 0.5)
    started = time.perf_counter()
    next(images)
    assert time.perf_counter() - started < alone / 4


def test_a_caller_that_stops_early_leaves_nothing_hanging(settings: Settings) -> None:
    images = intake.prepare(
        ((index, Source("x", pictures.good("PNG"))) for index in range(50)), BUDGET, settings
    )
    next(images)
    images.close()
    assert codes([pictures.good("PNG")], settings) == [""]


def test_runs_side_by_side_in_threads_share_the_decoders_and_keep_their_own_order(settings: Settings) -> None:
    results: dict[int, list[tuple[int, int]]] = {}

    def work(width: int) -> None:
        data = pictures.encoded(pictures.scene(width, 56), "PNG")
        items = prepared([data] * 6, settings)
        results[width] = [
            (item.upload_index, item.image.width) for item in items if isinstance(item, Candidate)
        ]

    threads = [threading.Thread(target=work, args=(56 * step,)) for step in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {56 * step: [(index, 56 * step) for index in range(6)] for step in (1, 2, 3, 4)}


def test_decoders_are_started_once_and_kept(settings: Settings) -> None:
    one = replace(settings, decode_ahead=1)
    prepared([pictures.good("PNG")], one)
    before = workers.shared(1).processes()
    prepared([pictures.good("PNG")] * 3, one)
    assert set(before) <= set(workers.shared(1).processes())


@pytest.mark.parametrize("kind", pictures.KINDS)
def test_mutated_files_each_give_one_row_and_the_decoders_live_on(kind: str, settings: Settings) -> None:
    files = list(hostile.mutants(pictures.good(kind), seed=1, count=80))
    items = prepared(files, settings)
    assert [item.upload_index for item in items] == list(range(80))
    assert all(item.code for item in items if isinstance(item, Refused))
    assert codes([pictures.good(kind)], settings) == [""]


HEADS = [
    data[:64]
    for data in (*map(pictures.good, pictures.KINDS), *hostile.FOREIGN.values(), hostile.HEIC_HEADER)
]


@given(st.sampled_from([b"", *HEADS]), st.binary(max_size=400))
def test_any_bytes_at_all_give_an_image_or_a_reason(head: bytes, tail: bytes) -> None:
    assert outcome(head + tail) not in {"", "error"}


def outcome(data: bytes) -> str:
    """The mode of the image, or the code of the reason."""
    try:
        return decode(data, BUDGET, 1_000_000).image.mode
    except ImageError as error:
        return error.code
