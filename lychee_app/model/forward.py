"""The seam between the scorer and the graph, and its plain implementation on the Hugging Face modules.

Knows Qwen2.5-VL's modules, where an image's embeddings go and which rotary positions it takes. Does not know
text, scores, or why a pass is made. `PlainForward` is what every faster implementation is compared with;
it also runs a model whose layers accelerate has spilled to RAM or disk.
"""

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor

Grid = tuple[int, int]
"""Rows and columns of an image, in patches of 14 px; both even."""


class Forward(Protocol):
    """Three passes of the graph. Each may raise torch's own errors; the scorer translates them."""

    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        """The vision tower. patches: float32 (patches, 1176) on the model's device -> (tokens, hidden)."""
        ...

    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        """The final norm's output at each row's last position: (rows, hidden), in the model's precision.

        rows: token ids, 1-D int64 on the CPU, each with one run of image-pad tokens as long as `image`.
        """
        ...

    def generate(
        self, ids: Tensor, image: Tensor, grid: Grid, max_tokens: int, stop_ids: frozenset[int]
    ) -> list[int]:
        """Greedy: the arg max of each step, first of equals; no sampling, no repetition penalty.

        ids as a row of `last_hidden`. At most `max_tokens` new ids; a stop id that ended it is the last one.
        """
        ...

    def forget(self) -> None:
        """Gives back memory that is only held for speed. Called when memory ran out."""
        ...


class PlainForward:
    """`Forward` on a `Qwen2_5_VLForConditionalGeneration` as transformers built it. One row at a time."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._image_id: int = model.config.image_token_id
        self._merge: int = model.config.vision_config.spatial_merge_size

    @torch.no_grad()
    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        grid_thw = torch.tensor([[1, *grid]], device=patches.device)
        visual = self._model.model.visual
        output = visual(patches.to(visual.dtype), grid_thw=grid_thw)
        return output.pooler_output

    @torch.no_grad()
    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        return torch.cat([self._prefill(row, image, grid, cache=False)[0][:, -1] for row in rows])

    @torch.no_grad()
    def generate(
        self, ids: Tensor, image: Tensor, grid: Grid, max_tokens: int, stop_ids: frozenset[int]
    ) -> list[int]:
        hidden, cache, position = self._prefill(ids, image, grid, cache=True)
        made: list[int] = []
        while True:
            made.append(int(self._model.lm_head(hidden[:, -1:]).argmax(-1)))
            if len(made) >= max_tokens or made[-1] in stop_ids:
                return made
            hidden = self._step(made[-1], position, cache, image.device)
            position += 1

    def forget(self) -> None:
        """Nothing is kept between passes."""

    def _prefill(self, ids: Tensor, image: Tensor, grid: Grid, cache: bool) -> tuple[Tensor, Any, int]:
        """Final-norm output (1, length, hidden), the key-value cache, and the next free position."""
        embeds = self._model.get_input_embeddings()(ids.to(image.device)[None])
        start = image_start(ids, self._image_id, len(image))
        embeds[0, start : start + len(image)] = image.to(embeds.device, embeds.dtype)
        positions = rope_positions(len(ids), start, grid, self._merge)
        output = self._model.model.language_model(
            inputs_embeds=embeds, position_ids=positions[:, None].to(embeds.device), use_cache=cache
        )
        return output.last_hidden_state, output.past_key_values, int(positions.max()) + 1

    def _step(self, token: int, position: int, cache: Any, device: torch.device) -> Tensor:
        embeds = self._model.get_input_embeddings()(torch.tensor([[token]], device=device))
        positions = torch.full((3, 1, 1), position, device=embeds.device)
        output = self._model.model.language_model(
            inputs_embeds=embeds, position_ids=positions, use_cache=True, **{self._cache_name: cache}
        )
        return output.last_hidden_state

    @cached_property
    def _cache_name(self) -> str:
        """transformers renamed the argument: `past_key_values` before 5.24, `cache` now."""
        parameters = inspect.signature(self._model.model.language_model.forward).parameters
        return "cache" if "cache" in parameters else "past_key_values"


def image_start(ids: Tensor, image_id: int, tokens: int) -> int:
    """Where the one run of `tokens` image-pad tokens begins in `ids`. Raises ValueError if there is none."""
    places = (ids == image_id).nonzero().flatten().tolist()
    if len(places) != tokens or not tokens or places[-1] - places[0] != tokens - 1:
        raise ValueError(f"the prompt has {len(places)} image tokens; the image has {tokens}")
    return places[0]


def rope_positions(length: int, start: int, grid: Grid, merge: int) -> Tensor:
    """Multimodal rotary positions of one row with one still image: (3, length) on the CPU.

    The three rows are time, height and width. Text counts up by one in all three; an image stands still in
    time, spreads over height and width, and the text after it goes on from the larger of the two
    (Qwen2-VL, arXiv 2409.12191, section 2.1).
    """
    rows, columns = grid[0] // merge, grid[1] // merge
    positions = torch.arange(length).repeat(3, 1)
    end = start + rows * columns
    positions[0, start:end] = start
    positions[1, start:end] = start + torch.arange(rows).repeat_interleave(columns)
    positions[2, start:end] = start + torch.arange(columns).repeat(rows)
    positions[:, end:] -= end - start - max(rows, columns)
    return positions
