"""The language of the page is the page's alone."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, shown_first, upload_and_rank, wait_until_over


def test_another_language_changes_no_model_and_ranking_goes_on(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    expect(_model(tab, "en")).to_have_value("Automatic")
    for label, language, shown in (("中文", "zh", "自动选择"), ("EN", "en", "Automatic")):
        tab.get_by_role("radio", name=label).or_(tab.get_by_role("button", name=label)).first.click()
        expect(_model(tab, language)).to_have_value(shown)
    upload_and_rank(tab, pictures[:4], "red")
    wait_until_over(tab, 4)
    expect(tab.get_by_text("No checkpoint is called")).to_have_count(0)


def test_another_language_keeps_the_gallery_as_it_was_ordered(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:8], "red")
    wait_until_over(tab, 8)
    tab.locator(".tools-line").get_by_label("Order").select_option("name")
    tab.locator(".size").fill("120")
    expect(tab.locator(".tile").first).to_have_attribute("data-index", "0")
    for label, order, one in (("中文", "按名称", "全部 8"), ("EN", "by name", "All 8")):
        tab.get_by_role("radio", name=label).or_(tab.get_by_role("button", name=label)).first.click()
        expect(tab.locator(".filters .all")).to_have_text(one)
        expect(tab.locator(".tools-line select option:checked").last).to_have_text(order)
        expect(tab.locator(".size")).to_have_value("120")
        assert shown_first(tab) == list(range(8))
    expect(tab.locator('[data-testid="stException"]')).to_have_count(0)


def _model(tab: Page, language: str) -> Locator:
    return tab.locator(f".st-key-model-{language}").locator("input, [role=combobox]").first
