"""A sized RGB image -> the patches the vision tower takes, laid out as the published image processor does.

Nothing is resized: an image comes at its final size, so that what is scored is what was shown. The bytes are
copied to the device first and normalised there, which is a twelfth of the traffic of copying float32 patches
with their doubled frame.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from lychee_app.errors import ScoringError
from lychee_app.model.layout import PixelLayout
from lychee_app.model.positions import Grid


def patchify(image: Image.Image, layout: PixelLayout, device: torch.device | str) -> tuple[Tensor, Grid]:
    """RGB image -> float32 (patches, channels * frames * patch * patch) on `device`, and its grid in patches.

    Patches come in blocks of `merge` x `merge`, row by row, as the merger wants them. Raises ScoringError
    when a side is not a multiple of `token_px` or the image is not RGB.
    """
    grid = grid_of(image, layout)
    pixels = torch.from_numpy(np.array(image)).to(device)  # (height, width, 3) uint8
    channels = pixels.permute(2, 0, 1).to(torch.float32)
    scaled = (channels - _column(layout.mean, layout, device)) / _column(layout.std, layout, device)
    return _blocks(scaled, grid, layout), grid


def grid_of(image: Image.Image, layout: PixelLayout) -> Grid:
    """(rows, columns) in patches."""
    side = layout.token_px
    if image.mode != "RGB" or image.width % side or image.height % side or not image.width * image.height:
        raise ScoringError(
            "grid", mode=image.mode, width_px=image.width, height_px=image.height, multiple=side
        )
    return image.height // layout.patch_px, image.width // layout.patch_px


def _column(values: tuple[float, ...], layout: PixelLayout, device: torch.device | str) -> Tensor:
    """Mean or deviation in units of a byte: (3, 1, 1). The published processor folds 1/255 in likewise."""
    return (torch.tensor(values) * (1.0 / layout.rescale)).to(device)[:, None, None]


def _blocks(pixels: Tensor, grid: Grid, layout: PixelLayout) -> Tensor:
    """(3, height, width) -> (patches, 3 * frames * patch * patch)."""
    merge, patch = layout.merge, layout.patch_px
    blocks = pixels.reshape(3, grid[0] // merge, merge, patch, grid[1] // merge, merge, patch)
    blocks = blocks.permute(1, 4, 2, 5, 0, 3, 6)  # block row, block column, row, column, channel, y, x
    frames = blocks.unsqueeze(5).expand(-1, -1, -1, -1, -1, layout.frames, -1, -1)
    return frames.reshape(grid[0] * grid[1], -1)
