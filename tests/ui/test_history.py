"""What is done with a run in the history while it goes on."""

from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.ui import test_page
from tests.ui.test_page import files, finished, html, upload

page, store = test_page.page, test_page.store


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
