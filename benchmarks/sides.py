"""The two ways to run one graph that `bench graph` sets side by side: as published, and the fast passes.

Knows a model in memory and prompts of random token ids. Does not time anything.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from lychee_app.model.families import family_of
from lychee_app.model.forward import Forward

GRAPHS = ("7b", "qwen3-2b", "qwen3-8b", "tiny", "qwen3-tiny")
BEFORE, AFTER = 85, 6
"""Tokens before the image and after it, in the published prompt with a short query."""


@dataclass(frozen=True)
class Case:
    """One image and some rows. patches: float32 (patches, 1176) on the device; rows: ids on the CPU."""

    grid: tuple[int, int]
    patches: Tensor
    rows: tuple[Tensor, ...]

    @property
    def image_tokens(self) -> int:
        return self.grid[0] * self.grid[1] // 4


class Side(Protocol):
    def judge(self, case: Case) -> Tensor:
        """Logits of two tokens at each row's end: (rows, 2) float32 on the CPU."""
        ...

    def explain(self, case: Case, tokens: int) -> list[int]:
        """Exactly so many greedy tokens after the first row."""
        ...


class Published:
    """One whole pass for each row, `generate` with its growing cache.

    Logits of every position, as the model card of Lychee has it; the script of the Qwen3-VL rerankers reads
    them at the last one alone.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @torch.no_grad()
    def judge(self, case: Case) -> Tensor:
        return torch.stack([self._logits(self._inputs(case, ids)) for ids in case.rows]).float().cpu()

    def _logits(self, inputs: dict[str, Tensor]) -> Tensor:
        if self._model.config.model_type != "qwen3_vl":
            return self._model(**inputs).logits[0, -1, :2]
        hidden = self._model.model(**inputs).last_hidden_state[0, -1]
        return hidden @ self._model.lm_head.weight[:2].t()

    @torch.no_grad()
    def explain(self, case: Case, tokens: int) -> list[int]:
        inputs = self._inputs(case, case.rows[0])
        length = {"max_new_tokens": tokens, "min_new_tokens": tokens}
        made = self._model.generate(**inputs, **length, do_sample=False, pad_token_id=0)
        return made[0, len(case.rows[0]) :].tolist()

    def _inputs(self, case: Case, ids: Tensor) -> dict[str, Tensor]:
        device = case.patches.device
        kinds = (ids == self._model.config.image_token_id).int()
        return {
            "input_ids": ids[None].to(device),
            "attention_mask": torch.ones(1, len(ids), dtype=torch.long, device=device),
            "mm_token_type_ids": kinds[None].to(device),
            "pixel_values": case.patches,
            "image_grid_thw": torch.tensor([[1, *case.grid]], device=device),
        }


class Ours:
    """The passes behind the scorer: vision once, the head's two rows alone, in float32."""

    def __init__(self, forward: Forward, model: Any) -> None:
        self.forward = forward
        self._head = model.lm_head.weight[:2].detach().float()

    @torch.no_grad()
    def judge(self, case: Case) -> Tensor:
        image = self.forward.embed_image(case.patches, case.grid)
        hidden = self.forward.last_hidden(case.rows, image, case.grid)
        return (hidden.float() @ self._head.t()).cpu()

    def explain(self, case: Case, tokens: int) -> list[int]:
        image = self.forward.embed_image(case.patches, case.grid)
        return self.forward.generate(case.rows[0], image, case.grid, tokens, frozenset())


def exact_logits(model: Any, cases: Sequence[Case]) -> list[Tensor]:
    """What `Published.judge` would give on these weights without rounding to BF16: the yardstick of both.

    The plain modules in float32, or in float64 where the model is float32 already, on a copy.
    """
    dtype = torch.float64 if model.lm_head.weight.dtype == torch.float32 else torch.float32
    exact = Published(copy.deepcopy(model).to(dtype))
    return [exact.judge(case) for case in cases]


def new_case(model: Any, image_tokens: int, rows: int, seed: int = 0) -> Case:
    """Noise for an image, random ids for text; each row its own length, as queries have."""
    config, noise = model.config, torch.Generator().manual_seed(seed)
    grid = grid_of(image_tokens)
    width = model.model.visual.patch_embed.proj.weight[0].numel()
    patches = torch.randn(grid[0] * grid[1], width, generator=noise).to(model.lm_head.weight.device)
    image = torch.full((grid[0] * grid[1] // 4,), config.image_token_id)
    return Case(grid, patches, tuple(_row(image, BEFORE + 3 * row, noise) for row in range(rows)))


def grid_of(image_tokens: int) -> tuple[int, int]:
    """Rows and columns in patches of about so many tokens: exact where two sides fit, nearest to 3 : 4."""
    pairs = [(rows, image_tokens // rows) for rows in range(1, math.isqrt(image_tokens) + 1)]
    rows, columns = min(
        pairs, key=lambda pair: (image_tokens - pair[0] * pair[1], abs(pair[1] / pair[0] - 4 / 3))
    )
    if columns > 3 * rows:  # a prime number of tokens makes a strip: take a few fewer
        rows = round(math.sqrt(image_tokens * 3 / 4))
        columns = image_tokens // rows
    return 2 * rows, 2 * columns


def random_model(graph: str, device: torch.device, dtype: torch.dtype) -> Any:
    """The published shape, or a small one, with fresh random weights."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with device:
            torch.manual_seed(0)
            config = config_of(graph)
            kind = family_of(config["model_type"]).model_class()
            model = kind(kind.config_class(**config))
    finally:
        torch.set_default_dtype(before)
    return model.eval().requires_grad_(False)


def _row(image: Tensor, before: int, noise: torch.Generator) -> Tensor:
    parts = [torch.randint(10, 400, (length,), generator=noise) for length in (before, AFTER)]
    return torch.cat([parts[0], image, parts[1]])


def config_of(graph: str) -> dict[str, Any]:
    """The published shape; a "tiny" one has the same parts at a thousandth of the size."""
    third = graph.startswith("qwen3")
    text, vision = (_qwen3_vl if third else _qwen2_5_vl)(graph)
    text |= {"max_position_embeddings": 128000, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    vision["out_hidden_size"] = text["hidden_size"]
    special = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")
    ids = {name: 401 + number for number, name in enumerate(special)}
    return {
        "model_type": "qwen3_vl" if third else "qwen2_5_vl",
        "text_config": text,
        "vision_config": vision,
        "tie_word_embeddings": graph == "qwen3-2b",
        **ids,
    }


def _qwen2_5_vl(graph: str) -> tuple[dict[str, Any], dict[str, Any]]:
    full = graph == "7b"
    text = {
        "hidden_size": 3584 if full else 256,
        "num_hidden_layers": 28 if full else 5,
        "num_attention_heads": 28 if full else 8,
        "num_key_value_heads": 4,
        "intermediate_size": 18944 if full else 768,
        "vocab_size": 152064 if full else 2048,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e6,
            "mrope_section": [16, 24, 24] if full else [4, 6, 6],
        },
    }
    vision = {
        "depth": 32 if full else 5,
        "hidden_size": 1280 if full else 256,
        "num_heads": 16 if full else 4,
        "intermediate_size": 3420 if full else 764,
        "fullatt_block_indexes": [7, 15, 23, 31] if full else [2, 4],
        "window_size": 112,
    }
    return text, vision


def _qwen3_vl(graph: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """In the order 2B, 8B, tiny."""
    which = ("qwen3-2b", "qwen3-8b", "qwen3-tiny").index(graph)
    text = {
        "hidden_size": (2048, 4096, 256)[which],
        "num_hidden_layers": (28, 36, 5)[which],
        "num_attention_heads": (16, 32, 4)[which],
        "num_key_value_heads": (8, 8, 2)[which],
        "head_dim": (128, 128, 48)[which],
        "intermediate_size": (6144, 12288, 768)[which],
        "vocab_size": (151936, 151936, 2048)[which],
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 5e6,
            "mrope_interleaved": True,
            "mrope_section": ([24, 20, 20], [24, 20, 20], [10, 7, 7])[which],
        },
    }
    vision = {
        "depth": (24, 27, 5)[which],
        "hidden_size": (1024, 1152, 256)[which],
        "num_heads": (16, 16, 4)[which],
        "intermediate_size": (4096, 4304, 768)[which],
        "deepstack_visual_indexes": ([5, 11, 17], [8, 16, 24], [0, 2, 3])[which],
        "num_position_embeddings": (2304, 2304, 144)[which],
    }
    return text, vision


def p_yes(logits: Tensor) -> Tensor:
    """(rows, 2) -> (rows,): the first against the second, as yes against no."""
    return torch.sigmoid(logits[:, 0] - logits[:, 1])


def largest_difference(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))
