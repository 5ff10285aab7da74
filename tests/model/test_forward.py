"""The plain passes against transformers' own."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lychee_app.model.pixels import patchify
from lychee_app.model.plain import PlainForward
from lychee_app.model.positions import image_start, rope_positions
from lychee_app.model.qwen2_5_vl import FAMILY
from tests.model.conftest import ASPECTS, candidate

MERGE = 2


@settings(max_examples=80, deadline=None)
@given(
    before=st.integers(0, 40), after=st.integers(0, 40), rows=st.integers(1, 20), columns=st.integers(1, 20)
)
def test_rotary_positions_are_those_of_the_published_model(
    before: int, after: int, rows: int, columns: int, model: Any
) -> None:
    tokens = rows * columns
    kinds = torch.tensor([[0] * before + [1] * tokens + [0] * after])
    grid = torch.tensor([[1, rows * MERGE, columns * MERGE]])
    expected, _ = model.model.get_rope_index(
        torch.zeros_like(kinds), mm_token_type_ids=kinds, image_grid_thw=grid
    )
    found = rope_positions(before + tokens + after, before, (rows * MERGE, columns * MERGE), MERGE)
    assert found.tolist() == expected[:, 0].tolist()


@pytest.mark.parametrize(("width", "height"), ASPECTS)
def test_the_last_hidden_state_is_that_of_the_whole_model(width: int, height: int, model: Any) -> None:
    patches, grid, ids = given_image(width, height, model)
    inputs = {
        "input_ids": ids[None],
        "pixel_values": patches,
        "image_grid_thw": torch.tensor([[1, *grid]]),
        "mm_token_type_ids": (ids == model.config.image_token_id).int()[None],
    }
    with torch.no_grad():
        expected = model.model(**inputs).last_hidden_state[0, -1]
    forward = PlainForward(model)
    found = forward.last_hidden([ids], forward.embed_image(patches, grid), grid)[0]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_generation_stops_at_a_stop_token_and_keeps_it(model: Any) -> None:
    patches, grid, ids = given_image(112, 84, model)
    forward = PlainForward(model)
    image = forward.embed_image(patches, grid)
    free = forward.generate(ids, image, grid, 12, frozenset())
    assert len(free) == 12
    stopped = forward.generate(ids, image, grid, 12, frozenset({free[4]}))
    assert stopped == free[: free.index(free[4]) + 1]


@pytest.mark.parametrize("ids", [[1, 2, 3], [7, 1, 7], [7, 7, 7], [1, 7, 2]])
def test_image_tokens_that_do_not_fit_the_image_are_an_error(ids: list[int]) -> None:
    with pytest.raises(ValueError, match="image tokens"):
        image_start(torch.tensor(ids), 7, 2)


def test_the_image_may_stand_anywhere_in_the_row() -> None:
    assert [image_start(torch.tensor(row), 7, 2) for row in ([7, 7, 1], [1, 7, 7, 1], [1, 1, 7, 7])] == [
        0,
        1,
        2,
    ]


def given_image(width: int, height: int, model: Any) -> tuple[torch.Tensor, tuple[int, int], torch.Tensor]:
    given = candidate(width, height)
    patches, grid = patchify(given.image, FAMILY.pixels, "cpu")
    image = [model.config.image_token_id] * given.tokens(28)
    return patches, grid, torch.tensor([5, 9, 31, *image, 40, 3])
