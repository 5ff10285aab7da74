"""The least time a pass can take on this machine: its arithmetic and its bytes over two measured rates.

Counts what the published graph needs for one image and some rows of text, from its config alone. Knows shapes
and two ceilings. Does not know how the pass is made.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lychee_app.model.projections import Projection


@dataclass(frozen=True)
class Ceilings:
    """Measured here: a large matrix product, and a large copy counting bytes read and written."""

    flops_per_second: float
    bytes_per_second: float

    def milliseconds(self, flops: float, read_bytes: float) -> float:
        """The larger of the two times: no version runs faster."""
        return 1e3 * max(flops / self.flops_per_second, read_bytes / self.bytes_per_second)


def ceilings(device: torch.device, dtype: torch.dtype) -> Ceilings:
    side, gigabytes = (8192, 4.0) if device.type == "cuda" else (1024, 0.2)
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    ways = (lambda: torch.mm(left, right), lambda: Projection(right)(left))
    product = min(shortest(way, device, times=10) for way in ways)
    source = torch.randint(0, 255, (int(gigabytes * 1e9) // 2,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copy = shortest(lambda: target.copy_(source), device, times=10)
    return Ceilings(2 * side**3 / product, 2 * len(source) / copy)


def shortest(work: Callable[[], object], device: torch.device, times: int) -> float:
    """Seconds of the fastest of so many runs, after two that do not count."""
    return min(seconds(work, device) for _ in range(times + 2))


def seconds(work: Callable[[], object], device: torch.device) -> float:
    """Of one run, until the device has finished."""
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started


def synchronize(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@dataclass(frozen=True)
class Counted:
    """Multiplications and additions, and the bytes of weights that must be read once."""

    flops: float
    weight_bytes: float


def judge(config: Any, image_tokens: int, rows: Sequence[tuple[int, int]], item_bytes: int) -> Counted:
    """One image and rows of (known, new) tokens, the image among the new ones.

    The vision tower runs once; the text before an image is the same for every image of a run, so it is known;
    the last layer is needed for keys and values, and for one position of each row (left out).
    """
    vision, text = _vision(config.vision_config), _text(config.text_config)
    patches = image_tokens * config.vision_config.spatial_merge_size**2
    seen = vision.whole * patches + (vision.blocks - vision.whole) * min(vision.window, patches)
    tokens = sum(new for _, new in rows)
    flops = 2 * patches * vision.block_weights * vision.blocks + 2 * image_tokens * vision.merger_weights
    flops += 4 * vision.width * patches * seen
    flops += 2 * tokens * (text.layer_weights * (text.layers - 1) + text.key_weights)
    flops += sum(4 * text.width * new * (known + new / 2) * (text.layers - 1) for known, new in rows)
    weights = vision.block_weights * vision.blocks + vision.merger_weights
    weights += text.layer_weights * (text.layers - 1) + text.key_weights
    return Counted(flops, weights * item_bytes)


def step(config: Any, past_tokens: int, item_bytes: int) -> Counted:
    """One generated token: every text weight, the head, and the keys and values of the past are read once."""
    text = _text(config.text_config)
    weights = text.layer_weights * text.layers + text.head_weights
    past = 2 * text.key_width * past_tokens * text.layers
    return Counted(2 * weights, (weights + past) * item_bytes)


@dataclass(frozen=True)
class _Vision:
    blocks: int
    whole: int
    width: int
    window: int
    block_weights: int
    merger_weights: int


@dataclass(frozen=True)
class _Text:
    layers: int
    width: int
    key_width: int
    layer_weights: int
    key_weights: int
    head_weights: int


def _vision(config: Any) -> _Vision:
    """Windows, a gated MLP and one merger (Qwen2.5-VL); or none of these, and a merger for each tap too."""
    width, wide = config.hidden_size, config.hidden_size * config.spatial_merge_size**2
    windows = hasattr(config, "window_size")
    mergers = 1 if windows else 1 + len(config.deepstack_visual_indexes)
    return _Vision(
        blocks=config.depth,
        whole=len(config.fullatt_block_indexes) if windows else config.depth,
        width=width,
        window=(config.window_size // config.patch_size) ** 2 if windows else 0,
        block_weights=4 * width**2 + (3 if windows else 2) * width * config.intermediate_size,
        merger_weights=mergers * (wide**2 + wide * config.out_hidden_size),
    )


def _text(config: Any) -> _Text:
    hidden, width = config.hidden_size, getattr(config, "head_dim", None)
    width = width or hidden // config.num_attention_heads
    query_width, key_width = width * config.num_attention_heads, width * config.num_key_value_heads
    return _Text(
        layers=config.num_hidden_layers,
        width=query_width,
        key_width=key_width,
        layer_weights=2 * hidden * (query_width + key_width) + 3 * hidden * config.intermediate_size,
        key_weights=2 * hidden * key_width,
        head_weights=hidden * config.vocab_size,
    )
