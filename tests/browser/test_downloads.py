"""What is downloaded of the picks: their ZIP, and the contact sheet."""

import os
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pypdfium2
from PIL import Image
from playwright.sync_api import Download, Page

from tests.browser.conftest import Server, at_rest, upload_and_rank, visit, wait_until_over


def downloaded(tab: Page, key: str) -> Download:
    at_rest(tab)
    with tab.expect_download() as waited:
        tab.locator(f".st-key-{key} button").click()
    return waited.value


def of_its_own(picture: Path, folder: Path) -> Path:
    """With bytes that no other test of this server added: the same bytes keep the date they came with."""
    file, then = folder / picture.name, datetime(2019, 5, 4, 12).timestamp()
    with Image.open(picture) as image:
        image.convert("RGB").resize((90, 70)).save(file)
    os.utime(file, (then, then))
    return file


def test_the_picks_are_downloaded_with_their_dates_and_as_a_contact_sheet(
    open_tab: Callable[..., Page], server: Server, pictures: list[Path], tmp_path: Path
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, [of_its_own(picture, tmp_path) for picture in pictures[:4]], "red")
    wait_until_over(tab, 4)
    visit(tab, 1)
    tab.locator(".st-key-gallery-decide .viewer").wait_for()
    tab.keyboard.press("p")
    tab.keyboard.press("p")
    tab.get_by_role("button", name="Contact sheet (2)").wait_for()
    with zipfile.ZipFile(downloaded(tab, "export-zip").path()) as archive:
        dates = {member.date_time for member in archive.infolist()}
    assert {date[:3] for date in dates} == {(2019, 5, 4)}
    sheet = pypdfium2.PdfDocument(downloaded(tab, "export-sheet").path())
    text = sheet[0].get_textpage().get_text_range()
    assert "2 of 4 images" in text
    assert "image_00.png" in text
    tab.get_by_text("ZIP with fixed dates").click()
    at_rest(tab)
    with zipfile.ZipFile(downloaded(tab, "export-zip").path()) as archive:
        assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
