"""Greedy generation in which a step launches seven kernels a layer, and what is left is reading the weights.

Same signature as `decode.PlainDecoder`, which the tests compare it with. Needs Triton (decode_kernels.py).
Not yet measured on a card.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from lychee_app.model.decode import Prefilled, read
from lychee_app.model.decode_kernels import SLOT_BLOCK, add_product, attend_one, product
from lychee_app.model.fused import Turns
from lychee_app.model.projections import Projection
from lychee_app.model.text import TextDecoder


class FusedDecoder:
    """See `decode.Decoder`."""

    def __init__(self, text: TextDecoder, head: Tensor) -> None:
        """head: (vocabulary, hidden)."""
        self._text = text
        self._head = Projection(head)

    def buffer(self, slots: int) -> Tensor:
        return self._text.buffer(-(-slots // SLOT_BLOCK) * SLOT_BLOCK)

    def generate(self, prompt: Prefilled, max_tokens: int, stop_ids: frozenset[int]) -> list[int]:
        return read(self._tokens(prompt, max_tokens), stop_ids)

    def _tokens(self, prompt: Prefilled, count: int) -> Iterator[Tensor]:
        """Each (1,) on the device; the step to the next one starts when that is asked for."""
        token = (prompt.hidden @ self._head.weight.t()).argmax(-1)
        slots = torch.arange(count)
        turns = self._text.turns((slots + prompt.position).expand(3, -1))
        slots = (slots + prompt.slot).to(token.device)
        yield token
        for index in range(count - 1):
            at = slice(index, index + 1)
            token = self._step(token, slots[at], Turns(turns.cos[at], turns.sin[at]), prompt.kept)
            yield token

    def _step(self, token: Tensor, slot: Tensor, turns: Turns, kept: Tensor) -> Tensor:
        """token, slot: (1,) on the device -> the next token. Fills the slot of `kept`."""
        text = self._text
        x = text.embed(token)
        for layer, slots in zip(text.layers, kept, strict=True):
            heads = product(x, layer.qkv, layer.before_attention).unflatten(-1, (-1, text.width))
            query = text.steps.rotate_and_keep(heads, text.heads, turns, slots, slot)
            add_product(attend_one(query, slots, slot), layer.out, x)
            add_product(product(x, layer.mlp.gate_up, layer.before_mlp, swiglu=True), layer.mlp.down, x)
        return product(x, self._head, text.final_norm).argmax(-1)
