"""Files dropped anywhere on the page."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.conftest import Server, wait_until_over
from tests.support.fakes import picture

Open = Callable[..., Page]
CARRIED = """async files => {
  const carried = new DataTransfer();
  for (const [name, bytes] of files) {
    carried.items.add(new File([new Uint8Array(bytes)], name, {type: "image/png"}));
  }
  return carried;
}"""


def test_files_dropped_on_the_answer_are_taken_and_ranked(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    tab.locator(".st-key-way button").nth(2).click()
    expect(tab.locator(".st-key-path")).to_be_visible()
    files = [(f"{n}.png", list(picture("red", (40, 30), seed=n))) for n in range(3)]
    carried = tab.evaluate_handle(CARRIED, files)
    main = tab.locator(".ly-hero")
    main.dispatch_event("dragenter", {"dataTransfer": carried})
    target = tab.get_by_text("Drop images or folders here")
    expect(target).to_be_in_viewport()
    box = tab.locator(".veil").bounding_box()
    assert box
    assert box["width"] > 1200  # over all of the page
    main.dispatch_event("drop", {"dataTransfer": carried})
    expect(target).to_be_hidden()
    expect(tab.get_by_text("3 images ready").first).to_be_visible()
    expect(tab.locator(".pile li")).to_have_count(3)
    expect(tab.locator(".ly-scenes")).to_have_count(0)
    tab.locator(".st-key-query textarea").fill("red")
    tab.locator(".st-key-rank button").click()
    wait_until_over(tab, 3)


def test_a_text_that_is_dragged_is_none_of_ours(server: Server, open_tab: Open) -> None:
    tab = open_tab(server)
    carried = tab.evaluate_handle(
        "() => { const d = new DataTransfer(); d.setData('text/plain', 'x'); return d; }"
    )
    tab.locator(".ly-hero").dispatch_event("dragenter", {"dataTransfer": carried})
    expect(tab.locator(".veil")).to_be_hidden()
