"""What counts as the same question: new images join a run only where model and budget are the run's."""

import sqlite3

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.records import Run
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.store.store import FILE_NAME
from tests.support.page import files, finished, html, rank, sent, upload, visit


def ranked(at: AppTest, store: Store) -> tuple[AppTest, Run]:
    """A run of four, and two more images that wait."""
    at, run = rank(at, store, "red")
    return upload(at, *files("red", "blue", first=9)), run


def picked(at: AppTest, model: str) -> AppTest:
    at.session_state["model"] = model
    return at.run()


def test_images_for_another_model_make_a_run_of_its_own(page: AppTest, store: Store) -> None:
    at, first = ranked(page, store)
    assert at.button(key="rank").label == "Score the 2 new images"
    picked(at, "tests/other")
    assert at.button(key="rank").label == "Rank 6 images"
    at.button(key="rank").click().run()
    _, second = finished(at, store)
    assert (second.model, second.total) == ("tests/other", 6)
    assert store.load(first.id).total == 4


def test_auto_is_the_model_it_stands_for(page: AppTest, store: Store) -> None:
    at, run = ranked(page, store)
    assert run.model == "demo"
    for name in ("demo", "auto"):
        assert picked(at, name).button(key="rank").label == "Score the 2 new images"


def test_a_run_opened_again_is_compared_with_the_picker(page: AppTest, store: Store) -> None:
    picked(page, "tests/other")
    _, run = ranked(page, store)
    again = visit(run.id)
    assert again.session_state["model"] == "tests/other"
    assert again.button(key="rank").label == "Rank 4 images again"
    assert picked(again, "demo").button(key="rank").label == "Rank 4 images"


@pytest.mark.parametrize(
    ("tokens", "label"),
    [(49, "Score the 2 new images"), (2000, "Score the 2 new images"), (20, "Rank 6 images")],
)
def test_a_budget_over_the_models_own_is_the_same_and_a_lower_one_is_not(
    page: AppTest, store: Store, tokens: int, label: str
) -> None:
    at, run = ranked(page, store)
    assert run.token_budget == 49
    at.number_input(key="tokens").set_value(tokens).run()
    assert at.button(key="rank").label == label


def test_another_budget_is_what_the_new_run_has(page: AppTest, store: Store) -> None:
    at, first = ranked(page, store)
    at.number_input(key="tokens").set_value(20).run()
    at.button(key="rank").click().run()
    _, second = finished(at, store)
    assert (first.token_budget, second.token_budget) == (49, 20)
    assert second.total == 6


def test_what_a_query_does_not_want_moves_to_but_not_on_a_click(page: AppTest) -> None:
    page.text_area(key="query").set_value("a red room without green or blue").run()
    assert page.text_input(key="but_not").value == ""
    page.button(key="unwanted").click().run()
    assert page.text_area(key="query").value == "a red room"
    assert page.text_input(key="but_not").value == "green or blue"
    assert "unwanted" not in [button.key for button in page.button]


def test_a_query_that_wants_nothing_leaves_the_query_to_be_said(page: AppTest) -> None:
    page.text_input(key="but_not").set_value("蓝色").run()
    page.text_area(key="query").set_value("没有绿色沙发").run()
    assert "Say what the images should show" in html(page)
    page.button(key="unwanted").click().run()
    assert page.text_area(key="query").value == ""
    assert page.text_input(key="but_not").value == "蓝色或绿色沙发"
    assert page.button(key="rank").label == "Type a query first"


def test_a_locked_database_is_told_once_while_one_types_and_nothing_typed_is_lost(
    page: AppTest, store: Store, settings: Settings
) -> None:
    upload(page, *files("red", "blue"))
    other = sqlite3.connect(settings.data_folder / FILE_NAME, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for query in ("red", "red sofa"):
        page.text_area(key="query").set_value(query).run()
        assert html(page).count("database is locked") == 1
        assert page.text_area(key="query").value == query
        assert len(sent(page, "pile")["images"]) == 2
    other.execute("ROLLBACK")
    other.close()
    page.run()
    assert "database is locked" not in html(page)
    draft = store.drafts.get(page.session_state["draft"])
    assert draft
    assert draft.request
    assert draft.request.question.typed == "red sofa"


def test_a_query_changed_beside_a_run_is_in_the_address_at_once_and_found_by_a_refresh(
    page: AppTest, store: Store
) -> None:
    _, run = rank(page, store, "red")
    at = visit(run.id)
    assert sent(at, "draft")["draft"] == ""
    at.text_area(key="query").set_value("green").run()
    draft = sent(at, "draft")["draft"]
    assert draft
    again = visit(run.id, address={"draft": draft})
    assert again.text_area(key="query").value == "green"


def test_what_is_typed_before_the_page_was_drawn_once_is_found_by_a_refresh(settings: Settings) -> None:
    """The browser sends it while the first drawing is under way, which then is begun again."""
    at = visit(query="red sofa")
    draft = sent(at, "draft")["draft"]
    assert draft
    assert visit(address={"draft": draft}).text_area(key="query").value == "red sofa"
    assert sent(visit(), "draft")["draft"] == ""


def test_a_file_that_is_no_image_is_not_retried(page: AppTest, store: Store) -> None:
    text = ("notes.png", b"no picture", "image/png")
    at, run = rank(page, store, "red", images=[*files("red"), text])
    assert [row.score is None for row in run.images] == [False, True]
    assert not [button for button in at.button if button.key == "retry"]
