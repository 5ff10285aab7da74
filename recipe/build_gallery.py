"""python -m recipe.build_gallery: draws the gallery's 32 scenes and writes truth.json.

A cafe at random: sofas, lamps, cups, menus. Knows what stands in each scene; truth follows from that: an
object in the asked colour counts 1, in another colour 0.5, absent or only written 0, and a scene the mean.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lychee_app.demo.gallery import GALLERY_FOLDER, GALLERY_QUERY, TRUTH_FILE
from recipe.drawing import tinted
from recipe.fetch import BUILD_FOLDER, ArtSet, fetch
from recipe.pack import FONTS, open_object, shades_of

_ART = (
    ArtSet("fluent-3d", "@lobehub/fluent-emoji-3d@1.1.0", "@lobehub/fluent-emoji-3d/assets/{code}.webp"),
    ArtSet("emojione", "emojione@2.2.7", "emojione/assets/png_512x512/{code}.png"),
)
_FINE_PX = 256
RED, YELLOW, GREEN, BLUE, PURPLE, BLACK, PLAIN = 0, 1, 2, 3, 4, 5, -1
SOFA, LAMP, CUP = "🛋", "🏮", "☕"
_WALLS = ("#e9dcc3", "#d8e2dc", "#f3d9c4", "#c9d6df", "#efe6dd", "#b8c4bb", "#e4d5e8", "#f7ede2")
_FLOORS = ("#a47551", "#8d6b4f", "#7f8f8a", "#b08968", "#6b705c", "#9c8f80")


@dataclass(frozen=True)
class Thing:
    """One object: character, tint, centre and size as shares of width, height and the shorter side."""

    character: str
    tint: int
    x: float
    y: float
    size: float


@dataclass(frozen=True)
class Plan:
    """One scene. orientation: the EXIF value the file is stored under (1: upright)."""

    width_px: int
    height_px: int
    things: tuple[Thing, ...] = ()
    lines: tuple[str, ...] = ()
    style: int = 0
    orientation: int = 1


def _sofa(tint: int, x: float = 0.3, y: float = 0.68, size: float = 0.5) -> Thing:
    return Thing(SOFA, tint, x, y, size)


def _lamp(tint: int, x: float = 0.55, y: float = 0.24, size: float = 0.36) -> Thing:
    return Thing(LAMP, tint, x, y, size)


def _cup(tint: int = PLAIN, x: float = 0.77, y: float = 0.7, size: float = 0.36) -> Thing:
    return Thing(CUP, tint, x, y, size)


def _at(character: str, x: float, y: float, size: float = 0.34, tint: int = PLAIN) -> Thing:
    return Thing(character, tint, x, y, size)


PLANS = (
    # All three, in the asked colours.
    Plan(960, 720, (_sofa(GREEN), _lamp(YELLOW), _cup())),
    Plan(
        720,
        960,
        (_sofa(GREEN, 0.45, 0.72, 0.6), _lamp(YELLOW, 0.5, 0.2, 0.42), _cup(PLAIN, 0.7, 0.46)),
        style=1,
    ),
    Plan(
        1100,
        620,
        (_sofa(GREEN, 0.22, 0.66, 0.56), _lamp(YELLOW, 0.5, 0.28, 0.44), _cup(PLAIN, 0.8, 0.66, 0.46)),
    ),
    Plan(
        800, 800, (_sofa(GREEN, 0.65, 0.7), _lamp(YELLOW, 0.3, 0.25), _cup(PLAIN, 0.22, 0.74)), orientation=6
    ),
    # Two of the three.
    Plan(900, 600, (_sofa(GREEN), _lamp(YELLOW), _at("🎂", 0.78, 0.7))),
    Plan(640, 640, (_sofa(GREEN, 0.33, 0.68), _cup(), _at("🪴", 0.7, 0.25))),
    Plan(1024, 576, (_lamp(YELLOW, 0.3, 0.3, 0.48), _cup(PLAIN, 0.7, 0.64, 0.5)), style=1),
    Plan(600, 900, (_sofa(GREEN, 0.5, 0.7, 0.66), _lamp(YELLOW, 0.5, 0.25, 0.46)), orientation=8),
    Plan(840, 630, (_sofa(GREEN, 0.7, 0.7), _cup(PLAIN, 0.25, 0.7), _at("🐈", 0.4, 0.25))),
    # Near misses: everything there, a colour wrong.
    Plan(960, 640, (_sofa(RED), _lamp(YELLOW), _cup())),
    Plan(700, 700, (_sofa(GREEN), _lamp(BLUE), _cup()), style=1),
    Plan(880, 660, (_sofa(PURPLE, 0.3, 0.66), _lamp(BLUE, 0.6, 0.25), _cup(PLAIN, 0.78, 0.7))),
    Plan(640, 800, (_sofa(BLUE, 0.5, 0.72, 0.6), _lamp(YELLOW, 0.45, 0.22, 0.42))),
    # One of the three.
    Plan(800, 600, (_sofa(GREEN, 0.4, 0.64, 0.6), _at("🎸", 0.8, 0.4, 0.44))),
    Plan(600, 600, (_cup(PLAIN, 0.5, 0.55, 0.6),)),
    Plan(960, 540, (_cup(PLAIN, 0.25, 0.6, 0.5), _at("💻", 0.65, 0.55, 0.56)), style=1),
    Plan(720, 540, (_lamp(YELLOW, 0.5, 0.4, 0.56), _at("🪑", 0.2, 0.68, 0.4))),
    Plan(540, 810, (_cup(BLUE, 0.5, 0.7, 0.5), _at("📖", 0.5, 0.3, 0.5)), orientation=3),
    Plan(900, 700, (_sofa(RED, 0.35, 0.68, 0.56), _at("🐕", 0.78, 0.7, 0.36))),
    Plan(750, 750, (_lamp(RED, 0.5, 0.3, 0.5), _at("🎂", 0.5, 0.74, 0.36))),
    # Words only: menus and signs.
    Plan(640, 860, lines=("手冲咖啡  ¥28", "拿铁  ¥30", "brass lamp", "green sofa")),
    Plan(900, 600, lines=("绿色沙发", "BRASS LAMP", "手冲咖啡")),
    Plan(700, 500, lines=("MENU", "pour-over coffee", "cake")),
    Plan(800, 600, (_at("🎂", 0.75, 0.66, 0.4),), lines=("咖啡  Coffee",)),
    # Unrelated.
    Plan(1000, 660, (_at("🚗", 0.3, 0.66, 0.5, RED), _at("🌳", 0.75, 0.45, 0.56))),
    Plan(660, 880, (_at("🐘", 0.5, 0.62, 0.7), _at("🎈", 0.3, 0.2, 0.3, BLUE)), orientation=6),
    Plan(820, 620, (_at("🍕", 0.3, 0.6, 0.5), _at("🍦", 0.74, 0.5, 0.46)), style=1),
    Plan(760, 760, (_at("⛵", 0.5, 0.55, 0.6), _at("☀", 0.8, 0.18, 0.26))),
    Plan(1200, 500, (_at("🚂", 0.25, 0.6, 0.7), _at("🏠", 0.75, 0.5, 0.66))),
    Plan(640, 640, (_at("🌵", 0.35, 0.6, 0.56, GREEN), _at("⭐", 0.76, 0.3, 0.36))),
    Plan(860, 640, (_at("🛏", 0.4, 0.66, 0.56, BLUE), _at("⏰", 0.78, 0.4, 0.32))),
    Plan(720, 720, (_at("🪑", 0.5, 0.6, 0.6, GREEN),)),
)
_SEED = 3
_ASKED: Mapping[str, int | None] = {SOFA: GREEN, LAMP: YELLOW, CUP: None}
"""What GALLERY_QUERY asks for: character -> tint, None where no colour is asked."""


def named_plans() -> dict[str, Plan]:
    """File name -> plan, in the shuffled order of the files."""
    order = np.random.default_rng(_SEED).permutation(len(PLANS))
    return {f"scene-{number:02d}.webp": PLANS[at] for number, at in enumerate(order, start=1)}


def truth_of(plan: Plan, asked: Mapping[str, int | None] = _ASKED) -> float:
    """The mean over a query's elements."""
    total = 0.0
    for character, tint in asked.items():
        worn = [thing.tint for thing in plan.things if thing.character == character]
        total += 0.0 if not worn else 1.0 if tint is None or tint in worn else 0.5
    return round(total / len(asked), 4)


def draw(plan: Plan, modules: Path, random: np.random.Generator) -> Image.Image:
    """The scene, upright."""
    image = _room(plan, random)
    for thing in plan.things:
        _place(image, thing, _ART[plan.style], modules)
    if plan.lines:
        _menu(image, plan, random)
    return image


def build(modules: Path, folder: Path = GALLERY_FOLDER) -> None:
    """Writes 32 WebP files in a shuffled order, and truth.json."""
    random = np.random.default_rng(_SEED)
    random.permutation(len(PLANS))  # as in named_plans: the walls are drawn with what comes after
    folder.mkdir(parents=True, exist_ok=True)
    truth = {}
    for name, plan in named_plans().items():
        _save(draw(plan, modules, random), folder / name, plan.orientation)
        truth[name] = truth_of(plan)
    content = {"query": GALLERY_QUERY, "images": truth}
    (folder / TRUTH_FILE).write_text(
        json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
    )


def _room(plan: Plan, random: np.random.Generator) -> Image.Image:
    wall, floor = str(random.choice(_WALLS)), str(random.choice(_FLOORS))
    image = Image.new("RGB", (plan.width_px, plan.height_px), wall)
    pen = ImageDraw.Draw(image)
    horizon = round(plan.height_px * random.uniform(0.55, 0.72))
    pen.rectangle((0, horizon, plan.width_px, plan.height_px), fill=floor)
    for y in range(horizon, plan.height_px, max(14, plan.height_px // 16)):
        pen.line((0, y, plan.width_px, y), fill=_darker(floor), width=2)
    pen.rectangle((0, horizon - 6, plan.width_px, horizon), fill=_darker(wall))
    return image


def _darker(colour: str) -> tuple[int, ...]:
    return tuple(int(int(colour[i : i + 2], 16) * 0.86) for i in (1, 3, 5))


def _place(image: Image.Image, thing: Thing, art: ArtSet, modules: Path) -> None:
    found = open_object(art, modules, thing.character, _FINE_PX) or open_object(
        _ART[0], modules, thing.character, _FINE_PX
    )
    assert found is not None, thing.character
    sprite = np.asarray(found)
    premultiplied = tinted(sprite, shades_of(sprite), thing.tint)
    picture = Image.frombuffer("RGBa", (_FINE_PX, _FINE_PX), premultiplied.tobytes(), "raw", "RGBa", 0, 1)
    side = round(thing.size * min(image.size))
    picture = picture.resize((side, side), Image.Resampling.BICUBIC).convert("RGBA")
    corner = (round(thing.x * image.width - side / 2), round(thing.y * image.height - side / 2))
    image.paste(picture, corner, picture)


def _menu(image: Image.Image, plan: Plan, random: np.random.Generator) -> None:
    """A card with lines of text; beside the things if there are any."""
    right = 0.55 if plan.things else 0.88
    box = (0.12 * image.width, 0.14 * image.height, right * image.width, 0.86 * image.height)
    pen = ImageDraw.Draw(image)
    dark = bool(random.random() < 0.5)
    pen.rectangle(box, fill="#26302b" if dark else "#fbf6ea", outline="#6b4f3a", width=6)
    step = (box[3] - box[1]) / (len(plan.lines) + 1)
    for number, line in enumerate(plan.lines, start=1):
        size = round(
            min(step * 0.6, 1.7 * (box[2] - box[0]) / max(6, sum(2 if c > "⺀" else 1 for c in line)))
        )
        font = ImageFont.truetype(FONTS[1], size)
        centre = ((box[0] + box[2]) / 2, box[1] + number * step)
        pen.text(centre, line, fill="#f4efe1" if dark else "#2b2b2b", font=font, anchor="mm")


def _save(image: Image.Image, path: Path, orientation: int) -> None:
    """Stores the picture turned, with the EXIF value that turns it back."""
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270, 3: Image.Transpose.ROTATE_180}
    exif = Image.Exif()
    if orientation in back:
        image = image.transpose(back[orientation])
        exif[0x0112] = orientation
    image.save(path, quality=84, method=6, exif=exif)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m recipe.build_gallery", description=__doc__)
    parser.add_argument("--build", type=Path, default=BUILD_FOLDER)
    options = parser.parse_args(arguments)
    build(fetch(options.build))


if __name__ == "__main__":
    main()
