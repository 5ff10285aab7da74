"""What was typed and added and is not ranked yet: seen, thinned out, and found again after a refresh."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, at_rest, open_ranked, upload_and_rank, visit, wait_until_over

Open = Callable[..., Page]


def tiles(tab: Page) -> list[str | None]:
    return [tile.get_attribute("title") for tile in tab.locator(".pile li:visible").all()]


def test_a_refresh_finds_what_was_typed_and_added_and_what_was_taken_off_is_gone(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-add-here input[type=file]").set_input_files([str(path) for path in pictures[:5]])
    expect(tab.locator(".pile li")).to_have_count(5)
    expect(tab.locator(".pile img").first).to_be_visible()
    expect(tab.locator(".st-key-demo")).to_have_count(0)
    for name in ("image_01.png", "image_03.png"):  # at once, one after the other
        tab.get_by_role("button", name=f"Take off {name}").click()
    expect(tab.get_by_role("heading", name="3 images ready")).to_be_visible()
    tab.locator(".st-key-query textarea").press_sequentially("red sofa")  # and stay in the field
    expect(tab.locator(".st-key-rank button")).to_contain_text("Rank 3 images")
    expect(tab).to_have_url(re.compile("draft="))
    tab.reload()
    expect(tab.locator(".st-key-query textarea")).to_have_value("red sofa")
    expect(tab.locator(".pile li")).to_have_count(3)
    assert tiles(tab) == ["image_00.png", "image_02.png", "image_04.png"]
    tab.locator(".st-key-rank button").click()
    wait_until_over(tab, 3)
    tab.go_back()
    expect(tab.locator(".pile li")).to_have_count(3)
    tab.go_forward()
    wait_until_over(tab, 3)


def test_a_refresh_in_the_middle_of_typing_loses_nothing(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-query textarea").press_sequentially("red so")
    expect(tab).to_have_url(re.compile("draft="))
    tab.locator(".st-key-query textarea").press_sequentially("fa")
    tab.reload()
    expect(tab.locator(".st-key-query textarea")).to_have_value("red sofa")
    at_rest(tab)
    bare = open_tab(server)
    bare.locator(".st-key-but_not input").press_sequentially("blue")
    bare.reload()
    expect(bare.locator(".st-key-but_not input")).to_have_value("blue")
    expect(bare).to_have_url(re.compile("draft="))
    bare.goto(server.address)
    expect(bare.locator(".st-key-but_not input")).to_have_value("")


def test_a_refresh_keeps_the_steps_that_are_off_and_what_is_left_out_of_folders(
    server: Server, open_tab: Open
) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-way button").nth(1).click()
    tab.locator(".st-key-rules summary").click()
    tab.locator(".st-key-exclude input").fill("draft*, *.gif")
    tab.locator(".st-key-exclude input").press("Enter")
    tab.locator(".st-key-include_hidden label").click()
    tab.get_by_text("Advanced").click()
    tab.locator(".st-key-step-lower_case label").click()
    at_rest(tab)
    expect(tab).to_have_url(re.compile("draft="))
    tab.reload()
    expect(tab.locator(".st-key-exclude input")).to_have_value("draft*, *.gif")
    expect(tab.locator(".st-key-include_hidden input")).to_be_checked()
    expect(tab.locator(".st-key-step-lower_case input")).not_to_be_checked()
    expect(tab.locator(".st-key-step-fold_space input")).to_be_checked()


def test_an_image_of_the_open_run_is_taken_off_and_the_next_run_keeps_the_picks_of_the_others(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:5], "red")
    wait_until_over(tab, 5)
    for number in (0, 1):
        tile = tab.locator(f'.tile[data-index="{number}"]')
        tile.hover()
        tile.get_by_role("button", name=re.compile("^Pick")).click()
    expect(tab.locator(".tile.picked")).to_have_count(2)
    at_rest(tab)
    tab.locator(".st-key-pile-list summary").click()
    tab.get_by_role("button", name="Take off image_01.png").click()
    expect(tab.locator(".filters .all")).to_have_text("All 4")
    expect(tab.locator(".st-key-rank button")).to_contain_text("Rank 4 images")
    before = tab.url
    tab.locator(".st-key-rank button").click()
    expect(tab).not_to_have_url(before)
    wait_until_over(tab, 4)
    expect(tab.locator(".tile")).to_have_count(4)
    expect(tab.locator(".tile.picked")).to_have_count(1)
    run = (re.search(r"run=(\w+)", tab.url) or [""])[1]
    visit(tab, 2)
    expect(tab.locator(f".st-key-run-{run}")).to_contain_text("1 pick")


def test_a_bare_address_shows_the_run_in_progress(
    server: Server, open_tab: Open, hurry: Callable[[], None], pictures: list[Path]
) -> None:
    query = "red slowly here"  # asked by nobody else: replies are remembered
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:6], query)
    tab.locator(".st-key-stop").wait_for()
    other = open_tab(server)
    expect(other.locator(".ly-run")).to_have_attribute("aria-valuemax", "6")
    expect(other.locator(".st-key-query textarea")).to_have_value(query)
    hurry()
    wait_until_over(other, 6)


def test_the_browsers_back_leaves_a_comparison_and_a_refresh_keeps_it(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    runs = [open_ranked(server, tab, pictures[:3], query) for query in ("red", "blue")]
    visit(tab, 2)
    for run in runs:
        mark = tab.locator(f'[class*="st-key-mark-{run}"]')
        at_rest(tab)
        mark.locator("label").click()
        expect(mark.locator("input")).to_be_checked()
    expect(tab.locator(".st-key-compare button")).to_be_enabled()
    tab.locator(".st-key-compare button").click()
    expect(tab.get_by_text("3 images in both")).to_be_visible()
    tab.reload()
    expect(tab.get_by_text("3 images in both")).to_be_visible()
    tab.go_back()
    expect(tab.locator(".st-key-compare")).to_be_visible()
    expect(tab.get_by_text("3 images in both")).to_be_hidden()
