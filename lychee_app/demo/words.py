"""What the demo checkpoint knows: its objects and colours, in English and Chinese.

Reads the committed `words.json`. Does not know where the words came from; `vocabulary` made the file.
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


@cache
def _content() -> dict[str, list[dict[str, Any]]]:
    return json.loads(WORDS_FILE.read_text(encoding="utf-8"))
