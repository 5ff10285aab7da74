"""Random scenes, their truth in pixels, and the patches made of them."""

import numpy as np
import pytest
import torch
from PIL import Image

from recipe.drawing import Painter
from recipe.pack import Art
from recipe.painting import TensorPainter, restyled
from recipe.scenes import MAX_TOKENS, MIN_TOKENS, Look, Scenes, grid_for, random_grid, random_scenes
from recipe.seeing import views_of
from recipe.specimens import load_glyph_specimens, load_specimens


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


def test_a_batch_is_drawn_as_its_scenes_are_one_by_one(art: Art, look: Look, painter: Painter) -> None:
    scenes = some(look, 24)
    scenes.post[:, 2] = 0
    painted = TensorPainter(art, load_glyph_specimens(), "cpu", restyle=False).draw(scenes)
    for index in range(24):
        drawn = painter.draw(scenes, index)
        apart = np.abs(painted.rgb[index].permute(1, 2, 0).numpy() - drawn.rgb).mean()
        assert apart < 3, (index, scenes.ground[index, 0])
        assert (painted.owner[index].numpy() == drawn.owner).mean() > 0.99


def test_restyled_sprites_keep_their_hue(art: Art) -> None:
    torch.manual_seed(0)
    rgba = torch.from_numpy(art.sprites[0, :40]).permute(0, 3, 1, 2).float() / 255
    before, after = rgba, restyled(rgba)
    spread = before[:, :3].amax(1) - before[:, :3].amin(1)
    vivid = (spread > 0.4) & (before[:, 3] > 0.9)
    same = (before[:, :3].argmax(1) == after[:, :3].argmax(1))[vivid]
    assert same.float().mean() > 0.93


def test_labels_name_the_object_that_covers_a_token(art: Art, look: Look) -> None:
    scenes = some(look, 8)
    painted = TensorPainter(art, load_glyph_specimens(), "cpu").draw(scenes)
    views = views_of(painted, scenes, look.present.shape[1])
    for index in range(8):
        for token in range(36):
            cell = painted.owner[index, token // 6 * 28 :, token % 6 * 28 :][:28, :28]
            slot = int(views.slots[index, token])
            if slot >= 0:
                assert views.objects[index, token] == scenes.objects[index, slot]
                assert (cell == slot).float().mean() > 0.2
            else:
                assert all((cell == other).float().mean() <= 0.2 for other in range(5))


def test_drawing_twice_as_fine_shows_the_same(look: Look, painter: Painter) -> None:
    scenes = some(look, 6)
    scenes.post[:, 2] = 0
    for index in range(6):
        coarse = painter.picture(scenes, index)
        fine = painter.picture(scenes, index, finer=2).resize(coarse.size, Image.Resampling.BOX)
        apart = np.abs(np.asarray(coarse, float) - np.asarray(fine, float)).mean()
        assert apart < 16
