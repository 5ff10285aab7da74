"""The HTML report in a real browser: its own policy lets its style through, and nothing else is asked for."""

import io
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser

from lychee_app.export import to_html
from tests.support.rows import HOSTILE_NAMES, reply, row, run_of

THEMES = {"light": "rgb(255, 253, 253)", "dark": "rgb(23, 18, 20)"}


@pytest.mark.parametrize("theme", THEMES)
def test_the_report_opens_in_both_themes_without_a_request_or_an_error(
    browser: Browser, tmp_path: Path, theme
) -> None:
    html = tmp_path / "report.html"
    html.write_text(to_html(hostile_run(), {0: "pick"}, language="zh"), encoding="utf-8")
    page = browser.new_page(color_scheme=theme)
    asked: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.goto(html.as_uri())
    page.locator("summary").first.click()
    assert page.locator("pre").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == THEMES[theme]
    assert page.evaluate("[...document.images].every(image => image.naturalWidth > 0)")
    assert page.locator("li.row").count() == len(HOSTILE_NAMES)
    assert said == []
    assert [url for url in asked if not url.startswith("data:")] == [html.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def hostile_run():
    file = io.BytesIO()
    Image.new("RGB", (32, 24), (200, 30, 60)).save(file, "WEBP")
    images = [
        row(i, float(i), name=name, thumbnail=file.getvalue(), reply=reply(text=name), elements=(9.0,))
        for i, name in enumerate(HOSTILE_NAMES)
    ]
    return run_of(images, elements=("<b>sofa</b>",), query="<script>alert(1)</script>" + "x" * 3000)
