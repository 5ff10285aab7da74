"""A batch of scenes as numbers -> pictures as one tensor, drawn on the device that learns.

The same pictures as `drawing.Painter` makes one by one (a test compares them), thousands a second on a
card. With `restyle`, sprites are also redrawn a little (contrast, outlines, flat or soft shading), so that
the model learns shapes and not one designer's strokes. Knows colour and compositing. Does not know what a
scene means.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from lychee_app.demo.drawing import TINTS
from lychee_app.demo.pack import GLYPH_HEIGHT_PX, Art, Glyphs
from lychee_app.demo.scenes import SHAPE_SLOTS, TEXT_SLOTS, TOKEN_PX, Scenes

_GREY = (0.299, 0.587, 0.114)
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
        self._device, self._restyle = device, restyle

    def draw(self, scenes: Scenes, finer: int = 1) -> Painted:
        numbers = {name: torch.from_numpy(array).to(self._device) for name, array in scenes.arrays().items()}
        plane = _plane(scenes.grid, finer, self._device)
        canvas = _ground(numbers["ground"], plane, scenes.grid)
        for slot in range(SHAPE_SLOTS):
            canvas = _over(canvas, *_shape(numbers["shape"][:, slot], plane))
        canvas = _over(canvas, *_panel(numbers["panel"], plane))
        owner = torch.full((len(canvas), *canvas.shape[2:]), -1, dtype=torch.int8, device=self._device)
        for slot in range(scenes.objects.shape[1]):
            drawn = self._object(numbers, slot, plane)
            canvas = _over(canvas, drawn[:, :3], drawn[:, 3:])
            owner = torch.where(drawn[:, 3] > 0.5, slot, owner)
        for slot in range(TEXT_SLOTS):
            alpha = self._word(numbers, slot, plane)
            canvas = _over(canvas, alpha * numbers["text_rgb"][:, slot, :, None, None], alpha)
        return Painted(_finished(F.avg_pool2d(canvas, finer), numbers["post"]), owner[:, ::finer, ::finer])

    def _object(self, numbers: Numbers, slot: int, plane: Tensor) -> Tensor:
        """Premultiplied RGBA on the canvas (b, 4, height, width); nothing where the slot is empty."""
        number, tint = numbers["objects"][:, slot], numbers["tints"][:, slot]
        rgba = self._sprites[numbers["styles"][:, slot].clamp(min=0), number.clamp(min=0)].float() / 255
        rgba = restyled(rgba) if self._restyle else rgba
        rgba = dressed(rgba, numbers["shades"][:, slot], tint)
        rgba = torch.where(_wide(numbers["levels"][:, slot] > 0), _coarse(rgba), rgba)
        rgba = rgba * _wide(number >= 0)
        cx, cy, size, angle, flip, stretch = (each[:, None, None] for each in numbers["place"][:, slot].T)
        across, down = _turned(plane, cx, cy, angle)
        spots = torch.stack((2 * across * flip / size, 2 * down / (size * stretch)), dim=-1)
        return F.grid_sample(rgba, spots, align_corners=False)

    def _word(self, numbers: Numbers, slot: int, plane: Tensor) -> Tensor:
        """Coverage of one line of text (b, 1, height, width)."""
        glyph = numbers["glyphs"][:, slot]
        known = glyph.clamp(min=0)
        mask = self._masks[known][:, None].float() * (_wide(glyph >= 0) * _wide(numbers["post"][:, 3]) / 255)
        cx, cy, tall, _, angle = (each[:, None, None] for each in numbers["text_place"][:, slot].T)
        across, down = _turned(plane, cx, cy, angle)
        width = self._widths[known][:, None, None]
        column = across / tall.clamp(min=1) * GLYPH_HEIGHT_PX + width / 2
        spots = torch.stack((2 * column / mask.shape[-1] - 1, 2 * down / tall.clamp(min=1)), dim=-1)
        return F.grid_sample(mask, spots, align_corners=False)


def dressed(rgba: Tensor, shades: Tensor, tint: Tensor) -> Tensor:
    """Straight RGBA sprites (b, 4, s, s), 0 to 1 -> premultiplied, in their tint (b,), -1: as they are.

    Brightness is kept and colour replaced; shades (b, 2): dark and light end of each sprite's brightness.
    """
    rgb, alpha = rgba[:, :3], rgba[:, 3:]
    low, high = (_wide(end) for end in shades.T)
    light = ((_grey(rgb) - low) / (high - low)).clamp(0, 1)
    ends = torch.from_numpy(TINTS).to(rgba.device)[tint.clamp(min=0)]  # (b, 2, 3)
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
    weights = torch.tensor(_GREY, device=rgb.device)[:, None, None]
    return (rgb * weights).sum(1, keepdim=True)


def _wide(values: Tensor) -> Tensor:
    """(b,) -> (b, 1, 1, 1)."""
    return values[:, None, None, None]


def _coarse(rgba: Tensor) -> Tensor:
    return F.interpolate(F.avg_pool2d(rgba, 2), scale_factor=2, mode="bilinear", align_corners=False)


def _plane(grid: tuple[int, int], finer: int, device: str) -> Tensor:
    """Centres of the drawn pixels in canvas pixels: x and y, (2, height, width)."""
    down, across = ((torch.arange(side * TOKEN_PX * finer, device=device) + 0.5) / finer for side in grid)
    return torch.stack(torch.meshgrid(across, down, indexing="xy"))


def _turned(plane: Tensor, cx: Tensor, cy: Tensor, angle: Tensor) -> tuple[Tensor, Tensor]:
    """Distance from the centre along an axis turned by `angle`, and across it: (b, height, width) each."""
    dx, dy, cos, sin = plane[0] - cx, plane[1] - cy, torch.cos(angle), torch.sin(angle)
    return cos * dx + sin * dy, cos * dy - sin * dx


def _over(canvas: Tensor, colour: Tensor, alpha: Tensor) -> Tensor:
    return canvas * (1 - alpha) + colour


def _ground(ground: Tensor, plane: Tensor, grid: tuple[int, int]) -> Tensor:
    """(b, 11) -> (b, 3, height, width): the seven kinds of `drawing`, each computed for all and one taken."""
    height, width = (side * TOKEN_PX for side in grid)
    kind, angle, frequency, phase, level = (ground[:, at, None, None] for at in (0, 7, 8, 9, 10))
    x, y = plane - plane[:, :1, :1]  # the pixels' corners, as `drawing` counts
    cos, sin = torch.cos(angle), torch.sin(angle)
    along = (x - width / 2) * cos + (y - height / 2) * sin
    across = (y - height / 2) * cos - (x - width / 2) * sin
    wave, cross = torch.sin(along * frequency + phase), torch.sin(across * frequency * 0.7)
    soft = 0.5 + 0.25 * wave + 0.25 * torch.sin(across * frequency * 0.7 + phase * 3)
    planks = torch.where(y / height > level, 0.8 + 0.2 * (wave > 0.9), 0.15 * y / height)
    cell = torch.floor(x * frequency) * 12.9898 + torch.floor(y * frequency) * 78.233 + phase
    cells = torch.frac(torch.sin(cell) * 43758.5453) % 1
    ramp = (along / max(width, height) + 0.5).clamp(0, 1)
    kinds = {1: ramp, 2: (wave * 4 + 0.5).clamp(0, 1), 3: (wave * cross * 8 + 0.5).clamp(0, 1), 4: soft,
             5: planks, 6: cells}  # fmt: skip
    mix = torch.zeros_like(along)
    for number, each in kinds.items():
        mix = torch.where(kind == number, each, mix)
    first, second = ground[:, 1:4, None, None], ground[:, 4:7, None, None]
    return first + (second - first) * mix[:, None]


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
