"""Which files are meant by what was given, and names that are safe to show."""

import os
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lychee_app import intake
from lychee_app.errors import ImageError, UsageError
from lychee_app.intake.sniff import ACCEPTED, sniff
from lychee_app.records import Source
from tests.support import hostile, pictures


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """img2, img10 and below/3 are images; the rest is not, or is hidden."""
    root = tmp_path / "photos"
    for name in ("img10.png", "img2.PNG", "below/3.jpg", ".hidden.png", ".secret/x.png"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pictures.good("PNG"))
    (root / "notes.txt").write_text("no image", encoding="utf-8")
    (root / "empty").mkdir()
    return root


def names(sources: list[Source]) -> list[str]:
    return [source.name for source in sources]


def test_a_folder_gives_its_images_and_those_below_in_the_order_people_count(folder: Path) -> None:
    assert names(intake.find([folder])) == ["below/3.jpg", "img2.PNG", "img10.png"]


def test_every_source_has_its_path_and_no_bytes(folder: Path) -> None:
    for source in intake.find([str(folder)]):
        assert source.path == folder / source.name
        assert source.data is None


def test_digits_of_any_script_are_counted_and_odd_names_are_no_stumbling_block(tmp_path: Path) -> None:
    for name in ("img10.png", "１２.png", "٣.png", "IMG3.png", "img03.png", "²3.png"):
        (tmp_path / name).write_bytes(b"")
    found = names(intake.find([tmp_path]))
    assert found.index("٣.png") < found.index("１２.png") < found.index("IMG3.png") < found.index("img10.png")
    assert len(found) == 6
    assert found == names(intake.find([str(tmp_path / "*")]))


def test_files_folders_and_globs_are_taken_in_the_order_given(folder: Path) -> None:
    given = [folder / "img10.png", folder / "below", str(folder / "*.PNG")]
    assert names(intake.find(given)) == ["img10.png", "3.jpg", "img2.PNG"]


def test_a_glob_may_reach_into_folders(folder: Path) -> None:
    assert names(intake.find([str(folder / "**" / "*.jpg")])) == ["below/3.jpg"]
    assert names(intake.find([str(folder / "b*")])) == ["below/3.jpg"]


def test_a_relative_glob_needs_no_folder_before_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(intake.find(["*.png"])) == ["img10.png"]


def test_a_name_with_brackets_that_is_there_is_no_glob(folder: Path) -> None:
    path = folder / "a[1].png"
    path.write_bytes(pictures.good("PNG"))
    assert names(intake.find([path])) == ["a[1].png"]


def test_a_file_given_by_its_own_path_is_taken_whatever_it_is(folder: Path) -> None:
    assert names(intake.find([folder / "notes.txt", folder / ".hidden.png"])) == ["notes.txt", ".hidden.png"]


def test_an_image_without_its_suffix_is_found_by_its_first_bytes(folder: Path) -> None:
    (folder / "camera-upload").write_bytes(pictures.good("JPEG"))
    (folder / "photo.dat").write_bytes(pictures.good("WEBP"))
    assert {"camera-upload", "photo.dat"} <= set(names(intake.find([folder])))


def test_pictures_of_refused_formats_are_found_so_that_they_get_their_reason(folder: Path) -> None:
    (folder / "scan.jp2").write_bytes(hostile.FOREIGN["a JPEG 2000 picture"])
    (folder / "layers.psd").write_bytes(hostile.FOREIGN["a Photoshop"])
    assert {"scan.jp2", "layers.psd"} <= set(names(intake.find([folder])))


def test_pipes_devices_and_links_to_nowhere_in_a_folder_are_passed_over(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.jpg").symlink_to(folder / "not there")
    (folder / "round").symlink_to(folder)
    (folder / "link.jpg").symlink_to(folder / "img2.PNG")
    assert names(intake.find([folder])) == ["below/3.jpg", "img2.PNG", "img10.png", "link.jpg"]


def test_what_is_not_there_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.*Check the spelling") as caught:
        intake.find([tmp_path / "nowhere"])
    assert caught.value.code == "path-missing"


@pytest.mark.parametrize("path", ["", "~nobody-of-this-name/x", "x" * 5000, "a\x00b", "no [glob", "x/**/y"])
def test_paths_that_cannot_be_are_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError):
        intake.find([path])


def test_a_path_that_begins_with_a_tilde_may_be_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "~draft.png").write_bytes(pictures.good("PNG"))
    monkeypatch.chdir(folder)
    assert names(intake.find(["~draft.png"])) == ["~draft.png"]


def test_a_folder_and_a_glob_without_images_say_what_was_looked_for(folder: Path) -> None:
    for path in (folder / "empty", folder / "*.gif", folder / "n*"):
        with pytest.raises(UsageError, match=r"JPEG, PNG.*HEIC") as caught:
            intake.find([path])
        assert caught.value.code in {"folder-without-images", "glob-without-images"}
        assert str(path) in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "below").chmod(0)
    with pytest.raises(UsageError, match="cannot be read"):
        intake.find([folder])


def test_a_name_that_is_no_text_is_found_and_shown(folder: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has such names")
    raw = os.fsencode(folder) + b"/\xff\xfe.png"
    with open(raw, "wb") as file:
        file.write(pictures.good("PNG"))
    shown = [intake.same_name_safe(name) for name in names(intake.find([folder]))]
    assert "\ufffd\ufffd.png" in shown


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.jpg", "a.jpg"),
        ("beach/1.jpg", "beach/1.jpg"),
        ("./beach//1.jpg", "beach/1.jpg"),
        ("../../etc/passwd", "passwd"),
        ("beach/../../1.jpg", "1.jpg"),
        ("/home/me/1.jpg", "1.jpg"),
        ("C:\\Users\\me\\1.jpg", "1.jpg"),
        ("beach\\1.jpg", "beach/1.jpg"),
        ("\\\\server\\share\\1.jpg", "1.jpg"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("   ", "unnamed"),
        ("a\x00b\n\tc.jpg", "a b c.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\u2066\u200fa\u200e\ufeff.jpg", "a.jpg"),
        ("black cat 'n' \"dog\" <b>.jpg", "black cat 'n' \"dog\" <b>.jpg"),
        ("黑猫 e\u0301.jpg", "黑猫 é.jpg"),
        ("👩\u200d🍳.jpg", "👩\u200d🍳.jpg"),
        ("bad\udcff.jpg", "bad\ufffd.jpg"),
        ("a" * 251 + ".jpg", "a" * 251 + ".jpg"),
        ("a" * 300 + ".jpg", "a" * 126 + "…" + "a" * 122 + ".jpg"),
    ],
)
def test_names_are_shown_on_one_line_without_tricks(name: str, shown: str) -> None:
    assert intake.same_name_safe(name) == shown


@given(st.one_of(st.text(max_size=300), st.text("ab./\\: \u202e\x00é", max_size=40)))
@example(".. /x")
@example("\u202e..\u202e/x")
@example("C:..")
@example(" A:\\0")
@example("\u202eC:/x")
def test_any_name_becomes_one_safe_short_line(name: str) -> None:
    shown = intake.same_name_safe(name)
    assert shown
    assert len(shown.encode()) <= 255
    assert not shown.startswith("/")
    assert ".." not in shown.split("/")
    assert "\\" not in shown
    assert all(unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} for char in shown)
    assert all(unicodedata.category(char) != "Cf" or char == "\u200d" for char in shown)
    assert intake.same_name_safe(shown) == shown


@given(st.binary(max_size=100))
@example(b"FUJIFILMCCD-RAW")
def test_any_bytes_are_sniffed_without_an_exception_of_another_kind(head: bytes) -> None:
    try:
        kind = sniff(head)
    except ImageError as error:
        kind = error.code
    assert kind in {*ACCEPTED, "camera-raw", "empty", "format", "not-an-image"}
