"""What a person means by a query: `data/elements.json`, hand-made, is the test of where it is split."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lychee_app import query
from lychee_app.splitting import MAX_ELEMENTS, elements

TABLE: dict[str, Any] = json.loads((Path(__file__).parent / "data/elements.json").read_text(encoding="utf-8"))
ROWS = [*TABLE["rows"], *TABLE["written after the rules"]]


def test_a_query_splits_into_what_a_person_means() -> None:
    missed = {}
    for typed, *parts in ROWS:
        asked = query.ask(typed)
        found = list(asked.elements or [asked.sent])
        if found != parts:
            missed[typed] = found
    assert set(missed) == set(TABLE["known misses"]), missed


@pytest.mark.parametrize(
    ("sent", "parts"),
    [
        ("sofa, lamp、coffee；book;pen", ("sofa", "lamp", "coffee", "book", "pen")),
        ("猫和狗与鸟", ("猫", "狗", "鸟")),
        ("sofa + + sofa +", ("sofa",)),
        ("black + white", ("black", "white")),
        ("cat\ndog", ("cat", "dog")),
        ("3 cats,200 dogs", ("3 cats", "200 dogs")),
        ("cat,, dog,", ("cat", "dog")),
        ("and", ("and",)),
        ("和", ("和",)),
    ],
)
def test_signs_split_and_empty_parts_are_none(sent: str, parts: tuple[str, ...]) -> None:
    assert elements(sent) == parts


def test_elements_past_the_bound_stay_in_the_last_one() -> None:
    parts = elements(" + ".join(f"w{n}" for n in range(20)))
    assert len(parts) == MAX_ELEMENTS
    assert parts[-1].endswith("w19")


WORDS = [
    "cat",
    "dog",
    "and",
    "with",
    "和",
    "在",
    "的",
    "猫",
    "红色",
    "running",
    "of",
    ",",
    "、",
    "red",
    '"',
    "(",
    "+",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_every_element_stands_in_the_query_as_it_is(words: list[str]) -> None:
    text = " ".join(words)
    for part in elements(text):
        assert part in text
