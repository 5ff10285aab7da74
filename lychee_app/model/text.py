"""The text decoder of Qwen2.5-VL: embedded rows -> the final norm's output at each row's last position.

The same sums as transformers' module on the same weights (compared in the tests), arranged for speed: rows of
several queries are packed into one pass; keys and values of a prefix that was seen before are put in, not
computed again; the last layer computes keys and values for all positions but the rest only where it is read.
Knows embeddings, positions, and a buffer of keys and values. Does not know tokens or images.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from lychee_app.model import projections
from lychee_app.model.attention import Batch, CuSeqlens, attend, packed
from lychee_app.model.fused import ElementwiseOps, Norm, Rotary
from lychee_app.model.projections import Projection
from lychee_app.model.vision import Mlp, mlp_of, norm_of

MLP_TOKENS = 2560
"""Tokens that pass the MLP at once: bounds its memory (76 KB a token at 7B in BF16), costs no speed."""


@dataclass(frozen=True)
class TextPlan:
    """Where the packed tokens of one pass stand.

    `places` (tokens,) are their slots in the key-value buffer, `known` the slots of the prefix tokens, `last`
    (rows,) which tokens are the rows' last; `slots` is the size of the buffer.
    """

    rotary: Rotary
    places: Tensor
    known: Tensor
    last: Tensor
    cu_seqlens: CuSeqlens
    last_cu_seqlens: CuSeqlens
    slots: int


@dataclass(frozen=True)
class Layer:
    before_attention: Norm
    qkv: Projection
    out: Projection
    before_mlp: Norm
    mlp: Mlp


class TextDecoder:
    def __init__(self, language: Any, ops: ElementwiseOps) -> None:
        """`language`: transformers' text module, whose weights are used and joined (projections.py)."""
        config = language.config
        self.ops = ops
        self.heads: int = config.num_attention_heads
        self.key_heads: int = config.num_key_value_heads
        self.width: int = config.hidden_size // config.num_attention_heads
        self.layers = [_layer(layer) for layer in language.layers]
        self.final_norm = norm_of(language.norm)
        self.table: Tensor = language.embed_tokens.weight.detach()
        self._rotary = language.rotary_emb
        self._sections: list[int] = config.rope_parameters["mrope_section"]

    def embed(self, ids: Tensor) -> Tensor:
        return self.table.index_select(0, ids)

    def buffer(self, slots: int, layers: int | None = None) -> Tensor:
        """Room for keys and values: (layers, slots, 2, key heads, width). One layer does as scratch."""
        shape = (layers or len(self.layers), slots, 2, self.key_heads, self.width)
        return self.table.new_empty(shape)

    def rotary(self, positions: Tensor) -> Rotary:
        """positions: (3, tokens) time, height, width; each serves its own frequencies (arXiv 2409.12191)."""
        rotary = self._rotary
        positions = positions.to(rotary.inv_freq.device)
        angles = (positions[:, :, None].float() * rotary.inv_freq.float()).split(self._sections, dim=-1)
        angle = torch.cat([part[index % 3] for index, part in enumerate(angles)], dim=-1)
        return Rotary(angle.cos() * rotary.attention_scaling, angle.sin() * rotary.attention_scaling)

    def plan(self, known: Sequence[int], lengths: Sequence[int], positions: Tensor) -> TextPlan:
        """Rows of `lengths` new tokens after `known` tokens each; positions: (3, all new tokens)."""
        device = self.table.device
        totals = [old + new for old, new in zip(known, lengths, strict=True)]
        starts = [0, *accumulate(totals)]
        slots = [torch.arange(start, start + total) for start, total in zip(starts[:-1], totals, strict=True)]
        return TextPlan(
            self.rotary(positions),
            torch.cat([slot[old:] for slot, old in zip(slots, known, strict=True)]).to(device),
            torch.cat([slot[:old] for slot, old in zip(slots, known, strict=True)]).to(device),
            (torch.tensor(lengths).cumsum(0) - 1).to(device),
            packed(lengths, totals, device, causal=True),
            packed([1] * len(totals), totals, device),
            starts[-1],
        )

    def step_plans(self, slot: int, position: int, count: int) -> Iterator[TextPlan]:
        """Plans of single tokens that follow each other in one row. All is sent to the device at once."""
        after, device = torch.arange(count), self.table.device
        rotary = self.rotary((after + position).expand(3, -1))
        places = (after + slot).to(device)
        cu_seqlens_q = torch.tensor([0, 1], dtype=torch.int32).to(device)
        ends = torch.stack((after * 0, after + slot + 1), dim=1).int().to(device)
        first = torch.zeros(1, dtype=torch.long).to(device)
        for index in range(count):
            keys, at = slot + index + 1, slice(index, index + 1)
            batch = Batch(first_query=0, first_key=0, count=1, queries=1, keys=keys, mask=None)
            seen = CuSeqlens(cu_seqlens_q, ends[index], 1, keys, False, (batch,))
            turn = Rotary(rotary.cos[at], rotary.sin[at])
            yield TextPlan(turn, places[at], places[:0], first, seen, seen, keys)

    def __call__(self, x: Tensor, plan: TextPlan, kept: Tensor, prefix: Tensor | None = None) -> Tensor:
        """x: (tokens, hidden), overwritten. prefix: (layers, known tokens, 2, key heads, width).

        `kept` is a `buffer`; with one layer in it, it is scratch. Returns (rows, hidden).
        """
        for index, layer in enumerate(self.layers):
            slots = kept[index % len(kept)]
            if prefix is not None:
                slots.index_copy_(0, plan.known, prefix[index])
            if index < len(self.layers) - 1:
                self._layer(layer, x, plan, slots)
            else:
                x = self._last_layer(layer, x, plan, slots)
        return self.ops.norm(x, self.final_norm)

    def _layer(self, layer: Layer, x: Tensor, plan: TextPlan, slots: Tensor) -> None:
        heads = layer.qkv(self.ops.norm(x, layer.before_attention)).unflatten(-1, (-1, self.width))
        query = self.ops.rotate_and_keep(heads, self.heads, plan.rotary, slots, plan.places)
        out = attend(query, slots[: plan.slots, 0], slots[: plan.slots, 1], plan.cu_seqlens)
        self._add_rest(layer, x, out)

    def _last_layer(self, layer: Layer, x: Tensor, plan: TextPlan, slots: Tensor) -> Tensor:
        """The same, with queries and all after them for the rows' last tokens alone: (rows, hidden)."""
        y, split = self.ops.norm(x, layer.before_attention), self.heads * self.width
        heads = layer.qkv.rows(split, len(layer.qkv.weight))(y).unflatten(-1, (-1, self.width))
        self.ops.rotate_and_keep(heads, 0, plan.rotary, slots, plan.places)
        x = x.index_select(0, plan.last)
        query = layer.qkv.rows(0, split)(y.index_select(0, plan.last)).unflatten(-1, (-1, self.width))
        at_last = Rotary(*(part.index_select(0, plan.last) for part in (plan.rotary.cos, plan.rotary.sin)))
        self.ops.rotate(query, self.heads, at_last)
        out = attend(query, slots[: plan.slots, 0], slots[: plan.slots, 1], plan.last_cu_seqlens)
        self._add_rest(layer, x, out)
        return x

    def _add_rest(self, layer: Layer, x: Tensor, attended: Tensor) -> None:
        """Adds the attention's output projection, then the MLP, to `x` in place."""
        layer.out.add_to(x, attended.flatten(1))
        for part in _parts(x):
            y = self.ops.norm(part, layer.before_mlp)
            layer.mlp.down.add_to(part, layer.mlp.activation(y, self.ops))


def _parts(x: Tensor) -> Iterator[Tensor]:
    """Equal parts of at most MLP_TOKENS rows."""
    count = -(-len(x) // MLP_TOKENS)
    yield from x.split(-(-len(x) // count))


def _layer(module: Any) -> Layer:
    attention = module.self_attn
    return Layer(
        norm_of(module.input_layernorm),
        projections.joined((attention.q_proj, attention.k_proj, attention.v_proj)),
        projections.of(attention.o_proj),
        norm_of(module.post_attention_layernorm),
        mlp_of(module.mlp),
    )
