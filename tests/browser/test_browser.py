"""The whole way through in a real browser: upload, rank, look, decide, export; and what must not happen."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from lychee_app.model.checkpoints import DEMO_FOLDER
from lychee_app.ui.page import SMALL
from tests.browser.conftest import PATIENCE_MS, Server, open_charts, upload_and_rank, visit, wait_until_over
from tests.support.fakes import picture

HOSTILE = "<img src=x onerror=alert(1)> **bold** $x$ [a](b) :material-x: `c`"
Open = Callable[..., Page]


def test_the_whole_way_from_upload_to_export(server: Server, open_tab: Open, pictures: list[Path]) -> None:
    tab = open_tab(server)
    hold = server.home / "hold"
    hold.touch()
    upload_and_rank(tab, pictures, "red sofa + lamp")
    line = tab.locator(".ly-stats")
    try:
        expect(line).to_contain_text(
            re.compile(r"\d+/32 ?·? ?[\d.]+ s/image ?·? ?ETA \d+ s.*RAM: [\d.]+ / [\d.]+ GB")
        )
    finally:
        hold.unlink()
    wait_until_over(tab, 32)
    _raw_output(tab)
    open_charts(tab)
    _bar_filters(tab)
    _heat_grid_opens(tab, "image_05.png")
    _cut_is_dragged(tab)
    _picked_by_keyboard(tab)
    _exported(tab, {path.name: path.read_bytes() for path in pictures})


def _raw_output(tab: Page) -> None:
    tab.locator(".tile .open").first.click()
    viewer = tab.locator("dialog.viewer")
    expect(viewer.locator("pre.reply").first).to_have_text(re.compile("yes|no"))
    expect(viewer.locator(".side")).to_contain_text("logit yes")
    expect(viewer.locator(".side")).to_contain_text("p_yes")
    tab.keyboard.press("Escape")
    expect(viewer).to_be_hidden()


def _bar_filters(tab: Page) -> None:
    bar = tab.locator("button.slot[data-bin='0']")
    count = int(re.search(r": (\d+)$", bar.get_attribute("aria-label") or "")[1])  # type: ignore[index]
    assert 0 < count < 32
    tab.locator(".size").fill("90")  # small enough for all to be drawn
    bar.click()
    expect(tab.locator(".tools-line .bin")).to_be_visible()
    expect(bar).to_have_attribute("aria-pressed", "true")
    expect(tab.locator(".tile")).to_have_count(count)
    tab.locator(".tools-line .bin").click()
    expect(tab.locator(".tools-line .bin")).to_be_hidden()
    expect(bar).to_have_attribute("aria-pressed", "false")


def _heat_grid_opens(tab: Page, name: str) -> None:
    cell = tab.locator("button.cell[data-index='5']")
    cell.hover()
    thumbnail = tab.locator(".tip img")
    expect(thumbnail).to_be_visible()
    assert thumbnail.evaluate("async e => { await e.decode(); return e.naturalWidth }") > 0
    cell.click()
    viewer = tab.locator("dialog.viewer")
    expect(viewer.locator(".title")).to_contain_text(name)
    assert (
        viewer.locator(".pane.sharp img").evaluate("async e => { await e.decode(); return e.naturalWidth }")
        > 0
    )
    tab.keyboard.press("Escape")
    expect(viewer).to_be_hidden()


def _cut_is_dragged(tab: Page) -> None:
    handle = tab.locator(".cut")
    handle.scroll_into_view_if_needed()
    plot, start = tab.locator(".plot").bounding_box(), handle.bounding_box()
    assert plot
    assert start
    y = start["y"] + 80
    tab.mouse.move(start["x"] + start["width"] / 2, y)
    tab.mouse.down()
    tab.mouse.move(plot["x"] + plot["width"] / 12, y, steps=8)
    tab.mouse.up()
    expect(tab.locator(".st-key-distribution")).to_contain_text(re.compile(r"\d+ of 32 are at or above"))
    expect(handle).to_have_attribute("aria-valuenow", "3.0")


def _picked_by_keyboard(tab: Page) -> None:
    visit(tab, 1)
    current = tab.locator(".viewer.inline .pane").last
    first = current.get_attribute("data-index")
    tab.keyboard.press("p")
    expect(current).not_to_have_attribute("data-index", first or "")
    expect(tab.locator("body")).to_contain_text("1 picked")
    tab.keyboard.press("p")
    expect(tab.locator("body")).to_contain_text("2 picked")
    tab.keyboard.press("x")
    expect(tab.locator("body")).to_contain_text("1 rejected")
    tab.keyboard.press("u")
    expect(tab.locator("body")).to_contain_text("0 rejected")
    tab.keyboard.press("b")
    held = current.get_attribute("data-index")
    tab.keyboard.press("ArrowRight")
    panes = tab.locator(".viewer.inline .pane")
    expect(panes).to_have_count(2)
    assert panes.first.get_attribute("data-index") == held
    assert panes.last.get_attribute("data-index") != held


def _exported(tab: Page, originals: dict[str, bytes]) -> None:
    expect(tab.locator(".st-key-export-zip")).to_contain_text("(2)")
    rows = list(csv.reader(io.StringIO(_download(tab, "csv").decode("utf-8-sig"))))
    assert rows[0][0] == "rank"  # one byte-order mark, not two
    assert len(rows) == 33
    assert [int(row[0]) for row in rows[1:]] == list(range(1, 33))
    document = json.loads(_download(tab, "json"))
    assert document["query"] == "red sofa + lamp"
    assert [image["name"] for image in document["images"]] == [row[2] for row in rows[1:]]
    assert {image["name"] for image in document["images"]} == set(originals)
    report = _download(tab, "html").decode()
    assert report.startswith("<!doctype html>")
    assert "http://" not in report.replace("http://www.w3.org", "")
    with zipfile.ZipFile(io.BytesIO(_download(tab, "zip"))) as archive:
        members = archive.namelist()
        assert len(members) == 2
        assert members[0].startswith("01_")
        for member in members:
            name = re.sub(r"^\d+_[\d.]+_", "", member)
            assert archive.read(member) == originals[name]


def _download(tab: Page, kind: str) -> bytes:
    with tab.expect_download() as coming:
        tab.locator(f".st-key-export-{kind} button").click()
    return Path(coming.value.path()).read_bytes()


def test_a_refresh_finds_the_run_and_stop_and_resume_lose_nothing(
    server: Server, open_tab: Open, hurry: Callable[[], None], pictures: list[Path]
) -> None:
    tab = open_tab(server)
    upload_and_rank(tab, pictures[:16], "red slowly")
    expect(tab.locator(".ly-stats")).to_contain_text("s/image")
    tab.reload()
    expect(tab.locator(".ly-stats")).to_contain_text("/16")
    tab.locator(".st-key-stop button").click()
    told = tab.get_by_text(re.compile(r"Stopped\. \d+ of 16 done and kept\."))
    expect(told).to_be_visible()
    kept = int(re.search(r"(\d+) of 16", told.inner_text())[1])  # type: ignore[index]
    assert 0 < kept < 16
    hurry()
    tab.locator(".st-key-resume button").click()
    wait_until_over(tab, 16)
    expect(tab.locator(".filters .all")).to_have_text("All 16")
    expect(told).to_be_hidden()


def test_the_first_result_of_a_large_run_is_shown_before_the_second_comes(
    server: Server, open_tab: Open, hurry: Callable[[], None], tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(SMALL + 6)]
    for number, path in enumerate(paths):
        path.write_bytes(picture("red", seed=number))
    tab = open_tab(server)
    upload_and_rank(tab, paths, "red once")
    expect(tab.locator(".tile")).to_have_count(1)
    expect(tab.locator(".ly-run")).to_have_attribute("aria-valuenow", "1")
    expect(tab.locator(".ly-finding")).to_have_count(0)  # one image of seventy says nothing yet
    hurry()
    wait_until_over(tab, len(paths))
    expect(tab.locator(".ly-finding").first).to_be_visible()


def test_a_second_tab_follows_stops_and_sees_resumed_the_same_run(
    server: Server, open_tab: Open, hurry: Callable[[], None], pictures: list[Path]
) -> None:
    first = open_tab(server)
    upload_and_rank(first, pictures[:8], "red slowly too")
    first.wait_for_url(re.compile("run="))
    run = re.search(r"run=\w+", first.url)
    assert run
    second = open_tab(server, f"/?{run[0]}&lang=zh")
    expect(second.locator(".ly-stats")).to_contain_text("/8")
    second.locator(".st-key-stop button").click()
    for tab, words in ((first, "done and kept"), (second, "张的结果已保留")):
        expect(tab.get_by_text(words)).to_be_visible()
        expect(tab.locator(".tile").first).to_be_visible()
    hurry()
    first.locator(".st-key-resume button").click()
    for tab in (first, second):
        expect(tab.locator(".filters .all")).to_contain_text("8")
        expect(tab.locator(".st-key-resume")).to_be_hidden()


def test_hostile_names_and_queries_are_shown_as_text(server: Server, open_tab: Open, tmp_path: Path) -> None:
    hostile = tmp_path / f"{HOSTILE}.png"
    hostile.write_bytes(picture("red"))
    broken = tmp_path / "notes.png"
    broken.write_bytes(b"these are notes")
    tab = open_tab(server)
    upload_and_rank(tab, [hostile, broken], f"{HOSTILE} + red | x")
    wait_until_over(tab, 2)
    expect(tab.locator(".ly-head h1")).to_have_text(f"{HOSTILE} + red | x")
    expect(tab.locator(".tile .name").first).to_have_text(f"{HOSTILE}.png")
    expect(tab.locator(".tile .why")).to_contain_text("not an image")
    tab.locator(".tile .open").first.click()
    viewer = tab.locator("dialog.viewer")
    expect(viewer.locator(".side .name")).to_contain_text(f"{HOSTILE}.png")
    expect(viewer.locator("pre.reply").first).to_be_visible()
    tab.keyboard.press("ArrowRight")
    expect(viewer.locator(".pane")).to_contain_text("no preview")
    tab.keyboard.press("Escape")
    open_charts(tab)
    tab.locator(".st-key-overview_kind button").nth(1).click()
    expect(tab.locator(".st-key-overview thead th").nth(2)).to_have_text(re.compile("<img src=x onerror="))
    for place in (1, 2):
        visit(tab, place)
        expect(tab.locator("body")).to_contain_text("<img src=x onerror=")
    assert tab.locator("img[src='x'], img[onerror], strong:text('bold'), a[href='b']").count() == 0


@pytest.mark.parametrize(
    ("locale", "query", "scheme"), [("zh-CN", "查询词", "dark"), ("en-GB", "Query", "light")]
)
def test_the_page_speaks_and_looks_as_the_browser_asks(
    server: Server, open_tab: Open, locale: str, query: str, scheme: str
) -> None:
    tab = open_tab(server, "/", locale=locale, color_scheme=scheme)
    expect(tab.get_by_label(query, exact=True)).to_be_visible()
    ground = tab.locator(".stApp").evaluate("e => getComputedStyle(e).backgroundColor")
    lightness = sum(int(part) for part in re.findall(r"\d+", ground)[:3]) / 3
    assert (lightness > 128) == (scheme == "light")
    other = "en" if locale == "zh-CN" else "zh"
    tab.locator(".st-key-language button").get_by_text({"zh": "中文", "en": "EN"}[other]).click()
    expect(tab.get_by_label({"zh": "查询词", "en": "Query"}[other], exact=True)).to_be_visible()
    assert f"lang={other}" in tab.url


needs_checkpoint = pytest.mark.skipif(
    not DEMO_FOLDER.is_dir(), reason="the embedded checkpoint is not here yet"
)


@needs_checkpoint
def test_the_demo_gallery_is_ranked_in_one_click_by_the_embedded_model(
    real_server: Server, open_tab: Open
) -> None:
    tab = open_tab(real_server)
    tab.locator(".st-key-demo button").click()
    tab.locator(".st-key-stop").wait_for(state="attached")
    tab.locator(".st-key-stop").wait_for(state="detached", timeout=5 * PATIENCE_MS)
    expect(tab.locator(".filters .all")).to_have_text("All 32")
    _raw_output(tab)
    open_charts(tab)
    _cut_is_dragged(tab)
    _picked_by_keyboard(tab)
    expect(tab.locator(".st-key-export-zip")).to_contain_text("(2)")
    rows = list(csv.reader(io.StringIO(_download(tab, "csv").decode("utf-8-sig"))))
    assert len(rows) == 33
    assert len({row[1] for row in rows[1:]}) > 10


@needs_checkpoint
def test_uploaded_files_are_ranked_by_the_embedded_model(real_server: Server, open_tab: Open) -> None:
    paths = sorted((DEMO_FOLDER.parent / "gallery").glob("scene-*.webp"))[:5]
    tab = open_tab(real_server)
    upload_and_rank(tab, paths, "coffee")
    wait_until_over(tab, len(paths))
    visit(tab, 1)
    tab.locator(".viewer.inline .pane").wait_for()
    tab.keyboard.press("p")
    expect(tab.locator(".st-key-export-zip")).to_contain_text("(1)")
    with zipfile.ZipFile(io.BytesIO(_download(tab, "zip"))) as archive:
        (member,) = archive.namelist()
        name = re.sub(r"^\d+_[\d.]+_", "", member)
        assert archive.read(member) == (DEMO_FOLDER.parent / "gallery" / name).read_bytes()
