"""Warm-up lesson: single sprites, drawn as one tensor on the device that learns.

A small canvas of 3 x 3 image tokens and one object in it: many objects named for little arithmetic, so
that the
crowded scenes of the next lesson find a tower that knows shapes already. Windows make no difference here.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from recipe.network import Canvas, make_canvas, patches_of
from recipe.pack import Art
from recipe.painting import dressed, restyled
from recipe.seeing import LEAST_SHARE, Namer

SIDE_TOKENS = 3
_SIDE_PX = 28 * SIDE_TOKENS
_GROUND_WEIGHT = 0.2


@dataclass(frozen=True)
class Singles:
    """patches (b, 36, 588) as bytes' values; objects, tints (b,) with 0 for no tint; shares (b, 9)."""

    patches: Tensor
    objects: Tensor
    tints: Tensor
    shares: Tensor


class SpriteMaker:
    """Draws sprites turned, scaled, shifted and tinted at random on plain grounds."""

    def __init__(self, art: Art, device: str) -> None:
        straight = torch.from_numpy(art.sprites).float() / 255
        self._rgba = straight.permute(0, 1, 4, 2, 3).to(device)
        self._shades = torch.from_numpy(art.shades).to(device)
        self._choices = torch.from_numpy(art.present).nonzero().to(device)  # (sprites, 2): style, object
        self._device = device

    def make(self, count: int) -> Singles:
        style, number = self._choices[self._random_int(len(self._choices), count)].T
        tint = torch.where(self._uniform(count) < 0.5, self._random_int(6, count) + 1, 0)
        sprites = self._dressed(style, number, tint)
        grid = F.affine_grid(self._pose(count), [count, 4, _SIDE_PX, _SIDE_PX], align_corners=False)
        drawn = F.grid_sample(sprites, grid, align_corners=False)
        picture = self._ground(count) * (1 - drawn[:, 3:]) + drawn[:, :3]
        gain = self._uniform(count, low=0.8, high=1.12)[:, None, None, None]
        contrast = gain * self._uniform(count, low=0.75, high=1.15)[:, None, None, None]
        noisy = 0.02 * (self._uniform(count) < 0.5)[:, None, None, None] * torch.randn_like(picture)
        picture = ((picture - 0.5) * contrast + 0.5 * gain + noisy).clamp(0, 1) * 255
        patches, shares = patches_of(picture)[:, : 4 * SIDE_TOKENS**2], F.avg_pool2d(drawn[:, 3:], 28)
        return Singles(patches, number, tint, shares.flatten(1))

    def _dressed(self, style: Tensor, number: Tensor, tint: Tensor) -> Tensor:
        """Premultiplied, tinted sprites in many hands: (b, 4, 64, 64). tint (b,): 0 for none."""
        return dressed(restyled(self._rgba[style, number]), self._shades[style, number], tint - 1)

    def _pose(self, count: int) -> Tensor:
        """(b, 2, 3): where each output position is taken from, in the sprite's own coordinates."""
        size = self._uniform(count, low=0.55, high=1.05)
        slack = (1.08 - size).clamp(min=0.04)
        dx, dy = (slack * self._uniform(count, low=-1, high=1) for _ in range(2))
        angle = torch.randn(count, device=self._device) * 0.18 * (self._uniform(count) < 0.6)
        flip = torch.where(self._uniform(count) < 0.35, -1.0, 1.0)
        tall = size * torch.exp(torch.randn(count, device=self._device) * 0.08)
        cos, sin = torch.cos(angle), torch.sin(angle)
        across = torch.stack([cos, sin, -(cos * dx + sin * dy)], dim=1) * (flip / size)[:, None]
        down = torch.stack([-sin, cos, sin * dx - cos * dy], dim=1) / tall[:, None]
        return torch.stack([across, down], dim=1)

    def _ground(self, count: int) -> Tensor:
        first = torch.rand(count, 3, 1, 1, device=self._device)
        near = (first + torch.randn_like(first) * 0.12).clamp(0, 1)
        chance = self._uniform(count)[:, None, None, None]
        second = torch.where(chance < 0.5, near, torch.rand_like(first))
        pale = (self._uniform(count) < 0.35)[:, None, None, None]
        first, second = (torch.where(pale, 1 - colour * 0.25, colour) for colour in (first, second))
        line = torch.linspace(-1, 1, _SIDE_PX, device=self._device)
        turn = self._uniform(count, high=6.28)[:, None, None]
        along = torch.cos(turn) * line[None, None] + torch.sin(turn) * line[None, :, None]
        striped = torch.sin(along * self._uniform(count, high=12)[:, None, None])
        along = torch.where((self._uniform(count) < 0.3)[:, None, None], striped, along * 0.7)
        mix = (along * 0.5 + 0.5).clamp(0, 1)[:, None]
        return first * (1 - mix) + second * mix

    def _uniform(self, count: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return torch.rand(count, device=self._device) * (high - low) + low

    def _random_int(self, high: int, count: int) -> Tensor:
        return torch.randint(0, high, (count,), device=self._device)


def sprite_losses(namer: Namer, tokens: Tensor, singles: Singles) -> Tensor:
    """(2,): object names, of each token and of all of an object's tokens together; and tint names. tokens:
    (b, 9, hidden), what the vision tower made of the singles."""
    names, tints = namer.objects(tokens).float(), namer.tints(tokens).float()
    shown = singles.shares > LEAST_SHARE
    ground = namer.objects.out_features - 1
    wanted = torch.where(shown, singles.objects[:, None], ground)
    each = F.cross_entropy(names.flatten(0, 1), wanted.flatten(), reduction="none").view_as(singles.shares)
    weight = torch.where(shown, 1.0, _GROUND_WEIGHT)
    pooled = (names * shown[..., None]).sum(1) / shown.sum(1, keepdim=True).clamp(min=1)
    objects = (each * weight).sum() / weight.sum() + F.cross_entropy(pooled, singles.objects)
    worn = torch.where(shown, singles.tints[:, None], -1)
    tints = F.cross_entropy(tints.flatten(0, 1), worn.flatten(), ignore_index=-1)
    return torch.stack([objects, tints])


def sprite_canvas(device: str) -> Canvas:
    return make_canvas((SIDE_TOKENS, SIDE_TOKENS), device, places=SIDE_TOKENS**2)
