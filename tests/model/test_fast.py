"""The fast passes give the plain passes' numbers, hold the weights once, and know what they cannot run."""

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lychee_app.model import fast
from lychee_app.model.elementwise import TorchOps
from lychee_app.model.fast import FastForward, capable
from lychee_app.model.parity_check import passes_agree
from lychee_app.model.plain import PlainForward
from lychee_app.model.qwen2_5_vl.vision import MLP_PATCHES
from lychee_app.model.text import MLP_TOKENS
from tests.support.passes import patches_of, rows_of

GRIDS = [(2, 2), (4, 4), (8, 8), (10, 22), (16, 24), (18, 18), (2, 60), (60, 2), (34, 4)]
"""Rows and columns in patches: fewer than a window, whole windows, and rests on one side or both."""


@pytest.fixture(scope="module")
def plain(model: Any) -> PlainForward:
    return PlainForward(model)


@pytest.fixture
def quick(model: Any) -> FastForward:
    return FastForward(copy.deepcopy(model))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_an_image_is_embedded_as_by_the_plain_pass(grid, plain: PlainForward, quick: FastForward) -> None:
    patches = patches_of(grid)
    torch.testing.assert_close(
        quick.embed_image(patches, grid), plain.embed_image(patches, grid), atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_rows_of_several_queries_are_read_as_one_by_one(
    grid, model: Any, plain: PlainForward, quick: FastForward
) -> None:
    image = plain.embed_image(patches_of(grid), grid)
    rows = rows_of(model, image.shape[1], [(9, 5), (14, 5), (14, 2), (1, 1)])
    wanted = plain.last_hidden(rows, image, grid)
    torch.testing.assert_close(quick.last_hidden(rows, image, grid), wanted, atol=1e-4, rtol=1e-4)


def test_a_prefix_that_was_kept_changes_nothing(model: Any, plain: PlainForward, quick: FastForward) -> None:
    rows = rows_of(model, 16, [(9, 5), (20, 5)])
    for seed in range(3):
        image = plain.embed_image(patches_of((8, 8), seed), (8, 8))
        fresh = FastForward(copy.deepcopy(model)).last_hidden(rows, image, (8, 8))
        assert torch.equal(quick.last_hidden(rows, image, (8, 8)), fresh)
    quick.forget()
    assert torch.equal(quick.last_hidden(rows, image, (8, 8)), fresh)


def test_prefixes_of_other_queries_are_not_mixed_up(
    model: Any, plain: PlainForward, quick: FastForward
) -> None:
    image = plain.embed_image(patches_of((8, 8)), (8, 8))
    for seed in (0, 1, 2, 3, 4, 5, 0, 1):
        rows = rows_of(model, 16, [(12, 5)], seed)
        wanted = plain.last_hidden(rows, image, (8, 8))
        torch.testing.assert_close(quick.last_hidden(rows, image, (8, 8)), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("grid", [(4, 4), (10, 22)], ids=str)
def test_the_same_tokens_are_generated(grid, model: Any, plain: PlainForward, quick: FastForward) -> None:
    image = plain.embed_image(patches_of(grid), grid)
    for seed in range(4):
        (ids,) = rows_of(model, image.shape[1], [(6, 8)], seed)
        assert quick.generate(ids, image, grid, 12, frozenset()) == plain.generate(
            ids, image, grid, 12, frozenset()
        )


def test_generation_ends_after_a_stop_token_or_at_its_limit(model: Any, quick: FastForward) -> None:
    image = quick.embed_image(patches_of((4, 4)), (4, 4))
    (ids,) = rows_of(model, 4, [(6, 8)])
    free = quick.generate(ids, image, (4, 4), 8, frozenset())
    assert len(free) == 8
    stop = free[3]
    assert quick.generate(ids, image, (4, 4), 8, frozenset({stop})) == free[: free.index(stop) + 1]
    assert quick.generate(ids, image, (4, 4), 1, frozenset()) == free[:1]


def test_rows_past_the_memory_bound_are_read_in_several_passes() -> None:
    rows = [fast.Row((1,), (2, 3))] * 7
    assert [len(pack) for pack in fast.packs(rows, 1260)] == [4, 3]
    assert [len(pack) for pack in fast.packs(rows[:2], 9000)] == [1, 1]
    assert [len(pack) for pack in fast.packs(rows, 16)] == [7]


def test_an_image_past_the_bounds_of_one_mlp_pass_is_read_in_parts(model: Any, plain: PlainForward) -> None:
    grid = (104, 104)
    assert grid[0] * grid[1] > MLP_PATCHES
    assert grid[0] * grid[1] // 4 > MLP_TOKENS
    quick = FastForward(copy.deepcopy(model))
    image = plain.embed_image(patches_of(grid), grid)
    torch.testing.assert_close(quick.embed_image(patches_of(grid), grid), image, atol=1e-4, rtol=1e-4)
    rows = rows_of(model, image.shape[1], [(5, 4)])
    wanted = plain.last_hidden(rows, image, grid)
    torch.testing.assert_close(quick.last_hidden(rows, image, grid), wanted, atol=1e-4, rtol=1e-4)


def test_bfloat16_is_off_by_its_rounding_only(model: Any, plain: PlainForward) -> None:
    grid = (10, 22)
    half = copy.deepcopy(model).to(torch.bfloat16)
    rows = rows_of(model, 55, [(9, 5), (14, 5)])
    wanted = plain.last_hidden(rows, plain.embed_image(patches_of(grid), grid), grid)

    def share_off(passes: Any) -> float:
        found = passes.last_hidden(rows, passes.embed_image(patches_of(grid), grid), grid)
        assert found.dtype == torch.bfloat16
        return float((found.float() - wanted).norm() / wanted.norm())

    by_plain = share_off(PlainForward(half))
    assert share_off(FastForward(half)) < 1.5 * by_plain < 0.1


def test_weights_are_held_once_and_the_model_goes_on_working(model: Any, plain: PlainForward) -> None:
    own = copy.deepcopy(model)
    before = stored_bytes(own)
    quick = FastForward(own)
    padding = 4 * 4 * (4 + 4 + 4) * 32 + 4 * 4 * 8  # four vision MLPs of 60, padded to 64, float32
    assert before <= stored_bytes(own) <= before + padding
    joined = own.model.language_model.layers[0].mlp
    assert joined.gate_proj.weight.untyped_storage()._cdata == joined.up_proj.weight.untyped_storage()._cdata
    image = plain.embed_image(patches_of((10, 22)), (10, 22))
    found = PlainForward(own).embed_image(patches_of((10, 22)), (10, 22))
    torch.testing.assert_close(found, image, atol=1e-4, rtol=1e-4)
    assert isinstance(quick.ops, TorchOps)


def stored_bytes(model: nn.Module) -> int:
    stores = {each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in model.parameters()}
    return sum(stores.values())


def test_every_tensor_of_a_pass_is_on_the_device_of_the_weights(model: Any) -> None:
    """On "meta" nothing is computed, but a tensor left on the processor is an error, as it is on a card."""
    quick = FastForward(copy.deepcopy(model).to("meta"))
    image = quick.embed_image(patches_of((10, 12)).to("meta"), (10, 12))
    assert image.shape == (1, 30, 64)
    hidden = quick.last_hidden(rows_of(model, 30, [(9, 5), (14, 5)]), image, (10, 12))
    assert hidden.shape == (2, 64)
    assert hidden.device.type == "meta"


def test_a_prompt_without_the_images_tokens_is_refused(model: Any, quick: FastForward) -> None:
    image = quick.embed_image(patches_of((4, 4)), (4, 4))
    with pytest.raises(ValueError, match="the prompt has 5 image tokens; the image has 4"):
        quick.last_hidden(rows_of(model, 5, [(3, 3)]), image, (4, 4))


class Off(PlainForward):
    """Passes whose result is wrong, or that cannot run."""

    def __init__(self, model: Any, *, raises: bool = False) -> None:
        super().__init__(model)
        self._raises = raises

    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: tuple[int, int]) -> Tensor:
        if self._raises:
            raise RuntimeError("no kernel image is available")
        return super().last_hidden(rows, image, grid).roll(1, dims=-1)


def test_passes_are_trusted_on_a_card_only_if_they_run_and_agree(
    model: Any, plain: PlainForward, quick: FastForward, caplog: pytest.LogCaptureFixture
) -> None:
    assert passes_agree(quick, plain, model)
    assert not caplog.records
    assert not passes_agree(Off(model), plain, model)
    assert not passes_agree(Off(model, raises=True), plain, model)
    assert ["are off by" in caplog.messages[0], "no kernel image" in caplog.messages[1]] == [True, True]


def test_a_model_that_cannot_take_the_fast_passes_gets_the_plain_ones(model: Any) -> None:
    assert isinstance(fast.checked_forward(copy.deepcopy(model)), FastForward)
    spilled = copy.deepcopy(model)
    spilled.model.visual.to("meta")
    assert isinstance(fast.checked_forward(spilled), PlainForward)


@pytest.mark.parametrize(
    "change", ["spilled", "mixed", "quantised", "sliding", "scaled rope", "gelu", "other"]
)
def test_what_the_fast_passes_cannot_run_is_known(change: str, model: Any) -> None:
    other = copy.deepcopy(model)
    assert capable(other)
    text = other.config.text_config
    if change == "spilled":
        other.model.language_model.layers[0].to("meta")
    elif change == "mixed":
        other.model.visual.to(torch.bfloat16)
    elif change == "quantised":
        other.model.language_model.layers[0].mlp.up_proj = type("Linear8bitLt", (nn.Linear,), {})(64, 128)
    elif change == "sliding":
        text.use_sliding_window = True
    elif change == "scaled rope":
        text.rope_parameters = {**text.rope_parameters, "rope_type": "yarn"}
    elif change == "gelu":
        text.hidden_act = "gelu"
    else:
        other.config.model_type = "qwen2_vl"
    assert not capable(other)
