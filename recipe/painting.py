"""A batch of scenes as numbers -> pictures as one tensor, drawn on the device that learns.

The same pictures as `drawing.Painter` makes one by one (a test compares them), thousands a second on a
card. With `restyle`, sprites are also redrawn a little (contrast, outlines, flat or soft shading), so that
the model learns shapes and not one designer's strokes. Knows colour and compositing. Does not know what a
scene means.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from recipe.drawing import TINTS
from recipe.network import sent
from recipe.pack import GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX, Art, Glyphs
from recipe.scenes import GROUNDS, TOKEN_PX, Scenes

_GREY = (0.299, 0.587, 0.114)
_RAMP, _STRIPES, _CHECKS, _FLOOR, _CELLS = 1, 2, 3, 5, 6
"""Kinds of ground that `drawing` knows; 0 is plain and 4 soft waves."""
Numbers = dict[str, Tensor]


@dataclass(frozen=True)
class Painted:
    """rgb (b, 3, height, width), 0 to 255; per pixel the object slot that shows there, or -1: (b, height,
    width) int8."""

    rgb: Tensor
    owner: Tensor


class TensorPainter:
    """Draws batches. `finer` draws at so many times the size and averages, as a reduced photo looks."""

    def __init__(self, art: Art, glyphs: Glyphs, device: str, *, restyle: bool = True) -> None:
        self._sprites = torch.tensor(art.sprites, device=device).permute(0, 1, 4, 2, 3).contiguous()
        self._masks = torch.tensor(glyphs.masks, device=device)
        self._widths = torch.tensor(glyphs.widths, dtype=torch.float, device=device)
        self.device, self._restyle = device, restyle

    def draw(self, scenes: Scenes, finer: int = 1) -> Painted:
        numbers = {name: sent(array, self.device) for name, array in scenes.arrays().items()}
        plane = _plane(scenes.grid, finer, self.device)
        canvas = _ground(scenes, numbers["ground"], plane)
        for slot in np.flatnonzero((scenes.shape[..., 2] > 1).any(0)):
            canvas = _over(canvas, *_shape(numbers["shape"][:, slot], plane))
        canvas = _over(canvas, *_panel(numbers["panel"], plane))
        owner = torch.full((len(canvas), *canvas.shape[2:]), -1, dtype=torch.int8, device=self.device)
        sprites, views = self._prepared(scenes, numbers), _object_view(numbers["place"])
        for slot in np.flatnonzero((scenes.objects >= 0).any(0)):
            drawn = _placed(sprites[:, slot], views[:, slot], plane)
            canvas = _over(canvas, drawn[:, :3], drawn[:, 3:])
            owner = torch.where(drawn[:, 3] > 0.5, int(slot), owner)
        masks, views = self._words(numbers)
        for slot in np.flatnonzero((scenes.glyphs >= 0).any(0)):
            alpha = _placed(masks[:, slot], views[:, slot], plane)
            canvas = _over(canvas, alpha * numbers["text_rgb"][:, slot, :, None, None], alpha)
        return Painted(_finished(F.avg_pool2d(canvas, finer), numbers["post"]), owner[:, ::finer, ::finer])

    def _prepared(self, scenes: Scenes, numbers: Numbers) -> Tensor:
        """Every slot's sprite, premultiplied (b, slots, 4, 64, 64); empty where the slot is."""
        full = np.flatnonzero(scenes.objects >= 0)
        taken = sent(full, self.device)
        style, number, tint = (numbers[name].flatten()[taken] for name in ("styles", "objects", "tints"))
        rgba = self._sprites[style, number].float() / 255
        rgba = restyled(rgba) if self._restyle else rgba
        rgba = dressed(rgba, numbers["shades"].flatten(0, 1)[taken], tint)
        coarse = sent(np.flatnonzero(scenes.levels.ravel()[full] > 0), self.device)
        rgba.index_copy_(0, coarse, _coarse(rgba[coarse]))
        room = rgba.new_zeros(scenes.objects.size, *rgba.shape[1:])
        return room.index_copy_(0, taken, rgba).unflatten(0, scenes.objects.shape)

    def _words(self, numbers: Numbers) -> tuple[Tensor, Tensor]:
        """Coverage of every line of text (b, slots, 1, 24, 160), zero where there is none; their views."""
        known = numbers["glyphs"].clamp(min=0)
        strength = (numbers["glyphs"] >= 0) * numbers["post"][:, 3:] / 255
        masks = self._masks[known] * strength[..., None, None]
        return masks[:, :, None], _word_view(numbers["text_place"], self._widths[known])


def _placed(picture: Tensor, view: Tensor, plane: Tensor) -> Tensor:
    """picture (b, c, h, w) laid on the canvas. view (b, 2, 3): from canvas pixels to places in the picture,
    where -1 and 1 are its edges."""
    x, y = plane[0, 0], plane[1, :, 0, None]
    by_x, by_y, shift = (view[..., at, None, None] for at in range(3))  # (b, 2, 1, 1)
    spots = torch.addcmul(by_y * y + shift, by_x, x)
    return F.grid_sample(picture, spots.permute(0, 2, 3, 1), align_corners=False)


def _object_view(place: Tensor) -> Tensor:
    """(..., 6) -> (..., 2, 3)."""
    cx, cy, size, angle, flip, stretch = place.unbind(-1)
    return _view((cx, cy), angle, 2 * flip / size, 2 / (size * stretch))


def _word_view(place: Tensor, width: Tensor) -> Tensor:
    """(..., 5) -> (..., 2, 3). width (...): of the word in its mask, which is GLYPH_WIDTH_PX wide."""
    cx, cy, tall, _, angle = place.unbind(-1)
    tall = tall.clamp(min=1)
    view = _view((cx, cy), angle, 2 * GLYPH_HEIGHT_PX / (tall * GLYPH_WIDTH_PX), 2 / tall)
    view[..., 0, 2] += width / GLYPH_WIDTH_PX - 1
    return view


def _view(centre: tuple[Tensor, Tensor], angle: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """(..., 2, 3): turned by `angle` about `centre`, then scaled."""
    cos, sin = torch.cos(angle), torch.sin(angle)
    turns = torch.stack((cos * across, sin * across, -sin * down, cos * down), -1).unflatten(-1, (2, 2))
    shift = -(turns * torch.stack(centre, -1)[..., None, :]).sum(-1, keepdim=True)
    return torch.cat((turns, shift), dim=-1)


def dressed(rgba: Tensor, shades: Tensor, tint: Tensor) -> Tensor:
    """Straight RGBA sprites (b, 4, s, s), 0 to 1 -> premultiplied, in their tint (b,), -1: as they are.

    Brightness is kept and colour replaced; shades (b, 2): dark and light end of each sprite's brightness.
    """
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    low, high = (_wide(end) for end in shades.T)
    light = ((_grey(rgb) - low) / (high - low)).clamp(0, 1)
    ends = sent(TINTS, str(rgba.device))[tint.clamp(min=0)]  # (b, 2, 3)
    dark, pale = ends[:, 0, :, None, None], ends[:, 1, :, None, None]
    return torch.cat([torch.where(_wide(tint >= 0), dark + (pale - dark) * light, rgb) * alpha, alpha], dim=1)


def restyled(rgba: Tensor) -> Tensor:
    """The same sprites in other hands: no hue is changed, so that what is true of their colour stays true."""
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    gamma = torch.exp(_noise(rgba) * 0.3)
    rgb = rgb.clamp(min=1e-3) ** gamma
    grey = _grey(rgb)
    rgb = grey + (rgb - grey) * (1 + 0.2 * _noise(rgba).clamp(-2, 2))
    steps = torch.randint(2, 6, (len(rgba), 1, 1, 1), device=rgba.device)
    flat = (_grey(rgb) * steps).round() / steps / _grey(rgb).clamp(min=0.05)
    rgb = torch.where(_dice(rgba, 0.2), rgb * flat, rgb)
    soft = F.avg_pool2d(rgb, 5, 1, 2, count_include_pad=False)
    rgb = torch.where(_dice(rgba, 0.2), soft, rgb)
    wide = F.max_pool2d(alpha, 5, 1, 2)
    rim, outlined = (wide - alpha).clamp(min=0), _dice(rgba, 0.15)
    ink = torch.where(_dice(rgba, 0.7), 0.1, 0.95)
    rgb = torch.where(outlined, (rgb * alpha + ink * rim) / (alpha + rim).clamp(min=1e-3), rgb)
    return torch.cat([rgb.clamp(0, 1), torch.where(outlined, wide, alpha)], dim=1)


def _noise(like: Tensor) -> Tensor:
    return torch.randn(len(like), 1, 1, 1, device=like.device)


def _dice(like: Tensor, chance: float) -> Tensor:
    return torch.rand(len(like), 1, 1, 1, device=like.device) < chance


def _grey(rgb: Tensor) -> Tensor:
    red, green, blue = (rgb[:, at : at + 1] for at in range(3))
    return _GREY[0] * red + _GREY[1] * green + _GREY[2] * blue


def _wide(values: Tensor) -> Tensor:
    """(b,) -> (b, 1, 1, 1)."""
    return values[:, None, None, None]


def _coarse(rgba: Tensor) -> Tensor:
    return F.interpolate(F.avg_pool2d(rgba, 2), scale_factor=2, mode="bilinear", align_corners=False)


def _plane(grid: tuple[int, int], finer: int, device: str) -> Tensor:
    """Centres of the drawn pixels in canvas pixels: x and y, (2, height, width)."""
    down, across = ((torch.arange(side * TOKEN_PX * finer, device=device) + 0.5) / finer for side in grid)
    return torch.stack(torch.meshgrid(across, down, indexing="xy"))


def _over(canvas: Tensor, colour: Tensor, alpha: Tensor) -> Tensor:
    return torch.addcmul(canvas + colour, canvas, alpha, value=-1)


def _ground(scenes: Scenes, ground: Tensor, plane: Tensor) -> Tensor:
    """(b, 11) -> (b, 3, height, width): the seven kinds of `drawing`."""
    corners = plane - plane[:, :1, :1]  # of the pixels, as `drawing` counts
    mix = ground.new_zeros(len(ground), *plane.shape[1:])
    for kind in range(1, GROUNDS):
        taken = sent(np.flatnonzero(scenes.ground[:, 0] == kind), str(ground.device))
        mix.index_copy_(0, taken, _pattern(kind, ground[taken], corners, scenes.grid))
    first, second = ground[:, 1:4, None, None], ground[:, 4:7, None, None]
    return first + (second - first) * mix[:, None]


def _pattern(kind: int, ground: Tensor, corners: Tensor, grid: tuple[int, int]) -> Tensor:
    """How much of the second colour: (b, height, width), 0 to 1."""
    height, width = (side * TOKEN_PX for side in grid)
    angle, frequency, phase, level = (ground[:, at, None, None] for at in (7, 8, 9, 10))
    x, y = corners
    if kind == _CELLS:
        cell = torch.floor(x * frequency) * 12.9898 + torch.floor(y * frequency) * 78.233 + phase
        return torch.frac(torch.sin(cell) * 43758.5453) % 1
    cos, sin = torch.cos(angle), torch.sin(angle)
    along = (x - width / 2) * cos + (y - height / 2) * sin
    if kind == _RAMP:
        return (along / max(width, height) + 0.5).clamp(0, 1)
    wave = torch.sin(along * frequency + phase)
    if kind == _STRIPES:
        return (wave * 4 + 0.5).clamp(0, 1)
    if kind == _FLOOR:
        return torch.where(y / height > level, 0.8 + 0.2 * (wave > 0.9), 0.15 * y / height)
    across = ((y - height / 2) * cos - (x - width / 2) * sin) * frequency * 0.7
    if kind == _CHECKS:
        return (wave * torch.sin(across) * 8 + 0.5).clamp(0, 1)
    return 0.5 + 0.25 * wave + 0.25 * torch.sin(across + phase * 3)


def _shape(shape: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
    """Ellipse or box, premultiplied, and its coverage."""
    cx, cy, half_width, half_height, kind = (shape[:, at, None, None] for at in range(5))
    u, v = (plane[0] - cx) / half_width.clamp(min=1e-3), (plane[1] - cy) / half_height.clamp(min=1e-3)
    inside = torch.where(kind > 0.5, u * u + v * v < 1, (u.abs() <= 1) & (v.abs() <= 1)) & (half_width > 1)
    alpha = 0.8 * inside[:, None].float()
    return alpha * shape[:, 5:8, None, None], alpha


def _panel(panel: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
    x0, y0, x1, y1 = (panel[:, at, None, None] for at in range(4))
    inside = (plane[0] > x0) & (plane[0] < x1) & (plane[1] > y0) & (plane[1] < y1)
    alpha = inside[:, None].float()
    return alpha * panel[:, 4:7, None, None], alpha


def _finished(canvas: Tensor, post: Tensor) -> Tensor:
    contrast, gain, noise = (_wide(post[:, at]) for at in range(3))
    canvas = (canvas - 0.5) * (contrast * gain) + 0.5 * gain + noise * torch.randn_like(canvas)
    return (canvas.clamp(0, 1) * 255).round()
