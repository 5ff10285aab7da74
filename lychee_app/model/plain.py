"""`Forward` on transformers' own modules, one row at a time: what the fast passes are compared with.

It also runs a model whose layers accelerate has spilled to RAM or disk.
"""

import inspect
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from lychee_app.model.positions import Grid, image_start, rope_positions


class PlainForward:
    """`model`: a family's `model_class` as transformers built it."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._image_id: int = model.config.image_token_id
        self._merge: int = model.config.vision_config.spatial_merge_size

    @torch.no_grad()
    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        grid_thw = torch.tensor([[1, *grid]], device=patches.device)
        visual = self._model.model.visual
        output = visual(patches.to(visual.dtype), grid_thw=grid_thw)
        return torch.stack([output.pooler_output, *(getattr(output, "deepstack_features", None) or ())])

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
        levels = image.to(embeds.device, embeds.dtype)
        start = image_start(ids, self._image_id, levels.shape[1])
        embeds[0, start : start + levels.shape[1]] = levels[0]
        deepstack: dict[str, Any] = {}
        if len(levels) > 1:
            deepstack["visual_pos_masks"] = (ids == self._image_id)[None].to(embeds.device)
            deepstack["deepstack_visual_embeds"] = list(levels[1:])
        positions = rope_positions(len(ids), start, grid, self._merge)
        output = self._model.model.language_model(
            inputs_embeds=embeds,
            position_ids=positions[:, None].to(embeds.device),
            use_cache=cache,
            **deepstack,
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
