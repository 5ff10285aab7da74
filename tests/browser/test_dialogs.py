"""What is typed or pressed where something lies over the page: a popover, a dialog."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, upload_and_rank, visit, wait_until_over

Open = Callable[..., Page]


def test_enter_saves_the_new_name_of_a_run_and_closes_the_popover(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:4], "red sofa to be renamed")
    wait_until_over(tab, 4)
    visit(tab, 2)
    line = tab.locator('[class*="st-key-run-"]', has_text="red sofa to be renamed").first
    line.get_by_role("button", name="Rename").click()
    field = tab.get_by_label("Title", exact=True).locator("visible=true")
    field.fill("The **red** ones")
    field.press("Enter")
    expect(tab.locator(".ly-hist .ly-query", has_text="The **red** ones")).to_be_visible()
    expect(field).to_be_hidden()


def test_arrow_keys_go_through_the_images_in_large_and_the_title_tells_the_rank(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:8], "red")
    wait_until_over(tab, 8)
    tab.locator('.st-key-podium [class*="st-key-zoom-"] button').first.click()
    title = tab.get_by_role("dialog").get_by_role("heading")
    expect(title).to_have_accessible_name("Image #1 of 8")
    for key, rank in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowLeft", 2)):
        tab.keyboard.press(key)
        expect(title).to_have_accessible_name(f"Image #{rank} of 8")
        expect(tab.get_by_role("dialog")).to_contain_text(f"Rank {rank} ")
    tab.keyboard.press("Escape")
    expect(title).to_be_hidden()


def test_the_buttons_under_an_image_in_large_fit_on_one_line_of_a_phone(
    server: Server, open_tab: Open, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:4], "red")
    wait_until_over(tab, 4)
    phone = open_tab(
        server, tab.url.removeprefix(server.address), viewport={"width": 390, "height": 844}, has_touch=True
    )
    phone.locator('.st-key-podium [class*="st-key-zoom-"] button >> visible=true').first.click()
    expect(phone.locator(".st-key-viewer-next button")).to_be_visible()
    boxes = [
        phone.locator(f".st-key-viewer-{name} button").bounding_box()
        for name in ("previous", "pick", "reject", "next")
    ]
    tops = {round(box["y"]) for box in boxes if box}
    ends = [box["x"] + box["width"] for box in boxes if box]
    assert len(tops) == 1
    assert len(ends) == 4
    assert max(ends) <= 390 - 16
    cut = phone.locator('[class*="st-key-viewer-"] button p').evaluate_all(
        "all => all.some(e => e.scrollWidth > e.clientWidth)"
    )
    assert not cut
