"""Single ways through the page, each of which once did, or could, break by itself."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, open_charts, open_ranked, upload_and_rank, visit, wait_until_over

Open = Callable[..., Page]


def test_a_click_on_the_element_table_opens_the_image_after_a_live_run(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, "/?lang=en&charts=1")
    upload_and_rank(tab, pictures, "red sofa + lamp")
    tab.locator(".st-key-overview_kind button").nth(1).click()
    wait_until_over(tab, 32)
    line = tab.locator(".st-key-overview tbody tr").first
    expect(line.locator("td.rank")).to_have_text("1")
    expect(tab.locator(".st-key-overview tbody tr")).to_have_count(32)
    line.click()
    expect(tab.locator("dialog.viewer .title")).to_contain_text("1 of 32")


def test_the_heat_grid_is_one_tab_stop_and_goes_by_arrow_keys(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, "/?lang=en&charts=1")
    open_ranked(server, tab, pictures[:8], "red")
    cells = tab.locator(".st-key-overview button.cell")
    expect(cells).to_have_count(8)
    assert [cell.get_attribute("tabindex") for cell in cells.all()] == ["0", *["-1"] * 7]
    cells.first.focus()
    for key, index in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", 7), ("Home", 0)):
        tab.keyboard.press(key)
        expect(cells.nth(index)).to_be_focused()
    expect(tab.locator("dialog.viewer")).to_be_hidden()


def test_a_whole_folder_is_ranked_and_the_names_of_its_picks_are_copied(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, permissions=["clipboard-read", "clipboard-write"])
    tab.locator(".st-key-way button").nth(1).click()
    field = tab.locator(".st-key-add-folder input[webkitdirectory]")
    field.set_input_files(pictures[0].parent)
    tab.get_by_text("32 images ready").first.wait_for()
    tab.locator(".st-key-query textarea").fill("red")
    tab.keyboard.press("Control+Enter")
    wait_until_over(tab, 32)
    tile = tab.locator(".tile").first
    name = tile.locator(".name").inner_text()
    tile.hover()
    tile.get_by_role("button", name=f"Pick {name}").click()
    expect(tab.locator(".tile.picked")).to_have_count(1)
    visit(tab, 1)
    tab.locator(".st-key-export-names button").click()
    expect(tab.locator(".st-key-export-names")).to_contain_text("Copied")
    assert tab.evaluate("navigator.clipboard.readText()").strip() == name


def test_the_cut_off_is_moved_by_the_arrow_keys_too(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:8], "red")
    open_charts(tab)
    handle = tab.locator(".cut")
    before = float(handle.get_attribute("aria-valuenow") or "nan")
    handle.focus()
    tab.keyboard.press("ArrowRight")
    expect(handle).to_have_attribute("aria-valuenow", f"{before + 0.1:.1f}")
    expect(tab.locator(".st-key-distribution")).to_contain_text(re.compile(r"\d of 8 are at or above"))
    expect(handle).to_be_focused()
    tab.keyboard.press("End")
    expect(handle).to_have_attribute("aria-valuenow", "10.0")
    expect(tab.locator(".st-key-distribution")).to_contain_text("0 of 8 are at or above")
    expect(handle).to_be_focused()
    tab.keyboard.press("Home")
    expect(handle).to_have_attribute("aria-valuenow", "0.0")
    expect(tab.locator(".st-key-distribution")).to_contain_text("8 of 8 are at or above")
    expect(tab.locator(".filters .above")).to_have_text("Above cut-off 8")


def test_a_query_of_ten_thousand_characters_is_told_of_and_not_lost(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    box = tab.locator(".st-key-query textarea")
    box.fill("red sofa " * 1200)
    tab.keyboard.press("Control+Enter")
    expect(tab.get_by_text("The query has 10,800 characters; at most 2,000 are sent.")).to_be_visible()
    expect(box).to_have_value("red sofa " * 1200)
    expect(tab.locator(".st-key-rank button")).to_contain_text("Shorten or change the query first")


def test_an_earlier_run_is_opened_deleted_and_gone(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    run = open_ranked(server, tab, pictures[:4], "green history")
    visit(tab, 2)
    tab.locator(f".st-key-open-{run} button").click()
    expect(tab.locator(".ly-head h1")).to_have_text("green history")
    visit(tab, 2)
    tab.locator(f".st-key-run-{run}").get_by_role("button", name="Delete").click()
    tab.locator(f".st-key-delete-{run} button").click()
    expect(tab.locator(f".st-key-run-{run}")).to_have_count(0)
    assert "run=" not in tab.url
