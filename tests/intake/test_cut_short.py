"""Files that lack their end: what is there is scored, and how much is not is said."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image

from lychee_app.intake import cut_short
from tests.intake.test_decode import decoded, difference, refusal
from tests.support import hostile, pictures

PHOTO = Image.blend(pictures.scene(640, 480), Image.effect_noise((640, 480), 90).convert("RGB"), 0.4)
"""Every row of it takes about as many bytes."""


def file_of(kind: str, **options: object) -> bytes:
    return pictures.encoded(PHOTO, kind, **({"quality": 90} if kind == "JPEG" else {}), **options)


@pytest.mark.parametrize("gone", [1, 2, 20, 300])
@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"subsampling": 0}, {"restart_marker_rows": 1}]
)
def test_a_jpeg_without_its_last_bytes_is_scored_with_a_note(gone: int, options: dict) -> None:
    result = decoded(file_of("JPEG", **options)[:-gone])
    (note,) = result.notes
    if "progressive" in options:
        assert (note.code, note.values) == ("cut-short-passes", {"whole": 9, "least": 10})
    else:
        assert note.code in {"cut-short", "cut-short-little"}
        assert note.code == "cut-short-little" or gone > 2
        assert 0.5 <= note.values.get("percent", 1) < 2
    assert difference(result, PHOTO) < 8


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("there", [0.9, 0.8])
def test_what_is_missing_is_said_as_a_share_of_the_picture(kind: str, there: float) -> None:
    data = file_of(kind)
    (note,) = decoded(data[: int(len(data) * there)]).notes
    assert note.code == "cut-short"
    assert note.values["percent"] == pytest.approx(100 * (1 - there), abs=4)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_file_of_which_more_than_a_quarter_is_missing_is_refused_with_the_share(kind: str) -> None:
    data = file_of(kind)
    error = refusal(data[: int(len(data) * 0.6)])
    assert error.code == "truncated-share"
    assert error.reason.values["percent"] == pytest.approx(40, abs=4)
    assert error.reason.values["limit"] == 25
    assert "40 %" in str(error) or "39 %" in str(error) or "41 %" in str(error)


@pytest.mark.parametrize(("mode", "passes"), [("RGB", 10), ("L", 6)])
def test_of_a_progressive_jpeg_it_is_said_how_many_passes_are_there(mode: str, passes: int) -> None:
    """It is there as a whole from the first pass on: nothing of the picture is missing, but detail."""
    data = pictures.encoded(PHOTO.convert(mode), "JPEG", quality=90, progressive=True)
    starts = [at.start() for at in re.finditer(b"\xff\xda", data)]
    assert len(starts) == passes
    told = []
    for whole, start in enumerate(starts[1:], start=1):
        (note,) = decoded(data[: start + 14]).notes
        assert (note.code, note.values["whole"]) == ("cut-short-passes", whole)
        told.append(note.values["least"])
    assert all(whole < least <= passes for whole, least in enumerate(told, start=1))
    assert told == sorted(told)
    assert told[-1] == passes


def test_a_progressive_jpeg_may_break_off_at_any_byte_of_a_header_between_passes() -> None:
    """Its decoder takes half a pass, and no half header."""
    data = pictures.encoded(PHOTO.resize((64, 48)), "JPEG", quality=90, progressive=True)
    starts = [at.start() for at in re.finditer(b"\xff[\xc4\xda]", data)]
    scans = [start for start in starts if data[start + 1] == 0xDA]
    between = [start for start in starts if start > scans[0]]
    assert len(between) > 12
    for start in between:
        for there in range(start, start + 14):
            (note,) = decoded(data[:there]).notes
            assert note.code == "cut-short-passes"
            assert note.values["whole"] >= sum(scan < start for scan in scans) - 1


def test_a_progressive_jpeg_of_which_not_even_the_first_pass_is_there_tells_the_share() -> None:
    data = file_of("JPEG", progressive=True)
    assert refusal(data[:1500]).code == "truncated-share"
    first, second = (at.start() for at in list(re.finditer(b"\xff\xda", data))[:2])
    coarse, share = decoded(data[: first + (second - first) * 9 // 10]).notes
    assert (coarse.code, coarse.values["whole"]) == ("cut-short-passes", 0)
    assert 1 < share.values["percent"] < 11


def test_grey_that_the_picture_shows_is_not_taken_for_missing() -> None:
    """Half of it is the very grey that a decoder leaves where there is no data."""
    picture = PHOTO.copy()
    picture.paste((128, 128, 128), (0, 240, 640, 480))
    (note,) = decoded(pictures.encoded(picture, "JPEG", quality=90)[:-2]).notes
    assert note.values["percent"] < 4


def test_a_jpeg_that_ends_in_zeros_is_cut_short_and_not_scored_as_whole() -> None:
    data = file_of("JPEG")
    half, most = (data[: int(len(data) * share)] for share in (0.5, 0.9))
    assert refusal(half + bytes(len(data) - len(half))).code == "truncated-share"
    (note,) = decoded(most + bytes(len(data) - len(most))).notes
    assert note.values["percent"] == pytest.approx(10, abs=4)
    assert decoded(data + bytes(5000)).notes == ()


@pytest.mark.parametrize("there", [0.3, 0.9])
def test_a_png_whose_end_was_not_copied_is_to_be_copied_again(there: float) -> None:
    data = file_of("PNG")
    error = refusal(data[: int(len(data) * there)].ljust(len(data), b"\0"))
    assert error.code == "truncated"
    assert "Copy" in str(error)
    assert refusal(bytes(5000)).code == "not-copied"


def test_a_cut_jpeg_with_broken_metadata_is_scored_with_what_is_missing() -> None:
    exif = pictures.jpeg_segment(0xE1, b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    result = decoded(pictures.jpeg_with(exif, file_of("JPEG"))[:-2])
    assert [note.code for note in result.notes] == ["cut-short-little"]


def test_the_rows_of_a_png_that_are_there_are_what_is_scored() -> None:
    data = file_of("PNG")
    result = decoded(data[: int(len(data) * 0.9)])
    assert 400 < result.height_px < 450
    assert difference(result, PHOTO.crop((0, 0, 640, result.height_px))) < 2


def test_a_turned_jpeg_that_lacks_its_end_is_upright() -> None:
    stored = pictures.stored_as(PHOTO, 6)
    result = decoded(pictures.with_exif("JPEG", 6, stored)[:-10])
    assert (result.width_px, result.height_px) == (640, 480)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_the_share_is_measured_in_every_kind_of_jpeg(mode: str) -> None:
    data = pictures.encoded(PHOTO.convert(mode), "JPEG", quality=90)
    (note,) = decoded(data[: int(len(data) * 0.85)]).notes
    assert note.values["percent"] == pytest.approx(15, abs=4)


def test_a_jpeg_of_one_row_of_blocks_tells_its_share_too_and_a_tiny_one_is_scored() -> None:
    strip = PHOTO.resize((3000, 16))
    data = pictures.encoded(strip, "JPEG", quality=95)
    (note,) = decoded(data[: int(len(data) * 0.8)]).notes
    assert note.values["percent"] == pytest.approx(20, abs=5)
    assert refusal(data[: int(len(data) * 0.4)]).code == "truncated-share"
    for side in (1, 8, 9):
        tiny = pictures.encoded(PHOTO.resize((side, side)), "JPEG")
        assert [note.code for note in decoded(tiny[:-2]).notes] == ["cut-short-little"]


def test_the_share_of_a_large_jpeg_that_is_mostly_missing_is_found_at_once() -> None:
    data = pictures.encoded(Image.effect_noise((8000, 3000), 30).convert("RGB"), "JPEG", quality=30)
    started = time.process_time()
    assert refusal(data[: len(data) // 5]).code == "truncated-share"
    assert time.process_time() - started < 3


def test_an_interlaced_png_and_a_damaged_one_are_refused_as_before() -> None:
    data = bytearray(file_of("PNG"))
    data[28] = 1
    assert cut_short.rest_of("PNG", bytes(data[:-300])) is None
    assert cut_short.rest_of("PNG", pictures.good("PNG")) is None


def test_a_png_bomb_that_is_cut_short_is_counted_without_being_held() -> None:
    """It unpacks to 300 MB: its rows are counted, and the pixels have their own limit."""
    data = pictures.png_black(10_000, 10_000, bits=24)
    rest = cut_short.rest_of("PNG", data[: len(data) * 9 // 10])
    assert rest is not None
    assert rest.missing == pytest.approx(0.1, abs=0.02)
    assert refusal(data[: len(data) * 9 // 10], max_px=50_000_000).code == "pixels"


def test_whatever_is_cut_out_of_a_file_there_is_an_answer() -> None:
    for seed, kind in enumerate(("JPEG", "PNG")):
        for data in hostile.mutants(pictures.good(kind), seed=seed, count=150):
            rest = cut_short.rest_of(kind, data)
            assert rest is None or 0 <= rest.missing <= 1


def test_a_whole_file_is_none_of_this() -> None:
    whole = file_of("JPEG")
    assert not cut_short.is_cut_short("JPEG", whole)
    assert cut_short.rest_of("JPEG", whole) is None
    with Image.open(io.BytesIO(whole)) as image:
        assert np.asarray(image).shape == (480, 640, 3)
