"""Noise for an image and rows of random text around it, as a pass takes them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def patches_of(grid: tuple[int, int], seed: int = 0) -> Tensor:
    return torch.randn(grid[0] * grid[1], 1176, generator=torch.Generator().manual_seed(seed))


def rows_of(model: Any, tokens: int, lengths: Sequence[tuple[int, int]], seed: int = 0) -> list[Tensor]:
    """Rows of random text before and after the image, of these lengths."""
    noise = torch.Generator().manual_seed(seed)
    image = torch.full((tokens,), model.config.image_token_id)
    return [
        torch.cat([torch.randint(0, 250, (n,), generator=noise) if n else image for n in (before, 0, after)])
        for before, after in lengths
    ]
