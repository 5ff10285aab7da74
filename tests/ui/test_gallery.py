"""The pages of the gallery: full rows, every image once, and the podium on top of the first."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.records import Scored
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.ui import gallery
from lychee_app.ui.gallery import PAGE_SIZES
from tests.support.page import cards, html, visit_run
from tests.support.rows import failed, row

CSS = Path(gallery.__file__).parent / "assets" / "page.css"


def falling(count: int) -> list[Scored]:
    """Image 0 is the best, 1 the second, and so on."""
    return [row(index, 5.0 - index / 10) for index in range(count)]


def turned(at: AppTest, page: int) -> AppTest:
    at.session_state["page"] = page
    return at.run()


@pytest.mark.parametrize("size", PAGE_SIZES)
def test_a_page_fills_its_rows_whatever_columns_the_grid_has(size: int) -> None:
    columns = {int(number) for number in re.findall(r"--ly-columns: (\d+);", CSS.read_text("utf-8"))}
    assert len(columns) > 1
    assert [number for number in columns if size % number] == []


def test_the_podium_comes_on_top_of_the_first_page_and_every_image_once(settings: Settings) -> None:
    at = visit_run(settings, falling(30))
    assert cards(at) == list(range(15))
    assert "1–15 of 30" in html(at)
    assert cards(turned(at, 2)) == list(range(15, 27))
    assert "16–27 of 30" in html(at)
    assert cards(turned(at, 3)) == [27, 28, 29]
    assert "28–30 of 30" in html(at)
    assert cards(turned(at, 9)) == [27, 28, 29]


def test_in_another_order_there_is_no_podium(settings: Settings) -> None:
    at = visit_run(settings, falling(30))
    at.selectbox(key="sort-en").set_value("upload").run()
    assert cards(at) == list(range(12))
    assert cards(turned(at, 2)) == list(range(12, 24))


def test_by_name_means_as_people_count(settings: Settings) -> None:
    at = visit_run(settings, [row(n, name=name) for n, name in enumerate(("b10.png", "B2.png", "a/9.png"))])
    at.selectbox(key="sort-en").set_value("name").run()
    assert cards(at) == [2, 1, 0]


def test_what_has_no_score_is_never_set_off(settings: Settings) -> None:
    at = visit_run(settings, [failed(index) for index in range(14)])
    assert cards(at) == list(range(12))
    assert "1–12 of 14" in html(at)


def test_a_filter_that_leaves_the_best_out_leaves_no_podium(settings: Settings) -> None:
    at = visit_run(settings, [*falling(2), *(failed(index) for index in range(2, 16))])
    assert cards(at) == list(range(14))
    at.segmented_control(key="shown").set_value("unscored").run()
    assert cards(at) == list(range(2, 14))
    assert "1–12 of 14" in html(at)


def test_a_page_of_another_size_starts_at_the_first(settings: Settings) -> None:
    at = turned(visit_run(settings, falling(40)), 2)
    at.selectbox(key="page_size-en").set_value(24).run()
    assert cards(at) == list(range(27))
    assert "1–27 of 40" in html(at)


def test_taking_the_last_decision_back_leaves_all_undecided(settings: Settings) -> None:
    at = visit_run(settings, falling(3))
    at.button(key="pick-0").click().run()
    at.segmented_control(key="shown").set_value("undecided").run()
    assert cards(at) == [1, 2]
    with Store.open(settings.data_folder) as store:
        store.undo(at.query_params["run"])
    at.run()
    assert cards(at) == [0, 1, 2]
    assert "No image fits" not in html(at)


def test_undecided_is_offered_once_something_is_decided(settings: Settings) -> None:
    at = visit_run(settings, falling(3))
    assert at.segmented_control(key="shown").options == ["All 3"]
    at.button(key="pick-0").click().run()
    assert at.segmented_control(key="shown").options == ["All 3", "Picks 1", "Undecided 2"]
