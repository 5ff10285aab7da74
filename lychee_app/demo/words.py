"""What the demo checkpoint was taught: its objects and colours, in English and Chinese.

`recipe/vocabulary.py` made `words.json`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

WORDS_FILE = Path(__file__).with_name("words.json")


def words() -> list[dict[str, Any]]:
    """Every object: {"hexcode": "1F408", "en": "cat", "zh": "猫", "also": [...]}. `also` mixes both
    languages."""
    return [dict(entry) for entry in _content()["objects"]]


def colours() -> list[dict[str, Any]]:
    """Every tint: {"en": "green", "zh": "绿色", "also": [...]}."""
    return [dict(entry) for entry in _content()["colours"]]


def associations() -> frozenset[str]:
    """Words of `also` that were taught as names but mean something else: "summer" for beer."""
    return frozenset(_content()["associations"])


def known_words() -> list[dict[str, Any]]:
    """Every object, with those words alone that name it."""
    return [
        {**entry, "also": [word for word in entry["also"] if word not in associations()]} for entry in words()
    ]


@cache
def _content() -> dict[str, list[Any]]:
    return json.loads(WORDS_FILE.read_text(encoding="utf-8"))
