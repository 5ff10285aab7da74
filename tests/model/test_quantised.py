"""Matrices in 8 and 4 bits: how far off they are, what products of them give, and whole passes on them."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from lychee_app.model import loading, projections, quantised, quantised_skeleton, skeleton, weights
from lychee_app.model.fast import FastForward, capable
from lychee_app.model.plain import PlainForward
from lychee_app.model.projections import Projection, QuantisedProjection
from lychee_app.model.quantised import Bits, QuantisedLinear, Stored, Workspace, quantise
from tests.support import tiny_checkpoint

EACH_BITS: Any = pytest.mark.parametrize("bits", [8, 4])
GRID = (8, 10)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def unpacked(weight: Tensor, bits: Bits, dtype: torch.dtype = torch.float32) -> Tensor:
    out = torch.full(weight.shape, math.nan, dtype=dtype)
    quantised.unpack(quantise(weight, bits, "cpu"), out)
    return out


def test_8_bits_are_off_by_half_a_step_of_the_row_s_scale_at_most() -> None:
    weight = noise(33, 104) * torch.logspace(-6, 3, 33)[:, None]
    step = weight.abs().amax(1, keepdim=True) / 127
    assert ((unpacked(weight, 8) - weight).abs() <= step / 2 * 1.001).all()


@pytest.mark.parametrize(("width", "group"), [(128, 64), (96, 16), (104, 4), (6, 1)])
def test_4_bits_are_off_by_half_a_step_of_the_group_s_scale_at_most(width: int, group: int) -> None:
    """Or by one, at the end of the scale that the largest number does not lie at."""
    weight = noise(33, width) * torch.logspace(-6, 3, 33)[:, None]
    groups = weight.unflatten(1, (-1, group))
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    step = (largest.abs() / 8).expand_as(groups).flatten(1)
    same_side = (groups * largest >= 0).flatten(1)
    off = (unpacked(weight, 4) - weight).abs()
    assert (off <= step * (0.5 + 8 * 2**-8))[same_side].all()
    assert (off <= step * (1 + 8 * 2**-8)).all()


@EACH_BITS
def test_zeros_stay_zeros_and_what_is_no_number_stays_none(bits: Bits) -> None:
    weight = noise(3, 128)
    weight[0], weight[1, 5], weight[2, 7] = 0, math.nan, math.inf
    found = unpacked(weight, bits)
    assert (found[0] == 0).all()
    assert found[1].isnan().any()
    assert not found[2].isfinite().all()


@EACH_BITS
def test_a_matrix_quantised_in_parts_is_the_whole_one_quantised(bits: Bits) -> None:
    weight = noise(5, 1 << 22)
    each = [quantise(row[None], bits, "cpu") for row in weight]
    whole = quantise(weight, bits, "cpu")
    assert torch.equal(whole.values, torch.cat([one.values for one in each]))
    assert torch.equal(whole.scale, torch.cat([one.scale for one in each]))


def test_numbers_are_rounded_once_where_bf16_is_asked_for() -> None:
    weight = noise(8, 128)
    for bits in (8, 4):
        assert torch.equal(unpacked(weight, bits, torch.bfloat16), unpacked(weight, bits).bfloat16())


def test_an_odd_width_is_refused_in_4_bits() -> None:
    assert Stored.of(3, 7, 8).values[0] == (3, 7)
    with pytest.raises(ValueError, match="7 is odd"):
        Stored.of(3, 7, 4)


@EACH_BITS
@pytest.mark.parametrize("rows", [24, 5000], ids=["one part", "several parts"])
def test_products_are_those_of_the_unpacked_matrix(rows: int, bits: Bits) -> None:
    weight, bias, x = noise(rows, 512, seed=1), noise(rows, seed=2), noise(6, 512)
    plain = Projection(unpacked(weight, bits), bias)
    packed = QuantisedProjection(quantise(weight, bits, "cpu"), Workspace("cpu", torch.float32), bias)
    torch.testing.assert_close(packed(x), plain(x))
    torch.testing.assert_close(packed.rows(7, rows - 3)(x), plain.rows(7, rows - 3)(x))
    totals = [noise(6, rows, seed=3) for _ in range(2)]
    packed.add_to(totals[0], x)
    plain.add_to(totals[1], x)
    torch.testing.assert_close(totals[0], totals[1])


@EACH_BITS
def test_joined_matrices_are_held_once_and_filled_up_with_zeros(bits: Bits) -> None:
    workspace = Workspace("cpu", torch.float32)
    linears = [nn.Linear(64, size) for size in (13, 8)]
    packed = [
        QuantisedLinear(quantise(each.weight, bits, "cpu"), each.bias.data, workspace) for each in linears
    ]
    joined, x = projections.joined(packed), noise(3, 64)
    found = joined(x)
    assert found.shape == (3, 24)
    assert (found[:, 13:16] == 0).all()
    for module, start in zip(packed, (0, 16), strict=True):
        own = projections.of(module)(x)
        torch.testing.assert_close(own, found[:, start : start + own.shape[1]])
        assert module.matrix.values.untyped_storage()._cdata == joined.matrix.values.untyped_storage()._cdata
    again = projections.joined(packed)
    assert again.matrix is joined.matrix


@EACH_BITS
@pytest.mark.parametrize("tied", [False, True], ids=["own head", "tied head"])
def test_the_passes_are_the_plain_passes_on_the_unpacked_weights(
    tied: bool, bits: Bits, tmp_path: Path
) -> None:
    """The plain passes on transformers' modules, whose matrices are replaced by what was read back."""
    folder = tiny_checkpoint.build(tmp_path / "it", tied=tied)
    checkpoint = weights.inspect(folder)
    workspace = Workspace("cpu", torch.float32)
    found = quantised_skeleton.read(checkpoint, bits, workspace, tmp_path / "copy.safetensors")
    assert found is not None
    root, warning = found
    assert (capable(root), warning) == (True, None)
    model = loading.load(checkpoint, "cpu", "float32", tmp_path).model
    for name, module in root.named_modules():
        if hasattr(module, "matrix"):
            weight = model.get_submodule(name).weight
            quantised.unpack(module.matrix, weight.data)
    plain, quick = PlainForward(model), FastForward(root)
    patches = noise(GRID[0] * GRID[1], 1176)
    image = plain.embed_image(patches, GRID)
    torch.testing.assert_close(quick.embed_image(patches, GRID), image, atol=1e-4, rtol=1e-4)
    pads = torch.full((GRID[0] * GRID[1] // 4,), model.config.image_token_id)
    rows = [torch.cat([torch.arange(length), pads, torch.arange(3)]) for length in (5, 9)]
    wanted = plain.last_hidden(rows, image, GRID)
    torch.testing.assert_close(quick.last_hidden(rows, image, GRID), wanted, atol=1e-4, rtol=1e-4)
    made = [each.generate(rows[0], image, GRID, 6, frozenset()) for each in (plain, quick)]
    assert made[0] == made[1]


def test_what_was_joined_is_taken_as_it_lies() -> None:
    """Bits or none: a second set of passes on the same modules holds nothing twice."""
    linears = [nn.Linear(60, 13), nn.Linear(60, 8)]
    first, again = (projections.joined(linears) for _ in range(2))
    assert again.weight.data_ptr() == first.weight.data_ptr()
    assert torch.equal(again.weight, first.weight)
    assert (again.weight.shape, first.weight.shape) == ((24, 60), (24, 60))
    lone = nn.Linear(60, 16)
    wide, same = projections.widened(lone), projections.widened(lone)
    assert wide.weight.data_ptr() == same.weight.data_ptr()
    assert wide.weight.shape == same.weight.shape == (16, 64)
    assert (wide.weight[:, 60:] == 0).all()
    other_way = projections.joined(linears[::-1])
    assert torch.equal(other_way.weight[:8], first.weight[16:24])
    assert torch.equal(other_way.weight[8:21], first.weight[:13])


@pytest.mark.parametrize(
    "change", [{"intermediate_size": 100}, {"num_hidden_layers": 2}, {"vision_config": 3}]
)
def test_a_checkpoint_that_is_not_as_expected_is_not_quantised(
    change: dict[str, Any], tiny: Path, tmp_path: Path
) -> None:
    """An MLP whose halves would have to be padded; fewer layers than the files hold; a config of nonsense."""
    checkpoint = weights.inspect(tiny)
    if "intermediate_size" in change:
        folder = tiny_checkpoint.build(tmp_path / "odd", **change)
        checkpoint = weights.inspect(folder)
        assert skeleton.read(checkpoint, torch.float32) is not None
    else:
        values = {**checkpoint.config, **change}
        checkpoint = type(checkpoint)(
            **{**vars(checkpoint), "config": values}  # as if config.json said so
        )
    workspace = Workspace("cpu", torch.float32)
    assert quantised_skeleton.read(checkpoint, 8, workspace, tmp_path / "copy.safetensors") is None
    assert not (tmp_path / "copy.safetensors").exists()
