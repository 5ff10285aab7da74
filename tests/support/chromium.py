"""One Chromium for all tests that look at a page: the system's, else Playwright's own."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

FLAGS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def launched(playwright: Playwright) -> Browser:
    """Raises playwright's Error where there is none."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)


@contextmanager
def running() -> Iterator[Browser]:
    """Without a browser the tests that need one are skipped; where tests decide, under CI, they fail."""
    with sync_playwright() as playwright:
        try:
            browser = launched(playwright)
        except Error as error:
            missing = f"No Chromium: install the package chromium, or run playwright install. {error.message}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
        yield browser
        browser.close()
