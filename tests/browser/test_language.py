"""The language of the page is the page's alone."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Server, shown_first, upload_and_rank, wait_until_over


def test_another_language_changes_no_model_and_keeps_the_gallery_as_it_was_ordered(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path]
) -> None:
    tab = open_tab(server)
    expect(_model(tab, "en")).to_have_value("Automatic")
    for label, language, shown in (("中文", "zh", "自动选择"), ("EN", "en", "Automatic")):
        _speak(tab, label)
        expect(_model(tab, language)).to_have_value(shown)
    upload_and_rank(tab, pictures[:8], "red")
    wait_until_over(tab, 8)
    expect(tab.get_by_text("No checkpoint is called")).to_have_count(0)
    tab.locator(".tools-line").get_by_label("Order").select_option("name")
    tab.locator(".size").fill("120")
    expect(tab.locator(".tile").first).to_have_attribute("data-index", "0")
    for label, order, one in (("中文", "按名称", "全部 8"), ("EN", "by name", "All 8")):
        _speak(tab, label)
        expect(tab.locator(".filters .all")).to_have_text(one)
        expect(tab.locator('select:has(option[value="name"]) option:checked')).to_have_text(order)
        expect(tab.locator(".size")).to_have_value("120")
        assert shown_first(tab) == list(range(8))
    expect(tab.locator('[data-testid="stException"]')).to_have_count(0)


def test_the_menu_with_the_switch_of_themes_speaks_the_language_of_the_page(
    open_tab: Callable[..., Page], server: Server
) -> None:
    tab = open_tab(server, "/?lang=zh", color_scheme="light")
    page = tab.locator("html")
    expect(page).to_have_attribute("lang", "zh")
    tab.get_by_role("button", name="主菜单").click()
    menu = tab.get_by_role("menu", name="主菜单")
    for theme in ("跟随系统", "浅色", "深色"):
        expect(menu.get_by_role("menuitemradio", name=theme)).to_be_visible()
    expect(menu.get_by_role("menuitem")).to_have_text(["打印", "录制屏幕"])
    menu.get_by_role("menuitemradio", name="深色").click()
    expect(tab.locator(".stApp")).to_have_css("color-scheme", "dark")
    tab.keyboard.press("Escape")
    tab.locator(".st-key-query textarea").fill("红色")
    expect(tab.locator(".st-key-query").get_by_text("按 Ctrl+Enter 生效")).to_be_visible()
    _speak(tab, "EN")
    expect(page).to_have_attribute("lang", "en")
    tab.get_by_role("button", name="Main menu").click()
    expect(tab.get_by_role("menuitemradio", name="System")).to_be_visible()


def test_what_somebody_typed_is_not_put_into_another_language(
    open_tab: Callable[..., Page], server: Server
) -> None:
    tab = open_tab(server, "/?lang=zh")
    tab.locator(".st-key-query textarea").fill("red")
    tab.keyboard.press("Control+Enter")
    elements = tab.get_by_label("要素", exact=True).locator("visible=true").first
    elements.press_sequentially("Light")
    elements.press("Enter")
    elements.press("Escape")
    chip = tab.locator('[data-testid="stMultiSelect"] [data-tag]:visible')
    expect(chip).to_have_text(["Light"])
    expect(tab.get_by_role("button", name="移除 Light")).to_be_visible()
    assert chip.get_attribute("aria-label") == "Light"


def _speak(tab: Page, label: str) -> None:
    tab.get_by_role("radio", name=label).or_(tab.get_by_role("button", name=label)).first.click()


def _model(tab: Page, language: str) -> Locator:
    return tab.locator(f".st-key-model-{language}").locator("input, [role=combobox]").first
