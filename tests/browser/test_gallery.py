"""The grid, the viewer and their keys, in a real browser."""

import io
import json
import os
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import (
    Server,
    at_rest,
    decisions,
    expect_decisions,
    open_charts,
    open_ranked,
    run_of,
    shown_first,
    upload_and_rank,
    visit,
    wait_until_over,
)
from tests.support import exifs
from tests.support.fakes import picture

Open = Callable[..., Page]
DESK = {"width": 1440, "height": 900}
TALL = {"width": 1440, "height": 2400}


def test_a_click_opens_the_viewer_a_refresh_keeps_it_and_back_closes_it_and_goes_through_the_views(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:8])
    best = tab.locator(".tile").first.get_attribute("data-index")
    viewer = tab.locator("dialog.viewer")
    tab.locator(".tile .open").first.click()
    expect(viewer).to_be_visible()
    assert viewer.bounding_box() == {"x": 0, "y": 0, "width": 1366, "height": 900}
    assert f"image={best}" in tab.url
    tab.reload()
    expect(viewer).to_be_visible()
    expect(viewer.locator(".title")).to_contain_text("1 of 8")
    tab.keyboard.press("ArrowRight")
    expect(viewer.locator(".title")).to_contain_text("2 of 8")
    assert f"image={best}" not in tab.url
    tab.go_back()
    expect(viewer).to_be_hidden()
    assert "image=" not in tab.url
    expect(tab.locator(".tile")).to_have_count(8)
    tab.go_forward()
    expect(viewer).to_be_visible()
    tab.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    visit(tab, 1)
    expect(tab.locator(".viewer.inline")).to_be_visible()
    visit(tab, 2)
    expect(tab.locator(".st-key-compare")).to_be_visible()
    tab.go_back()
    expect(tab.locator(".viewer.inline")).to_be_visible()
    tab.go_back()
    expect(tab.locator(".tile").first).to_be_visible()
    tab.go_forward()
    expect(tab.locator(".viewer.inline")).to_be_visible()


def many_keys(tab: Page, server: Server, run: str, order: list[int], count: int = 40) -> None:
    """Keys 30 ms apart, as a hand that knows them is at its fastest, and what they must leave behind."""
    wanted: dict[int, str] = {}
    steps: list[tuple[int, str | None]] = []
    keys, at = "", 0
    for number in range(count):
        key = "pxu"[number % 3] if number % 7 else "p"
        keys += key
        if key == "u":
            if steps:
                index, before = steps.pop()
                wanted.pop(index, None)
                if before:
                    wanted[index] = before
                at = order.index(index)
            continue
        index, decision = order[at], {"p": "pick", "x": "reject"}[key]
        if wanted.get(index) != decision:
            steps.append((index, wanted.get(index)))
            wanted[index] = decision
        at = min(at + 1, len(order) - 1)
    for key in keys:
        tab.keyboard.press(key)
        tab.wait_for_timeout(30)
    expect_decisions(server, run, wanted)


def test_quick_keys_in_the_grid_leave_what_was_pressed(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    run = open_ranked(server, tab, pictures[:10])
    order = shown_first(tab)
    assert len(order) == 10
    tab.locator(".tile .open").first.focus()
    many_keys(tab, server, run, order)


def test_a_hundred_quick_keys_in_the_viewer_leave_what_was_pressed(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, viewport=TALL)
    run = open_ranked(server, tab, pictures)
    order = shown_first(tab)
    assert len(order) == 32
    tab.set_viewport_size(DESK)
    tab.locator(".tile .open").first.click()
    expect(tab.locator("dialog.viewer")).to_be_visible()
    many_keys(tab, server, run, order, 100)


def test_quick_keys_in_decide_leave_what_was_pressed(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    run = open_ranked(server, tab, pictures[:10])
    order = shown_first(tab)
    visit(tab, 1)
    tab.locator(".viewer.inline .pane").wait_for()
    many_keys(tab, server, run, order)
    made = decisions(server, run)
    picks, rejects = (sum(one == what for one in made.values()) for what in ("pick", "reject"))
    left = 10 - picks - rejects
    expect(tab.locator("body")).to_contain_text(f"{picks} picked · {rejects} rejected · {left} to go")


def test_a_pick_while_images_are_scored_is_kept_at_once(
    server: Server, open_tab: Open, hurry: Callable[[], None], pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:6], "red slowly now")
    tile = tab.locator(".tile").first
    tile.wait_for()
    run = run_of(tab)
    index = int(tile.get_attribute("data-index") or -1)
    tile.locator(".open").focus()
    tab.keyboard.press("p")
    expect_decisions(server, run, {index: "pick"}, seconds=0.3)
    hurry()
    wait_until_over(tab, 6)
    expect(tab.locator(f".tile[data-index='{index}']")).to_have_class(re.compile("picked"))


def test_sorting_and_filtering_happen_in_the_browser(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, viewport=TALL)
    open_ranked(server, tab, pictures[:9], "red + green")
    by = tab.get_by_label("Order", exact=True)
    for option in ("upload", "name"):
        by.select_option(option)
        expect(tab.locator(".tile").first).to_have_attribute("data-index", "0")
        assert shown_first(tab) == list(range(9))
    by.select_option("element:1")
    assert {index % 3 for index in shown_first(tab)[:3]} == {1}
    tab.get_by_label("Which element must be there").select_option("1")
    expect(tab.locator(".tile")).to_have_count(3)
    tab.get_by_label("Which element must be there").select_option("")
    by.select_option("rank")
    tab.locator(".tile .open").first.focus()
    tab.keyboard.press("p")
    tab.keyboard.press("x")
    expect(tab.locator(".filters .pick")).to_have_text("Picked 1")
    for name, count in (("pick", 1), ("reject", 1), ("undecided", 7), ("all", 9)):
        tab.locator(f".filters .{name}").click()
        expect(tab.locator(".tile")).to_have_count(count)


def test_images_are_sorted_and_filtered_by_what_their_files_say(
    server: Server, open_tab: Open, tmp_path: Path
) -> None:
    files = []
    for number, (day, camera, size) in enumerate(
        [(3, "Z 6", (120, 90)), (1, "X100", (120, 90)), (2, "Z 6", (90, 120)), (None, None, (120, 90))]
    ):
        exif = exifs.exif(f"2024:05:0{day} 10:00:00", Model=camera, Make=None) if day else None
        files.append(tmp_path / f"{number}.jpg")
        Image.open(io.BytesIO(picture(size=size, seed=number))).save(files[-1], exif=exif or b"")
    tab = open_tab(server)
    open_ranked(server, tab, files)
    by = tab.get_by_label("Order", exact=True)
    by.select_option("date")
    expect(tab.locator(".tile").first).to_have_attribute("data-index", "0")
    assert shown_first(tab) == [0, 2, 1, 3]
    expect(tab.locator(".tile .name").first).to_have_text("2024-05-03 10:00:00 · 0.jpg")
    by.select_option("camera")
    expect(tab.locator(".tile").first).to_have_attribute("data-index", "1")
    more = tab.locator(".more")
    assert more.get_attribute("aria-expanded") == "false"
    more.click()
    camera = tab.get_by_label("Which camera")
    assert camera.locator("option").all_inner_texts() == ["any camera", "X100", "Z 6", "not told"]
    for value, found in (("Z 6", {0, 2}), ("-", {3}), ("X100", {1})):
        camera.select_option(value)
        expect(tab.locator(".tile")).to_have_count(len(found))
        assert set(shown_first(tab)) == found
    expect(more).to_have_text("Date, camera, size (1)")
    expect(tab.locator(".filters .all")).to_have_text("All 1")
    camera.select_option("")
    tab.get_by_label("When it was taken").select_option("2024-05-02")
    expect(tab.locator(".tile")).to_have_count(1)
    tab.get_by_label("When it was taken").select_option("")
    tab.get_by_label("Which size").select_option("portrait")
    expect(tab.locator(".tile")).to_have_attribute("data-index", "2")
    tab.locator(".tile .open").click()
    expect(tab.locator(".viewer .facts .name")).to_contain_text(
        "2024-05-02 10:00:00\nZ 6\nNIKKOR Z 24-70mm f/4 S"
    )


def test_the_focus_goes_to_the_images_and_back_to_where_one_came_from(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, "/?lang=en&charts=1")
    open_ranked(server, tab, pictures[:6])
    order = tab.get_by_label("Order", exact=True)
    order.focus()
    order.select_option("name")
    expect(order).to_be_focused()  # who goes by keys may look at the next order
    order.dispatch_event("pointerdown")
    order.select_option("upload")
    expect(tab.locator(".tile .open").first).to_be_focused()
    tab.keyboard.press("ArrowRight")
    tab.keyboard.press("z")
    expect(tab.locator("dialog.viewer .stage")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(tab.locator(".tile .open").nth(1)).to_be_focused()
    cell = tab.locator(".st-key-overview button.cell").nth(4)
    cell.click()
    expect(tab.locator("dialog.viewer .stage")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(cell).to_be_focused()


def test_the_filters_count_within_the_bar_that_was_chosen(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, "/?lang=en&charts=1")
    open_ranked(server, tab, pictures[:9])
    bar = tab.locator(".slot:has(.count)").last
    count = int(bar.locator(".count").inner_text())
    bar.click()
    expect(tab.locator(".tile")).to_have_count(count)
    expect(tab.locator(".filters .all")).to_have_text(f"All {count}")
    tab.locator(".filters + .bin").click()
    expect(tab.locator(".filters .all")).to_have_text("All 9")


def test_on_a_phone_labels_are_left_out_elements_are_dots_and_nothing_is_cut_off(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:4], "red sofa + lamp + chair")
    wide = tab.locator(".chips b").first
    expect(wide).to_be_visible()
    path = tab.url.removeprefix(server.address)
    phone = open_tab(server, path + "&charts=1", viewport={"width": 390, "height": 844}, has_touch=True)
    phone.locator(".chips").first.wait_for()
    phone.locator(".size").fill("140")
    dot = phone.locator(".chips.dots .chip").first
    expect(dot).to_be_visible()
    expect(dot).to_have_attribute("title", re.compile(r"red sofa \d"))
    expect(dot.locator("b")).to_be_hidden()
    phone.get_by_role("radio", name=re.compile("even", re.IGNORECASE)).or_(
        phone.locator(".st-key-bins button").nth(1)
    ).first.click()
    labels = phone.locator(".axis span:visible")
    expect(labels.nth(1)).to_be_visible()
    boxes = [box for label in labels.all() if (box := label.bounding_box())]
    assert all(left["x"] + left["width"] <= right["x"] for left, right in pairwise(boxes))
    phone.locator(".tile .open").first.click()
    expect(phone.locator("dialog.viewer .title")).to_be_in_viewport(ratio=1)
    assert phone.locator("dialog.viewer .title").inner_text().startswith("1/4 · image_")
    for name in ("previous", "next", "pick", "reject", "close"):
        expect(phone.locator(f"dialog.viewer .bar .{name}")).to_be_in_viewport(ratio=1)
    expect(phone.locator("dialog.viewer .pane")).to_be_in_viewport(ratio=1)
    phone.locator("dialog.viewer .bar .close").click()
    for place in (0, 1, 2):
        visit(phone, place)
        at_rest(phone)
        phone.wait_for_timeout(500)
        wide = phone.locator('[data-testid="stMain"]').evaluate("e => e.scrollWidth - e.clientWidth")
        assert wide <= 1


def test_the_cut_off_is_a_line_between_images_and_open_charts_follow_what_is_decided(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server, viewport=TALL)
    open_ranked(server, tab, pictures[:18], "red line")
    line = tab.locator(".cutline")
    expect(line).to_contain_text("6 above")
    expect(line).to_have_class(re.compile("suggested"))
    tab.wait_for_timeout(400)  # tiles glide to their places
    y = (line.bounding_box() or {})["y"]
    tops = {
        int(tile.get_attribute("data-index") or -1): tile.bounding_box()
        for tile in tab.locator(".tile").all()
    }
    assert sorted(index for index, box in tops.items() if box and box["y"] < y) == [0, 3, 6, 9, 12, 15]
    expect(tab.locator(".st-key-distribution")).to_have_count(0)
    open_charts(tab)
    expect(tab.locator(".plot")).to_be_visible()
    assert "charts=1" in tab.url
    tiles = tab.locator(".tile .open")
    for place in range(16):
        tiles.nth(place).focus()
        tab.keyboard.press("p" if place < 6 else "x")
        if place == 14:
            expect(tab.get_by_text("6 picked, 9 rejected: from 16 on")).to_be_visible()
    expect(tab.locator(".st-key-suggest button")).to_contain_text("from your 16 picks and rejects (first 6)")
    tab.locator(".st-key-suggest button").click()
    expect(line).not_to_have_class(re.compile("suggested"))
    tab.locator(".filters .above").click()
    expect(tab.locator(".tile")).to_have_count(6)
    tab.reload()
    expect(tab.locator(".plot")).to_be_visible()


def test_explain_mode_says_its_sentence_on_the_tile_and_in_the_viewer(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:3], mode="explain")
    expect(tab.locator(".tile .says").first).to_contain_text("It is red. Score: ")
    tab.locator(".tile .open").first.click()
    side = tab.locator("dialog.viewer .side")
    expect(side.locator(".says")).to_contain_text("It is red. Score: ")
    expect(side.locator("pre.reply mark").first).to_have_text(re.compile(r"[\d.]+"))


def test_the_viewer_explains_an_image_shows_its_actual_size_and_others_beside_it(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:5])
    tab.locator(".tile .open").first.click()
    stage, image = tab.locator("dialog.viewer .stage"), tab.locator("dialog.viewer .pane img").last
    expect(tab.locator("dialog.viewer .pane.sharp")).to_be_visible()
    tab.keyboard.press("z")
    expect(stage).to_have_class(re.compile("zoomed"))
    assert image.evaluate("e => [e.clientWidth, e.naturalWidth]") == [120, 120]
    tab.keyboard.press("z")
    expect(stage).not_to_have_class(re.compile("zoomed"))
    tab.get_by_role("button", name="Explain this image").click()
    expect(tab.locator("dialog.viewer .asking")).to_contain_text("It is red. Score: ")
    for count in (2, 3, 4, 4):
        tab.keyboard.press("b")
        tab.keyboard.press("ArrowRight")
        expect(tab.locator("dialog.viewer .pane")).to_have_count(count)


def test_a_double_click_shows_the_actual_size_around_it_and_a_drag_moves_the_image(
    server: Server, open_tab: Open, tmp_path: Path
) -> None:
    large = tmp_path / "large.png"
    large.write_bytes(picture("red", (2000, 1500)))
    tab = open_tab(server)
    other = tmp_path / "other.png"
    other.write_bytes(picture("blue"))
    open_ranked(server, tab, [large, other])
    tab.locator(".tile .open").first.click()
    stage, image = tab.locator("dialog.viewer .stage"), tab.locator("dialog.viewer .pane img").last
    expect(tab.locator("dialog.viewer .pane.sharp")).to_be_visible()
    box = stage.bounding_box() or {}
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    tab.mouse.dblclick(x, y)
    expect(stage).to_have_class(re.compile("zoomed"))
    assert image.evaluate("e => [e.clientWidth, e.clientHeight]") == [2000, 1500]
    before = image.bounding_box() or {}
    assert (
        before["x"] + 1000 > box["x"] + box["width"] / 2
    )  # what was clicked, left of the middle, stays in view
    tab.mouse.move(x, y)
    tab.mouse.down()
    tab.mouse.move(x - 120, y - 60, steps=4)
    tab.mouse.up()
    after = image.bounding_box() or {}
    assert (round(after["x"] - before["x"]), round(after["y"] - before["y"])) == (-120, -60)
    tab.mouse.dblclick(x, y)
    expect(stage).not_to_have_class(re.compile("zoomed"))


def test_files_of_this_machine_are_ordered_by_date_and_all_by_size(
    server: Server, open_tab: Open, tmp_path: Path
) -> None:
    folder = tmp_path / "dated"
    folder.mkdir()
    for number, (width, age) in enumerate([(200, 30), (300, 10), (400, 20)]):
        file = folder / f"{number}.png"
        file.write_bytes(picture("red", (width, 100), seed=number))
        os.utime(file, (1e9 - age, 1e9 - age))
    tab = open_tab(server)
    tab.locator(".st-key-way").get_by_text("Path", exact=True).click()
    tab.locator(".st-key-path input").fill(str(folder))
    tab.locator(".st-key-path input").press("Enter")
    tab.locator(".st-key-query textarea").fill("red")
    tab.locator(".st-key-rank button").click()
    wait_until_over(tab, 3)
    by = tab.get_by_label("Order", exact=True)
    for option, order in (("date", [1, 2, 0]), ("size", [2, 1, 0])):
        by.select_option(option)
        expect(tab.locator(".tile").first).to_have_attribute("data-index", str(order[0]))
        assert shown_first(tab) == order


def test_control_and_enter_rank(server: Server, open_tab: Open, pictures: list[Path]) -> None:
    tab = open_tab(server)
    files = tab.locator(".st-key-add-files input[type=file]")
    files.set_input_files([str(path) for path in pictures[:4]])
    tab.get_by_text("4 images ready").first.wait_for()
    tab.locator(".st-key-query textarea").press_sequentially("green room")
    tab.keyboard.press("Control+Enter")
    wait_until_over(tab, 4)
    expect(tab.locator(".ly-head h1")).to_have_text("green room")


def test_what_is_chosen_on_the_page_stays_over_a_refresh(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:6])
    expect(tab.locator(".st-key-distribution")).to_have_count(0)
    open_charts(tab)
    tab.locator(".st-key-bins button").nth(1).click()
    tab.wait_for_url(re.compile("bins=even"))
    at_rest(tab)
    tab.locator("button.slot").last.click()
    tab.get_by_label("Order", exact=True).select_option("name")
    shown = shown_first(tab)
    assert len(shown) == 2
    tab.locator(".st-key-sorting summary").click()
    tab.wait_for_url(re.compile("sorting=true"))
    at_rest(tab)
    tab.locator(".st-key-names textarea").fill("no name yet")
    tab.reload()
    expect(tab.locator("button.slot").last).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".st-key-bins button").nth(1)).to_have_attribute("aria-checked", "true")
    expect(tab.get_by_label("Order", exact=True)).to_have_value("name")
    expect(tab.locator(".tools-line .bin")).to_be_visible()
    assert shown_first(tab) == shown
    expect(tab.locator(".st-key-names textarea")).to_have_value("no name yet")
    tab.locator("button.slot").last.click()
    expect(tab.locator(".tile")).to_have_count(6)


def test_what_could_not_be_saved_is_told_and_sent_again(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    run = open_ranked(server, tab, pictures[:4])
    order = shown_first(tab)
    asked: list[int] = []

    def answer(route) -> None:
        asked.append(len(json.loads(route.request.post_data)["steps"]))
        if len(asked) == 1:
            route.fulfill(status=200, body="no JSON")
        else:
            route.continue_()

    tab.route("**/lychee/decisions/**", answer)
    tab.locator(".tile .open").first.focus()
    tab.keyboard.press("p")
    expect(tab.get_by_text("Not saved yet (1)")).to_be_visible()
    expect(tab.get_by_text("Not saved yet")).to_be_hidden()
    expect_decisions(server, run, {order[0]: "pick"})
