"""Random scenes, their truth in pixels, and the patches made of them."""

import numpy as np
import pytest
from PIL import Image

from lychee_app.demo.drawing import Painter
from lychee_app.demo.pack import Art
from lychee_app.demo.scenes import MAX_TOKENS, MIN_TOKENS, Look, Scenes, grid_for, random_grid, random_scenes
from lychee_app.demo.seeing import ViewMaker
from lychee_app.demo.specimens import load_glyph_specimens, load_specimens


@pytest.fixture(scope="module")
def art() -> Art:
    return load_specimens("held-out")


@pytest.fixture(scope="module")
def look(art: Art) -> Look:
    glyphs = load_glyph_specimens()
    return Look(art.present, art.natural, art.shades, glyphs.objects, glyphs.widths)


@pytest.fixture(scope="module")
def painter(art: Art) -> Painter:
    return Painter(art, load_glyph_specimens())


def some(look: Look, count: int = 40, seed: int = 1) -> Scenes:
    return random_scenes(np.random.default_rng(seed), count, (6, 6), look)


def test_a_seed_gives_the_same_scenes_again(look: Look, painter: Painter) -> None:
    one, other = some(look), some(look)
    assert all(
        np.array_equal(a, b) for a, b in zip(one.arrays().values(), other.arrays().values(), strict=True)
    )
    assert np.array_equal(painter.draw(one, 3).rgb, painter.draw(other, 3).rgb)


def test_only_sprites_that_exist_are_placed(look: Look) -> None:
    scenes = some(look)
    placed = scenes.objects >= 0
    assert look.present[scenes.styles[placed], scenes.objects[placed]].all()


def test_what_is_called_visible_shows_in_the_picture(look: Look, painter: Painter) -> None:
    scenes = some(look)
    for index in range(len(scenes.objects)):
        owner = painter.draw(scenes, index).owner
        for slot in np.flatnonzero(scenes.objects[index] >= 0):
            assert (owner == slot).sum() > 100


def test_a_tint_colours_the_object(look: Look, painter: Painter) -> None:
    red, blue = (painter.sprite(0, 1, tint).astype(int) for tint in (0, 3))
    solid = red[..., 3] > 200
    assert red[solid][:, 0].mean() > red[solid][:, 2].mean() + 40
    assert blue[solid][:, 2].mean() > blue[solid][:, 0].mean() + 40


def test_scenes_of_words_have_no_objects_and_some_words(look: Look) -> None:
    scenes = some(look, 400)
    bare = (scenes.objects < 0).all(axis=1)
    assert 0.05 < (bare & (scenes.glyphs >= 0).any(axis=1)).mean() < 0.15


@pytest.mark.parametrize(("width", "height"), [(4000, 3000), (300, 900), (100, 100), (1200, 500), (50, 40)])
def test_a_grid_stays_within_the_budget(width: int, height: int) -> None:
    rows, columns = grid_for(width, height)
    assert MIN_TOKENS <= rows * columns <= MAX_TOKENS


def test_grids_vary_in_shape() -> None:
    random = np.random.default_rng(0)
    grids = {random_grid(random) for _ in range(200)}
    assert len(grids) > 12
    assert any(rows > columns for rows, columns in grids)
    assert any(rows < columns for rows, columns in grids)


def test_labels_name_the_object_that_covers_a_token(look: Look, painter: Painter) -> None:
    scenes = some(look, 8)
    views = ViewMaker(painter, look, 0).of(scenes)
    for index in range(8):
        owner = painter.draw(scenes, index).owner
        for token in range(36):
            cell = owner[token // 6 * 28 :, token % 6 * 28 :][:28, :28]
            slot = int(views.slots[index, token])
            if slot >= 0:
                assert views.objects[index, token] == scenes.objects[index, slot]
                assert (cell == slot).mean() > 0.2
            else:
                assert all((cell == other).mean() <= 0.2 for other in range(5))


def test_drawing_twice_as_fine_shows_the_same(look: Look, painter: Painter) -> None:
    scenes = some(look, 6)
    scenes.post[:, 2] = 0
    for index in range(6):
        coarse = painter.picture(scenes, index)
        fine = painter.picture(scenes, index, finer=2).resize(coarse.size, Image.Resampling.BOX)
        apart = np.abs(np.asarray(coarse, float) - np.asarray(fine, float)).mean()
        assert apart < 16
