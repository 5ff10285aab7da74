"""The words of Streamlit that the page puts into its own language: that Streamlit still says them."""

import re
from pathlib import Path

import pytest
import streamlit

from lychee_app.locale import Words

BUNDLES = Path(streamlit.__file__).with_name("static")
HINT = re.compile(r"Press .*Enter to (apply|submit form)")
"""Put together by Streamlit's script."""


@pytest.fixture(scope="module")
def scripts() -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in BUNDLES.rglob("*.js"))


def test_streamlit_says_what_the_page_says_in_its_place(scripts: str) -> None:
    unsaid = []
    for text in Words("en").under("own").values():
        assert isinstance(text, str)
        hint = HINT.fullmatch(text)
        parts = ["Press ", f"`{hint[1]}`"] if hint else text.split("{x}")
        unsaid += [text for part in parts if part not in scripts]
    assert unsaid == []
