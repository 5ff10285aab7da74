"""Whether photographs, and whatever is unlike the demo's drawn world, are told from drawn scenes."""

from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from benchmarks.unlike import PHOTOGRAPHS, flagged
from lychee_app.demo.gallery import GALLERY_FOLDER
from lychee_app.demo.unlike import features, is_unlike
from recipe.unlike import as_seen, drawn, handled, opened

PICTURES = Path(skimage.__file__).parent / "data"
PLAIN = ("astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "motorcycle_left.png")


def as_png(image: Image.Image) -> Image.Image:
    return as_seen(image, np.random.default_rng(0))


@pytest.mark.parametrize("name", PLAIN)
def test_a_photograph_is_unlike_the_drawn_world(name: str) -> None:
    assert is_unlike(as_png(opened(PICTURES / name)))


def test_photographs_are_recognised_cropped_shrunk_and_saved_again() -> None:
    random = np.random.default_rng(5)
    share, count = flagged(handled(opened(PICTURES / name), random) for name in PHOTOGRAPHS for _ in range(3))
    assert count == 30
    assert share >= 0.8


def test_no_scene_of_the_gallery_is_flagged() -> None:
    scenes = sorted(GALLERY_FOLDER.glob("*.webp"))
    assert [path.name for path in scenes if is_unlike(as_png(opened(path)))] == []


@pytest.mark.parametrize("art", ["trained", "held-out"])
def test_fresh_scenes_are_left_alone_whatever_happened_to_them(art: str) -> None:
    random = np.random.default_rng(6)
    share, count = flagged(handled(scene, random) for scene in drawn(art, 4711, 60))
    assert count == 60
    assert share <= 0.03


@pytest.mark.parametrize("size", [(112, 112), (28, 1372), (1372, 28), (196, 196), (56, 84)])
@pytest.mark.parametrize("colour", ["white", "black", "#123456"])
def test_an_image_of_one_colour_has_features_too(size: tuple[int, int], colour: str) -> None:
    values = features(Image.new("RGB", size, colour))
    assert values.shape == (43,)
    assert np.isfinite(values).all()
