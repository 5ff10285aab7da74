"""The README's three pictures, taken from the running page: python -m tests.browser.screenshots [docs]

The demo gallery is ranked by the embedded model; nothing is made up.
"""

import io
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.browser.conftest import REPOSITORY, served
from tests.support import chromium

PATIENCE_MS = 300_000
MOST_BYTES = 300_000


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        served(Path(scratch), REPOSITORY / "app.py") as server,
        sync_playwright() as playwright,
    ):
        browser = chromium.launched(playwright)
        address = f"{server.address}/{_ranked(browser, server.address)}"
        _shot(browser, f"{address}&lang=en", folder / "results.webp", _results)
        _shot(browser, f"{address}&lang=en", folder / "elements.webp", _elements)
        _shot(browser, f"{address}&lang=zh", folder / "decide-zh-dark.webp", _decide, color_scheme="dark")
        browser.close()


def _ranked(browser: Browser, address: str) -> str:
    """Ranks the demo gallery; returns the part of the address that names the run."""
    tab = browser.new_page(locale="en-US")
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(address)
    tab.locator(".st-key-demo button").click()
    tab.wait_for_url("**run=*")
    tab.locator(".filters .all").get_by_text("All 32", exact=True).wait_for()
    tab.locator(".st-key-stop").wait_for(state="detached")
    return "?run=" + tab.url.partition("run=")[2].partition("&")[0]


def _shot(
    browser: Browser, address: str, path: Path, prepare: Callable[[Page], Page | Locator], **options
) -> None:
    """`prepare` brings the page into its state and returns what of it is taken."""
    context = browser.new_context(
        viewport={"width": 1366, "height": 1240}, device_scale_factor=1.25, **options
    )
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(address)
    tab.locator(".tile").first.wait_for()
    tab.get_by_text(re.compile("drawn objects|手绘")).first.wait_for()
    part = prepare(tab)
    tab.mouse.move(700, 4)
    tab.wait_for_timeout(2500)
    _keep(part.screenshot(), path)
    context.close()


def _keep(png: bytes, path: Path) -> None:
    """As WebP: a third of the bytes."""
    Image.open(io.BytesIO(png)).convert("RGB").save(path, "WEBP", quality=85, method=6)
    size = path.stat().st_size
    assert size <= MOST_BYTES, f"{path} has {size} bytes, more than {MOST_BYTES}"


def _results(tab: Page) -> Page:
    tab.set_viewport_size({"width": 1366, "height": 1460})
    return tab


def _elements(tab: Page) -> Locator:
    """The distribution with a cut-off, beside the element table."""
    tab.locator(".st-key-charts summary").click()
    tab.locator(".plot").wait_for()
    if tab.locator(".st-key-suggest").count():
        tab.locator(".st-key-suggest button").click()
        tab.locator(".st-key-uncut").wait_for()
    tab.locator(".st-key-overview_kind button").nth(1).click()
    tab.locator(".st-key-overview tbody tr").first.wait_for()
    return tab.locator('[data-testid="stHorizontalBlock"]').filter(has=tab.locator(".st-key-overview"))


def _decide(tab: Page) -> Page:
    tab.set_viewport_size({"width": 1366, "height": 1000})
    tab.locator(".st-key-place button").nth(1).click()
    tab.locator(".viewer.inline .pane").wait_for()
    for key in "pbpx":
        tab.keyboard.press(key)
    return tab


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs"))
