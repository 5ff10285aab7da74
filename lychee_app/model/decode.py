"""Greedy generation, one token at a time, on the keys and values that a prefill left behind.

Two ways to make a step, with one signature: `PlainDecoder` here, on any device, and `decode_fused`'s. Tokens
stay on the device; on a card the host reads each while the next step runs already.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from lychee_app.model.projections import Product
from lychee_app.model.text import TextModel


@dataclass(frozen=True)
class Prefilled:
    """A prompt that was read. hidden: (1, hidden) of its last token; the next token takes `slot`, `position`.

    `kv_cache` is what `Decoder.new_cache` gave, with the prompt's keys and values in its first slots.
    """

    hidden: Tensor
    kv_cache: Tensor
    slot: int
    position: int


class Decoder(Protocol):
    def new_cache(self, slots: int) -> Tensor:
        """Room for keys and values of at least `slots` tokens: (layers, slots, 2, key heads, width)."""
        ...

    def generate(self, prompt: Prefilled, max_tokens: int, stop_ids: frozenset[int]) -> list[int]:
        """At most `max_tokens` ids, the first of equals; a stop id that ended it is the last one."""
        ...

    def forget(self) -> None:
        """Gives back memory that is only held for speed."""
        ...

    def launch_singly(self) -> None:
        """Records nothing from now on."""
        ...


class PlainDecoder:
    """Decodes by single launches, whatever the operations are made with."""

    def __init__(self, text: TextModel, lm_head: Product) -> None:
        self._text = text
        self._lm_head = lm_head

    def new_cache(self, slots: int) -> Tensor:
        return self._text.new_cache(slots)

    def generate(self, prompt: Prefilled, max_tokens: int, stop_ids: frozenset[int]) -> list[int]:
        return read(self._tokens(prompt, max_tokens), stop_ids)

    def forget(self) -> None:
        """Nothing is kept."""

    def launch_singly(self) -> None:
        """A step sees one slot more than the one before, so none can be recorded."""

    def _tokens(self, prompt: Prefilled, count: int) -> Iterator[Tensor]:
        """Each (1,) on the device; the step to the next one starts when that is asked for."""
        plans = self._text.step_plans(prompt.slot, prompt.position, count - 1)
        token = self._likeliest(prompt.hidden)
        yield token
        for plan in plans:
            token = self._likeliest(self._text(self._text.embed(token), plan, prompt.kv_cache))
            yield token

    def _likeliest(self, hidden: Tensor) -> Tensor:
        return self._lm_head(hidden).argmax(-1)


Coming = tuple[Tensor, torch.Event | None]
"""A token on its way to the host, and what tells that it has arrived."""


def read(tokens: Iterator[Tensor], stop_ids: frozenset[int]) -> list[int]:
    """The ids, up to a stop id. On a card one step more is under way before a token is read."""
    made: list[int] = []
    coming: deque[Coming] = deque()
    for token in tokens:
        coming.append(_copied(token))
        if len(coming) > token.is_cuda and _taken(coming, made) in stop_ids:
            return made
    while coming and _taken(coming, made) not in stop_ids:
        pass
    return made


def _copied(token: Tensor) -> Coming:
    if not token.is_cuda:
        return token, None
    on_host = torch.empty(1, dtype=token.dtype, pin_memory=True).copy_(token, non_blocking=True)
    return on_host, torch.cuda.current_stream(token.device).record_event()


def _taken(coming: deque[Coming], made: list[int]) -> int:
    token, arrived = coming.popleft()
    if arrived is not None:
        arrived.synchronize()
    made.append(int(token))
    return made[-1]
