"""What the page says of what the demo does not know: under the query, and above the results."""

import re

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.domain import UNLIKE
from lychee_app.export import to_html
from lychee_app.settings import Settings
from tests.support.page import html, visit, visit_run
from tests.support.rows import row, run_of

WORDS = {"en": "The demo model does not know: 复古.", "zh": "演示模型不认识：复古。"}


@pytest.mark.parametrize("language", WORDS)
def test_unknown_words_are_named_while_the_query_is_typed(settings: Settings, language: str) -> None:
    page = visit(language=language)
    page.text_area(key="query").set_value("复古 green sofa").run()
    assert WORDS[language] in html(page)
    page.text_area(key="query").set_value("green sofa").run()
    assert WORDS[language] not in html(page)
    assert not page.exception


def test_they_are_named_by_the_model_that_is_chosen(page: AppTest) -> None:
    page.text_area(key="query").set_value("vintage sofas").run()
    assert "does not know: vintage" in html(page)
    assert "<code>vintage sofa</code>" in html(page)
    page.session_state["model"] = "lychee"
    page.run()
    assert "does not know" not in html(page)
    assert "Sent as" not in html(page), "as it was typed"


def test_a_query_of_no_known_word_cannot_be_started(page: AppTest) -> None:
    page.text_area(key="query").set_value("vintage zeppelin").run()
    assert "knows no word of “vintage zeppelin”" in html(page)
    assert "lychee download" in html(page)
    page.button(key="rank").click().run()
    assert "run" not in page.query_params  # it says what to change, and starts nothing
    assert not page.exception
    page.text_area(key="query").set_value("🐱").run()
    assert "knows no word of “🐱”" in html(page)


def box(at: AppTest) -> str:
    found = re.findall(r'<div class="ly-notice warn"[^>]*>(.*?)</div>', html(at))
    return "\n".join(found)


def test_a_box_says_how_many_are_photographs_and_nothing_is_suggested(settings: Settings) -> None:
    rows = [row(n, margin=4.0 if n < 3 else -4.0, notes=(UNLIKE,) if n < 4 else ()) for n in range(10)]
    at = visit_run(settings, rows, sent_query="vintage sofa")
    assert "4 of 10 images are unlike the drawings" in box(at)
    assert "no cut-off is suggested" in box(at)
    assert "does not know: vintage" in box(at)
    assert "stand" not in " ".join(re.findall('ly-finding[^"]*"><span[^>]*>([^<]*)', html(at)))
    assert not [button for button in at.button if "Suggested" in button.label]
    assert not at.exception


def test_a_few_are_told_and_the_rest_is_judged_as_ever(settings: Settings) -> None:
    rows = [row(n, margin=4.0 if n < 3 else -4.0, notes=(UNLIKE,) if n < 1 else ()) for n in range(10)]
    at = visit_run(settings, rows)
    assert "1 of 10 images is unlike the drawings" in box(at)
    assert "ly-finding" in html(at)


def test_the_report_says_so_in_its_language() -> None:
    run = run_of([row(0, margin=1.0, notes=(UNLIKE,))], sent_query="复古 sofa")
    assert "The demo model does not know: 复古." in to_html(run)
    assert "1 of 1 images is unlike" in to_html(run)
    assert "演示模型不认识：复古。" in to_html(run, language="zh")
    assert "caveat" not in to_html(run_of([row(0, margin=1.0)], sent_query="sofa")).split("</style>")[1]
