"""Parity checks: what is fast is run beside what is plain, on this machine, before it is used.

`triton_ops` and `unpacking` hand out Triton kernels only if they agree with the torch ops on a small input;
`passes_agree` compares whole passes on one small image, each run three times, since what comes a second time
may be recorded as a CUDA graph and a third time replayed.
"""

import logging
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lychee_app.model import projections, quantised
from lychee_app.model.elementwise import ElementwiseOps, HeadNorms, Norm, Rotary, TorchOps
from lychee_app.model.forward import Forward
from lychee_app.model.quantised import Unpack

log = logging.getLogger(__name__)

_MOST_DIFFERENCE = 0.2
"""Of the length of the vectors compared. BF16 alone makes 0.01 to 0.06; what is wrong makes about 1."""
_MOST_UNLIKELY = 1.0
"""How far a generated token's logit may lie below the highest, in deviations of all. Chance makes 4."""
_GRID = (10, 12)
_STEPS = 4
"""Tokens generated: by a prefill, a first step, one that is recorded, one that is replayed."""


def triton_ops(device: torch.device, dtype: torch.dtype, widths: tuple[int, ...]) -> ElementwiseOps | None:
    """The Triton ops where they run and agree with the plain ones; `widths` are the heads' in use."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    try:
        from lychee_app.model.elementwise_triton import TritonOps  # Triton is not on every platform

        fused = TritonOps()
        with torch.cuda.device(device):
            agreed = all(ops_agree(fused, device, dtype, width) for width in widths)
    except Exception as error:  # a missing compiler, an old Triton, a card it does not know
        log.warning("Triton kernels are not used here: %s", error)
        return None
    if not agreed:
        log.warning("Triton kernels are not used here: they disagree with the plain ops.")
    return fused if agreed else None


def ops_agree(ops: ElementwiseOps, device: torch.device, dtype: torch.dtype, width: int) -> bool:
    """Whether `ops` do what the plain ones do to the same random input, for heads of this width."""
    found, wanted = (_sample(each, device, dtype, width) for each in (ops, TorchOps()))
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    return all(
        torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in zip(found, wanted, strict=True)
    )


def _sample(ops: ElementwiseOps, device: torch.device, dtype: torch.dtype, width: int) -> list[Tensor]:
    """What every operation makes of the same noise."""
    noise = torch.Generator(device).manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=noise, device=device, dtype=torch.float32).to(dtype)

    norm, x = Norm(draw(12 * width), 1e-6), draw(3, 12 * width)
    layer_norm, y = Norm(draw(12 * width), 1e-6, draw(12 * width)), draw(3, 12 * width) + 1
    head_norms = HeadNorms(Norm(draw(width), 1e-6), Norm(draw(width), 1e-6))
    angles = draw(3, width // 2).float()
    rotary = Rotary(angles.cos(), angles.sin())
    heads, other, normed_heads, normed_other = (draw(3, 12, width) for _ in range(4))
    kv_cache, normed_cache = (torch.zeros(4, 2, 2, width, device=device, dtype=dtype) for _ in range(2))
    slot_mapping = torch.tensor([2, 0, 3], device=device)
    found = [ops.norm(x, norm), ops.add_norm(x, draw(3, 12 * width), norm), x]
    found += [ops.rotate_into_cache(heads, 8, rotary, kv_cache, slot_mapping), kv_cache]
    ops.rotate(other, 10, rotary)
    found += [other, ops.norm(y, layer_norm), ops.add_norm(y, draw(3, 12 * width), layer_norm), y]
    found += [ops.rotate_into_cache(normed_heads, 8, rotary, normed_cache, slot_mapping, norms=head_norms)]
    ops.rotate(normed_other, 10, rotary, head_norms.query)
    return [*found, normed_cache, normed_other, ops.swiglu(draw(3, 24 * width))]


def unpacking(device: torch.device, dtype: torch.dtype) -> Unpack:
    """The Triton kernel that unpacks quantised matrices if it agrees with torch's operations, else these."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return quantised.unpack
    try:
        from lychee_app.model import quantised_triton  # Triton is not on every platform

        with torch.cuda.device(device):
            agreed = unpacked_alike(quantised_triton.unpack, device, dtype)
    except Exception as error:  # a missing compiler, an old Triton, a card it does not know
        log.warning("Quantised weights are unpacked without Triton here: %s", error)
        return quantised.unpack
    if not agreed:
        log.warning("Quantised weights are unpacked without Triton here: its kernel disagrees.")
    return quantised_triton.unpack if agreed else quantised.unpack


def unpacked_alike(unpack: Unpack, device: torch.device, dtype: torch.dtype) -> bool:
    """Whether it gives what `quantised.unpack` gives: widths with narrow groups, and past a block or two."""
    noise, most = torch.Generator().manual_seed(0), 1e-6 if dtype == torch.float32 else 1e-2
    for width, bits in product((104, 2560, 4352), (8, 4)):
        matrix = quantised.quantise(torch.randn(5, width, generator=noise), bits, device)
        found, wanted = (torch.full((5, width), torch.nan, dtype=dtype, device=device) for _ in range(2))
        unpack(matrix, found)
        quantised.unpack(matrix, wanted)
        if not torch.allclose(found, wanted, rtol=most, atol=0):
            return False
    return True


def passes_agree(fast: Forward, plain: Forward, model: Any) -> bool:
    """Whether `fast` runs all three passes, and reads two rows and goes on with one as `plain` does."""
    rows = _rows(model)
    try:
        wanted, _ = _read(plain, model, rows)
        found, image = [_read(fast, model, rows) for _ in range(3)][-1]
        made = fast.generate(rows[0], image, _GRID, _STEPS, frozenset())
        unlikely = _unlikeliness(plain, model, rows[0], image, made)
        fast.forget()
    except Exception as error:  # whatever it is, the plain passes are left
        log.warning("The fast passes do not run here, the plain ones are used: %s", error)
        return False
    difference = float((found - wanted).norm() / wanted.norm())
    agreed = difference < _MOST_DIFFERENCE and unlikely < _MOST_UNLIKELY
    if not agreed:
        log.warning("The fast passes are off by %.3f here (tokens by %.1f).", difference, unlikely)
    return agreed


def _read(forward: Forward, model: Any, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    image = forward.embed_image(_patches(model), _GRID)
    return forward.last_hidden(rows, image, _GRID).float(), image


def _patches(model: Any) -> Tensor:
    noise = torch.Generator().manual_seed(0)
    width = model.model.visual.patch_embed.proj.weight[0].numel()
    return torch.randn(_GRID[0] * _GRID[1], width, generator=noise).to(
        model.model.language_model.norm.weight.device
    )


def _rows(model: Any) -> list[Tensor]:
    tokens = _GRID[0] * _GRID[1] // model.config.vision_config.spatial_merge_size**2
    image = torch.full((tokens,), model.config.image_token_id)
    return [torch.cat((torch.arange(length), image, torch.arange(3))) for length in (5, 9)]


@torch.no_grad()
def _unlikeliness(plain: Forward, model: Any, row: Tensor, image: Tensor, made: list[int]) -> float:
    """The worst of the tokens made, each against what `plain` finds likeliest after those before it."""
    rows = [torch.cat((row, torch.tensor(made[:count], dtype=row.dtype))) for count in range(len(made))]
    hidden = plain.last_hidden(rows, image, _GRID)
    logits = projections.of(model.lm_head)(hidden).float()
    chosen = logits[torch.arange(len(made)), torch.tensor(made)]
    return float(((logits.max(-1).values - chosen) / logits.std(-1)).max())
