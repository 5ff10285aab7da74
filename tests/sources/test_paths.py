"""Which files are meant by what was given."""

import os
import sys
from pathlib import Path

import pytest

from lychee_app import intake, sources
from lychee_app.errors import NothingLeft, UsageError
from lychee_app.records import Found
from tests.support import hostile, pictures
from tests.support.nobody import as_nobody


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


def names(found: Found) -> list[str]:
    return [source.name for source in found.sources]


def counts(found: Found) -> dict[str, int]:
    return {reason.code.removeprefix("left-out-"): int(reason.values["n"]) for reason in found.left_out}


def test_a_folder_gives_its_images_and_those_below_in_the_order_people_count(folder: Path) -> None:
    assert names(sources.find([folder])) == ["below/3.jpg", "img2.PNG", "img10.png"]


def test_every_source_has_its_path_and_no_bytes(folder: Path) -> None:
    for source in sources.find([str(folder)]).sources:
        assert source.path == folder / source.name
        assert source.data is None


def test_digits_of_any_script_are_counted_and_odd_names_are_no_stumbling_block(tmp_path: Path) -> None:
    for name in ("img10.png", "１２.png", "٣.png", "IMG3.png", "img03.png", "²3.png"):
        (tmp_path / name).write_bytes(b"")
    found = names(sources.find([tmp_path]))
    assert found.index("٣.png") < found.index("１２.png") < found.index("IMG3.png") < found.index("img10.png")
    assert len(found) == 6
    assert found == names(sources.find([str(tmp_path / "*")]))


def test_files_folders_and_globs_are_taken_in_the_order_given(folder: Path) -> None:
    given = [folder / "img10.png", folder / "below", str(folder / "*.PNG")]
    assert names(sources.find(given)) == ["img10.png", "3.jpg", "img2.PNG"]


def test_a_glob_may_reach_into_folders(folder: Path) -> None:
    assert names(sources.find([str(folder / "**" / "*.jpg")])) == ["below/3.jpg"]
    assert names(sources.find([str(folder / "b*")])) == ["below/3.jpg"]


def test_a_relative_glob_needs_no_folder_before_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert names(sources.find(["*.png"])) == ["img10.png"]


def test_a_name_with_brackets_that_is_there_is_no_glob(folder: Path) -> None:
    path = folder / "a[1].png"
    path.write_bytes(pictures.good("PNG"))
    assert names(sources.find([path])) == ["a[1].png"]


def test_a_file_given_by_its_own_path_is_taken_whatever_it_is(folder: Path) -> None:
    assert names(sources.find([folder / "notes.txt", folder / ".hidden.png"])) == ["notes.txt", ".hidden.png"]


def test_an_image_without_its_suffix_is_found_by_its_first_bytes(folder: Path) -> None:
    (folder / "camera-upload").write_bytes(pictures.good("JPEG"))
    (folder / "photo.dat").write_bytes(pictures.good("WEBP"))
    assert {"camera-upload", "photo.dat"} <= set(names(sources.find([folder])))


def test_pictures_of_refused_formats_are_found_so_that_they_get_their_reason(folder: Path) -> None:
    (folder / "photo.jxl").write_bytes(hostile.FOREIGN["a JPEG XL"])
    (folder / "layers.psd").write_bytes(hostile.FOREIGN["a Photoshop"])
    assert {"photo.jxl", "layers.psd"} <= set(names(sources.find([folder])))


def test_pipes_devices_and_links_to_nowhere_in_a_folder_are_counted(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    (folder / "gone.jpg").symlink_to(folder / "not there")
    (folder / "in-a-circle.jpg").symlink_to(folder / "in-a-circle.jpg")
    (folder / "gone.txt").symlink_to(folder / "not there")
    (folder / "NAS photos").symlink_to("/mnt/not mounted/photos")
    (folder / "myself").symlink_to("myself")
    (folder / "to a pipe.jpg").symlink_to("pipe.jpg")
    found = sources.find([folder])
    assert names(found) == ["below/3.jpg", "img2.PNG", "img10.png"]
    assert counts(found) == {"hidden": 2, "broken-links": 4, "odd": 2}


def test_links_to_nowhere_that_a_shell_names_are_counted_and_stop_nothing(folder: Path) -> None:
    for name in ("gone.webp", "~gone.png", "gone [1].png", "gone"):
        (folder / name).symlink_to("nowhere")
    found = sources.find(sorted(folder.glob("*g*")))
    assert {"img2.PNG", "img10.png"} <= set(names(found))
    assert counts(found) == {"broken-links": 4}
    assert "first)" in str(found.left_out[0])
    excluded = sources.find(sorted(folder.glob("*g*")), sources.Rules(("*gone*",)))
    assert counts(excluded) == {"excluded": 4}
    with pytest.raises(NothingLeft, match=r"1 broken link \(.*gone\.webp\)\. .*Mend the links"):
        sources.find([folder / "gone.webp"])
    with pytest.raises(UsageError, match="does not exist"):
        sources.find([folder / "img2.PNG", folder / "nowhere.png"])


def test_what_is_not_there_is_named_with_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere.*Check the spelling") as caught:
        sources.find([tmp_path / "nowhere"])
    assert caught.value.code == "path-missing"


@pytest.mark.parametrize("path", ["", "~nobody-of-this-name/x", "x" * 5000, "a\x00b", "no [glob", "x/**/y"])
def test_paths_that_cannot_be_are_a_usage_error(path: str) -> None:
    with pytest.raises(UsageError):
        sources.find([path])


def test_a_path_that_begins_with_a_tilde_may_be_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "~draft.png").write_bytes(pictures.good("PNG"))
    monkeypatch.chdir(folder)
    assert names(sources.find(["~draft.png"])) == ["~draft.png"]


def test_a_folder_and_a_glob_without_images_say_what_was_looked_for(folder: Path) -> None:
    for path in (folder / "empty", folder / "*.gif", folder / "n*", folder / "nowhere" / "*.png"):
        with pytest.raises(UsageError, match=r"JPEG, PNG.*HEIC") as caught:
            sources.find([path])
        assert caught.value.code in {"folder-without-images", "glob-without-images"}
        assert str(path) in str(caught.value)


def test_a_folder_that_may_not_be_read_costs_no_other_picture(nobodys: Path) -> None:
    for name in ("ok/a.png", "lost/b.png"):
        (nobodys / name).parent.mkdir()
        (nobodys / name).write_bytes(pictures.good("PNG"))
    (nobodys / "lost").chmod(0)
    with as_nobody():
        below, by_name = sources.find([nobodys]), sources.find([nobodys / "lost", nobodys / "ok"])
        by_file = sources.find([nobodys / "lost" / "b.png", nobodys / "ok"])
    assert (names(below), names(by_name)) == (["ok/a.png"], ["a.png"])
    assert list(map(str, below.left_out)) == ["1 file or folder that cannot be read (lost)"]
    assert counts(by_name) == counts(by_file) == {"closed": 1}


def test_where_nothing_else_is_there_the_closed_folder_is_named(nobodys: Path) -> None:
    (nobodys / "only" / "closed").mkdir(parents=True)
    (nobodys / "only" / "closed").chmod(0)
    for path in (nobodys, nobodys / "only" / "closed"):
        with as_nobody(), pytest.raises(UsageError, match=r"closed cannot be read: Permission denied"):
            sources.find([path])


def test_a_name_that_is_no_text_is_found_and_shown(folder: Path) -> None:
    if sys.platform != "linux":
        pytest.skip("only Linux has such names")
    raw = os.fsencode(folder) + b"/\xff\xfe.png"
    with open(raw, "wb") as file:
        file.write(pictures.good("PNG"))
    shown = [intake.same_name_safe(name) for name in names(sources.find([folder]))]
    assert "\ufffd\ufffd.png" in shown
