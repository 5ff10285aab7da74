"""A sorting: names with queries, images under them, moved by menu, key and mouse, and into folders."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from lychee_app.store import Store
from tests.browser.conftest import Server, add, at_rest, run_of, wait_until_over

NONE = "under no name"


def column(tab: Page, name: str):
    return tab.locator(f'.board .column[aria-label="{name}"]')


def test_images_are_sorted_under_names_and_what_is_moved_by_hand_stays(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    add(tab, pictures[:6])  # red, green, blue, and again
    tab.locator(".st-key-sorting summary").click()
    tab.locator(".st-key-names textarea").fill("warm: red\ncold: blue")
    tab.locator(".st-key-names textarea").press("Control+Enter")
    at_rest(tab)
    tab.locator(".st-key-rank button").click()
    wait_until_over(tab, 6)
    expect(tab.locator(".ly-query").first).to_have_text("warm | cold")
    for name, count in (("warm", 2), ("cold", 2), (NONE, 2)):
        expect(column(tab, name).locator(".card")).to_have_count(count)
    at_rest(tab)
    column(tab, NONE).locator(".card").first.locator("select").select_option(label="warm")
    expect(column(tab, "warm").locator(".card")).to_have_count(3)
    column(tab, NONE).locator(".card").first.press("2")
    expect(column(tab, "cold").locator(".card")).to_have_count(3)
    at_rest(tab)
    tab.keyboard.press("u")  # as elsewhere, and the image keeps the keys
    expect(column(tab, NONE).locator(".card")).to_have_count(1)
    expect(column(tab, NONE).locator(".by-hand")).to_have_count(0)
    at_rest(tab)
    tab.keyboard.press("Shift+ArrowLeft")
    expect(column(tab, "cold").locator(".card")).to_have_count(3)
    at_rest(tab)
    column(tab, "warm").locator(".card").first.drag_to(column(tab, NONE).locator("header"))
    expect(column(tab, NONE).locator(".card")).to_have_count(1)
    expect(column(tab, NONE).locator(".by-hand")).to_have_text("by hand")
    tab.reload()
    expect(column(tab, "warm").locator(".card")).to_have_count(2)
    expect(column(tab, "cold").locator(".card")).to_have_count(3)
    with Store.open(server.home) as store:
        assert sorted(store.moved(run_of(tab)).values()) == ["", "cold", "warm"]
    at_rest(tab)
    column(tab, "cold").locator(".card").first.press("u")  # what was moved before the refresh
    expect(column(tab, "warm").locator(".card")).to_have_count(3)
    with Store.open(server.home) as store:
        assert sorted(store.moved(run_of(tab)).values()) == ["cold", "warm"]


def test_names_that_will_not_do_are_told_in_the_sidebar(
    open_tab: Callable[..., Page], server: Server
) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-sorting summary").click()
    tab.locator(".st-key-names textarea").fill("a: cat\nA: dog")
    tab.locator(".st-key-names textarea").press("Control+Enter")
    expect(tab.get_by_text("Two names are the same to a file system")).to_be_visible()
