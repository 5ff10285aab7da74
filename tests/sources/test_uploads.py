"""What comes through a browser is held to the rules of a walk."""

from pathlib import Path

import pytest

from lychee_app import sources
from lychee_app.records import Found, Source
from lychee_app.sources import Rules, picked
from tests.sources.conftest import Lay
from tests.sources.test_paths import counts, names
from tests.support import pictures

TREE = (
    *("a.png", "a.NEF", "a.xmp", "sub/img10.png", "sub/img2.png", "gone.xmp", ".hidden.png"),
    *("@eaDir/a.png/M.jpg", "#recycle/b.png", ".secret/c.png", "._a.png", ".DS_Store", "sub/Thumbs.db"),
    *("x.png.part", "sub/draft-1.png"),
)


def uploaded(folder: Path) -> list[Source]:
    """As the uploader of folders names them: by the folder, then the path below it."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [Source(f"{folder.name}/{path.relative_to(folder)}", data=path.read_bytes()) for path in files]


def below(found: Found) -> list[str]:
    return [name.partition("/")[2] for name in names(found)]


@pytest.mark.parametrize("rules", [Rules(), Rules(("draft*",)), Rules(("sub/*10*",), include_hidden=True)])
def test_a_folder_gives_the_same_images_and_counts_by_the_uploader_as_by_its_path(
    rules: Rules, lay: Lay
) -> None:
    folder = lay(*TREE)
    walked, came = sources.find([folder], rules), picked(uploaded(folder), rules)
    assert below(came) == names(walked)
    assert counts(came) == counts(walked) | {"companions": 2}


def test_images_are_told_by_their_bytes_where_the_name_says_nothing() -> None:
    good = pictures.good("JPEG")
    files = [
        Source("photos/camera", data=good),
        Source("photos/a.txt", data=b"text"),
        Source("b.txt", data=b""),
    ]
    found = picked(files, Rules())
    assert names(found) == ["b.txt", "photos/camera"]
    assert counts(found) == {"others": 1}


def test_files_picked_one_by_one_keep_their_order_and_equal_names_stay_two() -> None:
    given = ["z.png", ".hidden.png", "a.png", "z.png", "@eaDir.txt", "a.dng"]
    found = picked([Source(name, data=b"") for name in given], Rules())
    assert names(found) == given[:-1]
    assert counts(found) == {"companions": 1}
    assert (
        names(picked([Source(name, data=b"") for name in given], Rules(("z*",)))) == given[1:3] + given[4:5]
    )


def test_a_data_folder_that_is_dropped_gives_none_of_its_uploads() -> None:
    files = ["p/data/lychee.sqlite3", "p/data/uploads/x.png", "p/data/mine.png", "p/uploads/y.png"]
    found = picked([Source(name, data=b"") for name in files], Rules())
    assert names(found) == ["p/data/mine.png", "p/uploads/y.png"]
    assert counts(found) == {"own": 1, "others": 1}
