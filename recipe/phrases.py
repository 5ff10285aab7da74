"""Queries about a scene in Chinese, English and both, how far the scene meets them, and the words for it.

Truth rules. An element names one object, with or without a colour. Object present: 1; with a colour word: 1
if a tinted one has that tint or an untinted one naturally is of that colour, 0.5 if it is there in another
colour; a colour that cannot be decided for an untinted object is never asked. Object absent, or only written:
0. A query's truth is the mean over its elements.
"""

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from lychee_app.demo.words import colours, words
from lychee_app.query import language
from recipe.vocabulary import strangers

SEPARATORS_ZH = (" + ", "+", "，", "、", "和", " ", "与", ",")
SEPARATORS_EN = (" + ", "+", ", ", " and ", " ", ",", " with ")
ADJECTIVES_EN = ("vintage", "retro", "small", "big", "wooden", "old", "new", "cute", "little", "modern",
                 "lovely", "bright", "large", "simple", "antique", "shiny")  # fmt: skip
ADJECTIVES_ZH = ("复古", "小", "大", "木质", "旧", "新", "可爱的", "现代", "漂亮的", "极简风", "老式", "简约",
                 "明亮的", "小小的", "精致的", "日式")  # fmt: skip
VALUES = (0.0, 1.0, 0.5)
"""What an element can count; its place here is how the helpers of training call it."""
_COUNT_ENDS = (0.36, 0.61, 0.9, 0.97)
"""A query has one element in 36 % of cases, two in 25 %, three in 29 %, four in 7 %, five in 3 %."""
_MIX_ENDS = (0.38, 0.7)
COUNTERS_ZH = ("一个", "一只", "一张", "一杯", "一辆", "一盏", "一把")


@dataclass(frozen=True)
class Element:
    """One part of a query. `value` is how far the scene meets it; `seen_tint` the tint seen instead, or -1;
    `number` the object it names, -1 for one that is never drawn."""

    text: str
    core: str
    noun: str
    tint: int
    value: float
    seen_tint: int = -1
    number: int = -1


@dataclass(frozen=True)
class Seen:
    """What one scene shows: object numbers, tints (-1: as drawn), natural colour verdicts (6,) each; and the
    objects whose names are written there; and the slot of the scene that each object has."""

    objects: tuple[int, ...]
    tints: tuple[int, ...]
    natural: tuple[tuple[float, ...], ...]
    written: tuple[int, ...]
    slots: tuple[int, ...] = ()


class Phrases:
    """Makes elements and queries from the words. Seeded by the generator handed to each call."""

    def __init__(self, content: dict[str, list[dict[str, Any]]], unknown: dict[str, list[str]]) -> None:
        self._objects = content["objects"]
        self._names = [{"en": [o["en"]], "zh": [o["zh"]]} for o in self._objects]
        for name, entry in zip(self._names, self._objects, strict=True):
            for word in entry["also"]:
                name[language(word)].append(word)
        self._colours = [{"en": [c["en"]], "zh": [c["zh"]]} for c in content["colours"]]
        for colour, entry in zip(self._colours, content["colours"], strict=True):
            for word in entry["also"]:
                colour[language(word)].append(word)
        self._unknown = unknown
        self._holders: dict[str, set[int]] = defaultdict(set)
        for number, name in enumerate(self._names):
            for word in (*name["en"], *name["zh"]):
                self._holders[word].add(number)

    @classmethod
    def known(cls) -> "Phrases":
        """From the words the package carries."""
        return cls({"objects": words(), "colours": colours()}, strangers())

    def query(self, random: np.random.Generator, seen: Seen) -> tuple[str, tuple[Element, ...]]:
        """One query about the scene: (text as cleaned, its elements)."""
        count = 1 + bisect_right(_COUNT_ENDS, random.random())
        mode = random.random()
        mix = ("en", "zh", "mixed")[bisect_right(_MIX_ENDS, random.random())]
        hits = list(random.permutation(len(seen.objects)))
        elements: list[Element] = []
        for _ in range(count):
            want = random.random() < (1.0 if mode < 0.33 else 0.0 if mode > 0.8 else 0.6)
            lang = _spoken(random, mix)
            if want and hits:
                elements.append(self._present(random, seen, int(hits.pop()), lang, mode < 0.33))
            else:
                elements.append(self._absent(random, seen, lang))
        elements = list({element.core: element for element in elements}.values())
        return self.join(random, elements), tuple(elements)

    def reworded(
        self, random: np.random.Generator, seen: Seen, elements: tuple[Element, ...]
    ) -> tuple[str, tuple[Element, ...]]:
        """The same elements in other words or another language, each as true as it was."""
        mix = ("en", "zh", "mixed")[int(random.integers(3))]
        said: list[Element] = []
        for element in elements:
            spoken = _spoken(random, mix)
            again = element.number >= 0 and self.element(random, seen, element.number, spoken, element.tint)
            said.append(again if again and again.value == element.value else element)
        if len({element.core for element in said}) < len(elements):  # two synonyms fell together
            said = list(elements)
        return self.join(random, said), tuple(said)

    def join(self, random: np.random.Generator, elements: list[Element]) -> str:
        text = elements[0].text
        zh = language("".join(element.text for element in elements)) == "zh"
        separators = SEPARATORS_ZH if zh else SEPARATORS_EN
        separator = separators[int(random.integers(len(separators)))]
        for index, element in enumerate(elements[1:], start=2):
            last = index == len(elements) and not zh and separator == ", " and random.random() < 0.5
            text += (" and " if last else separator) + element.text
        return text

    def element(
        self, random: np.random.Generator, seen: Seen, number: int, lang: str, tint: int
    ) -> Element | None:
        """The element naming object `number` in colour `tint` (-1: none); None if its truth is undecided."""
        noun = self._word(random, number, lang)
        value, other = self._truth(seen, noun, tint)
        if np.isnan(value):
            return None
        core = noun if tint < 0 else self._coloured(random, noun, tint, lang)
        return Element(_dressed(random, core, lang), core, noun, tint, value, other, number)

    def met(self, element: Element, seen: Seen) -> list[int]:
        """Per object of the scene: 0 not what the element names, 1 what it asks for, 2 in another colour."""
        holders = self._holders.get(element.noun, set()) if element.number >= 0 else set()
        values = [
            (1.0 if element.tint < 0 else _match(tint, natural[element.tint], element.tint))
            if n in holders
            else 0.0
            for n, tint, natural in zip(seen.objects, seen.tints, seen.natural, strict=True)
        ]
        return [VALUES.index(value) if value in VALUES else 0 for value in values]

    def name(self, number: int, lang: str, tint: int = -1) -> str:
        noun = self._names[number][lang][0]
        if tint < 0:
            return noun
        colour = self._colours[tint][lang][0]
        return f"{colour} {noun}" if lang == "en" else f"{colour}的{noun}"

    def colour(self, tint: int, lang: str) -> str:
        return self._colours[tint][lang][0]

    def _present(self, random: np.random.Generator, seen: Seen, at: int, lang: str, full: bool) -> Element:
        number, tint = seen.objects[at], seen.tints[at]
        asked = -1
        if tint >= 0 and random.random() < 0.6:
            asked = tint
        elif tint < 0 and random.random() < 0.2:
            fits = [i for i, verdict in enumerate(seen.natural[at]) if verdict == 1]
            asked = fits[0] if fits else -1
        if not full and random.random() < 0.4:
            asked = int(random.integers(6))
        return self.element(random, seen, number, lang, asked) or self._plain(random, seen, number, lang)

    def _absent(self, random: np.random.Generator, seen: Seen, lang: str) -> Element:
        if random.random() < 0.12:
            return self._stranger(random, lang)
        number = int(random.integers(len(self._names)))
        if seen.written and random.random() < 0.7:
            number = int(random.choice(seen.written))
        tint = -1
        if random.random() < 0.4:
            worn = [tint for tint in seen.tints if tint >= 0]
            tint = int(random.choice(worn)) if worn and random.random() < 0.6 else int(random.integers(6))
        return self.element(random, seen, number, lang, tint) or self._plain(random, seen, number, lang)

    def _plain(self, random: np.random.Generator, seen: Seen, number: int, lang: str) -> Element:
        element = self.element(random, seen, number, lang, -1)
        assert element is not None  # without a colour the truth is always decided
        return element

    def _stranger(self, random: np.random.Generator, lang: str) -> Element:
        nouns = self._unknown[lang]
        noun = nouns[int(random.integers(len(nouns)))]
        tint = int(random.integers(6)) if random.random() < 0.25 else -1
        core = noun if tint < 0 else self._coloured(random, noun, tint, lang)
        return Element(_dressed(random, core, lang), core, noun, tint, 0.0)

    def _truth(self, seen: Seen, noun: str, tint: int) -> tuple[float, int]:
        """(value, another tint that was seen or -1); nan where a natural colour is undecided."""
        holders = self._holders[noun]
        found = [i for i, number in enumerate(seen.objects) if number in holders]
        if not found:
            return 0.0, -1
        if tint < 0:
            return 1.0, -1
        values = [_match(seen.tints[i], seen.natural[i][tint], tint) for i in found]
        if any(value == 1 for value in values):
            return 1.0, -1
        return (np.nan if any(np.isnan(values)) else 0.5), seen.tints[found[0]]

    def _word(self, random: np.random.Generator, number: int, lang: str) -> str:
        names = self._names[number][lang]
        return names[0] if random.random() < 0.5 else names[int(random.integers(len(names)))]

    def _coloured(self, random: np.random.Generator, noun: str, tint: int, lang: str) -> str:
        if random.random() < 0.06:
            colour = self._pick_colour(random, tint, "zh" if lang == "en" else "en")
            return f"{colour} {noun}"
        colour = self._pick_colour(random, tint, lang)
        if lang == "en":
            return f"{colour} {noun}"
        return (
            f"{colour}的{noun}" if random.random() < 0.25 and not colour.endswith("的") else f"{colour}{noun}"
        )

    def _pick_colour(self, random: np.random.Generator, tint: int, lang: str) -> str:
        names = self._colours[tint][lang]
        return names[0] if random.random() < 0.55 else names[int(random.integers(len(names)))]


def _spoken(random: np.random.Generator, mix: str) -> str:
    return ("en" if random.random() < 0.5 else "zh") if mix == "mixed" else mix


def _match(tint: int, natural: float, asked: int) -> float:
    if tint >= 0:
        return 1.0 if tint == asked else 0.5
    return natural


def _dressed(random: np.random.Generator, core: str, lang: str) -> str:
    """The core with an article, a counter or an adjective that changes no truth."""
    dice = random.random()
    if lang == "en":
        if dice < 0.1:
            return f"{ADJECTIVES_EN[int(random.integers(len(ADJECTIVES_EN)))]} {core}"
        if dice < 0.2:
            return ("an " if core[0] in "aeiou" else "a ") + core
        return "the " + core if dice < 0.23 else core
    if dice < 0.1:
        return ADJECTIVES_ZH[int(random.integers(len(ADJECTIVES_ZH)))] + core
    return COUNTERS_ZH[int(random.integers(len(COUNTERS_ZH)))] + core if dice < 0.17 else core


def explanation(phrases: Phrases, query: str, elements: tuple[Element, ...], seen: Seen) -> str:
    """What is seen, what has another colour, what is missing; then `Score: 6.7 / 10`, the mean value times
    ten."""
    lang = language(query)
    yes = [e.core for e in elements if e.value == 1]
    other = [e for e in elements if e.value == 0.5]
    no = [e.core for e in elements if e.value == 0]
    extra = [phrases.name(*pair) for pair in _others(seen, lang)] if not yes and not other else []
    score = 10 * sum(e.value for e in elements) / len(elements)
    tell = _tell_zh if lang == "zh" else _tell_en
    return f"{tell(phrases, yes, other, no, extra)} Score: {score:.1f} / 10"


def _others(seen: Seen, lang: str) -> list[tuple[int, str, int]]:
    return [(seen.objects[i], lang, seen.tints[i]) for i in range(min(2, len(seen.objects)))]


def _tell_en(phrases: Phrases, yes: list[str], other: list[Element], no: list[str], extra: list[str]) -> str:
    parts = [f"I see the {_and(yes)}"] if yes else []
    for e in other:
        is_not = f"not {phrases.colour(e.tint, 'en')}"
        seen = f"{phrases.colour(e.seen_tint, 'en')}, " if e.seen_tint >= 0 else ""
        parts.append(f"the {e.noun} is {seen}{is_not}")
    if no:
        parts.append(f"no {_or(no)}")
    if extra:
        parts.append(f"I see a {' and a '.join(extra)}")
    text = "; ".join(parts)
    return text[0].upper() + text[1:] + "."


def _tell_zh(phrases: Phrases, yes: list[str], other: list[Element], no: list[str], extra: list[str]) -> str:
    parts = ["图中有" + "、".join(yes)] if yes else []
    for e in other:
        is_not = f"不是{phrases.colour(e.tint, 'zh')}"
        seen = f"是{phrases.colour(e.seen_tint, 'zh')}，" if e.seen_tint >= 0 else ""
        parts.append(f"{e.noun}{seen}{is_not}")
    if no:
        parts.append("没有" + "、".join(no))
    if extra:
        parts.append("只有" + "和".join(extra))
    return "，".join(parts) + "。"


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", the ".join(words[:-1]) + " and the " + words[-1]


def _or(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
