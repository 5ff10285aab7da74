"""`Forward` at full speed, on the weights of a loaded Qwen2.5-VL: the same numbers up to rounding.

What makes it fast, each compared with `PlainForward` in the tests:
- vision.py, text.py: our own pass over the weights, joined and padded (projections.py);
- attention.py: flash attention for mixed lengths, or batches of equal ones;
- here: plans per image size, several queries in one pass, and the keys and values of the tokens before the
  image kept from call to call, because a run asks every image the same;
- on a card, kernels.py (norms, rotary positions and SwiGLU in one pass over the data each) and
  decode_fused.py, where Triton runs them and they agree with torch's;
- on a card, graphs.py: passes so small that launching their kernels takes longer than running them are
  recorded, and so is a step of generation.

What no pass can share: the query stands before the image, so an image's tokens must be read again for every
query. Four queries cost at least 3.1 times one at 1,260 image tokens; only the vision tower is shared.
Knows rows of token ids and one image at a time. Does not know text, scores, or files.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

from lychee_app.model.decode import Decoder, PlainDecoder, Prefilled
from lychee_app.model.forward import Forward, Grid, PlainForward, image_start, rope_positions
from lychee_app.model.fused import ElementwiseOps, TorchOps, fused_ops
from lychee_app.model.graphs import Capture, Recordings, capture_for
from lychee_app.model.text import TextDecoder, TextPlan
from lychee_app.model.trust import trusted
from lychee_app.model.vision import KEPT_PLANS, VisionTower

PACKED_TOKENS = 5400
"""New tokens in one pass over several rows. The matrix units are full by then; more only costs memory."""
KEPT_PREFIXES = 4
RECORDED_TOKENS = 800
"""Tokens up to which a pass is recorded. A larger one keeps the card busy for longer than launching takes."""

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Row:
    """One row's ids before its image, and after it."""

    head: Ids
    tail: Ids


class FastForward:
    """See `forward.Forward`. Several threads may share it on a processor, not on a card."""

    def __init__(self, model: Any, *, kernels: bool = True, recorded: bool = True) -> None:
        """`model`: one that is `capable`. Its matrices are joined in place; it goes on working."""
        self._image_id: int = model.config.image_token_id
        self._merge: int = model.config.vision_config.spatial_merge_size
        head = model.lm_head.weight.detach()
        self._device, self._dtype = head.device, head.dtype
        on_card = self._device.type == "cuda"
        self._here = torch.cuda.device(self._device) if on_card else nullcontext()  # Triton asks which card
        ops = fused_ops(self._device, self._dtype, _widths(model.config)) if kernels else None
        self.ops: ElementwiseOps = ops or TorchOps()
        self._vision = VisionTower(model.model.visual, self.ops)
        self._text = TextDecoder(model.model.language_model, self.ops)
        capture = capture_for(self._device) if recorded else None
        self._recordings = Recordings(capture)
        self._decoder = _decoder(self._text, head, capture, fused=ops is not None)
        self._prefixes: OrderedDict[tuple[Ids, ...], Tensor] = OrderedDict()
        self._prefix_lock = threading.Lock()
        self._plan: Callable[..., TextPlan] = lru_cache(KEPT_PLANS)(self._make_plan)
        if on_card:
            torch.cuda.empty_cache()  # the matrices that were joined

    @torch.inference_mode()
    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        plan = self._vision.plan(grid)
        tokens = len(patches) // self._merge**2
        with self._here:
            return self._run(
                tokens, ("image", grid), lambda given: self._vision(given, plan), patches.to(self._dtype)
            )

    @torch.inference_mode()
    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        split = [self._split(ids, len(image)) for ids in rows]
        with self._here:
            return torch.cat([self._read(part, image, grid) for part in packs(split, len(image))])

    @torch.inference_mode()
    def generate(
        self, ids: Tensor, image: Tensor, grid: Grid, max_tokens: int, stop_ids: frozenset[int]
    ) -> list[int]:
        start = image_start(ids, self._image_id, len(image))
        positions = rope_positions(len(ids), start, grid, self._merge)
        kept = self._decoder.buffer(len(ids) + max_tokens)
        x = self._text.embed(ids.to(self._device))
        x[start : start + len(image)] = image
        with self._here:
            hidden = self._text(x, self._text.plan((0,), (len(ids),), positions), kept)
            prompt = Prefilled(hidden, kept, len(ids), int(positions.max()) + 1)
            return self._decoder.generate(prompt, max_tokens, stop_ids)

    def forget(self) -> None:
        with self._prefix_lock:
            self._prefixes.clear()
        self._recordings.forget()
        self._decoder.forget()

    def launch_singly(self) -> None:
        """Records nothing from now on."""
        self._recordings.stop()
        self._decoder.launch_singly()

    def _run(self, tokens: int, key: tuple[Any, ...], work: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        return work(*inputs) if tokens > RECORDED_TOKENS else self._recordings(key, work, *inputs)

    def _split(self, ids: Tensor, tokens: int) -> Row:
        start = image_start(ids, self._image_id, tokens)
        listed = ids.tolist()
        return Row(tuple(listed[:start]), tuple(listed[start + tokens :]))

    def _read(self, rows: Sequence[Row], image: Tensor, grid: Grid) -> Tensor:
        """One pass over several rows: (rows, hidden)."""
        heads, tails = tuple(row.head for row in rows), tuple(row.tail for row in rows)
        tail_lengths = tuple(len(tail) for tail in tails)
        lengths = (tuple(len(head) for head in heads), tail_lengths)
        plan = self._plan(*lengths, grid)

        def read(ids: Tensor, image: Tensor, prefix: Tensor) -> Tensor:
            embedded = self._text.embed(ids).split(tail_lengths)
            x = torch.cat([part for tail in embedded for part in (image, tail)])
            return self._text(x, plan, self._text.buffer(plan.slots, layers=1), prefix)

        with self._prefix_lock:
            prefix = self._prefix(heads)
        inputs = (self._on_device(tails), image.to(self._dtype), prefix)
        return self._run(len(plan.places), ("rows", *lengths, grid), read, *inputs)

    def _prefix(self, heads: tuple[Ids, ...]) -> Tensor:
        """Keys and values of the rows' heads, one after the other: (layers, tokens, 2, key heads, width)."""
        if heads in self._prefixes:
            self._prefixes.move_to_end(heads)
            return self._prefixes[heads]
        lengths = [len(head) for head in heads]
        positions = torch.cat([torch.arange(length) for length in lengths]).expand(3, -1)
        plan = self._text.plan([0] * len(heads), lengths, positions)
        kept = self._text.buffer(plan.slots)
        self._text(self._text.embed(self._on_device(heads)), plan, kept)
        self._prefixes[heads] = kept
        if len(self._prefixes) > KEPT_PREFIXES:
            self._prefixes.popitem(last=False)
        return kept

    def _on_device(self, parts: Sequence[Ids]) -> Tensor:
        return torch.tensor([id for part in parts for id in part], dtype=torch.long).to(self._device)

    def _make_plan(self, heads: tuple[int, ...], tails: tuple[int, ...], grid: Grid) -> TextPlan:
        image = grid[0] * grid[1] // self._merge**2
        positions = [
            rope_positions(head + image + tail, head, grid, self._merge)[:, head:]
            for head, tail in zip(heads, tails, strict=True)
        ]
        return self._text.plan(heads, [image + tail for tail in tails], torch.cat(positions, dim=1))


def best(model: Any, *, kernels: bool = True, recorded: bool = True) -> Forward:
    """`FastForward` where it runs this model; on a card, only after it agreed with `PlainForward` there."""
    plain = PlainForward(model)
    if not capable(model):
        return plain
    fast = FastForward(model, kernels=kernels, recorded=recorded)
    if model.lm_head.weight.device.type == "cpu" or trusted(fast, plain, model):
        return fast
    fast.launch_singly()
    return fast if trusted(fast, plain, model) else plain


def capable(model: Any) -> bool:
    """Whether `FastForward` runs this model: a plain Qwen2.5-VL, whole, on one CUDA device or the CPU."""
    if getattr(model.config, "model_type", None) != "qwen2_5_vl":
        return False
    parameters = list(model.parameters())
    places = {(parameter.device, parameter.dtype) for parameter in parameters}
    linears = [module for module in model.modules() if "Linear" in type(module).__name__]
    return (
        len(places) == 1
        and parameters[0].device.type in {"cpu", "cuda"}
        and parameters[0].dtype in {torch.float32, torch.bfloat16, torch.float16}
        and all(type(module) is nn.Linear for module in linears)
        and not any(_offloaded(module) for module in model.modules())
        and _known_shape(model.config)
    )


def _offloaded(module: nn.Module) -> bool:
    """Whether accelerate moves this module's weights in and out."""
    hook = getattr(module, "_hf_hook", None)
    return any(getattr(each, "offload", False) for each in (hook, *getattr(hook, "hooks", ())))


def _known_shape(config: Any) -> bool:
    text, vision = config.text_config, config.vision_config
    return (
        text.rope_parameters.get("rope_type", "default") == "default"
        and "mrope_section" in text.rope_parameters
        and not getattr(text, "use_sliding_window", False)
        and text.hidden_act == vision.hidden_act == "silu"
        and all(width % 8 == 0 for width in _widths(config))
    )


def _widths(config: Any) -> tuple[int, int]:
    """Of one head, in the text and in the vision tower."""
    text, vision = config.text_config, config.vision_config
    return text.hidden_size // text.num_attention_heads, vision.hidden_size // vision.num_heads


def packs(rows: Sequence[Row], image_tokens: int) -> Iterator[list[Row]]:
    """Runs of rows that together stay within PACKED_TOKENS; a row that does not is alone."""
    each = image_tokens + max(len(row.tail) for row in rows)
    count = max(1, PACKED_TOKENS // each)
    for start in range(0, len(rows), count):
        yield list(rows[start : start + count])


def _decoder(text: TextDecoder, head: Tensor, capture: Capture | None, *, fused: bool) -> Decoder:
    if not fused:
        return PlainDecoder(text, head)
    from lychee_app.model.decode_fused import FusedDecoder  # Triton is not on every platform

    return FusedDecoder(text, head, capture)
