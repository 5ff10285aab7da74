"""What is done with runs in the history, and what tells two of them apart."""

import re
import sqlite3

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.locale import Words
from lychee_app.ranking import ranked
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.store.store import FILE_NAME
from tests.support.page import files, finished, html, rank, sent, upload, visit


def test_a_run_that_is_named_while_it_goes_on_is_called_so(
    page: AppTest, store: Store, settings: Settings
) -> None:
    hold = settings.data_folder / "hold"
    hold.touch()
    upload(page, *files("red", "blue"))
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    run_id = page.query_params["run"]
    page.segmented_control(key="place").set_value("history").run()
    page.text_input(key=f"title-{run_id}").set_value("Reds")
    page.button(key=f"save-{run_id}").click().run()
    page.segmented_control(key="place").set_value("results").run()
    assert store.load(run_id).status == "running"
    assert '<h1 class="ly-query">Reds</h1>' in html(page)
    hold.unlink()
    at, run = finished(page, store)
    assert run.title == "Reds"
    assert '<h1 class="ly-query">Reds</h1>' in html(at)


def test_opening_an_earlier_run_offers_nothing_twice_and_brings_its_question(
    page: AppTest, store: Store
) -> None:
    upload(page, *files("red", "blue", "green", "red"))
    page.text_area(key="query").set_value("red + blue").run()
    page.text_area(key="instruction").set_value("Find what fits.").run()
    page.button(key="rank").click().run()
    at, first = finished(page, store)
    at.text_area(key="query").set_value("green").run()
    at.text_area(key="instruction").set_value("Find something else.").run()
    at.number_input(key="tokens").set_value(20).run()
    at.button(key="rank").click().run()
    at, second = finished(at, store)
    assert (second.total, second.token_budget) == (4, 20)
    at.segmented_control(key="place").set_value("history").run()
    at.button(key=f"open-{first.id}").click().run()
    assert at.text_area(key="query").value == "red + blue"
    assert at.multiselect[0].value == ["red", "blue"]
    assert at.text_area(key="instruction").value == "Find what fits."
    assert at.number_input(key="tokens").value == 1280
    assert at.button(key="rank").label == "Rank 4 images again"
    assert not at.exception


def test_a_history_that_cannot_be_read_is_told_of_and_the_rest_of_the_page_stands(
    page: AppTest, store: Store, settings: Settings
) -> None:
    upload(page, *files("red"))
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, _ = finished(page, store)
    with sqlite3.connect(settings.data_folder / FILE_NAME) as db:
        db.execute("UPDATE runs SET record = '{' WHERE id != ''")
    at.query_params.pop("run")
    at.segmented_control(key="place").set_value("history").run()
    assert not at.exception
    assert "ly-notice bad" in html(at)
    assert at.button(key="rank").label


def test_two_runs_of_one_query_are_told_apart_in_the_history_and_side_by_side(
    page: AppTest, store: Store
) -> None:
    at, first = rank(page, store, "red")
    at.text_input(key="but_not").set_value("<b>blue").run()
    at.segmented_control(key="mode").set_value("explain").run()
    at.button(key="rank").click().run()
    at, second = finished(at, store)
    at.segmented_control(key="place").set_value("history").run()
    but_not = "red but not <code>&lt;b&gt;blue</code>"
    assert html(at).count(but_not) == 1
    for run in (first, second):
        at.checkbox(key=f"mark:{run.id}").check().run()
    at.button(key="compare").click().run()
    body, words = html(at), Words("en")
    assert body.count(but_not) == 1
    for run, mode in ((first, "Judge"), (second, "Explain")):
        assert f"{words.when(run.created)} · {words.model(run.model)} · {mode}" in body


def test_two_queries_over_the_same_images_are_compared(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    at.text_area(key="query").set_value("blue").run()
    at.button(key="rank").click().run()
    at, second = finished(at, store)
    at.segmented_control(key="place").set_value("history").run()
    for run in (first, second):
        at.checkbox(key=f"mark:{run.id}").check().run()
    at.button(key="compare").click().run()
    assert "4 images in both" in html(at)
    changes = re.findall(r'<td class="n">([^<]*)</td></tr>', html(at))
    assert len(changes) == 4
    assert any(change.startswith("−") for change in changes)
    assert not any(change.startswith("-") for change in changes)
    assert not at.exception


def test_a_comparison_outlasts_a_refresh_and_ends_with_its_address(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    at.text_area(key="query").set_value("blue").run()
    at.button(key="rank").click().run()
    at, second = finished(at, store)
    at.segmented_control(key="place").set_value("history").run()
    for run in (first, second):
        at.checkbox(key=f"mark:{run.id}").check().run()
    at.button(key="compare").click().run()
    again = visit(place="history", address={"compare": at.query_params["compare"]})
    assert "4 images in both" in html(again)
    again.button(key="compare-back").click().run()
    assert "4 images in both" not in html(again)
    assert "compare" not in again.query_params


def test_ticks_are_there_again_after_a_comparison_and_after_a_refresh(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    at.text_area(key="query").set_value("blue").run()
    at.button(key="rank").click().run()
    _, second = finished(at, store)
    at = visit(place="history", address={"marked": f"{first.id}~{second.id}"})
    assert [at.checkbox(key=f"mark:{run.id}").value for run in (first, second)] == [True, True]
    at.button(key="compare").click().run()
    assert "4 images in both" in html(at)
    del at.query_params["compare"]  # the browser's Back
    assert not at.run().button(key="compare").disabled
    at.checkbox(key=f"mark:{first.id}").uncheck().run()
    assert at.button(key="compare").disabled
    assert sent(at, "draft")["marked"] == second.id


@pytest.mark.parametrize("named", ["~", "a~b", "a", "a~b~c", "..~/etc"])
def test_an_address_that_names_no_two_runs_is_no_fault(page: AppTest, named: str) -> None:
    at = visit(place="history", address={"compare": named, "page": "-1"})
    assert not at.exception


def test_ranking_again_keeps_the_picks_and_the_history_counts_them(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    store.decide_all(first.id, {0: "pick", 2: "pick", 3: "reject"})
    at.segmented_control(key="place").set_value("history").run()
    assert "2 picks · 1 reject" in html(at)
    at.button(key=f"again-{first.id}").click().run()
    _, second = finished(at, store)
    assert second.id != first.id
    assert store.decisions(second.id) == {0: "pick", 2: "pick", 3: "reject"}


def test_pictures_of_the_history_have_addresses_that_outlast_the_view(page: AppTest, store: Store) -> None:
    """A browser that comes to one late, when another view is drawn already, still finds it."""
    at, run = rank(page, store, "red", images=files("red", "blue"))
    at.segmented_control(key="place").set_value("history").run()
    shown = re.findall(r'src="(/lychee/thumb/[^"]+)"', html(at))
    assert len(shown) == 2
    for address, place in zip(shown, ranked(run.images), strict=True):
        assert address.startswith(f"/lychee/thumb/{run.id}/{place.scored.upload_index}?v=")
