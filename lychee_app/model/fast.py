"""`Forward` at full speed, on a family's towers: the same numbers as `PlainForward` up to rounding.

What makes it fast, each compared with `PlainForward` in the tests:
- the family's vision tower and text.py: our own pass over the weights, joined and padded (projections.py);
- attention.py: flash attention for mixed lengths, or batches of equal ones;
- here: plans per image size, several queries in one pass, and the keys and values of the prefixes (the tokens
  before the image) kept from call to call, because a run asks every image the same;
- on a card, elementwise_triton.py (norms, rotary positions and SwiGLU in one pass over the data each) and
  decode_fused.py, where Triton runs them and they agree with torch's (parity_check.py);
- on a card, graphs.py: passes so small that launching their kernels takes longer than running them are
  recorded, and so is a step of generation.

What no pass can share: the query stands before the image, so an image's tokens must be read again for every
query; only the vision tower is shared. By arithmetic four queries cost 3.1 times one with a 7B at 1,260 image
tokens, and 2.2 times with the 2B of Qwen3-VL at 1,280.
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

from lychee_app.model import families, projections
from lychee_app.model.decode import Decoder, PlainDecoder, Prefilled
from lychee_app.model.elementwise import ElementwiseOps, TorchOps
from lychee_app.model.families import family_of
from lychee_app.model.forward import Forward
from lychee_app.model.graphs import Capture, GraphCache, capture_for
from lychee_app.model.parity_check import passes_agree, triton_ops
from lychee_app.model.plain import PlainForward
from lychee_app.model.positions import Grid, image_start, rope_positions
from lychee_app.model.projections import Product
from lychee_app.model.quantised import QuantisedLinear, QuantisedTable
from lychee_app.model.text import TextModel, TextPlan

PACKED_TOKENS = 5400
"""New tokens in one pass over several rows. The matrix units are full by then; more only costs memory."""
KEPT_PLANS = 8
KEPT_PREFIXES = 4
RECORDED_WORK = 800 * 16_600_000_000
"""Tokens times bytes of weights up to which a pass is recorded, at most PACKED_TOKENS: 800 tokens of a 7B in
BF16. A larger pass keeps the card busy for longer than launching takes."""

Ids = tuple[int, ...]
_QUANTISED = (QuantisedLinear, QuantisedTable)


@dataclass(frozen=True)
class Row:
    """One row's ids before its image, and after it."""

    prefix: Ids
    suffix: Ids


class FastForward:
    """See `forward.Forward`. Several threads may share it on a processor, not on a card."""

    def __init__(self, model: Any, *, kernels: bool = True, capture: Capture | None = None) -> None:
        """`model`: one that is `capable`. Its matrices are joined in place; it goes on working.

        Without a capture no pass is recorded.
        """
        self._image_id: int = model.config.image_token_id
        self._merge: int = model.config.vision_config.spatial_merge_size
        kept = model.model.language_model.norm.weight
        self._device, self._dtype = kept.device, kept.dtype
        self._recorded_tokens = min(PACKED_TOKENS, RECORDED_WORK // _unpacked_bytes(model))
        on_card = self._device.type == "cuda"
        self._here = torch.cuda.device(self._device) if on_card else nullcontext()  # Triton asks which card
        ops = triton_ops(self._device, self._dtype, _head_widths(model.config)) if kernels else None
        self.ops: ElementwiseOps = ops or TorchOps()
        family = family_of(model.config.model_type)
        self._vision = family.vision(model.model.visual, self.ops)
        self._text = family.text(model.model.language_model, self.ops)
        self._graphs = GraphCache(capture)
        lm_head = projections.of(model.lm_head)
        self._decoder = _decoder(self._text, lm_head, capture, fused=ops is not None)
        self._prefixes: OrderedDict[tuple[Ids, ...], Tensor] = OrderedDict()
        self._prefix_lock = threading.Lock()
        self._vision_plan: Callable[[Grid], Any] = lru_cache(KEPT_PLANS)(self._vision.plan)
        self._text_plan: Callable[..., TextPlan] = lru_cache(KEPT_PLANS)(self._make_text_plan)
        if on_card:
            torch.cuda.empty_cache()  # the matrices that were joined

    @torch.inference_mode()
    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        plan = self._vision_plan(grid)
        tokens = len(patches) // self._merge**2
        with self._here:
            return self._run(
                tokens, ("image", grid), lambda given: self._vision(given, plan), patches.to(self._dtype)
            )

    @torch.inference_mode()
    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        tokens = image.shape[1]
        split = [self._split(ids, tokens) for ids in rows]
        with self._here:
            return torch.cat([self._read(part, image, grid) for part in packs(split, tokens)])

    @torch.inference_mode()
    def generate(
        self, ids: Tensor, image: Tensor, grid: Grid, max_tokens: int, stop_ids: frozenset[int]
    ) -> list[int]:
        tokens = image.shape[1]
        start = image_start(ids, self._image_id, tokens)
        positions = rope_positions(len(ids), start, grid, self._merge)
        kv_cache = self._decoder.new_cache(len(ids) + max_tokens)
        x = self._text.embed(ids.to(self._device))
        x[start : start + tokens] = image[0]
        with self._here:
            plan = self._text.plan((0,), (len(ids),), positions, (start,))
            hidden = self._text(x, plan, kv_cache, deepstack=image[1:].to(self._dtype))
            prompt = Prefilled(hidden, kv_cache, len(ids), int(positions.max()) + 1)
            return self._decoder.generate(prompt, max_tokens, stop_ids)

    def forget(self) -> None:
        with self._prefix_lock:
            self._prefixes.clear()
        self._graphs.forget()
        self._decoder.forget()

    def launch_singly(self) -> None:
        """Records nothing from now on."""
        self._graphs.stop()
        self._decoder.launch_singly()

    def _run(self, tokens: int, key: tuple[Any, ...], work: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        return work(*inputs) if tokens > self._recorded_tokens else self._graphs(key, work, *inputs)

    def _split(self, ids: Tensor, tokens: int) -> Row:
        start = image_start(ids, self._image_id, tokens)
        listed = ids.tolist()
        return Row(tuple(listed[:start]), tuple(listed[start + tokens :]))

    def _read(self, rows: Sequence[Row], image: Tensor, grid: Grid) -> Tensor:
        """One pass over several rows: (rows, hidden)."""
        prefixes, suffixes = tuple(row.prefix for row in rows), tuple(row.suffix for row in rows)
        suffix_lens = tuple(len(suffix) for suffix in suffixes)
        lengths = (tuple(len(prefix) for prefix in prefixes), suffix_lens)
        plan = self._text_plan(*lengths, grid)

        def read(ids: Tensor, image: Tensor, prefix: Tensor) -> Tensor:
            embedded = self._text.embed(ids).split(suffix_lens)
            x = torch.cat([part for suffix in embedded for part in (image[0], suffix)])
            return self._text(x, plan, self._text.new_cache(plan.slots, layers=1), prefix, image[1:])

        with self._prefix_lock:
            prefix = self._prefix(prefixes)
        inputs = (self._on_device(suffixes), image.to(self._dtype), prefix)
        return self._run(len(plan.slot_mapping), ("rows", *lengths, grid), read, *inputs)

    def _prefix(self, prefixes: tuple[Ids, ...]) -> Tensor:
        """The key-value cache of the rows' prefixes, one after the other."""
        if prefixes in self._prefixes:
            self._prefixes.move_to_end(prefixes)
            return self._prefixes[prefixes]
        lengths = [len(prefix) for prefix in prefixes]
        positions = torch.cat([torch.arange(length) for length in lengths]).expand(3, -1)
        plan = self._text.plan([0] * len(prefixes), lengths, positions)
        kv_cache = self._text.new_cache(plan.slots)
        self._text(self._text.embed(self._on_device(prefixes)), plan, kv_cache)
        self._prefixes[prefixes] = kv_cache
        if len(self._prefixes) > KEPT_PREFIXES:
            self._prefixes.popitem(last=False)
        return kv_cache

    def _on_device(self, parts: Sequence[Ids]) -> Tensor:
        return torch.tensor([id for part in parts for id in part], dtype=torch.long).to(self._device)

    def _make_text_plan(
        self, prefix_lens: tuple[int, ...], suffix_lens: tuple[int, ...], grid: Grid
    ) -> TextPlan:
        image = grid[0] * grid[1] // self._merge**2
        positions = [
            rope_positions(prefix + image + suffix, prefix, grid, self._merge)[:, prefix:]
            for prefix, suffix in zip(prefix_lens, suffix_lens, strict=True)
        ]
        query_lens = [image + suffix for suffix in suffix_lens]
        return self._text.plan(prefix_lens, query_lens, torch.cat(positions, dim=1), [0] * len(query_lens))


def checked_forward(model: Any, *, kernels: bool = True, recorded: bool = True) -> Forward:
    """`FastForward` where it runs this model; on a card, only after it agreed with `PlainForward` there.

    A quantised model has no plain passes: there it must agree with itself without kernels and recordings.
    """
    if not capable(model):
        return PlainForward(model)
    device = model.model.language_model.norm.weight.device
    fast = FastForward(model, kernels=kernels, capture=capture_for(device) if recorded else None)
    if device.type == "cpu":
        return fast
    quantised = isinstance(model.lm_head, QuantisedLinear)
    plain = FastForward(model, kernels=False) if quantised else PlainForward(model)
    if passes_agree(fast, plain, model):
        return fast
    fast.launch_singly()
    return fast if passes_agree(fast, plain, model) else plain


def capable(model: Any) -> bool:
    """Whether `FastForward` runs this model: known in kind and shape, whole, on one card or the CPU."""
    if not families.is_known(getattr(model.config, "model_type", None)):
        return False
    parameters = list(model.parameters())
    kinds = {(parameter.device, parameter.dtype) for parameter in parameters}
    linears = [module for module in model.modules() if "Linear" in type(module).__name__]
    return (
        len(kinds) == 1
        and parameters[0].device.type in {"cpu", "cuda"}
        and parameters[0].dtype in {torch.float32, torch.bfloat16, torch.float16}
        and all(type(module) in {nn.Linear, QuantisedLinear} for module in linears)
        and not any(_offloaded(module) for module in model.modules())
        and all(width % 8 == 0 for width in _head_widths(model.config))
        and family_of(model.config.model_type).runs_fast(model.config)
    )


def _unpacked_bytes(model: Any) -> int:
    """Of all weights in the precision of the passes: quantised ones take no less work."""
    matrices = {id(each.matrix): each.matrix for each in model.modules() if isinstance(each, _QUANTISED)}
    packed = sum(len(matrix) * matrix.width for matrix in matrices.values())
    item_bytes = model.model.language_model.norm.weight.element_size()
    return packed * item_bytes + sum(each.numel() * each.element_size() for each in model.parameters())


def _offloaded(module: nn.Module) -> bool:
    """Whether accelerate moves this module's weights in and out."""
    hook = getattr(module, "_hf_hook", None)
    return any(getattr(each, "offload", False) for each in (hook, *getattr(hook, "hooks", ())))


def _head_widths(config: Any) -> tuple[int, int]:
    """Of one attention head, in the text model and in the vision tower."""
    text, vision = config.text_config, config.vision_config
    width = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    return width, vision.hidden_size // vision.num_heads


def packs(rows: Sequence[Row], image_tokens: int) -> Iterator[list[Row]]:
    """Runs of rows that together stay within PACKED_TOKENS; a row that does not is alone."""
    each = image_tokens + max(len(row.suffix) for row in rows)
    count = max(1, PACKED_TOKENS // each)
    for start in range(0, len(rows), count):
        yield list(rows[start : start + count])


def _decoder(text: TextModel, lm_head: Product, capture: Capture | None, *, fused: bool) -> Decoder:
    if not fused:
        return PlainDecoder(text, lm_head)
    from lychee_app.model.decode_fused import FusedDecoder  # Triton is not on every platform

    return FusedDecoder(text, lm_head, capture)
