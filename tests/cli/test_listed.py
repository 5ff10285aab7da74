"""`lychee rank --zip` and `--sheet`: the images that are listed, as files."""

import os
import zipfile
from pathlib import Path

import pypdfium2
import pytest

from tests.cli.conftest import Lychee


def test_the_listed_images_go_into_a_zip_and_on_a_contact_sheet(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    made = [(tmp_path / f"{name}.zip", tmp_path / f"{name}.pdf") for name in "ab"]
    for moment, (zipped, sheet) in zip((1.0e9, 1.4e9), made, strict=True):
        for path in scenes.iterdir():
            os.utime(path, (moment, moment))
        words = ("--limit", "2", "--zip", zipped, "--fixed-dates", "--sheet", sheet)
        assert lychee("rank", "red umbrella", scenes, *words)[0] == 0
    assert made[0][0].read_bytes() == made[1][0].read_bytes()
    with zipfile.ZipFile(made[0][0]) as archive:
        assert [name[:3] for name in archive.namelist()] == ["01_", "02_"]
    text = pypdfium2.PdfDocument(made[0][1])[0].get_textpage().get_text_range()
    assert "2 of 4 images" in text
    assert "red umbrella" in text


def test_only_what_was_judged_goes_into_a_zip_and_on_a_sheet(
    lychee: Lychee, mixed: Path, tmp_path: Path
) -> None:
    """Of six files one is a copy, which another stands for, and two are no pictures."""
    zipped, sheet = tmp_path / "a.zip", tmp_path / "a.pdf"
    words = ("--bursts", "one", "--zip", zipped, "--sheet", sheet)
    status, _, err = lychee("rank", "red umbrella", mixed, *words)
    assert status == 0
    with zipfile.ZipFile(zipped) as archive:
        assert sorted(name[:3] for name in archive.namelist()) == ["01_", "02_", "03_", "04_"]
    text = pypdfium2.PdfDocument(sheet)[0].get_textpage().get_text_range()
    assert "4 of 7 images" in text
    assert "3 images without a score" in err


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--fixed-dates",), "goes with --zip"),
        (("--zip", "-"), "Name one, not -"),
        (("--sheet", "-"), "Name one, not -"),
        (("--zip", "same.zip", "--sheet", "same.zip"), "the same one"),
        (("--zip", ""), "is empty"),
    ],
)
def test_wrong_goals_are_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, words: tuple[str, ...], text: str
) -> None:
    status, out, err = lychee("rank", "red umbrella", scenes, *words)
    assert (status, out, text in err) == (2, "", True)
