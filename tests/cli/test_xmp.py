"""`lychee rank --xmp` and `lychee undo`."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from lychee_app import ratings
from lychee_app.ratings import Rating
from lychee_app.ratings.packet import changed
from tests.cli.conftest import Lychee


def test_ratings_are_written_and_taken_back(lychee: Lychee, scenes: Path) -> None:
    before = sorted(scenes.iterdir())
    status, _, err = lychee("rank", "sofa + lamp", scenes, "--xmp", "--xmp-keyword")
    assert status == 0
    assert "Wrote the rating of 1 image into its sidecar" in err
    assert "3 images get no star and have none: nothing is written for them." in err
    (found,) = [ratings.read(path.read_bytes()) for path in scenes.glob("*.webp.xmp")]
    assert (found.stars, found.keywords) == (5, ("sofa + lamp",))
    status, _, err = lychee("rank", "sofa + lamp", scenes, "--xmp", "--xmp-keyword")
    assert (status, "1 had that rating already" in err) == (0, True)
    assert lychee("undo")[0] == 0
    assert sorted(scenes.iterdir()) == before
    status, _, err = lychee("undo")
    assert (status, "no ratings, copies or moves to take back" in err) == (1, True)


def test_jpegs_change_themselves_where_that_is_asked_for_and_are_the_same_files_to_the_run(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    names = tmp_path / "names.txt"
    names.write_text("sofas: sofa >= 0.0001\n")
    for number, image in enumerate(sorted(scenes.iterdir())):
        if number < 3:
            Image.open(image).save(image.with_suffix(".jpg"), "JPEG")
            image.unlink()
    before = {path: path.read_bytes() for path in scenes.iterdir()}
    words = ("sofa + lamp", scenes, "--xmp", "--xmp-embed", "--stars", "0.0001,0.001,0.01,0.1,5")
    status, _, err = lychee("rank", *words)
    assert (status, "Wrote the ratings of 4 images, of 3 into the JPEG itself" in err) == (0, True)
    assert [path.suffix for path in scenes.glob("*.xmp")] == [".xmp"], "of the one that is no JPEG"
    status, _, err = lychee("rank", *words)
    assert (status, "4 had that rating already" in err) == (0, True)
    goal = tmp_path / "goal"
    status, _, err = lychee("sort", names, scenes, "--xmp-keyword", "--xmp-embed", "--copy-to", goal)
    assert (status, "of 3 into the JPEG itself" in err, "changed since" in err) == (0, True, False)
    copies = list(goal.glob("sofas/*.jpg"))
    assert copies
    assert all(b"<rdf:li>sofas</rdf:li>" in copy.read_bytes() for copy in copies)
    for _ in range(3):
        assert lychee("undo")[0] == 0
    assert {path: path.read_bytes() for path in scenes.iterdir()} == before


def test_an_image_that_was_deleted_does_not_stand_in_the_way_of_what_was_written_before(
    lychee: Lychee, own: Path
) -> None:
    first, second, *_ = sorted(own.iterdir())
    for image in (first, second):
        assert lychee("rank", "red umbrella", image, "--xmp", "--stars", "0,1,2,3,4")[0] == 0
    for file in (second, Path(f"{second}.xmp")):
        file.unlink()
    status, _, err = lychee("undo")
    assert (status, f"{second.name}.xmp: Neither it nor its image" in err) == (1, True)
    assert Path(f"{first}.xmp").exists(), "of what it could not do it only tells, the first time"
    assert lychee("undo")[0] == 0
    assert not list(own.glob("*.xmp"))


def test_where_no_rating_can_be_written_that_is_the_status(lychee: Lychee, scenes: Path) -> None:
    for image in scenes.glob("*.webp"):
        image.with_suffix(".xmp").write_bytes(b"")
    try:
        status, _, err = lychee("rank", "red umbrella", scenes, "--xmp")
        assert (status, "Its sidecar is empty" in err) == (1, True)
    finally:
        for sidecar in scenes.glob("*.xmp"):
            sidecar.unlink()


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            [
                "Wrote the rating of 1 image",
                "1 image had another rating, which was replaced.",
                "1 image is rejected in its XMP and stays so.",
            ],
        ),
        (
            "zh",
            ["1 张图片的星级", "其中 1 张原有别的星级，已被替换。", "1 张在 XMP 里已标为“已弃”，保持不变。"],
        ),
    ],
)
def test_it_is_told_by_image_what_became_of_ratings_that_were_there(
    lychee: Lychee, own: Path, language: str, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", f"{language}.UTF-8")
    first, second, *_ = sorted(own.iterdir())
    rejected = changed(None, Rating(-1))
    first.with_suffix(".xmp").write_bytes(rejected)
    for sidecar in (second.with_suffix(".xmp"), Path(f"{second}.xmp")):
        sidecar.write_bytes(changed(None, Rating(2)))
    status, _, err = lychee("rank", "red umbrella", own, "--xmp", "--stars", "9.996,9.997,9.998,9.999,10")
    assert status == 0
    for words in said:
        assert words in err
    assert first.with_suffix(".xmp").read_bytes() == rejected


def test_what_is_outside_the_best_is_one_line(lychee: Lychee, own: Path) -> None:
    status, _, err = lychee("rank", "sofa + lamp", own, "--prefilter", "1", "--xmp")
    assert (status, len(list(own.glob("*.xmp")))) == (0, 1)
    assert "3 outside the best 1 were not rated." in err
    assert "Not rated" not in err


@pytest.fixture
def own(scenes: Path, tmp_path: Path) -> Path:
    """The scenes, where sidecars may lie about."""
    return Path(shutil.copytree(scenes, tmp_path / "own"))


def test_nothing_is_written_unless_asked(lychee: Lychee, scenes: Path) -> None:
    lychee("rank", "red umbrella", scenes)
    assert not list(scenes.glob("*.xmp"))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--stars", "1,2,3,4,5"), "go with --xmp"),
        (("--xmp-keyword",), "go with --xmp"),
        (("--xmp-embed",), "go with --xmp"),
        (("--xmp", "--xmp-embed", "--parts", "parts"), "Rank into parts first"),
        (("--xmp", "--stars", "5,4,3,2,1"), "five scores that rise"),
        (("--xmp", "--stars", "a"), "five scores that rise"),
    ],
)
def test_wrong_options_are_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, words: tuple[str, ...], text: str
) -> None:
    status, out, err = lychee("rank", "red umbrella", scenes, *words)
    assert (status, out, text in err) == (2, "", True)
