"""What one sees of the page without doing anything: where the images begin, and that nothing jumps."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import MOVING, Server, add, at_rest, open_ranked, wait_until_over
from tests.support.fakes import picture

Open = Callable[..., Page]
MOST_SHIFT = 0.05
WATCH_SHIFTS = """
globalThis.shifts = [];
const note = entry => globalThis.shifts.push(
  [entry.value, ...entry.sources.map(one => one.node?.className || one.node?.nodeName)]);
new PerformanceObserver(list => list.getEntries().filter(one => !one.hadRecentInput).forEach(note))
  .observe({type: "layout-shift"});
"""
"""What moves without anybody's doing from now on, as Chromium adds it up for Cumulative Layout Shift."""


def test_nothing_jumps_while_300_images_are_ranked(server: Server, open_tab: Open, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(300)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(("red", "green", "blue")[number % 3], (60, 45), seed=number))
    tab = open_tab(server, viewport={"width": 1440, "height": 900}, **MOVING)
    add(tab, paths)
    tab.locator(".st-key-query textarea").fill("red sofa + lamp")
    tab.evaluate(WATCH_SHIFTS)
    tab.locator(".st-key-rank button").click()
    tab.locator(".st-key-stop").wait_for()
    wait_until_over(tab, 300)
    at_rest(tab)
    tab.wait_for_timeout(500)
    shifts = tab.evaluate("globalThis.shifts")
    assert sum(shift[0] for shift in shifts) < MOST_SHIFT, shifts


def test_after_a_run_the_images_are_what_one_sees(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    """A whole row of them on a desk, as wide as the grid; on a phone the first within a screen and a half."""
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:16], "red sofa + lamp")
    chips = tab.locator('[data-testid="stSidebar"] [data-testid="stMultiSelect"]')
    expect(chips).to_contain_text("red sofa")  # of the query that one click ranked while it was typed
    expect(chips).to_contain_text("lamp")
    for width, height, least, screens in ((1440, 900, 3, 1), (1024, 768, 2, 1), (390, 844, 2, 1.5)):
        tab.set_viewport_size({"width": width, "height": height})
        tab.reload()
        expect(tab.locator(".tile").first).to_be_visible()
        at_rest(tab)
        tab.wait_for_timeout(400)  # tiles glide to their places
        boxes = [box for tile in tab.locator(".tile").all() if (box := tile.bounding_box())]
        top = min(box["y"] for box in boxes)
        row = [box for box in boxes if abs(box["y"] - top) < 2]
        assert max(box["y"] + box["height"] for box in row) <= screens * height, width
        assert len(row) >= least, width
        grid = tab.locator(".grid:has(.tile)").bounding_box() or {}
        assert abs(max(box["x"] + box["width"] for box in row) - grid["x"] - grid["width"]) <= 1, width
        findings = tab.locator(".ly-findings")
        assert (findings.bounding_box() or {})["height"] < 40, width  # one line
