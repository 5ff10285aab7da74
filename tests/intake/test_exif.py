"""When and with what a picture was taken: read from every format, and never at the picture's cost."""

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from PIL.TiffImagePlugin import IFDRational

from lychee_app.intake import decoders, exif
from lychee_app.intake.decode import decode
from lychee_app.records import Candidate, Capture, ImageBudget
from lychee_app.settings import Settings
from tests.intake.conftest import prepared
from tests.support import exifs, pictures, raws

NIKON = Capture(
    time="2024-05-04T13:02:11",
    camera="NIKON Z 6",
    lens="NIKKOR Z 24-70mm f/4 S",
    focal_mm=50.0,
    f_number=4.0,
    exposure_seconds=0.004,
    iso=400,
)
exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not here (libimage-exiftool-perl)"
)


def read(data: bytes) -> Capture:
    return decode(data, ImageBudget(28), 10**8).capture


def of(**more) -> Capture:
    return read(pictures.good("JPEG", exif=exifs.exif(**more)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF", "HEIF"])
def test_every_format_that_holds_exif_tells_what_is_in_it(kind: str, settings: Settings) -> None:
    decoders.loaded()
    (item,) = prepared([pictures.good(kind, exif=exifs.exif())], settings)
    assert isinstance(item, Candidate)
    assert item.capture == NIKON


@exiftool
def test_stars_inside_a_picture_are_read(tmp_path: Path) -> None:
    """Into a PNG exiftool writes them behind the pixels."""
    names = {"JPEG": "a.jpg", "PNG": "a.png", "TIFF": "a.tif", "WEBP": "a.webp"}
    files = [tmp_path / name for name in names.values()]
    for kind, file in zip(names, files, strict=True):
        file.write_bytes(pictures.good(kind))
    assert [read(file.read_bytes()).rating for file in files] == [None] * 4
    command = ["exiftool", "-q", "-overwrite_original", "-XMP-xmp:Rating=4", *map(str, files)]
    subprocess.run(command, check=True)
    assert [read(file.read_bytes()).rating for file in files] == [4] * 4


@exiftool
@pytest.mark.parametrize("kind", ["tif", "dng", "dng with a preview"])
def test_tiffs_and_raw_files_tell_what_exiftool_wrote_into_them(kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"a.{kind[:3]}"
    preview = pictures.scene(640, 480) if "preview" in kind else None
    file.write_bytes(pictures.good("TIFF") if kind == "tif" else raws.dng(preview=preview))
    tags = {
        "Make": "SONY", "Model": "ILCE-7M3", "DateTimeOriginal": "2024:05:04 13:02:11",
        "SubSecTimeOriginal": "25", "OffsetTimeOriginal": "+02:00", "LensModel": "Grüne Linse", "ISO": "200",
        "ExposureTime": "1/60", "FNumber": "2.8", "FocalLength": "35",
    }  # fmt: skip
    command = [
        "exiftool",
        "-q",
        "-overwrite_original",
        *(f"-{name}={tags[name]}" for name in tags),
        str(file),
    ]
    subprocess.run(command, check=True)
    told = read(file.read_bytes())
    assert told == Capture(
        "2024-05-04T13:02:11.250000+02:00", "SONY ILCE-7M3", "Grüne Linse", 35, 2.8, 0.0166667, 200
    )
    assert told.clock_seconds == 1714827731.25
    assert told.settings == "35 mm · f/2.8 · 1/60 s · ISO 200"


def test_a_cr3_tells_in_boxes_of_its_own() -> None:
    def box(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body) + 8) + kind + body

    block = exifs.exif().tobytes().removeprefix(b"Exif\0\0")
    canon = box(b"uuid", bytes(16) + box(b"CNCV", b"CanonCR3") + box(b"CMT1", block))
    data = box(b"ftyp", b"crx \0\0\0\1crx isom") + box(b"moov", canon + box(b"mvhd", bytes(40)))
    assert exif.of_raw(data, None, b"") == NIKON
    assert exif.of_raw(data[:80], None, b"") == Capture()


def test_olympus_and_panasonic_have_a_magic_number_of_their_own() -> None:
    block = exifs.exif().tobytes().removeprefix(b"Exif\0\0")
    for magic in (b"IIRO", b"IIU\0"):
        assert exif.of_raw(magic + block[4:], None, b"") == NIKON


def test_what_a_raw_file_does_not_say_itself_its_preview_says() -> None:
    preview = pictures.good("JPEG", exif=exifs.exif())
    assert exif.of_raw(b"FUJIFILMCCD-RAW " + bytes(100), None, preview) == NIKON


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("NIKON CORPORATION", "NIKON Z 6", "NIKON Z 6"),
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("SONY", "ILCE-7M3", "SONY ILCE-7M3"),
        ("OLYMPUS IMAGING CORP.  ", "E-M1MarkII      ", "OLYMPUS E-M1MarkII"),
        ("Apple", "iPhone 12", "Apple iPhone 12"),
        ("EASTMAN KODAK COMPANY", "KODAK DC240", "EASTMAN KODAK KODAK DC240"),
        ("", "X100", "X100"),
        ("Leica Camera AG", "", "Leica"),
        (None, None, ""),
    ],
)
def test_a_camera_is_called_as_people_call_it(make: str | None, model: str | None, camera: str) -> None:
    assert of(Make=make, Model=model).camera == camera


@pytest.mark.parametrize(
    "time",
    [
        "0000:00:00 00:00:00",
        "    :  :     :  :  ",
        "2024:02:30 10:00:00",
        "2024:05:04 25:61:61",
        "yesterday",
        "",
        "9" * 70_0,
    ],
)
def test_a_clock_that_was_never_set_tells_no_time(time: str) -> None:
    assert of(time=time) == replace(NIKON, time="")


def test_a_time_has_its_fraction_and_its_offset_where_the_camera_told_them() -> None:
    assert of(SubsecTimeOriginal="5 ", OffsetTimeOriginal="-03:30").time == "2024-05-04T13:02:11.500000-03:30"
    assert of(OffsetTimeOriginal="Z").time == "2024-05-04T13:02:11+00:00"
    assert of(SubsecTimeOriginal="x", OffsetTimeOriginal="+99:99").time == "2024-05-04T13:02:11"
    for never_set in (None, "0000:00:00 00:00:00"):
        made = of(time=never_set, DateTimeDigitized="2001:01:01 00:00:01")
        assert made.time == "2001-01-01T00:00:01"
    assert of(time=None, DateTime="2024:01:01 00:00:00").time == ""


def test_a_lens_without_a_name_is_told_by_its_lengths() -> None:
    zoom = tuple(IFDRational(*each) for each in ((24, 1), (70, 1), (28, 10), (40, 10)))
    assert of(LensModel=None, LensSpecification=zoom).lens == "24-70 mm f/2.8-4"
    none = (IFDRational(0, 0),) * 4
    assert of(LensModel=None, LensSpecification=none).lens == ""


def test_numbers_that_mean_nothing_are_not_told() -> None:
    odd = of(
        FNumber=IFDRational(0, 0),
        ExposureTime=IFDRational(1, 0),
        FocalLength=IFDRational(0, 1),
        ISOSpeedRatings=0,
    )
    assert odd == replace(NIKON, f_number=None, exposure_seconds=None, focal_mm=None, iso=None)
    assert odd.settings == ""


def test_a_name_is_one_short_line_whatever_is_in_it() -> None:
    assert of(LensModel="a\x1b[31m\n b\u202e" + "x" * 500).lens.startswith("a [31m b")
    assert len(of(LensModel="x" * 60_000).lens) <= exif.MOST_LETTERS


@examples(max_examples=40)
@given(st.binary(max_size=400))
def test_no_exif_costs_a_picture(block: bytes) -> None:
    segment = pictures.jpeg_segment(0xE1, b"Exif\0\0" + block)
    assert isinstance(read(pictures.jpeg_with(segment)), Capture)


@examples(max_examples=40)
@given(st.integers(0, 300), st.binary(min_size=1, max_size=8))
def test_damaged_exif_costs_no_picture(at: int, junk: bytes) -> None:
    block = bytearray(exifs.exif().tobytes())
    at = 6 + at % (len(block) - 6)
    block[at : at + len(junk)] = junk
    result = decode(pictures.jpeg_with(pictures.jpeg_segment(0xE1, bytes(block))), ImageBudget(28), 10**8)
    assert (result.width_px, result.height_px) == (160, 120)


def test_a_directory_that_claims_everything_is_read_within_bounds() -> None:
    """5,000 tags that each point at the whole block, and a directory of EXIF that is itself."""
    entries = b"".join(struct.pack("<HHII", tag, 7, 60_000, 0) for tag in range(40_000, 44_990))
    entries += struct.pack("<HHII", 0x8769, 4, 1, 8)
    block = b"II*\0" + struct.pack("<IH", 8, 4_991) + entries + bytes(4)
    assert read(pictures.jpeg_with(pictures.jpeg_segment(0xE1, b"Exif\0\0" + block))) == Capture()
