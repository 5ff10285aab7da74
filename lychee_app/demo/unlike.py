"""Whether an image is unlike the drawn scenes that the demo checkpoint knows: a photograph, say.

Statistics of the image as the model sees it, some 200 pixels a side, go into a small network: drawn scenes
have few colours, areas that are flat or of even noise, and edges between two tones; photographs have texture
that changes from place to place. `recipe/unlike.py` fitted the weights in `unlike.json`, and
`python -m benchmarks unlike` measures how often it is right.
"""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WEIGHTS_FILE = Path(__file__).with_name("unlike.json")
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_BLOCK_PX = 8
_EDGE = 6.0
"""Standard deviation, in levels of grey, from which a block holds more than a flat area."""


def is_unlike(image: Image.Image) -> bool:
    """`image` as the model sees it (Candidate.image)."""
    return unlikeness(features(image)) > 0


def unlikeness(values: NDArray[np.float32]) -> float:
    """A logit, above 0 for what is taken to be unlike. values: (features,)."""
    layers = _network()
    for weight, bias in layers[:-1]:
        values = np.tanh(weight @ values + bias)
    weight, bias = layers[-1]
    return float((weight @ values + bias)[0])


@cache
def _network() -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """(weight (out, in), bias (out,)) of each layer; the first takes the features as they are."""
    content = json.loads(WEIGHTS_FILE.read_text(encoding="utf-8"))
    return [(np.array(w, np.float32), np.array(b, np.float32)) for w, b in content["layers"]]


def features(image: Image.Image) -> NDArray[np.float32]:
    """(43,), each of the order of 1."""
    rgb = np.asarray(image.convert("RGB"), np.float32)
    grey = rgb @ _GREY
    blocks = _blocks(grey)
    groups = (_slopes(grey), _bends(grey), _texture(blocks), _colours(rgb, grey))
    return np.array([value for group in groups for value in group], np.float32)


def _slopes(grey: NDArray[np.float32]) -> list[float]:
    """Shares of pixels on a slope below 1, 2, 4 ... 32 levels."""
    slope = np.hypot(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1])
    return [float((slope < limit).mean()) for limit in (1, 2, 4, 8, 16, 32)]


def _bends(grey: NDArray[np.float32]) -> list[float]:
    """How far a pixel lies off its four neighbours' mean: quantiles, and how heavy the tail is."""
    inner = grey[1:-1, 1:-1]
    bend = 4 * inner - grey[:-2, 1:-1] - grey[2:, 1:-1] - grey[1:-1, :-2] - grey[1:-1, 2:]
    tail = np.log(((bend**4).mean() + 1e-3) / ((bend**2).mean() ** 2 + 1e-3))
    return [*_quantiles(np.abs(bend)), float(tail)]


def _texture(blocks: NDArray[np.float32]) -> list[float]:
    """Of blocks of 8 x 8 pixels: spread; spread off a plane; spread within two tones; and whether neighbours
    in the calmest quarter go together, as they do in texture and not in noise."""
    spread = blocks.std(axis=1)
    off_plane = blocks @ _off_plane()
    rough = off_plane.std(axis=1)
    two_tone = _off_two_tones(blocks)
    edges = spread > _EDGE
    share = two_tone[edges] / spread[edges] if edges.sum() > 5 else np.array([0.3])
    calm = off_plane[rough <= np.percentile(rough, 25)].reshape(-1, _BLOCK_PX, _BLOCK_PX)
    power = float((calm**2).mean()) + 0.05
    together = [float((calm[:, :, 1:] * calm[:, :, :-1]).mean()), float((calm[:, 1:] * calm[:, :-1]).mean())]
    return [
        *_quantiles(spread),
        *_quantiles(rough),
        *_quantiles(two_tone)[1:],
        *(float(np.percentile(share, q)) for q in (25, 50)),
        *(value / power for value in together),
        float(np.log1p(rough).std()),
    ]


def _colours(rgb: NDArray[np.float32], grey: NDArray[np.float32]) -> list[float]:
    """How many colours there are and how much the commonest cover; saturation; brightness."""
    steps = rgb.astype(np.int32) >> 4
    count = np.bincount(((steps[..., 0] << 8) | (steps[..., 1] << 4) | steps[..., 2]).ravel())
    share = np.sort(count[count > 0] / count.sum())[::-1]
    high, low = rgb.max(axis=2), rgb.min(axis=2)
    saturation = (high - low) / np.maximum(high, 1)
    return [
        float(-(share * np.log(share)).sum()),
        float(np.log(len(share))),
        *(float(share[:most].sum()) for most in (1, 4, 16)),
        float(saturation.mean()),
        float(np.percentile(saturation, 90)),
        float(saturation.std()),
        float(grey.std() / 50),
        float(grey.mean() / 255),
        float((grey > 245).mean()),
        float((grey < 10).mean()),
    ]


def _blocks(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    """(height, width) -> (blocks, 64)."""
    side = _BLOCK_PX
    rows, columns = grey.shape[0] // side, grey.shape[1] // side
    cut = grey[: rows * side, : columns * side].reshape(rows, side, columns, side)
    return cut.swapaxes(1, 2).reshape(-1, side * side)


@cache
def _off_plane() -> NDArray[np.float32]:
    """(64, 64): takes the plane that fits best out of a block."""
    down, across = np.mgrid[:_BLOCK_PX, :_BLOCK_PX].reshape(2, -1) - (_BLOCK_PX - 1) / 2
    plane = np.stack([np.ones_like(down), down, across], axis=1)
    return (np.eye(_BLOCK_PX**2) - plane @ np.linalg.pinv(plane)).astype(np.float32)


def _off_two_tones(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Standard deviation around two means: of the pixels above the block's mean, and of the others."""
    light = blocks > blocks.mean(axis=1, keepdims=True)
    means = [
        (blocks * side).sum(axis=1, keepdims=True) / np.maximum(side.sum(axis=1, keepdims=True), 1)
        for side in (light, ~light)
    ]
    return np.sqrt(((blocks - np.where(light, *means)) ** 2).mean(axis=1))


def _quantiles(values: NDArray[np.float32]) -> list[float]:
    """10, 25, 50, 75 and 90 %, as logarithms."""
    return [float(np.log1p(np.percentile(values, q))) for q in (10, 25, 50, 75, 90)]
