"""What the charts are sent: scores as they stand everywhere else, a cut-off on either axis."""

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.testing.v1.element_tree import NumberInput

from lychee_app.records import Cutoff
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import html, sent, visit, visit_run
from tests.support.rows import row

ROUND_DOWN = (7.2477, 7.25)
"""Both are 7.2 to one decimal; by way of two decimals, or half up, they would be 7.3."""


SATURATED = [45.0, 44.0, 43.0, 42.0, 41.0, -40.0]
"""Margins whose scores are all 10.0 or 0.0, so that the page offers the logit axis."""


def test_a_score_is_the_same_number_in_the_heat_grid(settings: Settings) -> None:
    at = visit_run(settings, [row(index, score=score) for index, score in enumerate(ROUND_DOWN)])
    assert [cell["text"] for cell in sent(at, "heatgrid")["rows"]] == ["7.2", "7.2"]
    assert "7.3" not in html(at)


def test_the_heat_grid_knows_what_is_above_the_cut_off(settings: Settings) -> None:
    at = cut_at(settings, [2.0, -2.0, 1.0], Cutoff(5.0), "ranges")
    assert [cell["above"] for cell in sent(at, "heatgrid")["rows"]] == [True, False, True]


def test_charts_are_folded_up_until_somebody_wants_them(settings: Settings) -> None:
    at = visit_run(settings, [row(0, 2.0)])
    assert sent(at, "histogram")
    folded = visit(at.query_params["run"], charts="")
    assert {one.proto.component_name for one in folded.get("bidi_component")} == {
        "lychee_gallery",
        "lychee_adding",
        "lychee_field",
        "lychee_own_words",
        "lychee_draft",
    }


def test_a_score_is_the_same_number_in_the_element_table(settings: Settings) -> None:
    rows = [row(index, score=score, elements=ROUND_DOWN) for index, score in enumerate(ROUND_DOWN)]
    at = visit_run(settings, rows, elements=("cat", "sill"))
    at.segmented_control(key="overview_kind").set_value("elements").run()
    assert [line["texts"] for line in sent(at, "elements")["rows"]] == [["7.2"] * 3] * 2


def cut_at(settings: Settings, margins: list[float], cutoff: Cutoff, bins: str) -> AppTest:
    """A run with that cut-off in force, on the axis of these bins."""
    at = visit_run(settings, [row(index, margin) for index, margin in enumerate(margins)])
    with Store.open(settings.data_folder) as store:
        store.set_cutoff(settings.data_folder.parent.name, cutoff)
    at.query_params["bins"] = bins
    return at.run()


def box(at: AppTest) -> NumberInput:
    return next(one for one in at.number_input if (one.key or "").startswith("cut:"))


def test_a_cut_off_stays_in_view_when_the_axis_changes(settings: Settings) -> None:
    at = cut_at(settings, SATURATED, Cutoff(5.5), "margin")
    assert box(at).value == pytest.approx(0.2007, abs=1e-4)
    assert sent(at, "histogram")["cut"] == pytest.approx(0.2007, abs=1e-4)
    assert not sent(at, "histogram")["unset"]
    assert "5 of 6 are at or above the cut-off" in html(at)


def test_a_cut_off_without_an_exact_place_here_is_told_where_it_is_set(settings: Settings) -> None:
    at = cut_at(settings, SATURATED, Cutoff(42.5, "margin"), "ranges")
    assert box(at).value is None
    assert box(at).placeholder == "logit 42.50"
    assert "3 of 6 are at or above the cut-off · logit 42.50" in html(at)


SPREAD = [4.0, 3.6, 3.4, -0.5, -1.0, -1.5, -2.0]
"""Margins with one gap, which stands out on the scale of scores."""


def test_the_cut_off_that_is_suggested_is_told_in_the_unit_of_the_axis_that_shows(settings: Settings) -> None:
    at = visit_run(settings, [row(index, margin) for index, margin in enumerate(SPREAD)])
    assert at.button(key="suggest").label == "Suggested 6.7 (first 3)"
    assert sent(at, "gallery")["cut"]["text"] == "6.7"
    at.segmented_control(key="bins").set_value("margin").run()
    assert at.button(key="suggest").label == "Suggested logit 0.71 (first 3)"
    assert sent(at, "gallery")["cut"]["text"] == "logit 0.71"
    hinted = sent(at, "histogram")["suggested"]
    at.button(key="suggest").click().run()
    assert box(at).value == hinted == pytest.approx(0.708, abs=1e-3)
    assert sent(at, "gallery")["cut"] == {"above": 3, "text": "logit 0.71", "suggested": False}
    at.segmented_control(key="bins").set_value("ranges").run()
    assert box(at).value == pytest.approx(6.7, abs=0.02)
    assert sent(at, "gallery")["cut"]["text"] == "6.7"


# Calibration


def decided_run(settings: Settings, picks: int) -> AppTest:
    """Twenty images of margins -9.5 to 9.5; from the best down `picks` are picked, the rest are rejected."""
    at = visit_run(settings, [row(index, 9.5 - index) for index in range(20)])
    with Store.open(settings.data_folder) as store:
        decided = {index: "pick" if index < picks else "reject" for index in range(16)}
        store.decide_all(settings.data_folder.parent.name, decided)  # pyright: ignore[reportArgumentType]
    at.query_params["bins"] = "margin"
    return at.run()


def test_after_16_picks_and_rejects_the_cut_off_is_suggested_from_them(settings: Settings) -> None:
    at = decided_run(settings, picks=6)
    button = next(one for one in at.button if one.key == "suggest")
    assert "from your 16 picks and rejects (first 6)" in button.label
    histogram = sent(at, "histogram")
    assert 3.5 < histogram["suggested"] < 4.5
    chances = [chance for _, chance in histogram["curve"]]
    assert chances == sorted(chances)
    assert chances[0] < 0.1
    assert chances[-1] > 0.9
    assert histogram["curve"][0][0] == histogram["edges"][0]
    button.click().run()
    assert "6 of 20 are at or above the cut-off" in html(at)


def test_the_curve_is_drawn_on_the_axis_of_scores_too(settings: Settings) -> None:
    at = decided_run(settings, picks=6)
    at.query_params["bins"] = "even"
    curve = sent(at.run(), "histogram")["curve"]
    assert (curve[0][0], curve[-1][0]) == (0.0, 10.0)
    assert [chance for _, chance in curve] == sorted(chance for _, chance in curve)


def test_with_too_few_decisions_the_page_says_how_many_it_takes(settings: Settings) -> None:
    at = decided_run(settings, picks=14)
    assert "14 picked, 2 rejected: from 16 on, 3 of each kind at least" in html(at)
    assert sent(at, "histogram")["curve"] == []
