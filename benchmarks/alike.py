"""Images of which it is known what is one picture and what is another: what `bursts` is measured on.

Scenes drawn from the demo's art, in both hands, some with their things in other colours, some on one ground;
photographs that scikit-image carries, in parts that do not overlap; textures, renderings; and pages,
screenshots and plots, which are laid out alike and are not one picture. Of each scene there is what a camera
and a computer make of it.
"""

import colorsys
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from benchmarks import unlike
from recipe import unlike as recipe
from recipe.drawing import Painter
from recipe.scenes import Look, Scenes, random_scenes
from recipe.specimens import load_glyph_specimens, load_specimens

SIDE_PX = 640
KINDS = ("burst", "exposure", "recompressed", "cropped")
CROPPED = (0.9, 0.8, 0.7)
"""How much of each side is left."""
Random = np.random.Generator


@dataclass(frozen=True)
class Shown:
    """One image: which scene it is of, how it came about ("original" or one of KINDS), and whether the scene
    is a page of text."""

    scene: int
    kind: str
    image: Image.Image
    is_page: bool = False


def shown(scenes: int, seed: int) -> Iterator[Shown]:
    """Of each scene: the original, three frames of a burst, three exposures, two copies, three crops."""
    random = np.random.default_rng(seed)
    for number, (scene, is_page) in enumerate(originals(scenes, random)):
        for kind, image in _of_scene(scene, random):
            yield Shown(number, kind, image, is_page)


def _of_scene(scene: Image.Image, random: Random) -> Iterator[tuple[str, Image.Image]]:
    yield "original", scene
    for _ in range(3):
        yield "burst", frame(scene, random)
    for stops in (-1.5, 0.8, 1.5):
        yield "exposure", exposed(frame(scene, random), stops + random.uniform(-0.3, 0.3))
    for _ in range(2):
        yield "recompressed", saved_again(scene, random)
    for share in CROPPED:
        yield "cropped", cropped(scene, share, random)


def originals(count: int, random: Random) -> Iterator[tuple[Image.Image, bool]]:
    """(scene, whether it is a page of text); half of them drawn scenes."""
    makers: tuple[Callable[[Random], Image.Image], ...] = (
        page, unlike.screenshot, unlike.plot, unlike.rendering, unlike.plain_shapes,
        lambda random: recipe.texture(random, 512),
    )  # fmt: skip
    photographs = list(_photographs())
    random.shuffle(photographs)  # pyright: ignore[reportArgumentType]
    drawn = _drawn(random)
    for number in range(count):
        maker = None
        if number % 2 == 0:
            scene = next(drawn)
        elif number % 4 == 1 and photographs:
            scene = photographs.pop()
        else:
            maker = makers[int(random.integers(len(makers)))]
            scene = maker(random)
        scene = scene.convert("RGB")
        scale = SIDE_PX / max(scene.size)
        size = round(scene.width * scale), round(scene.height * scale)
        yield scene.resize(size, Image.Resampling.BICUBIC), maker is page


def _drawn(random: Random) -> Iterator[Image.Image]:
    glyphs = load_glyph_specimens()
    arts = [load_specimens(name) for name in ("trained", "held-out")]
    painters = [Painter(art, glyphs) for art in arts]
    while True:
        hand = int(random.integers(2))
        look = Look(arts[hand].present, arts[hand].natural, arts[hand].shades, glyphs.objects, glyphs.widths)
        several = random_scenes(random, 4, (6, 8), look, crowd=bool(random.random() < 0.3))
        several = _next_of_kin(several, random)
        for place in range(4):
            if (several.objects[place] >= 0).any():  # grounds alone are too like each other to be told apart
                yield painters[hand].picture(several, place, finer=3)


def _next_of_kin(several: Scenes, random: Random) -> Scenes:
    """The second is the first with its things in other colours; the fourth has the ground of the third."""
    arrays = {name: array.copy() for name, array in several.arrays().items()}
    for array in arrays.values():
        array[1] = array[0]
    arrays["tints"][1] = (arrays["tints"][0] + random.integers(1, 6)) % 6
    arrays["ground"][3] = arrays["ground"][2]
    return replace(several, **arrays)


def _photographs() -> Iterator[Image.Image]:
    import skimage.data  # with the extra "test"

    folder = Path(skimage.data.__file__).parent
    for name in (*unlike.PHOTOGRAPHS[:-2], unlike.PHOTOGRAPHS[-1], *unlike.TEXTURES, *unlike.MICROSCOPED):
        image = recipe.opened(folder / name)
        width, height = image.width // 2, image.height // 2
        for left, top in ((0, 0), (width, 0), (0, height), (width, height)):
            yield image.crop((left, top, left + width, top + height))


def page(random: Random) -> Image.Image:
    """Lines of text on white, all of one layout."""
    image = Image.new("RGB", (480, 640), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(size=13)
    for line in range(30):
        words = ("".join(random.choice(list("abcdeilnorst"), random.integers(2, 9))) for _ in range(11))
        pen.text((50, 60 + 17 * line), " ".join(words)[: 60 if line % 7 < 6 else 25], fill="#222", font=font)
    return image


def frame(scene: Image.Image, random: Random) -> Image.Image:
    """The next of a burst: held by hand, a little other light, grain, now and then shaken."""
    angle, zoom = random.normal(0, 0.8), 1 + abs(random.normal(0, 0.02))
    dx, dy = random.normal(0, 0.015, 2) * scene.size
    image = scene.rotate(angle, Image.Resampling.BICUBIC, translate=(dx, dy))
    width, height = image.width / (1.05 * zoom), image.height / (1.05 * zoom)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    image = image.resize(scene.size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    if random.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(random.uniform(1, 3)))
    return _grainy(exposed(image, random.normal(0, 0.1)), random)


def with_thing(scene: Image.Image, share: float, random: Random) -> list[Image.Image]:
    """Twice, with a disc on it in two colours; share: of the picture that the square around it takes."""
    side = int(np.sqrt(share * scene.width * scene.height))
    x, y = (int(random.integers(0, length - side)) for length in scene.size)
    found = []
    for hue in random.choice(6, 2, replace=False):
        image, colour = scene.copy(), colorsys.hsv_to_rgb(hue / 6, 0.8, 0.85)
        ink = tuple(round(255 * value) for value in colour)
        ImageDraw.Draw(image).ellipse((x, y, x + side, y + side), fill=ink)
        found.append(image)
    return found


def worse(scene: Image.Image, random: Random) -> Iterator[tuple[str, Image.Image]]:
    """Further frames of a scene that nobody would choose."""
    for width in (0.5, 1, 2, 4):
        yield f"blurred by {width:g} px", scene.filter(ImageFilter.GaussianBlur(width))
    yield "shaken by 6 px", _shaken(scene, 6, random)
    for width, grain in ((1.5, 10), (1.5, 20), (3, 20)):
        soft = scene.filter(ImageFilter.GaussianBlur(width))
        yield f"blurred by {width:g} px, grain of {grain}", _grainy(soft, random, grain)
    for stops in (1.0, 1.5, 2.2):
        yield f"{stops:g} stops too light", exposed(scene, stops)
    yield "2 stops too dark, grain of 6", _grainy(exposed(scene, -2), random, 6)


def _shaken(image: Image.Image, length_px: float, random: Random) -> Image.Image:
    angle, places = random.uniform(0, np.pi), np.linspace(-length_px / 2, length_px / 2, 7)
    moved = [
        image.transform(
            image.size,
            Image.Transform.AFFINE,
            (1, 0, place * np.cos(angle), 0, 1, place * np.sin(angle)),
            Image.Resampling.BILINEAR,
        )
        for place in places
    ]
    return Image.fromarray(np.mean([np.asarray(one) for one in moved], axis=0).astype(np.uint8))


def held(scene: Image.Image, random: Random) -> Image.Image:
    """By hand, and with the fine grain of any camera."""
    image = scene.rotate(random.normal(0, 0.5), Image.Resampling.BICUBIC)
    width, height = image.width / 1.05, image.height / 1.05
    dx, dy = random.normal(0, 3, 2)
    left, top = (image.width - width) / 2 + dx, (image.height - height) / 2 + dy
    box = (max(0, left), max(0, top), min(image.width, left + width), min(image.height, top + height))
    return _grainy(image.resize(scene.size, Image.Resampling.BICUBIC, box=box), random, 2)


def exposed(image: Image.Image, stops: float) -> Image.Image:
    """As with so many stops more light: what is too light is white."""
    levels = np.arange(256) / 255
    lit = np.clip(levels**2.2 * 2**stops, 0, 1) ** (1 / 2.2)
    return image.point([round(255 * value) for value in lit] * 3)


def saved_again(scene: Image.Image, random: Random) -> Image.Image:
    scale = random.uniform(0.3, 0.9)
    size = (round(scene.width * scale), round(scene.height * scale))
    file = io.BytesIO()
    kind = "WEBP" if random.random() < 0.3 else "JPEG"
    scene.resize(size, Image.Resampling.BILINEAR).save(file, kind, quality=int(random.integers(10, 60)))
    return Image.open(file).convert("RGB")


def cropped(scene: Image.Image, share: float, random: Random) -> Image.Image:
    width, height = round(share * scene.width), round(share * scene.height)
    left, top = random.integers(0, scene.width - width + 1), random.integers(0, scene.height - height + 1)
    return scene.crop((int(left), int(top), int(left) + width, int(top) + height))


def _grainy(image: Image.Image, random: Random, spread: float | None = None) -> Image.Image:
    """spread: the standard deviation of the grain, of 255; None: any from 1 to 7."""
    spread = random.uniform(1, 7) if spread is None else spread
    grain = np.clip(random.normal(128, spread, (image.height, image.width)), 0, 255)
    grain = Image.fromarray(grain.astype(np.uint8)).convert("RGB")
    return ImageChops.add(image, grain, 1, -128)
