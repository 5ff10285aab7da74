"""Where images are looked at less closely for the sake of time, the page says so and offers a closer look."""

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import finished, html, rank, visit


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store.open(settings.data_folder)


def test_the_best_are_judged_again_at_the_full_budget_as_a_run_of_its_own(store: Store) -> None:
    at, run = rank(visit(model="slow"), store)
    assert run.token_budget == 64
    assert "up to 64 image tokens" in html(at)
    store.decide(run.id, 1, "pick")
    at.run()
    at.button(key="closer").click().run()
    at, closer = finished(at, store)
    assert closer.id != run.id
    assert closer.token_budget == 1280
    assert [row.name for row in closer.images] == ["1-red.png"]
    assert closer.title.endswith("closer look")
    assert "closer" not in [button.key for button in at.button]


def test_a_quick_model_says_nothing_of_it(store: Store) -> None:
    at, run = rank(visit(model="demo"), store)
    assert run.token_budget == 49
    assert "image tokens" not in html(at)
    assert "closer" not in [button.key for button in at.button]


def test_the_precision_asked_for_travels_with_the_run(store: Store) -> None:
    at: AppTest = visit(model="demo")
    at.selectbox(key="precision").set_value("int8").run()
    _, run = rank(at, store)
    assert run.request.precision == "int8"


def test_a_model_that_is_not_here_is_offered_with_its_size(store: Store) -> None:
    from tests.support.page import COLOURS, drawn_until, files, upload

    at = drawn_until(visit(model="lychee"), "Not downloaded yet")
    upload(at, *files(*COLOURS))
    at.text_area(key="query").set_value("red").run()
    assert at.button(key="rank").label == "Download 16.6 GB, then rank 4"
    assert store.runs() == []
