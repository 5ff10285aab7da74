"""`lychee rank --xmp` and `lychee undo`."""

from pathlib import Path

import pytest

from lychee_app import ratings
from tests.cli.conftest import Lychee


def test_ratings_are_written_and_taken_back(lychee: Lychee, scenes: Path) -> None:
    before = sorted(scenes.iterdir())
    status, _, err = lychee("rank", "red umbrella", scenes, "--xmp", "--xmp-keyword")
    assert status == 0
    assert "Wrote the ratings of 4 images into sidecars" in err
    found = [ratings.read(path.read_bytes()) for path in scenes.glob("*.xmp")]
    assert len(found) == 4
    assert all(each.stars in range(6) for each in found)
    status, _, err = lychee("rank", "red umbrella", scenes, "--xmp", "--xmp-keyword")
    assert (status, "4 had that rating already" in err) == (0, True)
    assert lychee("undo")[0] == 0
    assert sorted(scenes.iterdir()) == before
    status, _, err = lychee("undo")
    assert (status, "no ratings to take back" in err) == (1, True)


def test_where_no_rating_can_be_written_that_is_the_status(lychee: Lychee, scenes: Path) -> None:
    for image in scenes.glob("*.webp"):
        image.with_suffix(".xmp").write_bytes(b"")
    try:
        status, _, err = lychee("rank", "red umbrella", scenes, "--xmp")
        assert (status, "Its sidecar is empty" in err) == (1, True)
    finally:
        for sidecar in scenes.glob("*.xmp"):
            sidecar.unlink()


def test_nothing_is_written_unless_asked(lychee: Lychee, scenes: Path) -> None:
    lychee("rank", "red umbrella", scenes)
    assert not list(scenes.glob("*.xmp"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--stars", "1,2,3,4,5"), "go with --xmp"),
        (("--xmp-keyword",), "go with --xmp"),
        (("--xmp", "--stars", "5,4,3,2,1"), "five scores that rise"),
        (("--xmp", "--stars", "a"), "list of scores"),
    ],
)
def test_wrong_options_are_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, words: tuple[str, ...], text: str
) -> None:
    status, out, err = lychee("rank", "red umbrella", scenes, *words)
    assert (status, out, text in err) == (2, "", True)
