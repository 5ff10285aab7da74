"""Greedy generation in which a step launches seven kernels a layer; what is left is reading the weights.

On a card a step is recorded (graphs.py), so that Python launches once a token. For that the key-value cache
stays where it is from call to call, and so do the angles of its slots. Same signature as
`decode.PlainDecoder`, which the tests compare it with. Needs Triton (decode_triton.py).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from lychee_app.model.decode import Prefilled, read
from lychee_app.model.decode_triton import SLOT_BLOCK, add_product, attend_one, product
from lychee_app.model.elementwise import Rotary
from lychee_app.model.graphs import Capture, GraphCache
from lychee_app.model.projections import Product
from lychee_app.model.text import TextModel

_ROUNDED = 4 * SLOT_BLOCK
"""Slots are handed out in such numbers, so that prompts of about one length share a cache."""


class FusedDecoder:
    """See `decode.Decoder`. One prompt at a time: the next one's cache may be the same."""

    def __init__(self, text: TextModel, lm_head: Product, capture: Capture | None = None) -> None:
        self._text, self._lm_head = text, lm_head
        self._graphs = GraphCache(capture, capacity=1)
        self._kv_cache: Tensor | None = None
        self._rotary: Rotary | None = None

    def new_cache(self, slots: int) -> Tensor:
        if self._kv_cache is None or self._kv_cache.shape[1] < slots:
            self.forget()
            self._kv_cache = self._text.new_cache(-(-slots // _ROUNDED) * _ROUNDED)
        return self._kv_cache

    def generate(self, prompt: Prefilled, max_tokens: int, stop_ids: frozenset[int]) -> list[int]:
        return read(self._tokens(prompt, max_tokens), stop_ids)

    def forget(self) -> None:
        self._graphs.forget()
        self._kv_cache = self._rotary = None

    def launch_singly(self) -> None:
        self._graphs.stop()

    def _tokens(self, prompt: Prefilled, count: int) -> Iterator[Tensor]:
        """Each (1,) on the device; the step to the next one starts when that is asked for."""
        token = product(prompt.hidden, self._lm_head).argmax(-1)
        rotary, kv_cache = self._rotated(prompt), prompt.kv_cache
        slots = (torch.arange(count) + prompt.slot).to(token.device)
        addresses = tuple(each.data_ptr() for each in (kv_cache, rotary.cos, rotary.sin))

        def step(token: Tensor, slot: Tensor) -> Tensor:
            return self._step(token, slot, rotary, kv_cache)

        yield token
        for index in range(count - 1):
            token = self._graphs(addresses, step, token, slots[index : index + 1])
            yield token

    def _rotated(self, prompt: Prefilled) -> Rotary:
        """The angles of every slot of the prompt's cache, always at the same address for the same cache."""
        slots = prompt.kv_cache.shape[1]
        positions = torch.arange(slots) + (prompt.position - prompt.slot)
        rotary = self._text.rotary(positions.expand(3, -1))
        if self._rotary is None or len(self._rotary.cos) != slots:
            self._rotary = rotary
        else:
            self._rotary.cos.copy_(rotary.cos)
            self._rotary.sin.copy_(rotary.sin)
        return self._rotary

    def _step(self, token: Tensor, slot: Tensor, rotary: Rotary, kv_cache: Tensor) -> Tensor:
        """token, slot: (1,) on the device -> the next token. Fills the slot of `kv_cache`."""
        text = self._text
        x, at = text.embed(token), Rotary(*(part.index_select(0, slot) for part in (rotary.cos, rotary.sin)))
        for layer, slots in zip(text.layers, kv_cache, strict=True):
            heads = product(x, layer.qkv, layer.attention_norm).unflatten(-1, (-1, text.width))
            query = text.ops.rotate_into_cache(heads, text.heads, at, slots, slot, norms=layer.head_norms)
            add_product(attend_one(query, slots, slot), layer.out, x)
            add_product(product(x, layer.mlp.gate_up, layer.mlp_norm, swiglu=True), layer.mlp.down, x)
        return product(x, self._lm_head, text.final_norm).argmax(-1)
