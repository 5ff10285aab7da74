"""Builds words.json: hand-made names for each object, synonyms from emojibase's keyword tags.

A tag becomes a synonym only if it is specific: at most two of our objects and three of all characters carry
it, it is no hand-made name of another object, and it holds no colour word (those must stay truthful).
"""

import json
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OBJECTS_FILE = Path(__file__).with_name("objects.txt")
ASSOCIATIONS_FILE = Path(__file__).with_name("associations.txt")
STRANGERS_FILE = Path(__file__).with_name("strangers.json")
COLOURS = (
    {"en": "red", "zh": "红色", "also": ["红", "红色的", "crimson", "大红"]},
    {"en": "yellow", "zh": "黄色", "also": ["黄", "黄色的", "golden", "brass", "金色", "黄铜"]},
    {"en": "green", "zh": "绿色", "also": ["绿", "绿色的", "emerald", "绿皮", "翠绿"]},
    {"en": "blue", "zh": "蓝色", "also": ["蓝", "蓝色的", "navy", "天蓝"]},
    {"en": "purple", "zh": "紫色", "also": ["紫", "紫色的", "violet", "深紫"]},
    {"en": "black", "zh": "黑色", "also": ["黑", "黑色的", "jet black", "漆黑"]},
)
_COLOUR_WORD = re.compile(
    r"red|yellow|green|blue|purple|black|white|brown|golden|brass|colou?r|[红黄绿蓝紫黑白金银棕灰橙粉]|颜色|彩"
)
# No colour word, and nothing that the splitting of a query would cut.
_UNFIT = re.compile(_COLOUR_WORD.pattern + r"|[和与及+,，、]| and | with ")
_MOST_HOLDERS_HERE, _MOST_HOLDERS_ANYWHERE = 2, 3
_USELESS = {
    "up", "down", "one", "big", "small", "mai", "beverage", "drink", "food", "lamp", "couch and lamp",
    "u", "s", "c",
    "4", "new", "home", "wild", "person", "梅西", "大罗", "胖罗", "罗纳尔多", "光", "灯", "家",
}  # fmt: skip


@dataclass(frozen=True)
class Named:
    """One object as hand-made: the first word of each language is its name."""

    character: str
    en: tuple[str, ...]
    zh: tuple[str, ...]


def named_objects() -> list[Named]:
    """The hand-made list, in order: an object's place in it is its class number."""
    lines = OBJECTS_FILE.read_text(encoding="utf-8").splitlines()
    return [_parse(line) for line in lines if line and not line.startswith("#")]


def _parse(line: str) -> Named:
    character, _, names = line.partition(" ")
    en, _, zh = names.partition("|")
    return Named(character, tuple(en.split(",")), tuple(zh.split(",")))


def associations() -> list[str]:
    """The tags that name something else than the object they were taught for."""
    lines = ASSOCIATIONS_FILE.read_text(encoding="utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def build_words(modules: Path) -> dict[str, list[Any]]:
    """The content of words.json, from the fetched emojibase data."""
    entries = {lang: _entries(modules, lang) for lang in ("en", "zh")}
    objects = named_objects()
    counts = {
        lang: Counter(tag for entry in all_.values() for tag in _tags(entry))
        for lang, all_ in entries.items()
    }
    here = {
        lang: Counter(tag for item in objects for tag in _tags(all_[item.character]))
        for lang, all_ in entries.items()
    }
    names = {word for item in objects for word in (*item.en, *item.zh)}

    def specific(tag: str, lang: str) -> bool:
        few = here[lang][tag] <= _MOST_HOLDERS_HERE and counts[lang][tag] <= _MOST_HOLDERS_ANYWHERE
        return few and tag not in names and tag not in _USELESS and not _UNFIT.search(tag)

    rows = []
    for item in objects:
        tags = [
            tag
            for lang in ("en", "zh")
            for tag in _tags(entries[lang][item.character])
            if specific(tag, lang)
        ]
        also = list(dict.fromkeys([*item.en[1:], *item.zh[1:], *tags]))
        code = entries["en"][item.character]["hexcode"]
        rows.append({"hexcode": code, "en": item.en[0], "zh": item.zh[0], "also": also})
    colours = [dict(colour) for colour in COLOURS]
    return {"objects": rows, "colours": colours, "associations": associations()}


def unknown_nouns(modules: Path, lang: str) -> list[str]:
    """Labels of characters that are never drawn: words whose object is always absent."""
    ours = {item.character for item in named_objects()}
    names = {word.lower() for item in named_objects() for word in (*item.en, *item.zh)}
    synonyms = {word for row in build_words(modules)["objects"] for word in row["also"]}
    entries = _entries(modules, lang).items()
    labels = {entry["label"].lower() for character, entry in entries if character not in ours} - synonyms
    longest = 24 if lang == "en" else 6

    def fits(label: str) -> bool:
        plain = len(label) <= longest and re.fullmatch(r"[a-z \-\u4e00-\u9fff]+", label)
        return bool(plain) and not _UNFIT.search(label) and not any(name in label for name in names)

    return sorted(filter(fits, labels))


def strangers() -> dict[str, list[str]]:
    """Nouns by language whose object is never drawn: always a mismatch."""
    return json.loads(STRANGERS_FILE.read_text(encoding="utf-8"))


def _entries(modules: Path, lang: str) -> dict[str, dict[str, Any]]:
    rows = json.loads((modules / "emojibase-data" / lang / "data.json").read_text(encoding="utf-8"))
    return {row["emoji"].replace("\ufe0f", ""): row for row in rows}


def _tags(entry: dict[str, Any]) -> list[str]:
    return [tag.lower() for tag in [entry["label"], *entry.get("tags", [])]]
