"""First lesson: the vision tower learns to name what each image token shows, and in which tint.

Dense labels from crowded scenes teach far more per picture than a yes or no does. The two naming heads are
thrown away afterwards.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from lychee_app.demo.drawing import Painter
from lychee_app.demo.network import PATCH_PX, PATCHES, Canvas, look, normalised, to_patches
from lychee_app.demo.scenes import MAX_TOKENS, Look, Scenes, random_grid, random_scenes

LEAST_SHARE = 0.2
"""A token shows an object that covers at least this much of it; under that it shows the ground."""


@dataclass(frozen=True)
class Views:
    """Drawn scenes: patches (b, places, 588) uint8; per token the object (objects: the ground), -1 for
    padding;
    the tint (0: none), -1 where there is no object; and the share of the token that the object covers."""

    grid: tuple[int, int]
    patches: NDArray[np.uint8]
    objects: NDArray[np.int64]
    tints: NDArray[np.int64]
    shares: NDArray[np.float32]
    slots: NDArray[np.int64]


class ViewMaker:
    """Draws batches without end from one seed."""

    def __init__(self, painter: Painter, look: Look, seed: int) -> None:
        self._painter, self._look = painter, look
        self._random = np.random.default_rng(seed)

    def make(self, count: int) -> Views:
        grid = random_grid(self._random)
        crowd = bool(self._random.random() < 0.75)
        return self.of(random_scenes(self._random, count, grid, self._look, crowd=crowd))

    def of(self, scenes: Scenes) -> Views:
        count, slots = scenes.objects.shape
        tokens = scenes.grid[0] * scenes.grid[1]
        patches = np.zeros((count, PATCHES, 3 * PATCH_PX**2), np.uint8)
        objects = np.full((count, MAX_TOKENS), -1)
        tints, share, owner = objects.copy(), np.zeros((count, MAX_TOKENS), np.float32), objects.copy()
        for index in range(count):
            drawn = self._painter.draw(scenes, index)
            patches[index] = to_patches(drawn.rgb)
            shares = drawn.shares(slots)
            slot, most = shares.argmax(0), shares.max(0)
            shown = most > LEAST_SHARE
            objects[index, :tokens] = np.where(
                shown, scenes.objects[index, slot], self._look.present.shape[1]
            )
            tints[index, :tokens] = np.where(shown, scenes.tints[index, slot] + 1, -1)
            share[index, :tokens], owner[index, :tokens] = most, np.where(shown, slot, -1)
        return Views(scenes.grid, patches, objects, tints, share, owner)


class Namer(nn.Module):
    """The two heads over image tokens."""

    def __init__(self, hidden: int, objects: int) -> None:
        super().__init__()
        self.objects = nn.Linear(hidden, objects + 1)
        self.tints = nn.Linear(hidden, 7)

    def losses(self, tokens: Tensor, objects: Tensor, tints: Tensor) -> Tensor:
        """(2,): tokens (..., hidden), labels (...) with -1 for none."""
        return torch.stack(
            [
                F.cross_entropy(head(tokens).float().flatten(0, -2), labels.flatten(), ignore_index=-1)
                for head, labels in ((self.objects, objects), (self.tints, tints))
            ]
        )


def seeing_losses(
    model: Any, namer: Namer, canvas: Canvas, patches: Tensor, labels: tuple[Tensor, Tensor]
) -> Tensor:
    """(2,): object names and tint names. labels: objects and tints per image token."""
    return namer.losses(look(model, normalised(patches), canvas), *labels)
