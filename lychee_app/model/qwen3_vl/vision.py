"""The vision tower of Qwen3-VL: patches of one image -> its image tokens, and what DeepStack adds to them.

The same sums as transformers' module on the same weights (compared in the tests). A patch looks at all
others; what depends on the image's size alone, the learned positions among it, is worked out once per size.
After some blocks a merger of its own takes the patches along: the text model adds these tokens to the image's
after its first layers (DeepStack, arXiv 2406.04334).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from lychee_app.model import projections
from lychee_app.model.attention import CuSeqlens, attend, packed
from lychee_app.model.elementwise import ElementwiseOps, Norm, Rotary
from lychee_app.model.positions import Grid
from lychee_app.model.projections import Projection

MLP_PATCHES = 8192
"""Patches that pass the MLP at once: bounds its memory (9 KB a patch in BF16), costs no speed."""


@dataclass(frozen=True)
class VisionPlan:
    """What one grid asks for. `positions` (patches, hidden): learned ones plus the patch embedding's bias."""

    positions: Tensor
    rotary: Rotary
    whole: CuSeqlens


@dataclass(frozen=True)
class Merger:
    """A block of patches -> one token. `after`: the norm sees the whole block, not each patch of it."""

    norm: Norm
    after: bool
    first: Projection
    second: Projection


@dataclass(frozen=True)
class Block:
    """`tap` takes the block's result along for the text decoder."""

    attention_norm: Norm
    qkv: Projection
    out: Projection
    mlp_norm: Norm
    up: Projection
    down: Projection
    tap: Merger | None


class VisionTower:
    def __init__(self, visual: Any, ops: ElementwiseOps) -> None:
        """`visual`: transformers' vision module, whose weights are used as they are."""
        config = visual.config
        self._ops = ops
        self._heads: int = config.num_heads
        self._merge: int = config.spatial_merge_size
        self._frequencies: Tensor = visual.rotary_pos_emb.inv_freq
        self._embed = Projection(visual.patch_embed.proj.weight.detach().flatten(1))
        self._embed_bias: Tensor = visual.patch_embed.proj.bias.detach()
        self._learned: Tensor = visual.pos_embed.weight.detach()
        taps = dict(zip(config.deepstack_visual_indexes, visual.deepstack_merger_list, strict=True))
        self._blocks = [_block(block, taps.get(index)) for index, block in enumerate(visual.blocks)]
        self._merger = _merger(visual.merger, after=False)

    def plan(self, grid: Grid) -> VisionPlan:
        device, patches = self._frequencies.device, grid[0] * grid[1]
        places = patch_places(grid, self._merge)
        angles = (places.to(device)[:, :, None].float() * self._frequencies.float()).flatten(1)
        learned = interpolated(self._learned, grid, places)
        return VisionPlan(
            (learned + self._embed_bias.float()).to(self._learned.dtype),
            Rotary(angles.cos(), angles.sin()),
            packed((patches,), (patches,), device),
        )

    def __call__(self, patches: Tensor, plan: VisionPlan) -> Tensor:
        """patches: (patches, 1536) in the model's precision -> (1 + taps, tokens, hidden of the text)."""
        x = self._embed.plus(plan.positions, patches)
        delta, taps = None, []
        for block in self._blocks:
            y = self._normed(x, delta, block.attention_norm)
            y = self._ops.add_norm(x, self._attention(block, y, plan), block.mlp_norm)
            delta = self._mlp(block, y)
            if block.tap is not None:
                taps.append(self._merged(block.tap, x, delta))
                delta = None
        return torch.stack([self._merged(self._merger, x, delta), *taps])

    def _normed(self, x: Tensor, delta: Tensor | None, norm: Norm) -> Tensor:
        return self._ops.norm(x, norm) if delta is None else self._ops.add_norm(x, delta, norm)

    def _attention(self, block: Block, y: Tensor, plan: VisionPlan) -> Tensor:
        heads = block.qkv(y).unflatten(-1, (3 * self._heads, -1))  # (patches, 3 * heads, width)
        self._ops.rotate(heads, 2 * self._heads, plan.rotary)
        query, key, value = heads.chunk(3, dim=1)
        return block.out(attend(query, key, value, plan.whole).flatten(1))

    def _mlp(self, block: Block, y: Tensor) -> Tensor:
        """In place of `y`, some patches at a time."""
        if len(y) <= MLP_PATCHES:
            return block.down(block.up.gelu(y))
        for part in y.split(MLP_PATCHES):
            part.copy_(block.down(block.up.gelu(part)))
        return y

    def _merged(self, merger: Merger, x: Tensor, delta: Tensor | None) -> Tensor:
        """(patches, hidden) -> (tokens, hidden of the text); adds `delta` to `x` in place."""
        if merger.after:
            x, delta = self._in_blocks(x), None if delta is None else self._in_blocks(delta)
        y = self._normed(x, delta, merger.norm)
        return merger.second(F.gelu(merger.first(y if merger.after else self._in_blocks(y))))

    def _in_blocks(self, x: Tensor) -> Tensor:
        return x.unflatten(0, (-1, self._merge**2)).flatten(1)


def interpolated(learned: Tensor, grid: Grid, places: Tensor) -> Tensor:
    """A square of learned positions stretched over `grid` corner on corner, bilinear: (patches, hidden).

    learned: (side * side, hidden); places: row and column of each patch, (patches, 2), on the CPU.
    The result is float32.
    """
    side = round(len(learned) ** 0.5)
    total = torch.zeros(len(places), learned.shape[1], device=learned.device)
    exact = [torch.linspace(0, side - 1, length)[places[:, axis]] for axis, length in enumerate(grid)]
    low = [each.long() for each in exact]
    share = [each - each.floor() for each in exact]
    for down in (0, 1):
        for right in (0, 1):
            row, column = (start + step for start, step in zip(low, (down, right), strict=True))
            index = row.clamp(max=side - 1) * side + column.clamp(max=side - 1)
            weight = (share[0] if down else 1 - share[0]) * (share[1] if right else 1 - share[1])
            corner = learned.index_select(0, index.to(learned.device))
            total += corner.float() * weight.to(learned.device)[:, None]
    return total


def patch_places(grid: Grid, merge: int) -> Tensor:
    """Row and column of every patch, in the order patches come, block after block: (patches, 2)."""
    row, column = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    places = torch.stack((row, column), dim=-1)
    blocks = places.unflatten(1, (-1, merge)).unflatten(0, (-1, merge))
    return blocks.transpose(1, 2).reshape(-1, 2)


def norm_of(module: Any) -> Norm:
    return Norm(module.weight.detach(), 1e-6, module.bias.detach())


def _merger(module: Any, *, after: bool) -> Merger:
    return Merger(
        norm_of(module.norm), after, projections.of(module.linear_fc1), projections.of(module.linear_fc2)
    )


def _block(module: Any, tap: Any | None) -> Block:
    return Block(
        norm_of(module.norm1),
        projections.of(module.attn.qkv),
        projections.of(module.attn.proj),
        norm_of(module.norm2),
        projections.of(module.mlp.linear_fc1),
        projections.of(module.mlp.linear_fc2),
        None if tap is None else _merger(tap, after=True),
    )
