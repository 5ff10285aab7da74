"""The size an image is given for its tokens, held to both published ways of choosing it."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from PIL import Image

from lychee_app import intake
from lychee_app.errors import ImageError
from lychee_app.intake import tiling
from lychee_app.reasons import Reason
from lychee_app.records import Candidate, ImageBudget
from lychee_app.settings import Settings
from tests.intake.conftest import BUDGET, prepared
from tests.support import pictures

sides = st.integers(1, 30_000)
budgets = st.sampled_from([16, 64, 320, 640, 1280, 5000]).map(lambda most: ImageBudget(28, max_tokens=most))


def published(width_px: int, height_px: int, budget: ImageBudget) -> tuple[tuple[int, int], tuple[int, int]]:
    """(by qwen_vl_utils, by transformers), each (width, height). Raises ValueError where they do."""
    from qwen_vl_utils.vision_process import smart_resize as by_utils
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize as by_transformers

    least, most = budget.min_tokens * 784, budget.max_tokens * 784
    one = by_utils(height_px, width_px, 28, least, most)
    other = by_transformers(height_px, width_px, 28, least, most)
    return (one[1], one[0]), (other[1], other[0])


@given(sides, sides, budgets)
@example(30, 6000, BUDGET)
@example(4000, 3000, BUDGET)
@example(4139, 4139, ImageBudget(28, max_tokens=16))
def test_fit_is_smart_resize_wherever_the_published_ones_agree(
    width: int, height: int, budget: ImageBudget
) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    one, other = published(width, height, budget)
    assume(one == other and max(one) <= 200 * min(one) and math.prod(one) // 784 <= budget.max_tokens)
    assert intake.fit(width, height, budget) == one


@given(sides, sides, budgets)
@example(30, 6000, BUDGET)
@example(1, 200, BUDGET)
def test_fit_keeps_every_limit_and_the_published_processor_leaves_its_size_alone(
    width: int, height: int, budget: ImageBudget
) -> None:
    assume(max(width, height) <= 200 * min(width, height))
    size = intake.fit(width, height, budget)
    assert all(side >= 28 and side % 28 == 0 for side in size)
    assert budget.min_tokens <= math.prod(size) // 784 <= budget.max_tokens
    assert published(*size, budget) == (size, size)


@given(sides, sides)
def test_fit_refuses_exactly_the_shapes_that_smart_resize_refuses(width: int, height: int) -> None:
    try:
        published(width, height, BUDGET)
    except ValueError:
        with pytest.raises(ImageError, match=f"{width} x {height}"):
            intake.fit(width, height, BUDGET)
    else:
        intake.fit(width, height, BUDGET)


def test_refit_shows_the_same_image_smaller_and_says_so(settings: Settings) -> None:
    [candidate] = prepared([pictures.encoded(pictures.scene(1200, 900), "PNG")], settings)
    assert isinstance(candidate, Candidate)
    half = intake.refit(candidate, candidate.tokens(28) // 2, BUDGET)
    assert half.tokens(28) <= candidate.tokens(28) // 2
    assert half.sha256 == candidate.sha256
    fewer = Reason.of("fewer-tokens", tokens=half.tokens(28), instead_of=candidate.tokens(28))
    assert half.notes[-1] == fewer
    shown = np.asarray(candidate.image.resize(half.image.size), dtype=float)
    assert np.abs(np.asarray(half.image, dtype=float) - shown).mean() < 1


def test_refit_of_the_smallest_image_still_gives_one(settings: Settings) -> None:
    [candidate] = prepared([pictures.encoded(Image.new("RGB", (3, 3)), "PNG")], settings)
    assert isinstance(candidate, Candidate)
    assert intake.refit(candidate, 1, BUDGET).image.size == (28, 28)


@pytest.mark.parametrize(
    "size", [(1290, 19_854), (19_854, 1290), (3000, 30_000), (1080, 4000), (500, 90_000)]
)
def test_tiles_cover_a_long_picture_overlap_and_are_multiples_of_a_token(size: tuple[int, int]) -> None:
    budget = ImageBudget(28, max_tokens=256)
    found = tiling(*size, budget)
    assert found is not None
    assert 2 <= len(found.boxes) <= budget.most_tiles
    tall = size[1] > size[0]
    along = [(box[1], box[3]) if tall else (box[0], box[2]) for box in found.boxes]
    assert along[0][0] == 0
    assert along[-1][1] == max(found.sheet_px)
    assert all(later[0] < earlier[1] for earlier, later in pairwise(along))
    assert len({end - start for start, end in along}) == 1
    assert all(side % 28 == 0 for side in found.tile_px)
    assert math.prod(found.tile_px) <= 256 * 28**2
    shape = found.sheet_px[0] / found.sheet_px[1]
    assert shape == pytest.approx(size[0] / size[1], rel=0.02)


@pytest.mark.parametrize(
    "size", [(4000, 3000), (2400, 1080), (300, 3000), (12_000, 9000), (1179, 2556), (28, 280)]
)
def test_a_photo_a_screenshot_of_one_screen_and_a_small_strip_are_seen_at_once(size: tuple[int, int]) -> None:
    assert tiling(*size, ImageBudget(28)) is None


def test_no_tiles_are_made_where_none_are_wanted() -> None:
    assert tiling(1290, 19_854, ImageBudget(28, most_tiles=0)) is None
