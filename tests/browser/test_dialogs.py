"""What is typed where something lies over the page: a popover."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, open_ranked, visit

Open = Callable[..., Page]


def test_enter_saves_the_new_name_of_a_run_and_closes_the_popover(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:4], "red sofa to be renamed")
    visit(tab, 2)
    line = tab.locator('[class*="st-key-run-"]', has_text="red sofa to be renamed").first
    line.get_by_role("button", name="Rename").click()
    field = tab.get_by_label("Title", exact=True).locator("visible=true")
    expect(field).to_be_focused()
    tab.keyboard.type("The **red** ones")  # in place of the old name
    tab.keyboard.press("Enter")
    expect(tab.locator(".ly-hist .ly-query", has_text="The **red** ones")).to_be_visible()
    expect(field).to_be_hidden()
