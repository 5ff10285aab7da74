"""Where the image stands in a row of token ids, and the rotary positions of all its tokens."""

import torch
from torch import Tensor

Grid = tuple[int, int]
"""Rows and columns of an image, in patches; both are multiples of the vision tower's merge size."""


def image_start(ids: Tensor, image_id: int, tokens: int) -> int:
    """Where the one run of `tokens` image-pad tokens begins in `ids`. Raises ValueError if there is none."""
    found = (ids == image_id).nonzero().flatten().tolist()
    if len(found) != tokens or not tokens or found[-1] - found[0] != tokens - 1:
        raise ValueError(f"the prompt has {len(found)} image tokens; the image has {tokens}")
    return found[0]


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
