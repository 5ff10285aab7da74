"""An example image: from a card, from the viewer, and from a file."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from lychee_app.store import Store
from tests.browser.conftest import Server, at_rest, open_ranked, run_of, wait_until_over


def test_images_like_a_card_are_found_and_the_example_comes_back_with_the_run(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    before = open_ranked(server, tab, pictures[:4])
    tile = tab.locator('.tile[data-index="1"]')
    tile.hover()
    tile.locator(".like").click()
    expect(tab.locator(".st-key-example-like")).to_contain_text("Like: image_01.png")
    tab.locator(".st-key-query textarea").fill("")
    tab.locator(".st-key-rank button").click()
    expect(tab.locator(".ly-query")).to_have_text("≈ image_01.png")
    wait_until_over(tab, 4)
    assert run_of(tab) != before
    expect(tab.locator('.tile[data-index="1"] .rank')).to_have_text("1")
    tab.reload()
    expect(tab.locator(".st-key-example-like")).to_contain_text("Like: image_01.png")
    with Store.open(server.home) as store:
        request = store.load(run_of(tab)).request
    assert request.like is not None
    assert (request.like.name, request.unlike) == ("image_01.png", None)


def test_a_file_is_an_example_too_and_stays_with_the_run(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    open_ranked(server, tab, pictures[:3])
    tab.locator(".st-key-example-image button").first.click()
    at_rest(tab)
    tab.get_by_role("radio", name="Not like", exact=True).click()
    at_rest(tab)
    tab.locator(".st-key-example-file input[type=file]").set_input_files(str(pictures[4]))
    expect(tab.locator(".st-key-example-unlike")).to_contain_text("Not like: image_04.png")
    tab.keyboard.press("Escape")
    at_rest(tab)
    tab.locator(".st-key-rank button").click()
    wait_until_over(tab, 3)
    expect(tab.locator(".tile .chip.not").first).to_contain_text("≉ image_04.png")
    with Store.open(server.home) as store:
        example = store.load(run_of(tab)).request.unlike
        assert example is not None
        assert Path(example.path).read_bytes() == pictures[4].read_bytes()
    tab.locator(".st-key-drop-unlike button").click()
    expect(tab.locator(".st-key-example-unlike")).to_have_count(0)
