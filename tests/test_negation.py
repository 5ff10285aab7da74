"""What a query does not want: `data/negations.json`, hand-made, is the test."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lychee_app.negation import negation

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data/negations.json").read_text(encoding="utf-8")
)
ROWS = [*TABLE["rows"], *TABLE["written after the rules"]]


def test_a_negation_is_told_from_what_only_looks_like_one() -> None:
    missed = {typed: found for typed, *told in ROWS if (found := negation(typed)) != (tuple(told) or None)}
    assert set(missed) == set(TABLE["known misses"]), missed


@given(st.text(max_size=200))
def test_any_text_is_read(typed: str) -> None:
    found = negation(typed)
    assert found is None or found[1]


def test_nothing_unwanted_is_left_in_what_is_kept() -> None:
    for typed, *told in ROWS:
        if told and typed not in TABLE["known misses"]:
            assert negation(told[0]) is None, typed
