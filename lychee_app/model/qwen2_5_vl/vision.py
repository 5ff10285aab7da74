"""The vision tower of Qwen2.5-VL: patches of one image -> its image tokens.

The same sums as transformers' module on the same weights (compared in the tests), arranged for speed: windows
of one size lie next to each other, so that a layer's attention is one call; query, key and value are one
product, and so are gate and up; what depends on the image's size alone is worked out once per size.
One still image at a time; no videos.
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
from lychee_app.model.projections import Mlp, Projection

MLP_PATCHES = 8192
"""Patches that pass the MLP at once: bounds its memory (14 KB a patch in BF16), costs no speed."""


@dataclass(frozen=True)
class VisionPlan:
    """What one grid asks for. `order` puts merged tokens into window order, `back` undoes it: (tokens,)."""

    order: Tensor
    back: Tensor
    rotary: Rotary
    windows: CuSeqlens
    whole: CuSeqlens


@dataclass(frozen=True)
class Block:
    sees_all: bool
    attention_norm: Norm
    qkv: Projection
    out: Projection
    mlp_norm: Norm
    mlp: Mlp


class VisionTower:
    def __init__(self, visual: Any, ops: ElementwiseOps) -> None:
        """`visual`: transformers' vision module, whose weights are used and joined (projections.py)."""
        config = visual.config
        self._ops = ops
        self._heads: int = config.num_heads
        self._merge: int = config.spatial_merge_size
        self._window: int = config.window_size // config.patch_size // config.spatial_merge_size
        self._frequencies: Tensor = visual.rotary_pos_emb.inv_freq
        whole = set(config.fullatt_block_indexes)
        self._blocks = [_block(block, index in whole) for index, block in enumerate(visual.blocks)]
        self._embed = Projection(visual.patch_embed.proj.weight.detach().flatten(1))
        self._merger_norm = Norm.of(visual.merger.ln_q)
        self._merger = (projections.of(visual.merger.mlp[0]), projections.of(visual.merger.mlp[2]))

    def __call__(self, patches: Tensor, plan: VisionPlan) -> Tensor:
        """patches: (patches, 1176) in the model's precision -> (1, tokens, hidden of the text)."""
        unit = self._merge**2
        x = self._embed(patches)
        x = x.unflatten(0, (-1, unit)).index_select(0, plan.order).flatten(0, 1)
        delta = None
        for block in self._blocks:
            y = self._normed(x, delta, block.attention_norm)
            y = self._ops.add_norm(x, self._attention(block, y, plan), block.mlp_norm)
            delta = self._mlp(block.mlp, y)
        y = self._normed(x, delta, self._merger_norm).unflatten(0, (-1, unit)).flatten(1)
        y = self._merger[1](F.gelu(self._merger[0](y)))
        return y.index_select(0, plan.back)[None]

    def _normed(self, x: Tensor, delta: Tensor | None, norm: Norm) -> Tensor:
        return self._ops.norm(x, norm) if delta is None else self._ops.add_norm(x, delta, norm)

    def _attention(self, block: Block, y: Tensor, plan: VisionPlan) -> Tensor:
        heads = block.qkv(y).unflatten(-1, (3 * self._heads, -1))  # (patches, 3 * heads, width)
        self._ops.rotate(heads, 2 * self._heads, plan.rotary)
        query, key, value = heads.chunk(3, dim=1)
        out = attend(query, key, value, plan.whole if block.sees_all else plan.windows)
        return block.out(out.flatten(1))

    def _mlp(self, mlp: Mlp, y: Tensor) -> Tensor:
        """In place of `y`, some patches at a time."""
        if len(y) <= MLP_PATCHES:
            return mlp.down(mlp.activation(y, self._ops))
        for part in y.split(MLP_PATCHES):
            part.copy_(mlp.down(mlp.activation(part, self._ops)))
        return y

    def plan(self, grid: Grid) -> VisionPlan:
        device = self._frequencies.device
        rows, columns = grid[0] // self._merge, grid[1] // self._merge
        order, lengths = window_order(rows, columns, self._window)
        patches = [length * self._merge**2 for length in lengths]
        coordinates = _patch_coordinates(rows, columns, self._merge)[order].flatten(0, 1).to(device)
        angles = (coordinates[:, :, None].float() * self._frequencies.float()).flatten(1)
        return VisionPlan(
            order.to(device),
            order.argsort().to(device),
            Rotary(angles.cos(), angles.sin()),
            packed(patches, patches, device),
            packed((sum(patches),), (sum(patches),), device),
        )


def window_order(rows: int, columns: int, side: int) -> tuple[Tensor, list[int]]:
    """Merged tokens sorted by window, and each window's length. Larger windows first: equals adjoin."""
    across = -(-columns // side)
    row, column = torch.arange(rows)[:, None], torch.arange(columns)[None]
    window = (row // side * across + column // side).flatten()
    lengths = torch.bincount(window)
    by_size = lengths.argsort(descending=True, stable=True)
    return by_size.argsort()[window].argsort(stable=True), lengths[by_size].tolist()


def _block(module: Any, sees_all: bool) -> Block:
    return Block(
        sees_all,
        Norm.of(module.norm1),
        projections.of(module.attn.qkv),
        projections.of(module.attn.proj),
        Norm.of(module.norm2),
        projections.swiglu_mlp(module.mlp),
    )


def _patch_coordinates(rows: int, columns: int, merge: int) -> Tensor:
    """Row and column of every patch, in the order patches come: (merged tokens, merge * merge, 2)."""
    row = torch.arange(rows * merge).unflatten(0, (rows, merge))[:, None, :, None]
    column = torch.arange(columns * merge).unflatten(0, (columns, merge))[None, :, None, :]
    shape = (rows, columns, merge, merge)
    return torch.stack((row.expand(shape), column.expand(shape)), dim=-1).flatten(0, 1).flatten(1, 2)
