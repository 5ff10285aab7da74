"""`python -m benchmarks unlike`: how often what is unlike the demo's drawn world is told from what is not.

No image of these was fitted on. Drawn scenes come from other seeds than those of `recipe.unlike`, and from
art never trained on; the photographs are those that scikit-image carries, cropped, shrunk and saved in many
ways. An image that is flagged gets a warning: right for a photograph, wrong for a drawn scene. Beside it
stands how often the demo then says yes to things that it knows and that are hardly ever there: where it says
no to all, as of screenshots, no warning is missing.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lychee_app.demo.gallery import GALLERY_FOLDER
from lychee_app.demo.unlike import is_unlike
from lychee_app.demo.words import words
from lychee_app.records import Candidate, Scorer
from recipe import unlike as recipe

GOALS = {"drawn": "<= 0.01", "drawn_held_out": "<= 0.01"}
PHOTOGRAPHS = (
    "astronaut.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "hubble_deep_field.jpg",
    "moon.png", "motorcycle_left.png", "motorcycle_right.png", "rocket.jpg",
)  # fmt: skip
TEXTURES = ("brick.png", "grass.png", "gravel.png")
MICROSCOPED = ("cell.png", "ihc.png", "retina.jpg")
DOCUMENTS = ("page.png", "text.png")
Random = np.random.Generator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=90210)
    parser.add_argument("--scenes", type=int, default=600, help="drawn scenes of each kind of art")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    random = np.random.default_rng(arguments.seed)
    shares, yes = {}, {}
    for name, drawn in _drawn(arguments.scenes, arguments.seed, random).items():
        shares[name], count = flagged(drawn)
        print(f"{name:20} {shares[name]:6.3f} of {count:4} flagged   {GOALS.get(name, '')}", file=sys.stderr)
    for name, made in {**_photographs(random), **_others(random)}.items():
        images = list(made)
        (shares[name], count), yes[name] = flagged(images), said_yes(images[:: len(images) // 20], random)
        print(f"{name:20} {shares[name]:6.3f} of {count:4} flagged   yes {yes[name]:.3f}", file=sys.stderr)
    return {"bench": "unlike", "seed": arguments.seed, **shares, "said_yes": yes}


def flagged(images: Iterable[Image.Image]) -> tuple[float, int]:
    """(share, images)."""
    found = [is_unlike(image) for image in images]
    return float(np.mean(found)), len(found)


def said_yes(images: Sequence[Image.Image], random: Random) -> float:
    """The share of scores above 5, asked for two dozen things by name."""
    names = [str(name) for name in random.choice([entry["en"] for entry in words()], 24, replace=False)]
    candidates = [Candidate(0, "", "", image, image.width, image.height) for image in images]
    replies = [reply for candidate in candidates for reply in _scorer().judge(candidate, names)]
    return float(np.mean([reply.text == "yes" for reply in replies]))


@cache
def _scorer() -> Scorer:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    return open_scorer("demo")


def _drawn(scenes: int, seed: int, random: Random) -> Mapping[str, Iterator[Image.Image]]:
    gallery = sorted(GALLERY_FOLDER.glob("*.webp"))
    return {
        "drawn": (recipe.handled(scene, random) for scene in recipe.drawn("trained", seed, scenes)),
        "drawn_held_out": (recipe.handled(scene, random) for scene in recipe.drawn("held-out", seed, scenes)),
        "gallery": (recipe.handled(recipe.opened(path), random) for path in gallery for _ in range(8)),
        "drawn_grey": (
            recipe.handled(scene, random, grey=1) for scene in recipe.drawn("trained", seed + 1, 200)
        ),
    }


def _photographs(random: Random) -> Mapping[str, Iterator[Image.Image]]:
    import skimage.data  # with the extra "test"

    folder = Path(skimage.data.__file__).parent

    def variants(names: tuple[str, ...], count: int, grey: float = 0.0) -> Iterator[Image.Image]:
        return (
            recipe.handled(recipe.opened(folder / name), random, grey) for name in names for _ in range(count)
        )

    return {
        "photographs": variants(PHOTOGRAPHS, 30),
        "photographs_grey": variants(PHOTOGRAPHS, 10, grey=1),
        "textures": variants(TEXTURES, 30),
        "microscope": variants(MICROSCOPED, 30),
        "documents": variants(DOCUMENTS, 20),
    }


def _others(random: Random) -> Mapping[str, Iterator[Image.Image]]:
    makers: dict[str, Callable[[Random], Image.Image]] = {
        "plain_shapes": plain_shapes,
        "screenshots": screenshot,
        "plots": plot,
        "renderings": rendering,
        "codes": code,
        "blank": blank,
    }
    return {name: (recipe.as_seen(make(random), random) for _ in range(60)) for name, make in makers.items()}


def plain_shapes(random: Random) -> Image.Image:
    """Flat ellipses, boxes and triangles, some outlined: another hand than the demo's."""
    image = Image.new("RGB", (600, 450), _rgb(random))
    pen = ImageDraw.Draw(image)
    for _ in range(int(random.integers(2, 9))):
        x, y = random.uniform(0, 500), random.uniform(0, 350)
        width, height = random.uniform(40, 250, 2)
        outline = "black" if random.random() < 0.4 else None
        box = (x, y, x + width, y + height)
        draw = (pen.ellipse, pen.rectangle)[int(random.integers(2))]
        draw(box, fill=_rgb(random), outline=outline, width=4)
        corners = [tuple(random.uniform(0, 450, 2)) for _ in range(3)]
        pen.polygon(corners, fill=_rgb(random), outline=outline)
    return image


def screenshot(random: Random) -> Image.Image:
    """Bars, boxes and lines of text, as a program's window has."""
    image = Image.new("RGB", (1000, 700), "white" if random.random() < 0.6 else "#1e1f22")
    pen, ink = ImageDraw.Draw(image), "#333" if image.getpixel((0, 0)) == (255, 255, 255) else "#ccc"
    pen.rectangle((0, 0, 1000, 40), fill=_rgb(random))
    pen.rectangle((0, 40, 220, 700), fill="#8883")
    font = ImageFont.load_default(size=18)
    for line in range(int(random.integers(8, 26))):
        words = " ".join(
            "".join(random.choice(list("abcdeilnorst"), random.integers(2, 9))) for _ in range(9)
        )
        pen.text((240, 60 + 25 * line), words, fill=ink, font=font)
    for _ in range(int(random.integers(1, 5))):
        x, y = random.uniform(230, 800), random.uniform(50, 600)
        pen.rounded_rectangle((x, y, x + 140, y + 40), 8, fill=_rgb(random))
    return image


def plot(random: Random) -> Image.Image:
    """Curves or bars on axes."""
    image = Image.new("RGB", (800, 600), "white")
    pen = ImageDraw.Draw(image)
    pen.line((70, 30, 70, 540, 770, 540), fill="black", width=2)
    for at in range(80, 540, 60):
        pen.line((70, at, 770, at), fill="#ddd")
    for _ in range(int(random.integers(1, 5))):
        walk = 300 + np.cumsum(random.normal(0, 12, 140))
        pen.line([(70 + 5 * x, y) for x, y in enumerate(walk.tolist())], fill=_rgb(random), width=3)
    for at in range(100, 740, 80) if random.random() < 0.5 else ():
        pen.rectangle((at, random.uniform(100, 500), at + 40, 540), fill=_rgb(random))
    return image


def rendering(random: Random) -> Image.Image:
    """Shaded balls over a plane, in fog: soft everywhere, and nothing like a camera's."""
    down, across = np.mgrid[:480, :640].astype(np.float32)
    image = np.stack([np.full_like(down, value) for value in random.uniform(60, 220, 3)], axis=2)
    image *= 0.6 + 0.4 * (down / 480)[..., None]
    for _ in range(int(random.integers(2, 6))):
        cx, cy, radius = random.uniform(80, 560), random.uniform(80, 400), random.uniform(40, 140)
        x, y = (across - cx) / radius, (down - cy) / radius
        inside = x * x + y * y < 1
        light = np.clip(np.sqrt(np.clip(1 - x * x - y * y, 0, 1)) - 0.5 * x - 0.4 * y, 0.1, 1.4)
        image = np.where(inside[..., None], light[..., None] * random.uniform(60, 230, 3), image)
    return Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))


def code(random: Random) -> Image.Image:
    """Black and white modules, as a two-dimensional bar code has."""
    side = int(random.integers(21, 45))
    modules = (random.random((side, side)) < 0.5).astype(np.uint8) * 255
    padded = np.pad(modules, 4, constant_values=255)
    return Image.fromarray(padded).resize((560, 560), Image.Resampling.NEAREST).convert("RGB")


def blank(random: Random) -> Image.Image:
    return Image.new("RGB", (640, 480), "white" if random.random() < 0.3 else _rgb(random))


def _rgb(random: Random) -> tuple[int, int, int]:
    red, green, blue = random.integers(0, 256, 3).tolist()
    return red, green, blue
