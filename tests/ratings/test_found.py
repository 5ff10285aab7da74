"""What the sidecars beside the images say, as a photo program or Lychee left it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from lychee_app import ratings
from lychee_app.records import Source
from tests.ratings.conftest import DARKTABLE, LIGHTROOM

Shoot = Callable[..., Any]
REJECTED = LIGHTROOM.replace(b'xmp:Rating="1"', b'xmp:Rating="-1"')
UNRATED = LIGHTROOM.replace(b'xmp:Rating="1" ', b"")


@pytest.mark.parametrize(
    ("beside", "stars"),
    [
        ({}, {}),
        ({"a.xmp": LIGHTROOM}, {0: 1}),
        ({"A.XMP": LIGHTROOM, "b.jpg.xmp": REJECTED}, {0: 1, 1: -1}),
        ({"a.jpg.xmp": DARKTABLE, "a.xmp": LIGHTROOM}, {0: 0}),
        ({"a.jpg.xmp": UNRATED, "a.xmp": LIGHTROOM}, {0: 1}),
        ({"a.xmp": UNRATED}, {0: None}),
        ({"a.xmp": b"<broken", "b.xmp": LIGHTROOM}, {1: 1}),
        ({"c.xmp": LIGHTROOM}, {}),
    ],
)
def test_ratings_are_found_by_either_style_of_name(
    beside: dict[str, bytes], stars: dict[int, int | None], shoot: Shoot
) -> None:
    _, sources, _ = shoot({"a.jpg": 9.5, "b.jpg": 2.0}, beside)
    assert {index: one.stars for index, one in ratings.found(sources).items()} == stars


def test_what_was_written_is_found(shoot: Shoot, tmp_path: Any) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5, "a.png": 2.0})
    ratings.write(ratings.plan(run, sources, ratings.Wish(), {0: "pick", 1: "reject"}), tmp_path / "moves")
    assert ratings.found(sources) == {0: ratings.Rating(5, "Green"), 1: ratings.Rating(-1)}


def test_a_raw_file_s_sidecar_speaks_for_its_shot(shoot: Shoot) -> None:
    _, [(_, source)], folder = shoot({"a.jpg": 9.5}, {"a.nef": b"", "a.nef.xmp": LIGHTROOM})
    assert ratings.found([(0, source)]) == {}
    shot = replace(source, companions=(folder / "a.nef",))
    assert ratings.found([(0, shot)])[0].stars == 1


def test_uploads_and_folders_that_are_gone_cost_nothing(shoot: Shoot) -> None:
    _, [(_, source)], folder = shoot({"a.jpg": 9.5}, {"a.xmp": LIGHTROOM})
    gone = Source("b.jpg", path=folder / "gone" / "b.jpg")
    given = [(0, Source("a.jpg", data=b"x")), (1, replace(source, private=True)), (2, gone), (3, source)]
    assert set(ratings.found(given)) == {3}
