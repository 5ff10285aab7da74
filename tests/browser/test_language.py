"""The language of the page is the page's alone."""

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, expect

from tests.browser.conftest import Server, at_rest, upload_and_rank, wait_until_over


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
    upload_and_rank(tab, pictures, "red")
    wait_until_over(tab, 32)
    expect(tab.get_by_role("button", name=re.compile("^Page [123]$"))).to_have_count(3)
    for box, option, cards in (("page_size-en", "24 per page", 3 + 24), ("sort-en", "By name", 24)):
        combobox = tab.locator(f".st-key-{box}").locator("input, [role=combobox]").first
        _choose(tab, combobox, option)
        expect(tab.locator(".ly-card")).to_have_count(cards)
        at_rest(tab)
    for label, language, order, size in (
        ("中文", "zh", "按文件名", "每页 24 张"),
        ("EN", "en", "By name", "24 per page"),
    ):
        tab.get_by_role("radio", name=label).or_(tab.get_by_role("button", name=label)).first.click()
        for box, shown in ((f"sort-{language}", order), (f"page_size-{language}", size)):
            combobox = tab.locator(f".st-key-{box}").locator("input, [role=combobox]").first
            expect(combobox).to_have_value(shown)
        tab.locator('.st-key-gallery [class*="st-key-pick-"] button').first.click()
        expect(tab.locator(".ly-card.pick")).to_have_count(1 if language == "zh" else 0)
        expect(tab.locator(".ly-card")).to_have_count(24)
    expect(tab.locator('[data-testid="stException"]')).to_have_count(0)


def _choose(tab: Page, combobox: Locator, option: str) -> None:
    """Again where the list closed, as it does while the page still scrolls to its box."""
    for _ in range(20):
        combobox.press("ArrowDown")
        with contextlib.suppress(TimeoutError):
            return tab.get_by_role("option", name=option).click(timeout=3000)
    raise AssertionError(f"{option} was not offered")


def _model(tab: Page, language: str) -> Locator:
    return tab.locator(f".st-key-model-{language}").locator("input, [role=combobox]").first
