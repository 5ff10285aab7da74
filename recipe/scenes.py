"""What a random scene holds, as numbers: which objects where, which words, which ground.

Knows geometry and truth. Does not know pixels (`drawing`) or wording (`phrases`). All lengths are in
pixels of the canvas the model sees; a batch shares one canvas.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

OBJECT_SLOTS, CROWD_SLOTS, TEXT_SLOTS, SHAPE_SLOTS, GROUNDS = 5, 9, 4, 3, 7
MIN_TOKENS, MAX_TOKENS, TOKEN_PX = 16, 49, 28
SQUARE = (7, 7)
_TRIES = 8


@dataclass(frozen=True)
class Look:
    """What the scene maker must know of the packed art: which sprites exist, whose words each glyph holds."""

    present: NDArray[np.bool_]
    """(styles, objects)"""
    natural: NDArray[np.float32]
    shades: NDArray[np.float32]
    glyph_objects: NDArray[np.int16]
    glyph_widths: NDArray[np.int16]


@dataclass(frozen=True)
class Scenes:
    """A batch of scenes on canvases of `grid` (rows, columns) image tokens. Unused slots hold -1.

    place (b, 5, 6): centre x, centre y, size, angle, flip, stretch. text_place (b, 4, 5): centre x, centre y,
    height, width per height, angle. shape (b, 3, 8): centre x, centre y, half width, half height, round,
    r, g, b.
    panel (b, 7): x0, y0, x1, y1, r, g, b. ground (b, 11): kind, two colours, angle, frequency, phase, level.
    post (b, 4): contrast, gain, noise, opacity of words.
    """

    grid: tuple[int, int]
    objects: NDArray[np.int64]
    styles: NDArray[np.int64]
    tints: NDArray[np.int64]
    levels: NDArray[np.int64]
    place: NDArray[np.float32]
    shades: NDArray[np.float32]
    glyphs: NDArray[np.int64]
    text_place: NDArray[np.float32]
    text_rgb: NDArray[np.float32]
    shape: NDArray[np.float32]
    panel: NDArray[np.float32]
    ground: NDArray[np.float32]
    post: NDArray[np.float32]

    def arrays(self) -> dict[str, NDArray[Any]]:
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "grid"}


def grid_for(width_px: float, height_px: float) -> tuple[int, int]:
    """(rows, columns) of image tokens that the demo checkpoint sees for an image of this size."""
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    low, high = MIN_TOKENS * TOKEN_PX**2, MAX_TOKENS * TOKEN_PX**2
    height, width = smart_resize(round(height_px), round(width_px), TOKEN_PX, low, high)
    return height // TOKEN_PX, width // TOKEN_PX


def random_grid(random: np.random.Generator) -> tuple[int, int]:
    """The grid of an image of random shape: mostly 1:2 to 2:1, now and then up to 1:6."""
    if random.random() < 0.15:
        return SQUARE
    limit = np.log(2.2) if random.random() < 0.9 else np.log(6)
    aspect = np.exp(random.uniform(-limit, limit))
    area = 800.0**2 if random.random() < 0.85 else random.uniform(100, 230) ** 2
    rows, columns = grid_for(np.sqrt(area * aspect), np.sqrt(area / aspect))
    return (rows, columns) if rows * columns <= MAX_TOKENS else SQUARE


def random_scenes(
    random: np.random.Generator,
    count: int,
    grid: tuple[int, int],
    look: Look,
    *,
    crowd: bool = False,
) -> Scenes:
    """Scenes of 0 to 5 objects (a crowd: 4 to 9), with or without words. Truth: `objects` and `tints` of what
    stays visible."""
    slots = CROWD_SLOTS if crowd else OBJECT_SLOTS
    kind = random.choice(4, count, p=[0.74, 0.15, 0.08, 0.03])  # objects, objects and words, words only, bare
    wanted = np.where(kind < 2, random.choice([1, 2, 3, 4, 5], count, p=[0.2, 0.25, 0.27, 0.18, 0.1]), 0)
    if crowd:
        wanted = random.integers(4, CROWD_SLOTS + 1, count)
    sprites = np.argwhere(look.present)  # (sprites, 2): style, object
    styles, objects = np.moveaxis(sprites[random.integers(0, len(sprites), (count, slots))], -1, 0)
    place = _places(random, wanted, grid, slots)
    kept = (np.arange(slots) < wanted[:, None]) & (_covered(place, wanted) < 0.4)
    objects = np.where(kept, objects, -1)
    tints = np.where(random.random(objects.shape) < 0.55, random.integers(0, 6, objects.shape), -1)
    glyphs, text_place, text_rgb = _texts(random, (kind == 1) | (kind == 2), grid, look)
    return Scenes(
        grid, objects, styles, np.where(kept, tints, -1), _levels(random, place), place,
        look.shades[styles, np.maximum(objects, 0)], glyphs, text_place, text_rgb, _shapes(random, count,
        grid), _panels(random, kind == 2, grid), _grounds(random, count), _posts(random, count),
    )  # fmt: skip


def _places(
    random: np.random.Generator, wanted: NDArray[Any], grid: tuple[int, int], slots: int
) -> NDArray[np.float32]:
    count = len(wanted)
    height, width = grid[0] * TOKEN_PX, grid[1] * TOKEN_PX
    most = np.array([0.75, 0.75, 0.6, 0.52, 0.46, 0.42, 0.4, 0.38, 0.36, 0.34])[wanted][:, None]
    scale = min(min(height, width) * 1.1, float(np.sqrt(height * width)))
    size = random.uniform(0.0, 1.0, (count, slots)) * (most - 0.25) + 0.25
    size = np.maximum(size * scale, 40.0)
    place = np.zeros((count, slots, 6), np.float32)
    place[..., 2] = size
    place[..., 3] = random.normal(0, 0.12, size.shape) * (random.random(size.shape) < 0.4)
    place[..., 4] = np.where(random.random(size.shape) < 0.25, -1, 1)
    place[..., 5] = np.exp(random.normal(0, 0.05, size.shape))
    for slot in range(slots):
        half = size[:, slot, None] * 0.44
        centres = [random.random((count, _TRIES)) * np.maximum(side - 2 * half, 1) + np.minimum(half, side
        / 2) for side in (width, height)]  # fmt: skip
        clash = np.zeros((count, _TRIES))
        for other in range(slot):
            reach = 0.45 * (size[:, slot] + size[:, other])[:, None]
            near = [np.clip(reach - np.abs(c - place[:, other, axis, None]), 0, None)
                    for axis, c in enumerate(centres)]  # fmt: skip
            clash += near[0] * near[1] * (other < wanted)[:, None]
        best = clash.argmin(axis=1)
        for axis in (0, 1):
            place[:, slot, axis] = centres[axis][np.arange(count), best]
    return place


def _covered(place: NDArray[np.float32], wanted: NDArray[Any]) -> NDArray[Any]:
    """Share of each object's box under later ones, summed: (b, 5)."""
    out = np.zeros(place.shape[:2])
    slots = place.shape[1]
    for slot in range(slots):
        for later in range(slot + 1, slots):
            half = place[:, [slot, later], 2] * 0.5
            gap = half.sum(axis=1)[:, None] - np.abs(place[:, slot, :2] - place[:, later, :2])
            side = np.clip(np.minimum(gap, 2 * half.min(axis=1)[:, None]), 0, None)
            out[:, slot] += side.prod(axis=1) / place[:, slot, 2] ** 2 * (later < wanted)
    return out


def _levels(random: np.random.Generator, place: NDArray[np.float32]) -> NDArray[np.int64]:
    """Which reduction of the sprite is drawn: 0 for 64 px, 1 for 32; the coarser now and then, as blur."""
    fine = np.where(place[..., 2] < 46, 1, 0)
    return np.where(random.random(fine.shape) < 0.12, 1, fine)


def _texts(
    random: np.random.Generator, on: NDArray[np.bool_], grid: tuple[int, int], look: Look
) -> tuple[Any, ...]:
    count = len(on)
    height, width = grid[0] * TOKEN_PX, grid[1] * TOKEN_PX
    glyphs = random.integers(0, len(look.glyph_objects), (count, TEXT_SLOTS))
    lines = random.integers(1, TEXT_SLOTS + 1, count)
    glyphs = np.where(on[:, None] & (np.arange(TEXT_SLOTS) < lines[:, None]), glyphs, -1)
    tall = random.uniform(11, 28, glyphs.shape)
    long = look.glyph_widths[glyphs] / 24.0
    tall = np.minimum(tall, 0.95 * width / long)
    place = np.zeros((*glyphs.shape, 5), np.float32)
    spread = (np.arange(TEXT_SLOTS) + 0.5 + random.uniform(-0.2, 0.2, glyphs.shape)) / np.maximum(lines, 2)[
        :, None
    ]
    place[..., 0] = width / 2 + random.uniform(-0.5, 0.5, glyphs.shape) * np.maximum(width - long * tall, 0)
    place[..., 1] = np.clip(spread, 0.06, 0.94) * height
    place[..., 2], place[..., 3] = tall, long
    place[..., 4] = random.normal(0, 0.1, (count, 1)) * (random.random((count, 1)) < 0.4)
    return glyphs, place, _ink(random, count)


def _ink(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    dark = random.uniform(0, 0.3, (count, TEXT_SLOTS, 3))
    ink = np.where(random.random((count, 1, 1)) < 0.5, dark, 1 - dark)
    return np.where(random.random((count, 1, 1)) < 0.3, random.random(ink.shape), ink).astype(np.float32)


def _shapes(random: np.random.Generator, count: int, grid: tuple[int, int]) -> NDArray[np.float32]:
    height, width = grid[0] * TOKEN_PX, grid[1] * TOKEN_PX
    shape = random.random((count, SHAPE_SLOTS, 8)).astype(np.float32)
    shape[..., 0] *= width
    shape[..., 1] *= height
    shape[..., 2:4] = random.uniform(6, 60, shape[..., 2:4].shape)
    shape[..., 2] *= random.random(shape.shape[:2]) < 0.3
    return shape


def _panels(random: np.random.Generator, on: NDArray[np.bool_], grid: tuple[int, int]) -> NDArray[np.float32]:
    """A card behind the words of most text-only scenes; of no size elsewhere."""
    panel = random.random((len(on), 7)).astype(np.float32)
    shown = on & (random.random(len(on)) < 0.6)
    for axis, side in ((0, grid[1] * TOKEN_PX), (1, grid[0] * TOKEN_PX)):
        margin = random.uniform(0, 0.2, len(on)) * side
        panel[:, axis] = np.where(shown, margin, -9)
        panel[:, axis + 2] = np.where(shown, side - margin, -9)
    return panel


def _grounds(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    ground = np.zeros((count, 11), np.float32)
    ground[:, 0] = random.integers(0, GROUNDS, count)
    ground[:, 1:7] = random.random((count, 6))
    alike = random.random(count) < 0.5
    ground[alike, 4:7] = np.clip(ground[alike, 1:4] + random.normal(0, 0.12, (alike.sum(), 3)), 0, 1)
    pale = random.random(count) < 0.35
    ground[pale, 1:7] = 1 - ground[pale, 1:7] * 0.25
    ground[:, 7] = random.uniform(0, 2 * np.pi, count)
    ground[:, 8] = random.uniform(0.02, 0.35, count)
    ground[:, 9] = random.uniform(0, 2 * np.pi, count)
    ground[:, 10] = random.uniform(0.35, 0.85, count)
    return ground


def _posts(random: np.random.Generator, count: int) -> NDArray[np.float32]:
    post = np.zeros((count, 4), np.float32)
    post[:, 0] = random.uniform(0.75, 1.15, count)
    post[:, 1] = random.uniform(0.8, 1.12, count)
    post[:, 2] = np.abs(random.normal(0, 0.025, count)) * (random.random(count) < 0.6)
    post[:, 3] = random.uniform(0.75, 1.0, count)
    return post
