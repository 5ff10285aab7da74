"""Fresh scenes with queries and the truth about them, for measuring a checkpoint. Drawn from the art pack.

Knows scenes and truth. Does not know models: an examinee is any Scorer. Scenes are drawn at twice the size
the model sees and brought down as the intake would.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lychee_app.records import Candidate
from recipe.batches import seen_in
from recipe.drawing import Painter
from recipe.pack import Art, Glyphs
from recipe.phrases import Element, Phrases, Seen
from recipe.scenes import TOKEN_PX, Look, Scenes, random_grid, random_scenes


@dataclass(frozen=True)
class Sheet:
    """One scene and what is asked about it."""

    candidate: Candidate
    queries: tuple[str, ...]
    truths: tuple[float, ...]


@dataclass(frozen=True)
class Wording:
    """One meaning said in Chinese, in English and mixed."""

    candidate: Candidate
    zh: str
    en: str
    mixed: str


class Examiner:
    """Sets exams from one seed. The seed of training is another, and so are the scenes."""

    def __init__(self, art: Art, glyphs: Glyphs, phrases: Phrases, seed: int) -> None:
        self._look = Look(art.present, art.natural, art.shades, glyphs.objects, glyphs.widths)
        self._painter = Painter(art, glyphs)
        self._phrases = phrases
        self._random = np.random.default_rng(seed)

    def mixed_scenes(self, count: int, queries: int = 4) -> list[Sheet]:
        """Random scenes, each with random queries of 1 to 5 elements."""
        sheets = []
        for _ in range(count):
            scenes = self._scenes(1)
            seen = seen_in(scenes, 0, self._look)
            asked = [self._phrases.query(self._random, seen) for _ in range(queries)]
            truths = tuple(_mean(elements) for _, elements in asked)
            sheets.append(Sheet(self._candidate(scenes, 0), tuple(query for query, _ in asked), truths))
        return sheets

    def gallery(self, count: int = 32) -> list[Sheet]:
        """One query of three coloured elements over scenes that show all, some or none of them."""
        random, (wanted, tints) = self._random, self._wish()
        languages = [str(lang) for lang in random.choice(["zh", "en"], 3)]
        asked: list[Element] = []
        for number, tint, lang in zip(wanted, tints, languages, strict=True):
            element = self._phrases.element(random, _NOTHING, int(number), lang, int(tint))
            assert element is not None  # of what is absent the truth is decided
            asked.append(element)
        query = " + ".join(element.text for element in asked)
        return [self._shelf(query, wanted, tints) for _ in range(count)]

    def written(self, count: int) -> list[Sheet]:
        """Scenes of words alone, asked for the objects that are written there."""
        sheets = []
        while len(sheets) < count:
            scenes = self._scenes(16)
            for index in range(16):
                seen = seen_in(scenes, index, self._look)
                if seen.written and not seen.objects and len(sheets) < count:
                    names = [
                        self._phrases.name(number, "en" if n % 2 else "zh")
                        for n, number in enumerate(seen.written)
                    ]
                    names = list(dict.fromkeys(names))
                    queries = (names[0], " + ".join(names[:3]))
                    sheets.append(Sheet(self._candidate(scenes, index), queries, (0.0, 0.0)))
        return sheets

    def picture(self) -> Image.Image:
        """A random scene at twice the size that the model sees."""
        return self._painter.picture(self._scenes(1), 0, finer=2)

    def wordings(self, count: int, per_query: int = 4) -> list[list[Wording]]:
        """Per query: scenes that show some of it, and its three wordings."""
        return [self._wording(per_query) for _ in range(count)]

    def likenesses(self, subjects: int, count: int = 32) -> tuple[Candidate, list[tuple[Candidate, float]]]:
        """An example that shows so many things and no others; and scenes with the share of those that each
        shows, drawn otherwise, at other places and among other things. Two thirds show none."""
        random, drawable = self._random, np.flatnonzero(self._look.present.any(axis=0))
        wanted, tints = random.choice(drawable, subjects, replace=False), random.integers(-1, 6, subjects)
        example = self._with(self._of_size(subjects, wanted), wanted, tints)
        scenes = []
        for number in range(count):
            shown = int(random.integers(1, subjects + 1)) if number < count // 3 else 0
            some = random.permutation(subjects)[:shown]
            scene = self._with(self._roomy(wanted), wanted[some], tints[some])
            scenes.append((self._candidate(scene, 0), shown / subjects))
        return self._candidate(example, 0), scenes

    def sorting(self, names: int, count: int = 60) -> tuple[list[str], list[tuple[Candidate, int]]]:
        """So many queries of a coloured thing each, and scenes that show what one of them asks for among
        other things, with its number; a third show nothing that is asked for: -1."""
        random, drawable = self._random, np.flatnonzero(self._look.present.any(axis=0))
        wanted, tints = random.choice(drawable, names, replace=False), random.integers(-1, 6, names)
        queries = [
            self._phrases.name(int(number), str(random.choice(["zh", "en"])), int(tint))
            for number, tint in zip(wanted, tints, strict=True)
        ]
        scenes = []
        for number in range(count):
            at = int(random.integers(names)) if number % 3 else -1
            some = [at] if at >= 0 else []
            scene = self._with(self._roomy(wanted), wanted[some], tints[some])
            scenes.append((self._candidate(scene, 0), at))
        return queries, scenes

    def _of_size(self, count: int, unwanted: NDArray[np.int64]) -> Scenes:
        """A scene of so many objects, none of them unwanted."""
        while True:
            scenes = self._scenes(1)
            if (scenes.objects >= 0).sum() == count and not np.isin(scenes.objects, unwanted).any():
                return scenes

    def _with(self, scenes: Scenes, wanted: NDArray[np.int64], tints: NDArray[np.int64]) -> Scenes:
        """Its first objects replaced by these, each in a style at random."""
        objects, worn, styles = scenes.objects.copy(), scenes.tints.copy(), scenes.styles.copy()
        for slot, number, tint in zip(np.flatnonzero(objects[0] >= 0), wanted, tints, strict=False):
            objects[0, slot], worn[0, slot] = number, tint
            styles[0, slot] = self._random.choice(np.flatnonzero(self._look.present[:, number]))
        shades = self._look.shades[styles, np.maximum(objects, 0)]
        return replace(scenes, objects=objects, tints=worn, styles=styles, shades=shades)

    def _wording(self, scenes: int) -> list[Wording]:
        wanted, tints = self._wish()
        pairs = [(int(number), int(tint)) for number, tint in zip(wanted, tints, strict=True)]

        def said(*languages: str) -> str:
            parts = zip(pairs, languages, strict=True)
            return " + ".join(self._phrases.name(number, lang, tint) for (number, tint), lang in parts)

        shelves = [self._shelf("", wanted, tints) for _ in range(scenes)]
        zh, en, mixed = said("zh", "zh", "zh"), said("en", "en", "en"), said("en", "zh", "en")
        return [Wording(one.candidate, zh, en, mixed) for one in shelves]

    def _wish(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Three objects that can be drawn, and a tint each."""
        drawable = np.flatnonzero(self._look.present.any(axis=0))
        return self._random.choice(drawable, 3, replace=False), self._random.integers(0, 6, 3)

    def _shelf(self, query: str, wanted: NDArray[np.int64], tints: NDArray[np.int64]) -> Sheet:
        """A scene with a random part of the wanted objects, some in another colour."""
        scenes = self._roomy(wanted)
        objects, worn, styles = scenes.objects.copy(), scenes.tints.copy(), scenes.styles.copy()
        slots, truths = np.flatnonzero(objects[0] >= 0), np.zeros(3)
        for at in self._random.permutation(3)[: self._random.integers(0, 4)]:
            slot, near = slots[at], self._random.random() < 0.2
            objects[0, slot] = wanted[at]
            worn[0, slot] = (tints[at] + 1 + self._random.integers(5)) % 6 if near else tints[at]
            styles[0, slot] = self._random.choice(np.flatnonzero(self._look.present[:, wanted[at]]))
            truths[at] = 0.5 if near else 1.0
        shades = self._look.shades[styles, np.maximum(objects, 0)]
        scenes = replace(scenes, objects=objects, tints=worn, styles=styles, shades=shades)
        return Sheet(self._candidate(scenes, 0), (query,), (float(truths.mean()),))

    def _roomy(self, unwanted: NDArray[np.int64]) -> Scenes:
        """A scene of three objects or more, none of them unwanted."""
        while True:
            scenes = self._scenes(1)
            if (scenes.objects >= 0).sum() >= 3 and not np.isin(scenes.objects, unwanted).any():
                return scenes

    def _scenes(self, count: int) -> Scenes:
        return random_scenes(self._random, count, random_grid(self._random), self._look)

    def _candidate(self, scenes: Scenes, index: int) -> Candidate:
        rows, columns = scenes.grid
        size = (columns * TOKEN_PX, rows * TOKEN_PX)
        image = self._painter.picture(scenes, index, finer=2)
        small = image.resize(size, Image.Resampling.BICUBIC)
        return Candidate(0, "scene", "", small, image.width, image.height)


_NOTHING = Seen((), (), (), ())


def _mean(elements: tuple[Element, ...]) -> float:
    return sum(element.value for element in elements) / len(elements)
