"""python -m recipe.build_suite: draws the built-in suite's pairs, a sheet a kind, and writes pairs.json.

A pair is two scenes that differ in one thing, and a query in English and Chinese that the first one answers.
Both have the same ground, sizes and bystanders. Drawn from the small art pack of the repository: nothing is
fetched.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lychee_app.demo.words import colours, words
from lychee_app.evaluate.pairs import CELL_SIZE, COLUMNS, PAIRS_FILE, SUITE_FOLDER
from recipe.drawing import tinted
from recipe.pack import Art
from recipe.specimens import load_specimens

_SEED = 20
_PAIRS = 24
_WALLS = ("#e9dcc3", "#d8e2dc", "#f3d9c4", "#c9d6df", "#efe6dd", "#e4d5e8", "#f7ede2", "#cfd8c8")
_FLOORS = ("#a47551", "#8d6b4f", "#7f8f8a", "#b08968", "#6b705c", "#9c8f80")
_COUNTERS = {
    "dog": "只", "cat": "只", "horse": "匹", "cow": "头", "elephant": "头", "rabbit": "只", "owl": "只",
    "turtle": "只", "butterfly": "只", "apple": "个", "banana": "根", "strawberry": "颗", "pineapple": "个",
    "carrot": "根", "cake": "块", "teapot": "把", "car": "辆", "bus": "辆", "airplane": "架", "rocket": "枚",
    "sailboat": "艘", "house": "栋", "tent": "顶", "chair": "把", "candle": "支", "key": "把",
    "alarm clock": "个", "laptop": "台", "camera": "台", "hammer": "把", "umbrella": "把", "guitar": "把",
    "drum": "面", "balloon": "个", "gift": "份", "crown": "顶",
}  # fmt: skip
"""What the scenes are made of, with the word that counts it in Chinese."""
_PLURALS = {"butterfly": "butterflies", "strawberry": "strawberries", "bus": "buses"}
_NUMBERS = {2: ("two", "两"), 3: ("three", "三"), 4: ("four", "四"), 5: ("five", "五")}
_OTHER_COLOURS = {
    "red": ("crimson", "大红"), "yellow": ("golden", "金色"), "green": ("emerald", "翠绿"),
    "blue": ("navy", "天蓝"), "purple": ("violet", "深紫"), "black": ("jet black", "漆黑"),
}  # fmt: skip
"""Another word for it in either language: what a translator may choose."""
_OTHER_NAMES = {
    "cat": ("kitty", "猫咪"), "dog": ("puppy", "狗狗"), "turtle": ("tortoise", "龟"),
    "rabbit": ("bunny", "兔"), "car": ("automobile", "轿车"), "airplane": ("plane", "飞机"),
    "gift": ("present", "礼品"), "laptop": ("notebook computer", "手提电脑"),
    "elephant": ("elephant", "象"), "bus": ("bus", "巴士"), "house": ("house", "房屋"),
    "camera": ("camera", "照相机"), "hammer": ("hammer", "铁锤"), "crown": ("crown", "王冠"),
    "umbrella": ("umbrella", "伞"), "cow": ("cow", "牛"),
}  # fmt: skip


@dataclass(frozen=True)
class Thing:
    """`tint` -1: as it is. x, y are shares of the cell's width and height, size of its height."""

    name: str
    x: float
    y: float
    size: float
    tint: int = -1
    style: int = 0
    text: str = ""
    """Where this is not "", a card that says so, and no thing."""


@dataclass(frozen=True)
class Pair:
    en: str
    zh: str
    match: tuple[Thing, ...]
    mismatch: tuple[Thing, ...]
    also: tuple[str, ...] = ()
    """The same query mixed, and translated from the Chinese and from the English."""


class Drawer:
    """Makes pairs of one kind after the other, from one seed."""

    def __init__(self, art: Art, seed: int) -> None:
        self._art, self._random = art, np.random.default_rng(seed)
        self._number = {entry["en"]: number for number, entry in enumerate(words())}
        self._zh = {entry["en"]: str(entry["zh"]) for entry in words()}
        self._tints = [(entry["en"], entry["zh"]) for entry in colours()]

    def kinds(self) -> dict[str, list[Pair]]:
        makers: dict[str, Callable[[Sequence[str], int], Pair]] = {
            "thing": self._thing,
            "colour": self._colour,
            "binding": self._binding,
            "small": self._small,
            "counting": self._counting,
            "left_right": self._left_right,
            "negation": self._negation,
            "text": self._text,
        }
        return {kind: self._pairs(maker) for kind, maker in makers.items()}

    def _pairs(self, make: Callable[[Sequence[str], int], Pair]) -> list[Pair]:
        """No thing is asked for twice within a kind."""
        first = self._random.permutation(list(_COUNTERS))[:_PAIRS]
        pairs = []
        for at, name in enumerate(first):
            others = self._random.permutation([one for one in _COUNTERS if one != name])[:4]
            pairs.append(make([str(name), *map(str, others)], at))
        return pairs

    def _things(self, *names: str, size: float = 0.5) -> tuple[Thing, ...]:
        """Side by side, at random heights."""
        places = np.linspace(0, 1, 2 * len(names) + 1)[1::2]
        return tuple(
            Thing(
                name,
                float(place),
                float(self._random.uniform(0.42, 0.66)),
                size if len(names) < 3 else 0.4,
                style=int(self._random.integers(3)),
            )
            for name, place in zip(names, places, strict=True)
        )

    def _thing(self, names: Sequence[str], at: int) -> Pair:
        scene = self._things(*names[:2]) if at % 2 else self._things(*names[1::-1])
        other = self._swapped(scene, names[0], names[2])
        return Pair(names[0], self._zh[names[0]], scene, other)

    def _colour(self, names: Sequence[str], at: int) -> Pair:
        right, wrong = self._two_tints()
        scene = self._things(*names[:2])
        match = tuple(replace(one, tint=right) if one.name == names[0] else one for one in scene)
        mismatch = tuple(replace(one, tint=wrong) if one.name == names[0] else one for one in scene)
        (colour, colour_zh), name, name_zh = self._tints[right], names[0], self._zh[names[0]]
        (en, zh), (name_en, other_zh) = _OTHER_COLOURS[colour], _OTHER_NAMES.get(name, (name, name_zh))
        also = (f"{colour_zh}的 {name}", f"{en} {name_en}", f"{zh}的{other_zh}")
        return Pair(f"{colour} {name}", f"{colour_zh}的{name_zh}", match, mismatch, also)

    def _binding(self, names: Sequence[str], at: int) -> Pair:
        tints = self._two_tints()
        one, two = self._things(*names[:2])
        match = (replace(one, tint=tints[0]), replace(two, tint=tints[1]))
        mismatch = (replace(one, tint=tints[1]), replace(two, tint=tints[0]))
        (en, zh), (en_2, zh_2) = (self._tints[tint] for tint in tints)
        query = f"{en} {names[0]} and {en_2} {names[1]}"
        return Pair(query, f"{zh}的{self._zh[names[0]]}和{zh_2}的{self._zh[names[1]]}", match, mismatch)

    def _small(self, names: Sequence[str], at: int) -> Pair:
        large = self._things(*names[1:3], size=0.46)
        x, y = self._random.uniform(0.08, 0.92), self._random.uniform(0.07, 0.14)
        small = Thing(names[0], float(x), float(y), 0.11, style=int(self._random.integers(3)))
        return Pair(names[0], self._zh[names[0]], (*large, small), (*large, replace(small, name=names[3])))

    def _counting(self, names: Sequence[str], at: int) -> Pair:
        count, name = 2 + at % 4, names[0]
        more = count + (1 if at % 8 < 4 else -1)
        spots = self._random.permutation([(x, y) for x in (0.18, 0.5, 0.82) for y in (0.3, 0.72)])
        style = int(self._random.integers(3))
        things = tuple(Thing(name, float(x), float(y), 0.36, style=style) for x, y in spots)
        number, number_zh = _NUMBERS[count]
        many = _PLURALS.get(name, name + "s")
        zh = f"{number_zh}{_COUNTERS[name]}{self._zh[name]}"
        return Pair(f"{number} {many}", zh, things[:count], things[:more])

    def _left_right(self, names: Sequence[str], at: int) -> Pair:
        left, right = self._things(*names[:2])
        mismatch = (
            replace(left, name=right.name, style=right.style),
            replace(right, name=left.name, style=left.style),
        )
        side, side_zh = (("left", "左边"), ("right", "右边"))[at % 2]
        asked, beside = names[:2] if at % 2 == 0 else (names[1], names[0])
        query = f"{_a(asked)} to the {side} of {_a(beside)}"
        return Pair(query, f"{self._zh[asked]}在{self._zh[beside]}的{side_zh}", (left, right), mismatch)

    def _negation(self, names: Sequence[str], at: int) -> Pair:
        with_it = self._things(*names[:2])
        without = self._swapped(with_it, names[0], names[2])
        query = f"{_a(names[1])} without {_a(names[0])}"
        return Pair(query, f"{self._zh[names[1]]}，没有{self._zh[names[0]]}", without, with_it)

    def _text(self, names: Sequence[str], at: int) -> Pair:
        bystander = replace(self._things(names[2])[0], x=0.28, y=0.66, size=0.4)
        card = Thing(names[0], 0.55, 0.26, 0.7, text=names[0].upper())
        other = replace(card, name=names[1], text=names[1].upper())
        query = f'a sign that says "{names[0]}"'
        return Pair(query, f"写着“{names[0]}”的牌子", (bystander, card), (bystander, other))

    def _swapped(self, scene: Sequence[Thing], name: str, by: str) -> tuple[Thing, ...]:
        return tuple(replace(one, name=by) if one.name == name else one for one in scene)

    def _two_tints(self) -> tuple[int, int]:
        first, second = self._random.permutation(len(self._tints))[:2]
        return int(first), int(second)

    def drawn(self, pair: Pair) -> tuple[Image.Image, Image.Image]:
        random = self._random
        wall, floor, horizon = (
            str(random.choice(_WALLS)),
            str(random.choice(_FLOORS)),
            random.uniform(0.55, 0.75),
        )
        ground = Image.new("RGB", CELL_SIZE, wall)
        width, height = CELL_SIZE
        ImageDraw.Draw(ground).rectangle((0, round(horizon * height), width, height), fill=floor)
        return self._scene(ground.copy(), pair.match), self._scene(ground, pair.mismatch)

    def _scene(self, image: Image.Image, things: Sequence[Thing]) -> Image.Image:
        for thing in things:
            if thing.text:
                _card(image, thing)
            else:
                self._place(image, thing)
        return image

    def _place(self, image: Image.Image, thing: Thing) -> None:
        number = self._number[thing.name]
        sprite, shades = self._art.sprites[thing.style, number], self._art.shades[thing.style, number]
        rgba = tinted(sprite, shades, thing.tint)
        picture = Image.frombuffer("RGBa", rgba.shape[1::-1], rgba.tobytes(), "raw", "RGBa", 0, 1)
        side = round(thing.size * CELL_SIZE[1])
        picture = picture.resize((side, side), Image.Resampling.BICUBIC).convert("RGBA")
        corner = (round(thing.x * CELL_SIZE[0] - side / 2), round(thing.y * CELL_SIZE[1] - side / 2))
        image.paste(picture, corner, picture)


def _card(image: Image.Image, thing: Thing) -> None:
    pen, width = ImageDraw.Draw(image), thing.size * CELL_SIZE[0]
    x, y = thing.x * CELL_SIZE[0], thing.y * CELL_SIZE[1]
    pen.rectangle(
        (x - width / 2, y - width / 7, x + width / 2, y + width / 7),
        fill="#fbf6ea",
        outline="#6b4f3a",
        width=4,
    )
    size = min(width / 5, 1.5 * width / len(thing.text))
    pen.text((x, y), thing.text, fill="#222", font=ImageFont.load_default(size), anchor="mm")


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def build(folder: Path = SUITE_FOLDER, seed: int = _SEED) -> None:
    """Writes a sheet for each kind, and pairs.json."""
    drawer = Drawer(load_specimens("trained"), seed)
    kinds = drawer.kinds()
    folder.mkdir(parents=True, exist_ok=True)
    for kind, pairs in kinds.items():
        rows = -(-len(pairs) * 2 // COLUMNS)
        sheet = Image.new("RGB", (COLUMNS * CELL_SIZE[0], rows * CELL_SIZE[1]))
        cells = [cell for pair in pairs for cell in drawer.drawn(pair)]
        for at, cell in enumerate(cells):
            sheet.paste(cell, (at % COLUMNS * CELL_SIZE[0], at // COLUMNS * CELL_SIZE[1]))
        sheet.save(folder / f"{kind}.webp", quality=78, method=6)
    told = {kind: [_told(pair) for pair in pairs] for kind, pairs in kinds.items()}
    lines = {
        kind: ",\n".join(json.dumps(one, ensure_ascii=False) for one in some) for kind, some in told.items()
    }
    text = ",\n".join(f'"{kind}": [\n{some}\n]' for kind, some in lines.items())
    (folder / PAIRS_FILE).write_text(f"{{{text}}}\n", encoding="utf-8")


def _told(pair: Pair) -> dict[str, Any]:
    """Without places: the queries, and the names of what each scene shows."""
    shown = {
        side: [one["name"] for one in asdict(pair)[side] if not one["text"]] for side in ("match", "mismatch")
    }
    queries = {"en": pair.en, "zh": pair.zh} | ({"also": list(pair.also)} if pair.also else {})
    return queries | shown


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m recipe.build_suite", description=__doc__)
    parser.add_argument("--folder", type=Path, default=SUITE_FOLDER)
    build(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    main()
