"""First lesson: the vision tower learns to name what each image token shows, and in which tint.

Dense labels from crowded scenes teach far more per picture than a yes or no does. The two naming heads are
thrown away afterwards.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipe.network import patches_of, sent
from recipe.painting import Painted, TensorPainter
from recipe.scenes import MAX_TOKENS, TOKEN_PX, Look, Scenes, random_grid, random_scenes

LEAST_SHARE = 0.2
"""A token shows an object that covers at least this much of it; under that it shows the ground."""
FINE = 0.5
"""How often scenes are drawn at twice the size and brought down, as a photo is."""


@dataclass(frozen=True)
class Views:
    """Drawn scenes: patches (b, places, 588), 0 to 255; per token (b, tokens) the object (the last number is
    the ground) and -1 for padding; the tint (0: none), -1 where there is no object; and the object's slot, -1
    for none."""

    grid: tuple[int, int]
    patches: Tensor
    objects: Tensor
    tints: Tensor
    slots: Tensor


class SceneMaker:
    """Makes scenes without end from one seed."""

    def __init__(self, look: Look, seed: int, crowded: float = 0.75) -> None:
        self._look, self._crowded = look, crowded
        self._random = np.random.default_rng(seed)

    def make(self, count: int) -> Scenes:
        crowd = bool(self._random.random() < self._crowded)
        return random_scenes(self._random, count, random_grid(self._random), self._look, crowd=crowd)


class Viewer:
    """Scenes -> views, on the painter's device."""

    def __init__(self, painter: TensorPainter, objects: int) -> None:
        """objects: how many there are; the ground has this number."""
        self._painter, self._ground = painter, objects

    @torch.no_grad()
    def __call__(self, scenes: Scenes) -> Views:
        finer = 2 if torch.rand(()) < FINE else 1
        with torch.autocast(self._painter.device, enabled=False):  # places need all their digits
            return views_of(self._painter.draw(scenes, finer), scenes, self._ground)


def views_of(painted: Painted, scenes: Scenes, ground: int) -> Views:
    owner = painted.owner[:, None]
    covered = torch.cat([(owner == slot).float() for slot in range(scenes.objects.shape[1])], dim=1)
    most, slot = F.avg_pool2d(covered, TOKEN_PX).flatten(2).max(dim=1)  # (b, tokens)
    shown = most > LEAST_SHARE
    objects, tints = (sent(a, str(owner.device)) for a in (scenes.objects, scenes.tints))
    labels = (
        torch.where(shown, objects.gather(1, slot), ground),
        torch.where(shown, tints.gather(1, slot) + 1, -1),
        torch.where(shown, slot, -1),
    )
    room = MAX_TOKENS - slot.shape[1]
    return Views(scenes.grid, patches_of(painted.rgb), *(F.pad(each, (0, room), value=-1) for each in labels))


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
