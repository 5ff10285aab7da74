"""Cameras' raw files, through LibRaw: a preview where it is large enough, else a development, upright."""

import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lychee_app.intake import raw
from lychee_app.reasons import Reason
from lychee_app.records import Candidate, ImageBudget
from lychee_app.settings import Settings
from tests.intake.conftest import prepared
from tests.intake.test_decode import decoded, difference, refusal
from tests.support import hostile, pictures, raws

SMALL = ImageBudget(28, max_tokens=64)
DEVELOPED = Reason.of("raw-developed")


def test_a_raw_file_without_a_preview_is_developed_in_its_own_colours() -> None:
    result = decoded(raws.dng())
    assert result.notes == (DEVELOPED,)
    assert (result.width_px, result.height_px) == (640, 480)
    assert difference(result, pictures.scene()) < 6


def test_a_preview_is_shown_where_it_is_as_large_as_what_is_shown() -> None:
    preview = Image.new("RGB", (320, 240), "teal")
    shown = decoded(raws.dng(preview=preview), budget=SMALL)
    assert shown.notes == (Reason.of("raw-preview", width_px=320, height_px=240),)
    assert (shown.width_px, shown.height_px) == (640, 480)
    assert difference(shown, preview) < 2
    assert decoded(raws.dng(preview=preview)).notes == (DEVELOPED,)


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
@pytest.mark.parametrize("budget", [SMALL, ImageBudget(28)], ids=["preview", "development"])
def test_a_raw_file_is_upright_however_the_camera_was_held(orientation: int, budget: ImageBudget) -> None:
    scene = pictures.scene(640, 480)
    held = pictures.stored_as(scene, orientation)
    preview = pictures.stored_as(scene.resize((320, 240)), orientation)
    result = decoded(raws.dng(held, preview, orientation), budget=budget)
    assert (result.width_px, result.height_px) == (640, 480)
    assert difference(result, scene) < 6


def test_a_preview_that_the_camera_turned_already_is_not_turned_twice() -> None:
    scene = pictures.scene(480, 640)
    result = decoded(raws.dng(pictures.stored_as(scene, 6), scene.resize((240, 320)), 6), budget=SMALL)
    assert result.notes[0].code == "raw-preview"
    assert (result.width_px, result.height_px) == (480, 640)
    assert difference(result, scene) < 4


def test_a_small_preview_has_to_do_where_the_sensor_s_pixels_cannot_be_unpacked() -> None:
    result = decoded(raws.dng(preview=pictures.scene(), raw=False))
    assert result.notes == (Reason.of("raw-preview", width_px=160, height_px=120),)
    assert difference(result, pictures.scene()) < 4
    assert refusal(raws.dng(raw=False)).code == "raw-unread"


def test_a_raw_file_of_too_many_pixels_is_refused_before_it_is_unpacked() -> None:
    assert refusal(raws.dng(), max_px=300_000).code == "pixels"


def test_raw_files_are_decoded_in_the_guarded_process_and_leave_the_next_file_its_memory(
    settings: Settings,
) -> None:
    settings = replace(settings, decode_memory_bytes=200_000_000)
    large = pictures.png_black(5500, 5500, bits=24)  # 121 MB
    shown = [raws.dng(), large, raws.dng(preview=pictures.scene())]
    found = prepared([*shown, *hostile.RAW_HEADERS.values()], settings)
    assert [item.upload_index for item in found] == list(range(len(found)))
    told = [None if isinstance(item, Candidate) else item.reason.code for item in found]
    assert told == [None] * len(shown) + ["raw-unread"] * len(hostile.RAW_HEADERS)


@pytest.mark.parametrize("kind", ["DNG", *hostile.RAW_HEADERS])
def test_without_its_library_every_raw_file_names_the_extra(kind: str) -> None:
    data = raws.dng() if kind == "DNG" else hostile.RAW_HEADERS[kind]
    without = (
        "import sys, importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *rest: None if name == 'rawpy' else find(name, *rest)\n"
        "from tests.intake.test_decode import refusal\n"
        "error = refusal(sys.stdin.buffer.read())\n"
        "print(error.code, error)"
    )
    done = subprocess.run([sys.executable, "-c", without], input=data, capture_output=True, check=True)
    assert done.stdout.startswith(b"camera-raw")
    assert b"[raw]" in done.stdout


def test_a_directory_that_lies_is_no_raw_file_and_never_an_error() -> None:
    good = raws.dng(preview=pictures.scene())
    assert raw.is_raw(good)
    for cut in range(8, len(good), 997):
        raw.is_raw(good[:cut])
    at = struct.unpack_from("<I", good, 4)[0]
    for offset in range(at, at + 200):
        raw.is_raw(good[:offset] + b"\xff\xff\xff\xff" + good[offset + 4 :])
    assert not raw.is_raw(pictures.good("TIFF"))
    assert not raw.is_raw(pictures.animated("TIFF"))


def test_linear_light_is_shown_by_the_curve_of_srgb() -> None:
    grey = Image.new("RGB", (640, 480), (118, 118, 118))
    grey.paste("white", (0, 0, 320, 480))
    pixels = np.asarray(decoded(raws.dng(grey)).image, dtype=float)
    assert pixels[:, -100:].mean() == pytest.approx(118, abs=4)
