"""A run that was deleted while it was open: the page says so, and no click on what is left of it fails."""

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.records import Cutoff
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import html, visit, visit_run
from tests.support.rows import row

GONE = "This run is not here; it may have been deleted."
NO_RUN = "This run is not in the history any more"
MARGINS = (3.0, 2.9, -3.0, -3.1)


def opened(settings: Settings, place: str) -> AppTest:
    at = visit_run(settings, [row(index, margin) for index, margin in enumerate(MARGINS)])
    with Store.open(settings.data_folder) as store:
        store.set_cutoff(at.query_params["run"], Cutoff(5.0))
    at.run()
    return at.segmented_control(key="place").set_value(place).run()


def delete(settings: Settings, at: AppTest) -> None:
    """As another program would."""
    with Store.open(settings.data_folder) as store:
        store.delete(at.query_params["run"])


def test_another_tab_says_that_its_run_is_gone(settings: Settings) -> None:
    at = opened(settings, "results")
    other = visit(place="history")
    other.button(key=f"delete-{at.query_params['run']}").click().run()
    at.run()
    assert GONE in html(at)
    assert not at.exception


@pytest.mark.parametrize("place", ["results", "decide"])
def test_a_run_deleted_elsewhere_is_gone_at_the_next_drawing(settings: Settings, place: str) -> None:
    at = opened(settings, place)
    delete(settings, at)
    at.run()
    assert GONE in html(at)
    assert not at.exception


@pytest.mark.parametrize("key", ["suggest", "uncut"])
def test_a_click_on_the_results_of_a_deleted_run_ends_in_a_message(settings: Settings, key: str) -> None:
    at = opened(settings, "results")
    delete(settings, at)
    at.button(key=key).click().run()
    assert not at.exception
    assert GONE in html(at)


@pytest.mark.parametrize("key", ["pick-above", "reject-below"])
def test_deciding_in_bulk_over_a_deleted_run_ends_in_a_message(settings: Settings, key: str) -> None:
    at = opened(settings, "decide")
    delete(settings, at)
    at.button(key=key).click().run()
    assert not at.exception
    assert GONE in html(at)


def test_a_cut_off_for_a_deleted_run_says_what_became_of_it(settings: Settings) -> None:
    at = opened(settings, "results")
    delete(settings, at)
    at.button(key="uncut").click().run()
    assert NO_RUN in html(at)


def test_a_run_that_cannot_be_deleted_stays_where_it_is(settings: Settings) -> None:
    at = opened(settings, "history")
    with Store.open(settings.data_folder) as elsewhere:
        elsewhere.set_status(at.query_params["run"], "running")
        at.button(key=f"delete-{at.query_params['run']}").click().run()
    assert "Another Lychee on this machine is scoring this run" in html(at)
    assert at.query_params["run"]
    at.segmented_control(key="place").set_value("results").run()
    assert GONE not in html(at)
