"""What tells two runs apart, in the history and side by side."""

from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.ui.words import Words
from tests.ui.test_page import APP, finished, html, rank


def test_two_runs_of_one_query_are_told_apart_in_the_history_and_side_by_side(settings: Settings) -> None:
    store, page = Store.open(settings.data_folder), AppTest.from_file(APP, default_timeout=30)
    page.query_params["lang"] = "en"
    at, first = rank(page.run(), store, "red")
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
