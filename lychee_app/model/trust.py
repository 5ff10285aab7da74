"""Whether the fast passes may be used on this card: they are run on one small image beside the plain ones.

Every pass is run three times, since what comes a second time may be recorded and a third time replayed.
Knows both implementations of `Forward` by that seam alone. Does not know why one would be wrong.
"""

import logging
from typing import Any

import torch
from torch import Tensor

from lychee_app.model.forward import Forward

log = logging.getLogger(__name__)

_MOST_DIFFERENCE = 0.2
"""Of the length of the vectors compared. BF16 alone makes 0.01 to 0.06; what is wrong makes about 1."""
_MOST_UNLIKELY = 1.0
"""How far a generated token's logit may lie below the highest, in deviations of all. Chance makes 4."""
_GRID = (10, 12)
_STEPS = 4
"""Tokens generated: by a prefill, a first step, one that is recorded, one that is replayed."""


def trusted(fast: Forward, plain: Forward, model: Any) -> bool:
    """Whether `fast` runs all three passes, and reads two rows and goes on with one as `plain` does."""
    rows = _rows(model)
    try:
        wanted, _ = _read(plain, model, rows)
        found, image = [_read(fast, model, rows) for _ in range(3)][-1]
        made = fast.generate(rows[0], image, _GRID, _STEPS, frozenset())
        unlikely = _unlikeliness(plain, model, rows[0], image, made)
        fast.forget()
    except Exception as error:  # whatever it is, the plain passes are left
        log.warning("The fast passes do not run here, the plain ones are used: %s", error)
        return False
    difference = float((found - wanted).norm() / wanted.norm())
    agreed = difference < _MOST_DIFFERENCE and unlikely < _MOST_UNLIKELY
    if not agreed:
        log.warning("The fast passes are off by %.3f here (tokens by %.1f).", difference, unlikely)
    return agreed


def _read(forward: Forward, model: Any, rows: list[Tensor]) -> tuple[Tensor, Tensor]:
    image = forward.embed_image(_patches(model), _GRID)
    return forward.last_hidden(rows, image, _GRID).float(), image


def _patches(model: Any) -> Tensor:
    noise = torch.Generator().manual_seed(0)
    width = model.model.visual.patch_embed.proj.weight[0].numel()
    return torch.randn(_GRID[0] * _GRID[1], width, generator=noise).to(model.lm_head.weight.device)


def _rows(model: Any) -> list[Tensor]:
    tokens = _GRID[0] * _GRID[1] // model.config.vision_config.spatial_merge_size**2
    image = torch.full((tokens,), model.config.image_token_id)
    return [torch.cat((torch.arange(length), image, torch.arange(3))) for length in (5, 9)]


@torch.no_grad()
def _unlikeliness(plain: Forward, model: Any, row: Tensor, image: Tensor, made: list[int]) -> float:
    """The worst of the tokens made, each against what `plain` finds likeliest after those before it."""
    rows = [torch.cat((row, torch.tensor(made[:count], dtype=row.dtype))) for count in range(len(made))]
    hidden = plain.last_hidden(rows, image, _GRID)
    logits = (hidden @ model.lm_head.weight.t()).float()
    chosen = logits[torch.arange(len(made)), torch.tensor(made)]
    return float(((logits.max(-1).values - chosen) / logits.std(-1)).max())
