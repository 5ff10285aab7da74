"""What comes through a browser is held to the rules of a walk."""

from pathlib import Path

import pytest

from lychee_app import intake, sources
from lychee_app.sources import Chosen, Rules, picked
from tests.sources.conftest import Lay
from tests.sources.test_paths import counts, names
from tests.support import pictures

TREE = (
    *("a.png", "a.NEF", "a.xmp", "sub/img10.png", "sub/img2.png", "gone.xmp", ".hidden.png"),
    *("@eaDir/a.png/M.jpg", "#recycle/b.png", ".secret/c.png", "._a.png", ".DS_Store", "sub/Thumbs.db"),
    *("x.png.part", "sub/draft-1.png"),
)


def chosen(folder: Path) -> list[Chosen]:
    """As a browser names them: by the folder, then the path below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [
        Chosen(f"{folder.name}/{path.relative_to(folder)}", path.stat().st_size, path.read_bytes())
        for path in files
    ]


def named(*names: str) -> list[Chosen]:
    return [Chosen(name) for name in names]


def wanted(files: list[Chosen], rules: Rules | None = None) -> list[str]:
    return [files[place].name for place in picked(files, rules or Rules()).wanted]


@pytest.mark.parametrize(
    "rules",
    [
        Rules(),
        Rules(("draft*",)),
        Rules(("sub/*10*",), include_hidden=True),
        Rules(("sub", "nothing*")),
        Rules(("*.xmp", "photos.txt")),
    ],
)
def test_a_folder_gives_the_same_images_and_counts_by_its_names_as_by_its_path(
    rules: Rules, lay: Lay
) -> None:
    folder = lay(*TREE)
    for name in ("1.svg", "sub/2.pdf", "b.mov", "c.mkv", "d.pcx", ".hidden.svg", "@eaDir/a.txt"):
        (folder / name).write_bytes(b"<svg/>")
    walked, files = sources.find([folder], rules), chosen(folder)
    assert [name.partition("/")[2] for name in wanted(files, rules)] == names(walked)
    found = picked(files, rules)
    assert {**found.left_out, "companions": 0} == {**counts(walked), "companions": 0}
    assert found.unmet == walked.unmet


@pytest.mark.parametrize(
    "glob", ["photos/sub", "photos/sub/", "photos/sub/*", "./photos/sub/**", "sub", "*/sub"]
)
def test_what_is_excluded_is_told_by_its_path_with_the_folder_or_below_it(glob: str) -> None:
    files = named("photos/a.png", "photos/sub/b.png", "photos/sub/deep/c.png")
    found = picked(files, Rules((glob, "sub/nothing")))
    assert (found.wanted, found.left_out, found.unmet) == ((0,), {"excluded": 2}, ("sub/nothing",))


def test_images_are_told_by_their_bytes_where_the_name_says_nothing() -> None:
    good = pictures.good("JPEG")
    files = [Chosen("photos/camera", head=good), Chosen("photos/a.txt", head=b"text"), Chosen("b", head=good)]
    assert picked(files, Rules()).wanted == (2, 0)
    assert picked(files, Rules()).left_out == {"others": 1}


def test_what_is_chosen_by_itself_and_is_no_image_is_refused_with_the_reason() -> None:
    files = [
        Chosen("notes.txt", head=b"text"),
        Chosen("a.png", head=b""),  # its name tells: the file may be mended before it is ranked
        Chosen("film.mov", head=b"\0\0\0\x14ftypqt  "),
        Chosen("a.xmp", head=b"<x:xmpmeta"),
        Chosen("drawing.svg", head=b"<svg "),
    ]
    found = picked(files, Rules())
    assert (found.wanted, found.left_out) == ((1,), {"companions": 1})
    assert [(name, why.code) for name, why in found.refused] == [
        ("notes.txt", "not-an-image"),
        ("film.mov", "format"),
        ("drawing.svg", "format"),
    ]


def test_a_folder_of_snapshots_counts_once_as_in_a_walk() -> None:
    files = named("p/#snapshot/a.png", "p/#snapshot/sub/b.png", "p/@eaDir/a.txt", "p/c.png")
    found = picked(files, Rules())
    assert (found.wanted, found.left_out) == ((3,), {"snapshots": 1})


def test_files_picked_one_by_one_keep_their_order_and_equal_names_stay_two() -> None:
    given = named("z.png", ".hidden.png", "a.png", "z.png", "._z.png", "a.dng")
    assert picked(given, Rules()).wanted == (0, 1, 2, 3)
    assert picked(given, Rules()).left_out == {"companions": 1, "system": 1}
    assert picked(given, Rules(("z*",))).wanted == (1, 2)


def test_a_data_folder_that_is_dropped_gives_none_of_its_uploads() -> None:
    files = named("p/data/lychee.sqlite3", "p/data/uploads/x.png", "p/data/mine.png", "p/uploads/y.png")
    assert wanted(files) == ["p/data/mine.png", "p/uploads/y.png"]
    assert picked(files, Rules()).left_out == {"own": 1, "others": 1}


def test_files_too_large_to_be_looked_at_are_not_sent() -> None:
    most = intake.MAX_FILE_BYTES
    files = [Chosen("a.png", most + 1), Chosen("p/b.png", most), Chosen("p/c.png", most + 1)]
    assert wanted(files) == ["p/b.png"]
    assert picked(files, Rules()).left_out == {"large": 2}
