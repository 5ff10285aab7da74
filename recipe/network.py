"""The demo's Qwen2.5-VL: its configuration, and the batched forward pass it is trained with.

The modules and weights are those of transformers; only the walk through them is ours, so that a whole batch
of images of one canvas passes the vision tower at once and the judge prompt's common beginning is computed
once. A test compares the result with the plain forward pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from recipe.scenes import MAX_TOKENS, TOKEN_PX

PATCHES, PATCH_PX = 4 * MAX_TOKENS, 14
WORD_SCALE = 5.0
WORD_LAYER, MATCH_LAYER = 1, 2
"""After these layers of the language model a word's last token is taught to know its object, and what is seen
is taught to know whether it was asked for."""
IMAGE_MEAN, IMAGE_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def new_model(
    vocabulary: int, special: dict[str, int], small: bool = False
) -> Qwen2_5_VLForConditionalGeneration:
    """A model of the demo's size (or, for trials of the recipe, far smaller) with fresh weights."""
    depth, hidden, inner = (2, 64, 96) if small else (5, 256, 688)
    layers, text_inner, head = (2, 96, 32) if small else (6, 640, 32)
    vision = {
        "depth": depth, "hidden_size": hidden, "intermediate_size": inner, "num_heads": hidden // 64,
        "out_hidden_size": hidden, "fullatt_block_indexes": [depth // 2, depth - 1], "window_size": 112,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "tokens_per_second": 2,
        "in_channels": 3, "in_chans": 3, "spatial_patch_size": 14, "hidden_act": "silu",
    }  # fmt: skip
    text = {
        "hidden_size": hidden, "intermediate_size": text_inner, "num_hidden_layers": layers,
        "vocab_size": vocabulary,
        "num_attention_heads": hidden // head, "num_key_value_heads": hidden // head // 2,
        "hidden_act": "silu",
        "max_position_embeddings": 4096, "rms_norm_eps": 1e-6, "use_sliding_window": False,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "mrope_section": [4, 6, 6]},
        "bos_token_id": special["<|endoftext|>"], "eos_token_id": special["<|im_end|>"],
        "pad_token_id": special["<|endoftext|>"], "tie_word_embeddings": True,
    }  # fmt: skip
    config = Qwen2_5_VLConfig(
        text_config=text, vision_config=vision, tie_word_embeddings=True,
        image_token_id=special["<|image_pad|>"], video_token_id=special["<|video_pad|>"],
        vision_start_token_id=special["<|vision_start|>"], vision_end_token_id=special["<|vision_end|>"],
    )  # fmt: skip
    model = Qwen2_5_VLForConditionalGeneration(config)
    with torch.no_grad():  # words of the size of image tokens, that neither drowns the other
        model.model.language_model.embed_tokens.weight.mul_(WORD_SCALE)
    return model


@dataclass(frozen=True)
class Canvas:
    """What depends on the canvas alone, padded to MAX_TOKENS image tokens of four patches each.

    spots (patches, 2): row and column of each patch. windows, whole (patches, patches): which patches see
    each
    other. real (tokens,): which image tokens are no padding. tokens (tokens, 2): row and column of each.
    side: the larger side in tokens.
    """

    spots: Tensor
    windows: Tensor
    whole: Tensor
    real: Tensor
    tokens: Tensor
    side: Tensor


def make_canvas(grid: tuple[int, int], device: str = "cpu", places: int = MAX_TOKENS) -> Canvas:
    """places: how many image tokens it is padded to."""
    rows, columns = grid
    token = torch.arange(rows * columns)
    tokens = F.pad(torch.stack([token // columns, token % columns], dim=1), (0, 0, 0, places - len(token)))
    inner = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]])
    spots = (tokens[:, None] * 2 + inner).reshape(4 * places, 2)
    real = torch.arange(places) < len(token)
    real_patch = real.repeat_interleave(4)
    both = real_patch[:, None] & real_patch[None]
    alone = ~real_patch[:, None] & ~real_patch[None]
    window = spots // 8
    near = (window[:, None] == window[None]).all(-1)
    parts = (spots, (both & near) | alone, both | alone, real, tokens, torch.tensor(max(rows, columns)))
    return Canvas(*(sent(part, device) for part in parts))


def sent(values: Tensor | NDArray[Any], device: str) -> Tensor:
    """On the device; to a card without waiting for what it does."""
    tensor = torch.from_numpy(np.ascontiguousarray(values)) if isinstance(values, np.ndarray) else values
    return tensor.pin_memory().to(device, non_blocking=True) if device.startswith("cuda") else tensor


def patches_of(rgb: Tensor) -> Tensor:
    """(b, 3, height, width) -> (b, places, 588): patches in the order of Qwen2-VL's image processor, the
    doubled time axis left out, unused places zero."""
    rows, columns = rgb.shape[2] // TOKEN_PX, rgb.shape[3] // TOKEN_PX
    cells = rgb.unflatten(2, (rows, 2, PATCH_PX)).unflatten(5, (columns, 2, PATCH_PX))
    patches = cells.permute(0, 2, 5, 3, 6, 1, 4, 7).flatten(1, 4).flatten(2)
    return F.pad(patches, (0, 0, 0, PATCHES - patches.shape[1]))


def normalised(patches: Tensor) -> Tensor:
    """patches (b, places, 588), 0 to 255 -> what the vision tower is given."""
    mean, std = (
        sent(torch.tensor(each).repeat_interleave(PATCH_PX**2), str(patches.device))
        for each in (IMAGE_MEAN, IMAGE_STD)
    )
    return (patches.float() / 255 - mean) / std


@dataclass(frozen=True)
class Layers:
    """One layer each: of the vision tower, of the language model, of what all its rows begin with."""

    vision: Callable[..., Tensor]
    text: Callable[..., Tensor]
    first: Callable[..., tuple[Tensor, Tensor, Tensor]]

    @classmethod
    def plain(cls) -> "Layers":
        return cls(vision_step, text_step, first_step)

    @classmethod
    def compiled(cls) -> "Layers":
        """Half a minute of compiling on a card, then twice as fast."""
        vision, text = torch.compile(vision_step, dynamic=True), torch.compile(text_step, dynamic=True)
        return cls(vision, text, torch.compile(first_step))


def look(
    model: Qwen2_5_VLForConditionalGeneration, patches: Tensor, canvas: Canvas, layers: Layers | None = None
) -> Tensor:
    """The vision tower: normalised patches (b, patches, 588) -> image tokens (b, tokens, hidden)."""
    tower: Any = model.model.visual
    kernel = tower.patch_embed.proj.weight.sum(2).flatten(1)  # both frames of a still image are the same
    x, rotary = F.linear(patches, kernel), _vision_rotary(tower, canvas.spots)
    step = (layers or Layers.plain()).vision
    for number, block in enumerate(tower.blocks):
        mask = canvas.whole if number in tower.fullatt_block_indexes else canvas.windows
        x = step(block, x, rotary, mask)
    merged = tower.merger.ln_q(x).reshape(len(x), len(canvas.real), -1)
    return tower.merger.mlp(merged)


def vision_step(block: Any, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor) -> Tensor:
    """One layer of the vision tower."""
    heads = block.attn.qkv(block.norm1(x)).unflatten(-1, (3, block.attn.num_heads, -1))
    q, k, v = heads.permute(2, 0, 3, 1, 4).unbind(0)  # (b, heads, patches, head size)
    seen = attend(_rotate(q, *rotary), _rotate(k, *rotary), v, mask)
    x = x + block.attn.proj(seen.transpose(1, 2).flatten(2))
    return x + block.mlp(block.norm2(x))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """Attention, (..., heads, l, size); mask True where seen. On a CPU, training through short sequences the
    plain way takes half the time of the fused kernels."""
    groups = q.shape[-3] // k.shape[-3]
    if groups > 1:
        k, v = k.repeat_interleave(groups, -3), v.repeat_interleave(groups, -3)
    if q.is_cuda:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    unseen = torch.zeros(mask.shape, dtype=q.dtype, device=q.device).masked_fill(~mask, float("-inf"))
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + unseen
    return scores.softmax(-1).to(v.dtype) @ v


def _vision_rotary(tower: Any, spots: Tensor) -> tuple[Tensor, Tensor]:
    """cos, sin (patches, head size): half of the frequencies follow the row, half the column."""
    freqs = (spots[:, :, None].float() * tower.rotary_pos_emb.inv_freq).flatten(1)
    both = torch.cat([freqs, freqs], dim=-1)
    return both.cos(), both.sin()


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    return x * cos.to(x.dtype) + torch.cat([-second, first], dim=-1) * sin.to(x.dtype)


def text_step(
    layer: Any, x: Tensor, rotary: tuple[Tensor, Tensor], mask: Tensor, before: Sequence[Tensor] | None
) -> Tensor:
    """One layer of the language model. `before`: keys and values of what all rows begin with."""
    q, k, v = _heads(layer, x)
    q, k = _rotate(q, *rotary), _rotate(k, *rotary)
    if before is not None:
        k = torch.cat([before[0].expand(len(x), -1, -1, -1), k], dim=2)
        v = torch.cat([before[1].expand(len(x), -1, -1, -1), v], dim=2)
    return _after(layer, x, attend(q, k, v, mask))


def read(
    model: Qwen2_5_VLForConditionalGeneration,
    x: Tensor,
    place: Tensor,
    mask: Tensor,
    prefix: Tensor | None = None,
    *,
    layers: Layers | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """The language model: rows (r, l, hidden) at places (3, r, l) -> last hidden states and those after
    layers WORD_LAYER and MATCH_LAYER, each (r, l, hidden).

    prefix (1, p, hidden): the same beginning of all rows, at places 0 to p - 1. mask (r, 1, l, p + l).
    """
    early, middle = x, x
    text: Any = model.model.language_model
    rotary, before, layers = _text_rotary(text, place), None, layers or Layers.plain()
    count = torch.arange(0 if prefix is None else prefix.shape[1], device=x.device)
    first_rotary = _text_rotary(text, count.expand(3, 1, -1))
    for number, layer in enumerate(text.layers):
        if prefix is not None:
            prefix, *before = layers.first(layer, prefix, first_rotary)
        x = layers.text(layer, x, rotary, mask, before)
        early = x if number == WORD_LAYER else early
        middle = x if number == MATCH_LAYER else middle
    return text.norm(x), early, middle


def first_step(layer: Any, x: Tensor, rotary: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """The common beginning through one layer, and the keys and values that it leaves."""
    q, k, v = _heads(layer, x)
    q, k = _rotate(q, *rotary), _rotate(k, *rotary)
    seen = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return _after(layer, x, seen), k, v


def _text_rotary(text: Any, place: Tensor) -> tuple[Tensor, Tensor]:
    """cos, sin (r, 1, l, head size): each frequency follows time, row or column of the place."""
    freqs = place[..., None].float() * text.rotary_emb.inv_freq
    sections = text.config.rope_parameters["mrope_section"]
    half = torch.cat([part[i % 3] for i, part in enumerate(freqs.split(sections, dim=-1))], dim=-1)
    both = torch.cat([half, half], dim=-1)[:, None]
    return both.cos(), both.sin()


def _heads(layer: Any, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    h, attention = layer.input_layernorm(x), layer.self_attn
    size = attention.head_dim
    projections = (attention.q_proj, attention.k_proj, attention.v_proj)
    q, k, v = (projection(h).unflatten(-1, (-1, size)).transpose(1, 2) for projection in projections)
    return q, k, v


def _after(layer: Any, x: Tensor, seen: Tensor) -> Tensor:
    x = x + layer.self_attn.o_proj(seen.transpose(1, 2).flatten(2))
    return x + layer.mlp(layer.post_attention_layernorm(x))
