"""The text model of a family, fast: embedded rows -> the final norm's output at each row's last position.

A pre-norm transformer with grouped-query attention, rotary positions and SwiGLU, as the families of today
have it; a family brings its layers and its rotary angles. Arranged for speed: rows of several queries are
packed into one pass; keys and values of a prefix that was seen before are put in, not computed again; the
last layer computes keys and values for all positions but the rest only where it is read.

A key-value cache is one tensor, (layers, slots, 2, key heads, width): keys at [:, :, 0], values at [:, :, 1].
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from torch import Tensor

from lychee_app.model.attention import Batch, CuSeqlens, attend, packed
from lychee_app.model.elementwise import ElementwiseOps, HeadNorms, Norm, Rotary
from lychee_app.model.projections import Mlp, Product, Table

MLP_TOKENS = 2560
"""Tokens that pass the MLP at once: bounds its memory (76 KB a token at 7B in BF16), costs no speed."""


@dataclass(frozen=True)
class TextPlan:
    """Where the packed tokens of one pass stand.

    `slot_mapping` (tokens,) are their slots in the key-value cache, `prefix_slots` those of the prefix
    tokens, `last` (rows,) which tokens are the rows' last, `image_starts` where in the packed tokens each
    row's image begins; `slots` is the size of the cache.
    """

    rotary: Rotary
    slot_mapping: Tensor
    prefix_slots: Tensor
    last: Tensor
    cu_seqlens: CuSeqlens
    last_cu_seqlens: CuSeqlens
    slots: int
    image_starts: tuple[int, ...] = ()


@dataclass(frozen=True)
class Layer:
    """`qkv` gives query heads, then key heads, then value heads."""

    attention_norm: Norm
    qkv: Product
    out: Product
    mlp_norm: Norm
    mlp: Mlp
    head_norms: HeadNorms | None = None


class TextModel:
    def __init__(
        self,
        embed: Table,
        layers: Sequence[Layer],
        final_norm: Norm,
        *,
        heads: tuple[int, int, int],
        rotary: Callable[[Tensor], Rotary],
        ops: ElementwiseOps,
    ) -> None:
        """heads: query heads, key heads, and their width.

        rotary: positions (3, tokens) of time, height and width -> their angles, on the device.
        """
        self.embed, self.layers, self.final_norm = embed, layers, final_norm
        self.heads, self.key_heads, self.width = heads
        self.rotary, self.ops = rotary, ops

    def new_cache(self, slots: int, layers: int | None = None) -> Tensor:
        """Room for keys and values: (layers, slots, 2, key heads, width). One layer does as scratch."""
        shape = (layers or len(self.layers), slots, 2, self.key_heads, self.width)
        return self.final_norm.weight.new_empty(shape)

    def plan(
        self,
        prefix_lens: Sequence[int],
        query_lens: Sequence[int],
        positions: Tensor,
        image_starts: Sequence[int] = (),
    ) -> TextPlan:
        """Rows of new tokens, each after its prefix. positions: (3, all new tokens); image_starts: where each
        row's image begins among its new tokens."""
        device = self.final_norm.weight.device
        totals = [old + new for old, new in zip(prefix_lens, query_lens, strict=True)]
        starts = [0, *accumulate(totals)]
        slots = [torch.arange(start, start + total) for start, total in zip(starts[:-1], totals, strict=True)]
        rows = [0, *accumulate(query_lens)][: len(image_starts)]
        return TextPlan(
            self.rotary(positions),
            torch.cat([slot[old:] for slot, old in zip(slots, prefix_lens, strict=True)]).to(device),
            torch.cat([slot[:old] for slot, old in zip(slots, prefix_lens, strict=True)]).to(device),
            (torch.tensor(query_lens).cumsum(0) - 1).to(device),
            packed(query_lens, totals, device, causal=True),
            packed([1] * len(totals), totals, device),
            starts[-1],
            tuple(row + start for row, start in zip(rows, image_starts, strict=True)),
        )

    def step_plans(self, slot: int, position: int, count: int) -> Iterator[TextPlan]:
        """Plans of single tokens that follow each other in one row. All is sent to the device at once."""
        after, device = torch.arange(count), self.final_norm.weight.device
        rotary = self.rotary((after + position).expand(3, -1))
        slot_mapping = (after + slot).to(device)
        cu_seqlens_q = torch.tensor([0, 1], dtype=torch.int32).to(device)
        ends = torch.stack((after * 0, after + slot + 1), dim=1).int().to(device)
        first = torch.zeros(1, dtype=torch.long).to(device)
        for index in range(count):
            keys, at = slot + index + 1, slice(index, index + 1)
            batch = Batch(first_query=0, first_key=0, count=1, queries=1, keys=keys, mask=None)
            seen = CuSeqlens(cu_seqlens_q, ends[index], 1, keys, False, (batch,))
            angles = Rotary(rotary.cos[at], rotary.sin[at])
            yield TextPlan(angles, slot_mapping[at], slot_mapping[:0], first, seen, seen, keys)

    def __call__(
        self,
        x: Tensor,
        plan: TextPlan,
        kv_cache: Tensor,
        prefix: Tensor | None = None,
        deepstack: Tensor | None = None,
    ) -> Tensor:
        """x: (tokens, hidden), overwritten. Returns (rows, hidden).

        kv_cache: a `new_cache`; with one layer in it, it is scratch. prefix: keys and values of the prefix
        tokens, (layers, prefix tokens, 2, key heads, width). deepstack: (levels, image tokens, hidden), fewer
        levels than layers; level i is added to each row's image after layer i.
        """
        for index, layer in enumerate(self.layers):
            slots = kv_cache[index % len(kv_cache)]
            if prefix is not None:
                slots.index_copy_(0, plan.prefix_slots, prefix[index])
            if index == len(self.layers) - 1:
                x = self._last_layer(layer, x, plan, slots)
                break
            self._layer(layer, x, plan, slots)
            if deepstack is not None and index < len(deepstack):
                for start in plan.image_starts:
                    x[start : start + deepstack.shape[1]] += deepstack[index]
        return self.ops.norm(x, self.final_norm)

    def _layer(self, layer: Layer, x: Tensor, plan: TextPlan, slots: Tensor) -> None:
        heads = layer.qkv(self.ops.norm(x, layer.attention_norm)).unflatten(-1, (-1, self.width))
        query = self.ops.rotate_into_cache(
            heads, self.heads, plan.rotary, slots, plan.slot_mapping, norms=layer.head_norms
        )
        out = attend(query, slots[: plan.slots, 0], slots[: plan.slots, 1], plan.cu_seqlens)
        self._add_rest(layer, x, out)

    def _last_layer(self, layer: Layer, x: Tensor, plan: TextPlan, slots: Tensor) -> Tensor:
        """The same, with queries and all after them for the rows' last tokens alone: (rows, hidden)."""
        y, split = self.ops.norm(x, layer.attention_norm), self.heads * self.width
        heads = layer.qkv.rows(split, split + 2 * self.key_heads * self.width)(y).unflatten(
            -1, (-1, self.width)
        )
        self.ops.rotate_into_cache(heads, 0, plan.rotary, slots, plan.slot_mapping, norms=layer.head_norms)
        x = x.index_select(0, plan.last)
        query = layer.qkv.rows(0, split)(y.index_select(0, plan.last)).unflatten(-1, (-1, self.width))
        at_last = Rotary(*(part.index_select(0, plan.last) for part in (plan.rotary.cos, plan.rotary.sin)))
        norms = layer.head_norms
        self.ops.rotate(query, self.heads, at_last, None if norms is None else norms.query)
        out = attend(query, slots[: plan.slots, 0], slots[: plan.slots, 1], plan.last_cu_seqlens)
        self._add_rest(layer, x, out)
        return x

    def _add_rest(self, layer: Layer, x: Tensor, attended: Tensor) -> None:
        """Adds the attention's output projection, then the MLP, to `x` in place."""
        layer.out.add_to(x, attended.flatten(1))
        parts = -(-len(x) // MLP_TOKENS)
        for part in x.split(-(-len(x) // parts)):  # equal parts
            y = self.ops.norm(part, layer.mlp_norm)
            layer.mlp.down.add_to(part, layer.mlp.activation(y, self.ops))
