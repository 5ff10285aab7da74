"""What the charts are sent: scores as they stand everywhere else, a cut-off on either axis."""

import json

from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from tests.rows import row
from tests.ui.test_gallery import opened
from tests.ui.test_page import html

ROUND_DOWN = (7.2477, 7.25)
"""Both are 7.2 to one decimal; by way of two decimals, or half up, they would be 7.3."""


def sent(at: AppTest, name: str) -> dict:
    """The data of one of our components."""
    protos = [element.proto for element in at.get("bidi_component")]
    return next(json.loads(one.json) for one in protos if one.component_name == f"lychee_{name}")


def test_a_score_is_the_same_number_on_the_cards_and_in_the_heat_grid(settings: Settings) -> None:
    at = opened(settings, [row(index, score=score) for index, score in enumerate(ROUND_DOWN)])
    assert [cell["text"] for cell in sent(at, "heatgrid")["rows"]] == ["7.2", "7.2"]
    assert html(at).count("7.2") >= 2
    assert "7.3" not in html(at)


def test_a_score_is_the_same_number_in_the_element_table(settings: Settings) -> None:
    rows = [row(index, score=score, elements=ROUND_DOWN) for index, score in enumerate(ROUND_DOWN)]
    at = opened(settings, rows, elements=("cat", "sill"))
    at.segmented_control(key="overview_kind").set_value("elements").run()
    assert [line["texts"] for line in sent(at, "elements")["rows"]] == [["7.2"] * 3] * 2
