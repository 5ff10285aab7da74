"""What files are called reaches the page as it is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Server, upload_and_rank, wait_until_over
from tests.support.fakes import picture

NAMES = ('12" vinyl.png', "a%22b.png", "50%.png", "100%25.png", "plain.png")


@pytest.mark.parametrize("way", ["files", "folder"])
def test_quotes_and_percent_signs_in_names_stay(
    server: Server, open_tab: Callable[..., Page], tmp_path: Path, way: str
) -> None:
    paths = [tmp_path / name for name in NAMES]
    for seed, path in enumerate(paths):
        path.write_bytes(picture("red", (40, 30), seed=seed))
    tab = open_tab(server)
    if way == "files":
        upload_and_rank(tab, paths, "red")
    else:
        tab.locator(".st-key-way button").nth(1).click()
        tab.locator(".st-key-add-folder input[webkitdirectory]").set_input_files(tmp_path)
        tab.get_by_text(f"{len(NAMES)} images ready").first.wait_for()
        tab.locator(".st-key-query textarea").fill("red")
        tab.keyboard.press("Control+Enter")
    wait_until_over(tab, len(NAMES))
    shown = [name.removeprefix(f"{tmp_path.name}/") for name in tab.locator(".tile .name").all_inner_texts()]
    assert sorted(shown) == sorted(NAMES)
