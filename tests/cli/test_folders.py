"""`lychee rank` on folders as they really are: what it ranks, what it says of the rest."""

import shutil
from pathlib import Path

import pytest

from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.cli.conftest import Lychee, document


@pytest.fixture
def library(scenes: Path, tmp_path: Path) -> Path:
    """Two pictures, one a shot of four files; a thumbnail, a deleted and a hidden file, a dead link."""
    folder, (one, two, *_) = tmp_path / "library", sorted(scenes.iterdir())
    names = ("IMG_1.webp", "@eaDir/IMG_1.webp/M.jpg", "#recycle/old.webp", ".hidden/x.webp")
    for name, file in (*((name, one) for name in names), ("[best]/2.webp", two)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, folder / name)
    for name in ("IMG_1.NEF", "IMG_1.xmp", "IMG_1.webp.xmp"):
        (folder / name).write_bytes(b"x\n")
    (folder / "gone.jpg").symlink_to("nowhere")
    return folder


def test_what_was_left_out_is_one_line_a_key_and_part_of_the_history(
    lychee: Lychee, library: Path, tmp_path: Path
) -> None:
    status, out, err = lychee("rank", "red", library, "--json", "-")
    told = document(out)
    assert status == 0
    assert {image["name"] for image in told["images"]} == {"IMG_1.webp", "[best]/2.webp"}
    left_out = ["1 thumbnail of a NAS", "1 deleted file", "1 hidden file", "1 broken link (gone.jpg)"]
    assert sorted(err.splitlines()[0].removeprefix("lychee: Left out: ").split(", ")) == sorted(left_out)
    assert sorted(one["text"] for one in told["left_out"]) == sorted(left_out)
    assert {(one["code"], one["count"]) for one in told["left_out"]} == {
        ("left-out-thumbnails", 1),
        ("left-out-deleted", 1),
        ("left-out-hidden", 1),
        ("left-out-broken-links", 1),
    }
    with Store.open(tmp_path / "home") as store:
        (run,) = store.runs()
        kept = store.load(run.id).left_out
    assert [reason.code for reason in kept] == [one["code"] for one in told["left_out"]]


def test_a_shot_is_one_image_that_names_its_files(lychee: Lychee, library: Path) -> None:
    _, out, _ = lychee("rank", "red", library, "--json", "-")
    files = {image["name"]: image["files"] for image in document(out)["images"]}
    assert [Path(path).name for path in files["IMG_1.webp"]] == [
        "IMG_1.webp", "IMG_1.NEF", "IMG_1.webp.xmp", "IMG_1.xmp",
    ]  # fmt: skip
    assert files["[best]/2.webp"] == [str(library / "[best]" / "2.webp")]
    assert "IMG_1.webp + NEF, XMP" in " ".join(lychee("rank", "red", library)[1].split())


def test_a_shots_files_given_one_by_one_are_one_image_too(lychee: Lychee, library: Path) -> None:
    given = sorted(library.glob("IMG_1*"))
    assert len(given) == 4
    _, out, _ = lychee("rank", "red", *given, given[0], "--json", "-")
    assert [image["name"] for image in document(out)["images"]] == ["IMG_1.webp"]


def test_options_leave_out_more_and_take_in_what_is_hidden(lychee: Lychee, library: Path) -> None:
    options = ("--exclude", "img_1*", "--exclude", "*.gif", "--include-hidden", "--json", "-")
    status, out, err = lychee("rank", "red", library, *options)
    assert status == 0
    assert {image["name"] for image in document(out)["images"]} == {".hidden/x.webp", "[best]/2.webp"}
    assert "2 excluded files" in err


def test_a_folder_where_all_is_left_out_says_so(lychee: Lychee, library: Path) -> None:
    status, _, err = lychee("rank", "red", library, "--exclude", "*.webp", "--exclude", "*.NEF")
    assert status == 1
    assert "Left out: 3 excluded files, " in err
    assert "Exclude less" in err


def test_a_folder_of_raw_files_alone_says_what_they_are(lychee: Lychee, tmp_path: Path) -> None:
    for name, head in (("1.CR2", b"II*\0\x10\0\0\0CR\x02\0"), ("2.RAF", b"FUJIFILMCCD-RAW 0201")):
        (tmp_path / name).write_bytes(head + bytes(200))
    status, _, err = lychee("rank", "red", tmp_path / "*.[CR]*")
    assert status == 1
    assert "raw" in err
    assert {"1.CR2", "2.RAF"} <= {word.rstrip(":") for word in err.split()}


def test_in_python_the_same_rules_can_be_given(library: Path, settings: Settings) -> None:
    import lychee_app

    run = lychee_app.rank("red", library, model="demo", exclude=["*best*"], settings=settings)
    assert [row.name for row in run.images] == ["IMG_1.webp"]
    assert "left-out-excluded" in [reason.code for reason in run.left_out]
