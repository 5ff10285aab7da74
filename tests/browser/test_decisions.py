"""Whose a decision is: the run it was made in, the image that was looked at, the tab that takes it back."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from lychee_app.records import Cutoff
from lychee_app.store import Store
from tests.browser.conftest import (
    Server,
    at_rest,
    decisions,
    expect_decisions,
    open_ranked,
    run_of,
    shown_first,
    upload_and_rank,
    wait_until_over,
)

Open = Callable[..., Page]


def two_runs(tab: Page, pictures: list[Path]) -> tuple[str, str]:
    """The second without the first image of the first; it is the one that is open."""
    upload_and_rank(tab, pictures[:5], "red")
    wait_until_over(tab, 5)
    first = run_of(tab)
    tab.locator(".st-key-pile-list summary").click()
    tab.get_by_role("button", name="Take off image_00.png").click()
    tab.get_by_text("Rank 4 images").click()
    expect(tab).not_to_have_url(re.compile(first))
    wait_until_over(tab, 4)
    at_rest(tab)
    return first, run_of(tab)


def test_back_from_one_run_to_another_shows_its_pictures_and_a_decision_goes_to_the_run_it_was_made_in(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    first, second = two_runs(tab, pictures)
    for run, go, count in ((first, tab.go_back, 5), (second, tab.go_forward, 4)):
        go()
        expect(tab).to_have_url(re.compile(run))
        expect(tab.locator(f".tile img[src*='/thumb/{run}/']")).to_have_count(count)
        expect(tab.locator(".tile img")).to_have_count(count)
    at_rest(tab)
    order, held = shown_first(tab), list[Route]()

    def hold(route: Route) -> None:
        held.append(route)

    tab.route("**/lychee/decisions/**", hold, times=1)
    tab.locator(".tile .open").first.focus()
    tab.keyboard.press("p")
    while not held:
        tab.wait_for_timeout(20)
    tab.keyboard.press("p")
    tab.go_back()
    expect(tab).to_have_url(re.compile(first))
    at_rest(tab)
    with tab.expect_response(lambda answer: f'"index":{order[1]}' in (answer.request.post_data or "")):
        held[0].continue_()
    expect_decisions(server, second, dict.fromkeys(order[:2], "pick"))
    assert decisions(server, first) == {}


def test_keys_in_a_chart_decide_on_no_image_elsewhere(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, "/?lang=en&charts=1")
    run = open_ranked(server, tab, pictures[:8])
    tab.locator(".tile .open").first.focus()
    tab.keyboard.press("p")
    expect_decisions(server, run, {shown_first(tab)[0]: "pick"})
    at_rest(tab)
    for chart in ("overview button.cell", "distribution .cut"):
        tab.locator(f".st-key-{chart}").first.focus()
        for key in ("p", "x", "u", "z", "Control+z"):
            tab.keyboard.press(key)
    expect(tab.locator("dialog.viewer")).to_be_hidden()
    expect(tab.locator(".tile.picked")).to_have_count(1)
    tab.wait_for_timeout(200)  # longer than decisions wait to be sent
    assert len(decisions(server, run)) == 1


def test_undo_takes_back_what_was_decided_in_this_tab(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    one = open_tab(server)
    run = open_ranked(server, one, pictures[:6])
    order = shown_first(one)
    other = one.context.new_page()
    other.goto(one.url)
    other.locator(".tile").first.wait_for()
    for tab, place, key, made in ((one, 1, "p", {}), (other, 3, "x", {order[1]: "pick"})):
        tab.bring_to_front()
        tab.locator(".tile .open").nth(place).focus()
        tab.keyboard.press(key)
        expect_decisions(server, run, made | {order[place]: "pick" if key == "p" else "reject"})
    one.keyboard.press("u")
    expect_decisions(server, run, {order[3]: "reject"})
    one.keyboard.press("u")  # there is nothing left to take back here
    one.wait_for_timeout(300)
    assert decisions(server, run) == {order[3]: "reject"}
    other.keyboard.press("Control+z")
    expect_decisions(server, run, {})


def test_after_a_refresh_undo_still_takes_back_what_this_tab_decided(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    one = open_tab(server)
    run = open_ranked(server, one, pictures[:6])
    order = shown_first(one)
    one.locator(".tile .open").nth(0).focus()
    one.keyboard.press("p")
    one.keyboard.press("p")
    expect_decisions(server, run, {order[0]: "pick", order[1]: "pick"})
    with Store.open(server.home) as store:  # as another tab would
        store.decide(run, order[4], "reject")
    one.reload()
    expect(one.locator(".tile.picked")).to_have_count(2)
    for left in ({order[0]: "pick", order[4]: "reject"}, {order[4]: "reject"}):
        one.keyboard.press("u")
        expect_decisions(server, run, left)
    one.keyboard.press("u")  # there is nothing left to take back here
    one.wait_for_timeout(300)
    assert decisions(server, run) == {order[4]: "reject"}


def test_many_decided_at_once_are_one_step_and_a_refresh_can_still_take_it_back(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:6], "red")
    run, order = run_of(tab), shown_first(tab)
    with Store.open(server.home) as store:
        store.set_cutoff(run, Cutoff(5.0))
    tab.goto(tab.url + "&place=decide")
    tab.locator(".st-key-pick-above button").wait_for()
    tab.locator(".st-key-gallery-decide .viewer .frame").first.wait_for()
    tab.keyboard.press("x")
    expect_decisions(server, run, {order[0]: "reject"})
    at_rest(tab)
    for again in (False, True):
        tab.locator(".st-key-pick-above button").click()
        expect_decisions(server, run, dict.fromkeys(order[:2], "pick"))
        expect(tab.locator(".viewer.inline .frame.pick")).to_have_count(2)
        at_rest(tab)
        if again:
            tab.reload()
            tab.locator(".viewer.inline .frame.pick").first.wait_for()
        tab.keyboard.press("u")
        expect_decisions(server, run, {order[0]: "reject"})
        at_rest(tab)
    tab.keyboard.press("u")
    expect_decisions(server, run, {})
