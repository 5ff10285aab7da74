"""Single ways through the page, each of which once did, or could, break by itself."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, upload_and_rank, visit, wait_until_over

Open = Callable[..., Page]


def test_a_click_on_the_element_table_opens_the_image_after_a_live_run(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures, "red sofa + lamp")
    tab.locator(".st-key-overview_kind button").nth(1).click()
    wait_until_over(tab, 32)
    line = tab.locator(".st-key-overview tbody tr").first
    expect(line.locator("td.rank")).to_have_text("1")
    expect(tab.locator(".st-key-overview tbody tr")).to_have_count(32)
    line.click()
    expect(tab.get_by_role("dialog")).to_contain_text("Rank 1 ")


def test_quick_keys_each_decide_an_image_of_their_own(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:8], "red")
    wait_until_over(tab, 8)
    visit(tab, 1)
    expect(tab.locator(".st-key-key-right button")).to_be_enabled()
    for key in "pxp":
        tab.keyboard.press(key)
        tab.wait_for_timeout(90)  # faster than the page is drawn, no faster than a hand
    expect(tab.locator("body")).to_contain_text("2 picked · 1 rejected · 5 to go")


def test_what_decides_is_in_reach_on_a_laptop_and_a_refresh_comes_back_to_it(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, viewport={"width": 1366, "height": 768}, color_scheme="dark")
    upload_and_rank(tab, pictures[:8], "red + lamp")
    wait_until_over(tab, 8)
    tab.locator(".st-key-podium button").first.click()
    dialog = tab.get_by_role("dialog")
    expect(dialog.locator(".ly-chip").first).to_be_visible()
    assert dialog.evaluate("e => getComputedStyle(e).colorScheme") == "dark"  # else its chips are light
    tab.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    visit(tab, 1)
    for tries in range(2):
        expect(tab.locator(".st-key-key-pick button")).to_be_in_viewport(ratio=1)
        expect(tab.locator(".ly-decide.focus .ly-score")).to_be_in_viewport(ratio=1)
        if not tries:
            tab.reload()


def test_a_whole_folder_is_ranked_and_the_names_of_its_picks_are_copied(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, permissions=["clipboard-read", "clipboard-write"])
    tab.locator(".st-key-way button").nth(1).click()
    field = tab.locator('[data-testid="stFileUploader"] input[webkitdirectory]')
    field.set_input_files(pictures[0].parent)
    tab.get_by_text("32 images ready").wait_for()
    tab.locator(".st-key-query textarea").fill("red")
    tab.keyboard.press("Control+Enter")
    tab.locator(".st-key-rank button:enabled").click()
    wait_until_over(tab, 32)
    name = tab.locator(".st-key-podium .ly-name").first.inner_text()
    tab.locator('.st-key-podium [class*="st-key-pick-"] button').first.click()
    expect(tab.locator(".ly-card.pick")).to_have_count(1)
    visit(tab, 1)
    tab.locator(".st-key-export-names button").click()
    expect(tab.locator(".st-key-export-names")).to_contain_text("Copied")
    assert tab.evaluate("navigator.clipboard.readText()").strip() == name


def test_the_cut_off_is_moved_by_the_arrow_keys_too(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:8], "red")
    wait_until_over(tab, 8)
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
    expect(tab.locator(".st-key-shown")).to_contain_text("Above cut-off")


def test_a_query_of_ten_thousand_characters_is_told_of_and_not_lost(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    box = tab.locator(".st-key-query textarea")
    box.fill("red sofa " * 1200)
    tab.keyboard.press("Control+Enter")
    expect(tab.get_by_text("The query has 10,800 characters; at most 2,000 are sent.")).to_be_visible()
    expect(box).to_have_value("red sofa " * 1200)
    expect(tab.locator(".st-key-rank button")).to_be_disabled()


def test_an_earlier_run_is_opened_deleted_and_gone(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:4], "green history")
    wait_until_over(tab, 4)
    run = (re.search(r"run=(\w+)", tab.url) or [""])[1]
    visit(tab, 2)
    tab.locator(f".st-key-open-{run} button").click()
    expect(tab.locator(".ly-head h1")).to_have_text("green history")
    visit(tab, 2)
    tab.locator(f".st-key-run-{run}").get_by_role("button", name="Delete").click()
    tab.locator(f".st-key-delete-{run} button").click()
    expect(tab.locator(f".st-key-run-{run}")).to_have_count(0)
    assert "run=" not in tab.url
