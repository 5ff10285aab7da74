"""Images that are alike: one card, opened by a click or a key, the best of them on top."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    Server,
    at_rest,
    expect_decisions,
    open_ranked,
    shown_first,
    upload_and_rank,
    visit,
    wait_until_over,
)
from tests.support.pictures import encoded

Open = Callable[..., Page]


def frame(hue: int, red: float) -> bytes:
    """A picture of its own for each `hue`; the more `red` there is in it, the better it is for "red"."""
    cells = np.random.default_rng(hue).integers(60, 150, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(cells).resize((160, 120), Image.Resampling.BICUBIC)
    return encoded(
        image.point([*(min(255, round(v * red)) for v in range(256)), *range(256), *range(256)]), "PNG"
    )


@pytest.fixture
def shoot(tmp_path: Path) -> list[Path]:
    """0 to 2 are one picture, of which 1 is the best and 2 the second; so are 4 and 5; 3 is by itself."""
    frames = [(1, 1.0), (1, 1.1), (1, 1.05), (2, 1.0), (3, 0.8), (3, 0.75)]
    paths = [tmp_path / f"{number}.png" for number in range(len(frames))]
    for path, (hue, red) in zip(paths, frames, strict=True):
        path.write_bytes(frame(hue, red))
    return paths


def cards(tab: Page) -> dict[int, str]:
    """The count on each card, by the image on top."""
    shown = tab.locator(".tile.card").all()
    return {
        int(tile.get_attribute("data-index") or -1): tile.locator(".group").inner_text().split()[-1]
        for tile in shown
    }


def test_a_group_is_one_card_that_a_click_or_a_key_opens(
    server: Server, open_tab: Open, shoot: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, shoot)
    expect(tab.locator(".tile")).to_have_count(3)
    assert cards(tab) == {1: "3", 4: "2"}
    card = tab.locator(".tile[data-index='1']")
    expect(card.locator(".group")).to_have_attribute("aria-expanded", "false")
    card.locator(".group").click()
    expect(tab.locator(".tile.member")).to_have_count(3)
    at = shown_first(tab).index(1)
    assert shown_first(tab)[at : at + 3] == [1, 2, 0]
    tab.keyboard.press("g")
    expect(tab.locator(".tile")).to_have_count(3)
    tab.locator(".tile[data-index='4'] .open").focus()
    tab.keyboard.press("g")
    expect(tab.locator(".tile.member")).to_have_count(2)
    expect(tab.locator(".fold")).to_have_text("Groups 2")
    tab.locator(".fold").click()
    expect(tab.locator(".tile")).to_have_count(6)
    assert cards(tab) == {}
    tab.reload()  # as it was left
    expect(tab.locator(".tile")).to_have_count(6)
    tab.locator(".fold").click()
    expect(tab.locator(".tile")).to_have_count(4)
    expect(tab.locator(".tile.member")).to_have_count(2)
    tab.locator("input.size").fill("90")
    small = tab.locator(".tile[data-index='1'] .picture")
    small.hover()
    number = small.locator(".group")
    width = (number.bounding_box() or {"width": 0})["width"]
    number.click(trial=True, position={"x": width - 2, "y": 8})  # no other button lies over it
    expect(small.locator(".tools .pick")).to_be_visible()


def test_picking_a_card_picks_the_best_and_a_rejected_one_makes_room_for_the_next(
    server: Server, open_tab: Open, shoot: list[Path]
) -> None:
    tab = open_tab(server)
    run = open_ranked(server, tab, shoot)
    tab.locator(".tile[data-index='1'] .open").focus()
    tab.keyboard.press("p")
    expect_decisions(server, run, {1: "pick"})
    assert cards(tab) == {1: "3", 4: "2"}
    tab.locator(".tile[data-index='4'] .open").focus()
    tab.keyboard.press("x")
    expect(tab.locator(".tile[data-index='5']")).to_be_visible()
    expect_decisions(server, run, {1: "pick", 4: "reject"})
    assert cards(tab) == {1: "3", 5: "2"}
    expect(tab.locator(".tile[data-index='5']")).to_have_attribute("aria-current", "true")
    tab.keyboard.press("x")  # nothing but rejected ones is left: the best of them
    expect(tab.locator(".tile[data-index='4']")).to_be_visible()
    tab.keyboard.press("u")
    tab.keyboard.press("u")
    expect_decisions(server, run, {1: "pick"})
    expect(tab.locator(".tile[data-index='4']")).to_be_visible()
    tab.locator(".filters .pick").click()
    expect(tab.locator(".tile")).to_have_count(1)
    assert cards(tab) == {}


def test_the_viewer_and_decide_go_from_card_to_card_and_open_them(
    server: Server, open_tab: Open, shoot: list[Path]
) -> None:
    tab = open_tab(server)
    run = open_ranked(server, tab, shoot)
    tab.route("**/lychee/image/**", lambda route: route.fulfill(body="no picture any more"))
    tab.locator(".tile .open").first.click()
    viewer = tab.locator("dialog.viewer")
    expect(viewer.locator(".lost")).to_contain_text("This is the small picture")
    expect(viewer.locator(".frame")).to_have_count(3)
    while "1.png" not in viewer.locator(".title").inner_text():
        tab.keyboard.press("ArrowRight")
    viewer.locator(".group").click()
    expect(viewer.locator(".frame")).to_have_count(5)
    tab.keyboard.press("ArrowRight")
    expect(viewer.locator(".title")).to_contain_text("2.png")
    tab.keyboard.press("g")
    expect(viewer.locator(".title")).to_contain_text("1.png")
    tab.keyboard.press("Escape")
    visit(tab, 1)
    at_rest(tab)
    decide = tab.locator(".viewer.inline")
    expect(decide.locator(".frame")).to_have_count(3)
    for _ in range(3):
        tab.keyboard.press("p")
    expect_decisions(server, run, {1: "pick", 3: "pick", 4: "pick"})


def test_the_page_judges_one_of_each_group_and_then_the_others(
    server: Server, open_tab: Open, shoot: list[Path]
) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-bursts label").click()
    upload_and_rank(tab, shoot, "red")
    wait_until_over(tab, len(shoot))
    expect(tab.get_by_text("3 images are like one that was judged")).to_be_visible()
    assert set(cards(tab).values()) == {"3", "2"}
    tab.locator(".tile .open").first.focus()
    tab.keyboard.press("p")  # of three that have a score two are left, as Decide counts
    expect(tab.locator(".filters .undecided")).to_have_text("Undecided 2")
    tab.keyboard.press("u")
    tab.locator(".st-key-judge-alike button").click()
    expect(tab.locator(".st-key-judge-alike")).to_have_count(0)
    expect(tab.locator(".filters .unscored")).to_have_count(0)
    expect(tab.locator(".tile.card")).to_have_count(2)
    assert cards(tab) == {1: "3", 4: "2"}
