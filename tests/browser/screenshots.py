"""The README's three pictures, taken from the running page: python -m tests.browser.screenshots docs

The demo gallery is ranked by the embedded model; nothing is made up.
"""

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import DEBIAN, FLAGS, REPOSITORY, served

PATIENCE_MS = 300_000


def main(folder: Path, script: Path) -> None:
    folder.mkdir(exist_ok=True)
    path = str(DEBIAN) if DEBIAN.exists() else None
    with (
        tempfile.TemporaryDirectory() as scratch,
        served(Path(scratch), script) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        address = f"{server.address}/{_ranked(browser, server.address)}"
        _shot(browser, f"{address}&lang=en", folder / "results.png", _results)
        _shot(browser, f"{address}&lang=zh", folder / "results-zh-dark.png", _elements, color_scheme="dark")
        _shot(browser, f"{address}&lang=en", folder / "decide.png", _decide)
        browser.close()


def _ranked(browser: Browser, address: str) -> str:
    """Ranks the demo gallery; returns the part of the address that names the run."""
    tab = browser.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(address)
    tab.locator(".st-key-demo button").click()
    tab.wait_for_url("**run=*")
    tab.get_by_text("of 32").or_(tab.get_by_text("共 32 张图片")).first.wait_for()
    tab.locator(".st-key-stop").wait_for(state="attached")
    tab.locator(".st-key-stop").wait_for(state="detached")
    tab.locator(".ly-card").first.wait_for()
    return "?run=" + tab.url.partition("run=")[2].partition("&")[0]


def _shot(browser: Browser, address: str, path: Path, prepare: Callable[[Page], None], **options) -> None:
    context = browser.new_context(viewport={"width": 1366, "height": 1000}, **options)
    tab = context.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(address)
    tab.locator(".ly-card").first.wait_for()
    prepare(tab)
    tab.mouse.move(700, 4)
    tab.wait_for_timeout(2500)
    tab.screenshot(path=path)
    context.close()


def _results(tab: Page) -> None:
    if tab.locator(".st-key-suggest").count():
        tab.locator(".st-key-suggest button").click()


def _elements(tab: Page) -> None:
    tab.locator(".st-key-overview_kind button").nth(1).click()


def _decide(tab: Page) -> None:
    tab.locator(".st-key-place button").nth(1).click()
    tab.locator(".st-key-key-right").wait_for()
    tab.wait_for_timeout(2000)
    for key in "ppx":
        before = tab.locator(".ly-decide").get_attribute("data-index")
        tab.keyboard.press(key)
        tab.locator(f".ly-decide:not([data-index='{before}'])").wait_for()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else REPOSITORY / "app.py")
