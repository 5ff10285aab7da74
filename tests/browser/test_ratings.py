"""Stars of the sidecars in the gallery, and written from the page, in a real browser."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lychee_app import ratings
from lychee_app.records import Source
from lychee_app.store import Store
from tests.browser.conftest import Server, at_rest, visit
from tests.browser.test_access import serious
from tests.ratings.conftest import LIGHTROOM
from tests.support.fakes import picture
from tests.support.rows import row, run_of

SCORES = (9.4, 8.2, 6.1, 4.5, 2.0, 0.3)
FOUND = {0: 5, 1: 3, 2: 1, 3: 0, 4: -1}


@pytest.fixture
def folder(server: Server, tmp_path: Path) -> Path:
    """Six images, five of them rated by another program; and a run over them, of the folder's name."""
    folder = tmp_path / f"rated-{tmp_path.name}"
    folder.mkdir()
    rows, sources = [], []
    for index, score in enumerate(SCORES):
        data, path = picture("red", (160, 120), seed=index), folder / f"{index}.png"
        path.write_bytes(data)
        if index in FOUND:
            rating = f'xmp:Rating="{FOUND[index]}"'.encode()
            path.with_suffix(".xmp").write_bytes(LIGHTROOM.replace(b'xmp:Rating="1"', rating))
        made = replace(row(index, score=score), name=path.name, sha256=hashlib.sha256(data).hexdigest())
        rows.append(replace(made, width_px=160, height_px=120, thumbnail=picture("red", (80, 60), "WEBP")))
        sources.append(Source(path.name, path=path))
    with Store.open(server.home) as store:
        run = run_of((), id=folder.name, query="red", total=len(rows))
        store.create(run, sources)
        for each in rows:
            store.add(run.id, each)
        store.decide(run.id, 5, "reject")
        store.finish(run.id, "done", seconds=1.0, peak_memory_bytes=0)
    return folder


def test_stars_are_shown_filtered_by_and_written(
    server: Server, open_tab: Callable[..., Page], folder: Path
) -> None:
    tab = open_tab(server, f"/?lang=en&run={folder.name}")
    stars = tab.locator(".tile .stars:visible")
    expect(stars).to_have_text(["★★★★★", "★★★", "★", "XMP: rejected"])
    expect(tab.locator(".tile .open").first).to_have_attribute(
        "aria-label", "0.png: rank 1, 9.4, rated 5 of 5 stars"
    )
    box = tab.get_by_label("Which rating in XMP")
    for asked, names in (("3", "01"), ("none", "35"), ("reject", "4"), ("", "012345")):
        box.select_option(asked)
        expect(tab.locator(".tile .name")).to_have_text([f"{name}.png" for name in names])
    at_rest(tab)
    assert serious(tab) == []
    tab.locator(".tile .open").first.click()
    expect(tab.locator("dialog.viewer .facts .name")).to_contain_text("rated 5 of 5 stars")
    tab.keyboard.press("Escape")
    visit(tab, 1)
    tab.locator(".st-key-stars-plan button").click()
    expect(tab.get_by_role("dialog")).to_contain_text("Sidecars: 1 new, 3 changed, 1 say it already")
    expect(tab.get_by_role("dialog")).to_contain_text("1 image is rejected in its XMP and stays so.")
    at_rest(tab)
    assert serious(tab) == []
    tab.locator(".st-key-stars-do button").click()
    expect(tab.locator(".st-key-stars-back-0 button")).to_be_visible()
    assert ratings.read((folder / "5.xmp").read_bytes()).stars == -1
    visit(tab, 0)
    expect(stars).to_have_text(["★★★★★", "★★★★", "★★★", "★★", *["XMP: rejected"] * 2])
