"""python -m recipe.unlike PHOTOGRAPHS: fits what tells photographs from drawn scenes (`demo/unlike.py`).

PHOTOGRAPHS is a folder of pictures taken with a camera. The committed weights come from 34: those of Debian's
lomiri-wallpapers-16.04 and mate-backgrounds (nature/), and those that the packages gradio, matplotlib,
scikit-learn and ultralytics carry, at 1,600 pixels a side at most. None of scikit-image's is among them:
those measure (`python -m benchmarks unlike`).
"""

import argparse
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lychee_app.demo.unlike import WEIGHTS_FILE, features
from lychee_app.intake.decode import decode
from lychee_app.records import ImageBudget
from recipe.exam import Examiner
from recipe.phrases import Phrases
from recipe.scenes import MAX_TOKENS, MIN_TOKENS, TOKEN_PX
from recipe.specimens import load_glyph_specimens, load_specimens

BUDGET = ImageBudget(max_tokens=MAX_TOKENS, min_tokens=MIN_TOKENS, token_px=TOKEN_PX)
_MOST_PX = 120_000_000
_OPENED_PX = 1600
_HIDDEN = 12
_CLEAN = 0.996
"""Share of drawn scenes, none of them fitted on, that the threshold leaves alone."""


def handled(image: Image.Image, random: np.random.Generator, grey: float = 0.0) -> Image.Image:
    """The image as the model sees it after what happens to pictures: cropped, shrunk, without colour (in a
    share `grey` of cases), saved as PNG, JPEG or WebP."""
    image = image.convert("RGB")
    if random.random() < 0.5:
        width, height = (max(48, round(side * random.uniform(0.3, 0.95))) for side in image.size)
        left, top = (
            int(random.integers(max(1, side - part)))
            for side, part in zip(image.size, (width, height), strict=True)
        )
        image = image.crop((left, top, min(image.width, left + width), min(image.height, top + height)))
    if random.random() < 0.4:
        side = int(random.choice([100, 160, 256, 400, 640]))
        image.thumbnail((side, side))
    if random.random() < grey:
        image = image.convert("L").convert("RGB")
    return as_seen(image, random)


def as_seen(image: Image.Image, random: np.random.Generator) -> Image.Image:
    """Saved in one of three formats, and brought to the model's size as the intake does it."""
    file = io.BytesIO()
    kind = str(random.choice(["PNG", "JPEG", "WEBP"], p=[0.4, 0.4, 0.2]))
    quality = int(random.integers(30, 96))
    options = {} if kind == "PNG" else {"quality": quality}
    image.save(file, kind, **options)
    return decode(file.getvalue(), BUDGET, _MOST_PX).image


def opened(path: Path) -> Image.Image:
    """Upright or not, of at most _OPENED_PX a side."""
    with Image.open(path) as image:
        image.draft("RGB", (_OPENED_PX, _OPENED_PX))
        rgb = image.convert("RGB")
    rgb.thumbnail((_OPENED_PX, _OPENED_PX))
    return rgb


def drawn(art: str, seed: int, count: int) -> Iterator[Image.Image]:
    """Fresh scenes of the demo's world, at twice the size the model sees. art: "trained" or "held-out"."""
    examiner = Examiner(load_specimens(art), load_glyph_specimens(), Phrases.known(), seed)
    return (examiner.picture() for _ in range(count))


def texture(random: np.random.Generator, side: int = 256) -> Image.Image:
    """Noise of a 1/f spectrum in two colours: what grass, bricks and sand have in common."""
    down, across = np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None]
    distance = np.hypot(down, across)
    distance[0, 0] = np.inf
    noise = random.standard_normal((2, *distance.shape)) + 1j * random.standard_normal((2, *distance.shape))
    waves = np.fft.irfft2(noise / distance ** random.uniform(0.6, 1.4), (side, side))
    waves /= waves.std(axis=(1, 2), keepdims=True)
    tint = random.normal(0, 0.25, 3)
    light = waves[0][..., None] * (1 + 0.3 * tint) + 0.3 * waves[1][..., None] * tint
    rgb = random.uniform(40, 215, 3) + random.uniform(12, 60) * light
    return Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8))


def measured(images: Iterator[Image.Image]) -> NDArray[np.float32]:
    """(images, features)."""
    return np.stack([features(image) for image in images])


def fit(
    unlike: NDArray[np.float32], like: NDArray[np.float32], held_out: NDArray[np.float32], seed: int = 0
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """(weight, bias) of a hidden layer, into which the standardisation is folded, and of a logit that is 0
    where _CLEAN of `held_out` lie below. All are (images, features)."""
    import torch

    torch.manual_seed(seed)
    rows = np.concatenate([unlike, like])
    mean, scale = rows.mean(0), rows.std(0) + 1e-3
    inputs = torch.from_numpy((rows - mean) / scale)
    wanted = torch.cat([torch.ones(len(unlike)), torch.zeros(len(like))])
    weight = torch.where(wanted > 0, len(like) / len(unlike), 1.0)
    hidden, logit = torch.nn.Linear(rows.shape[1], _HIDDEN), torch.nn.Linear(_HIDDEN, 1)
    model = torch.nn.Sequential(hidden, torch.nn.Tanh(), logit)
    adam = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.3)
    for _ in range(1500):
        noisy = inputs + 0.15 * torch.randn_like(inputs)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(model(noisy)[:, 0], wanted, weight)
        adam.zero_grad()
        loss.backward()
        adam.step()
    (first, first_bias), (last, last_bias) = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in (hidden, logit)
    )
    first, first_bias = first / scale, first_bias - (first / scale) @ mean
    logits = np.tanh(held_out @ first.T + first_bias) @ last[0] + last_bias
    return [(first, first_bias), (last, last_bias - np.quantile(logits, _CLEAN))]


def gathered(
    photographs: Sequence[Path], seed: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(unlike, like, drawn scenes to set the threshold on)."""
    random = np.random.default_rng(seed)
    photos = [handled(opened(path), random, grey=0.2) for path in photographs for _ in range(24)]
    textures = [handled(texture(random), random, grey=0.2) for _ in range(150)]
    like, held_out = (
        measured(handled(scene, random) for scene in drawn("trained", other, count))
        for other, count in ((seed + 10, 1500), (seed + 11, 1000))
        for random in [np.random.default_rng(other)]
    )
    return measured(iter([*photos, *textures])), like, held_out


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m recipe.unlike", description=__doc__)
    parser.add_argument("photographs", type=Path)
    options = parser.parse_args(arguments)
    photographs = sorted(path for path in options.photographs.iterdir() if path.is_file())
    layers = fit(*gathered(photographs))
    content = {"layers": [[_short(weight), _short(bias)] for weight, bias in layers]}
    WEIGHTS_FILE.write_text(json.dumps(content, separators=(",", ":")) + "\n", encoding="utf-8")


def _short(values: NDArray[np.float32]) -> list:
    return json.loads(json.dumps(values.tolist()), parse_float=lambda text: float(f"{float(text):.5g}"))


if __name__ == "__main__":
    main()
