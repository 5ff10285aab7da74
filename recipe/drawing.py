"""Scenes as numbers -> pictures, with Pillow and numpy.

Knows colour and compositing. Does not know what a scene means.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from recipe.pack import GLYPH_HEIGHT_PX, Art, Glyphs
from recipe.scenes import SHAPE_SLOTS, TEXT_SLOTS, TOKEN_PX, Scenes

Pixels = NDArray[np.float32]
# Dark and light end of each tint, 0 to 1, in the order of `vocabulary.COLOURS`.
TINTS = np.array(
    [
        ((0.42, 0.02, 0.05), (1.00, 0.42, 0.38)),
        ((0.48, 0.34, 0.00), (1.00, 0.92, 0.36)),
        ((0.02, 0.26, 0.08), (0.44, 0.90, 0.44)),
        ((0.02, 0.10, 0.44), (0.44, 0.68, 1.00)),
        ((0.22, 0.02, 0.38), (0.80, 0.50, 0.98)),
        ((0.03, 0.03, 0.04), (0.36, 0.36, 0.38)),
    ],
    np.float32,
)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Drawn:
    """One picture: rgb (height, width, 3) uint8, and per pixel the object slot that shows there, or -1."""

    rgb: NDArray[np.uint8]
    owner: NDArray[np.int8]


class Painter:
    """Draws scenes from packed art. `finer` multiplies all lengths: 1 is the canvas the model sees."""

    def __init__(self, art: Art, glyphs: Glyphs) -> None:
        self._art = art
        self._glyphs = glyphs
        self._tinted: dict[tuple[int, int, int], NDArray[np.uint8]] = {}
        self._noise = np.random.default_rng(0).standard_normal(1 << 21).astype(np.float32)

    def draw(self, scenes: Scenes, index: int, finer: int = 1) -> Drawn:
        height, width = (side * TOKEN_PX * finer for side in scenes.grid)
        canvas = _ground(scenes.ground[index], height, width, finer)
        for slot in range(SHAPE_SLOTS):
            _shape(canvas, scenes.shape[index, slot], finer)
        _panel(canvas, scenes.panel[index] * np.array([finer] * 4 + [1] * 3))
        owner = np.full((height, width), -1, np.int8)
        for slot, number in enumerate(scenes.objects[index]):
            if number >= 0:
                place = scenes.place[index, slot].copy()
                place[:3] *= finer
                sprite = self.sprite(
                    int(scenes.styles[index, slot]), int(number), int(scenes.tints[index, slot])
                )
                _paste(canvas, owner, sprite, place, slot, coarse=bool(scenes.levels[index, slot]))
        for slot in range(TEXT_SLOTS):
            self._write(canvas, scenes, index, slot, finer)
        return Drawn(self._finish(canvas, scenes.post[index]), owner)

    def picture(self, scenes: Scenes, index: int, finer: int = 1) -> Image.Image:
        return Image.fromarray(self.draw(scenes, index, finer).rgb)

    def sprite(self, style: int, number: int, tint: int) -> NDArray[np.uint8]:
        """Premultiplied RGBA (64, 64, 4), tinted."""
        key = (style, number, tint)
        if key not in self._tinted:
            self._tinted[key] = tinted(
                self._art.sprites[style, number], self._art.shades[style, number], tint
            )
        return self._tinted[key]

    def _write(self, canvas: Pixels, scenes: Scenes, index: int, slot: int, finer: int) -> None:
        glyph = int(scenes.glyphs[index, slot])
        if glyph < 0:
            return
        cx, cy, tall, _, angle = scenes.text_place[index, slot].tolist()
        width, tall = int(self._glyphs.widths[glyph]), tall * finer
        mask = Image.fromarray(self._glyphs.masks[glyph][:, :width])
        size = (max(1, round(width * tall / GLYPH_HEIGHT_PX)), max(1, round(tall)))
        mask = mask.resize(size, Image.Resampling.BILINEAR)
        if angle:
            mask = mask.rotate(-np.degrees(angle), Image.Resampling.BILINEAR, expand=True)
        left, top = round(cx * finer - mask.width / 2), round(cy * finer - mask.height / 2)
        opacity = np.float32(scenes.post[index, 3] / 255)
        alpha = (np.asarray(mask, np.float32) * opacity).astype(np.float32)[..., None]
        ink: Pixels = (alpha * scenes.text_rgb[index, slot]).astype(np.float32)
        _blend(canvas, ink, alpha, left, top)

    def _finish(self, canvas: Pixels, post: Pixels) -> NDArray[np.uint8]:
        contrast, gain, noise = post[:3].tolist()
        canvas = (canvas - 0.5) * (contrast * gain) + 0.5 * gain
        if noise:
            start = int(abs(noise) * 1e9) % (len(self._noise) // 2)
            grain = np.resize(self._noise[start : start + min(canvas.size, 1 << 20)], canvas.shape)
            canvas = canvas + grain * noise
        return (np.clip(canvas, 0, 1) * 255 + 0.5).astype(np.uint8)


def tinted(sprite: NDArray[np.uint8], shades: Pixels, tint: int) -> NDArray[np.uint8]:
    """Premultiplied RGBA: brightness kept, colour replaced by the tint (-1: as it is)."""
    rgba = sprite.astype(np.float32) / 255
    alpha, rgb = rgba[..., 3:], rgba[..., :3]
    if tint >= 0:
        low, high = shades.tolist()
        light = np.clip((rgb @ _GREY - low) / (high - low), 0, 1)[..., None]
        rgb = TINTS[tint, 0] * (1 - light) + TINTS[tint, 1] * light
    return (np.concatenate([rgb * alpha, alpha], axis=-1) * 255 + 0.5).astype(np.uint8)


def _paste(
    canvas: Pixels, owner: NDArray[np.int8], sprite: NDArray[np.uint8], place: Any, slot: int, *, coarse: bool
) -> None:
    cx, cy, size, angle, flip, stretch = place.tolist()
    image = Image.frombuffer(
        "RGBa", (sprite.shape[1], sprite.shape[0]), sprite.tobytes(), "raw", "RGBa", 0, 1
    )
    if coarse:
        image = image.reduce(2)
    cos, sin = np.cos(angle), np.sin(angle)
    reach = int(np.ceil(size * max(stretch, 1) * (abs(cos) + abs(sin)) / 2)) + 1
    left, top = int(np.floor(cx)) - reach, int(np.floor(cy)) - reach
    # Output pixel (i, j) shows sprite position (a i + b j + c, d i + e j + f).
    across, down = image.width / size * flip, image.height / (size * stretch)
    a, b, d, e = cos * across, sin * across, -sin * down, cos * down
    dx, dy = left - cx, top - cy
    c, f = a * dx + b * dy + image.width / 2, d * dx + e * dy + image.height / 2
    side = 2 * reach + 1
    image = image.transform(
        (side, side), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
    )
    rgba = (np.asarray(image, np.float32) / 255).astype(np.float32, copy=False)
    window = _blend(canvas, rgba[..., :3], rgba[..., 3:], left, top)
    if window is not None:
        target, source = window
        owner[target][rgba[source][..., 3] > 0.5] = slot


def _blend(canvas: Pixels, colour: Pixels, alpha: Pixels, left: int, top: int) -> Any:
    """Lays premultiplied colour over the canvas; returns the two windows that met, None if none did."""
    height, width = canvas.shape[:2]
    y0, x0 = max(top, 0), max(left, 0)
    y1, x1 = min(top + colour.shape[0], height), min(left + colour.shape[1], width)
    if y0 >= y1 or x0 >= x1:
        return None
    source = (slice(y0 - top, y1 - top), slice(x0 - left, x1 - left))
    target = (slice(y0, y1), slice(x0, x1))
    canvas[target] = canvas[target] * (1 - alpha[source]) + colour[source]
    return target, source


def _ground(ground: Pixels, height: int, width: int, finer: int) -> Pixels:
    kind, angle, frequency, phase, level = (float(ground[i]) for i in (0, 7, 8, 9, 10))
    x, y = (
        np.arange(width, dtype=np.float32)[None] / finer,
        np.arange(height, dtype=np.float32)[:, None] / finer,
    )
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    along = (x - width / finer / 2) * cos + (y - height / finer / 2) * sin
    across = (y - height / finer / 2) * cos - (x - width / finer / 2) * sin
    mix: Any = np.zeros((height, width), np.float32)
    if kind == 1:
        mix = np.clip(along * finer / max(width, height) + 0.5, 0, 1)
    elif kind == 2:
        mix = np.clip(np.sin(along * frequency + phase) * 4 + 0.5, 0, 1)
    elif kind == 3:
        mix = np.clip(np.sin(along * frequency + phase) * np.sin(across * frequency * 0.7) * 8 + 0.5, 0, 1)
    elif kind == 4:
        mix = (
            0.5
            + 0.25 * np.sin(along * frequency + phase)
            + 0.25 * np.sin(across * frequency * 0.7 + phase * 3)
        )
    elif kind == 5:
        floor = y / height * finer > level
        planks = 0.8 + 0.2 * (np.sin(along * frequency + phase) > 0.9)
        mix = np.where(floor, planks, 0.15 * (y / height * finer))
    elif kind == 6:
        cell = (
            np.sin(np.floor(x * frequency) * 12.9898 + np.floor(y * frequency) * 78.233 + phase) * 43758.5453
        )
        mix = cell - np.floor(cell)
    mix = np.broadcast_to(mix, (height, width))[..., None].astype(np.float32)
    return ground[1:4] * (1 - mix) + ground[4:7] * mix


def _shape(canvas: Pixels, shape: Pixels, finer: int) -> None:
    cx, cy, half_width, half_height = (shape[:4] * finer).tolist()
    if half_width <= finer:
        return
    y, x = np.ogrid[-1 : 1 : complex(0, 2 * half_height), -1 : 1 : complex(0, 2 * half_width)]
    inside = (x * x + y * y < 1) if shape[4] > 0.5 else (abs(x) + 0 * y <= 1)
    alpha = inside[..., None].astype(np.float32) * np.float32(0.8)
    _blend(canvas, alpha * shape[5:8], alpha, round(cx - half_width), round(cy - half_height))


def _panel(canvas: Pixels, panel: Pixels) -> None:
    x0, y0, x1, y1 = (max(0, round(v)) for v in panel[:4].tolist())
    canvas[y0:y1, x0:x1] = panel[4:7]
