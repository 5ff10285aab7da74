"""A running page and a real browser. Every request and every console message of every tab is looked at."""

import json
import os
import re
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from lychee_app import launch, query, recorder
from lychee_app.records import Source
from lychee_app.request import Mode, Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer, engine_of, picture

FAKE = Path(__file__).parents[1] / "support" / "fake_app.py"
REPOSITORY = Path(__file__).parents[2]
PATIENCE_MS = 20_000
LAPTOP = {"width": 1366, "height": 900}
CALM = {"reduced_motion": "reduce"}
"""A tile that glides costs frames, and cannot be clicked."""
MOVING = {"reduced_motion": "no-preference"}
expect.set_options(timeout=PATIENCE_MS)

ONCE = [
    "query",
    "rank",
    "place",
    "stop",
    "resume",
    "distribution",
    "overview",
    "gallery-grid",
    "gallery-decide",
    "charts",
    "bulk",
]
TWICE = """
const look = () => keys.filter(key => document.getElementsByClassName("st-key-" + key).length > 1)
  .forEach(key => console.error(key + " is on the page twice"));
new MutationObserver(look).observe(document, {subtree: true, childList: true});
"""
"""Complains of a part that is there twice, if only until the browser has cleared the old one away."""


@dataclass
class Server:
    """A running page: its address and its data folder."""

    address: str
    home: Path


@dataclass
class Watched:
    """What tabs did that they must not do; and those that no test has now, by server and kind of browser.

    One that has shown the page before shows it again for a quarter of the processor time of a new one.
    """

    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    idle: dict[str, list[Page]] = field(default_factory=dict)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page over a scorer that believes in colours; one for all tests."""
    with served(tmp_path_factory.mktemp("served"), FAKE) as started:
        yield started


@pytest.fixture(scope="session")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page as it is shipped, with the embedded model."""
    with served(tmp_path_factory.mktemp("real"), REPOSITORY / "app.py") as started:
        yield started


@contextmanager
def served(folder: Path, script: Path) -> Iterator[Server]:
    """Starts the page on a port and a data folder of its own; at the end its log may hold no traceback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home = folder / "home"
    env = {**os.environ, "LYCHEE_HOME": str(home), "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1"}
    command = launch.command(port, headless=True, script=script)
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
        try:
            _wait_for(port)
            yield Server(f"http://127.0.0.1:{port}", home)
        finally:
            process.terminate()
            process.wait(15)
    text = (folder / "server.log").read_text("utf-8", "replace")
    assert "Traceback" not in text, text[-3000:]


@pytest.fixture(scope="session")
def watched() -> Watched:
    return Watched()


@pytest.fixture
def open_tab(browser: Browser, watched: Watched) -> Iterator[Callable[..., Page]]:
    """A tab in a browser of its own. Afterwards nothing may have left this machine, or been complained of."""
    used: list[tuple[str, Page]] = []

    def start(server: Server, path: str = "/?lang=en", **options) -> Page:
        options = {**CALM, "locale": "en-US", "viewport": LAPTOP, "color_scheme": "light", **options}
        viewport, scheme = options.pop("viewport"), options.pop("color_scheme")
        kind = json.dumps([server.address, options])
        idle = watched.idle.setdefault(kind, [])
        tab = idle.pop() if idle else _new(browser, server.address, watched, options)
        used.append((kind, tab))
        tab.set_viewport_size(viewport)
        tab.emulate_media(color_scheme=scheme)
        tab.goto(server.address + path)
        tab.locator(".st-key-place button").first.wait_for()
        return tab

    yield start
    outside, complaints = watched.outside[:], watched.complaints[:]
    for kind, tab in used:
        _leave(tab, json.loads(kind)[0])
        watched.idle[kind].append(tab)
    watched.outside.clear()
    watched.complaints.clear()
    assert outside == []
    assert complaints == []


@pytest.fixture
def hurry(server: Server) -> Iterator[Callable[[], None]]:
    """Lets the slow scorer go on at once; for this test alone, however it ends."""
    sign = server.home / "hurry"
    yield sign.touch
    sign.unlink(missing_ok=True)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """32 files from very red to not red at all."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    paths = [folder / f"image_{number:02d}.png" for number in range(32)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(("red", "green", "blue")[number % 3], seed=number))
    return paths


def _new(browser: Browser, address: str, watched: Watched, options: dict[str, Any]) -> Page:
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(f"const keys = {json.dumps(ONCE)};{TWICE}")
    tab = context.new_page()
    own = (address, address.replace("http", "ws"), "blob:", "data:")

    def request(url: str) -> None:
        if not url.startswith(own):
            watched.outside.append(url)

    tab.on("request", lambda one: request(one.url))
    tab.on("websocket", lambda one: request(one.url))
    tab.on("console", lambda one: watched.complaints.append(one.text) if one.type == "error" else None)
    tab.on("pageerror", lambda one: watched.complaints.append(str(one)))
    tab.on("dialog", lambda one: watched.complaints.append(f"dialog: {one.message}"))
    return tab


def _leave(tab: Page, address: str) -> None:
    """As it was when it was new: nothing kept, no route, the mouse in a corner, no tab beside it."""
    for other in tab.context.pages:
        if other != tab:
            other.close()
    tab.unroute_all(behavior="ignoreErrors")
    tab.mouse.move(0, 0)
    tab.goto(f"{address}/_stcore/health")
    tab.evaluate("() => { localStorage.clear(); sessionStorage.clear(); }")
    tab.context.clear_cookies()


def _wait_for(port: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the page did not start")


def add(tab: Page, paths: list[Path]) -> None:
    tab.locator(".st-key-add-files input[type=file]").set_input_files([str(path) for path in paths])
    tab.get_by_text(re.compile(rf"^{len(paths)} images ready")).first.wait_for()


def upload_and_rank(tab: Page, paths: list[Path], query: str) -> None:
    add(tab, paths)
    tab.locator(".st-key-query textarea").fill(query)
    tab.locator(".st-key-rank button").click()


def wait_until_over(tab: Page, count: int) -> None:
    """As long as that many images may take: a busy machine ranks ten a second."""
    patience_ms = PATIENCE_MS + 100 * count
    expect(tab.locator(".filters .all")).to_have_text(f"All {count}", timeout=patience_ms)
    tab.locator(".st-key-stop").wait_for(state="detached")


def open_charts(tab: Page) -> None:
    tab.locator(".st-key-charts summary").click()
    tab.locator(".st-key-distribution").wait_for()


def shown_first(tab: Page) -> list[int]:
    """Upload indices of the tiles that are drawn, as they are seen."""
    tiles = tab.locator(".tile").all()
    return [int(tile.get_attribute("data-index") or -1) for tile in tiles]


def at_rest(tab: Page) -> None:
    expect(tab.locator(".stApp")).to_have_attribute("data-test-script-state", "notRunning")


def visit(tab: Page, place: int) -> None:
    """Goes to results, decide or history (0, 1, 2), once the page has nothing more to draw.

    A click while the server still sends what it last set a widget to is taken back by the browser.
    """
    at_rest(tab)
    tab.locator(".st-key-place button").nth(place).click()


def open_ranked(
    server: Server, tab: Page, pictures: list[Path], typed: str = "red", mode: Mode = "judge"
) -> str:
    """The id of a finished run of these, open: as if they had been uploaded, for a third of the time."""
    sources = [Source(path.name, data=path.read_bytes()) for path in pictures]
    engine = engine_of(FakeScorer(), Settings(server.home))
    request = engine.prepared(Request(query.ask(typed), mode))
    with Store.open(server.home) as store:
        run = recorder.rank(request, sources, engine, store)
    tab.goto(re.sub(r"&run=\w+|$", f"&run={run.id}", tab.url, count=1))
    expect(tab.locator(".filters .all")).to_have_text(f"All {len(pictures)}")
    tab.locator(".tile").first.wait_for()
    at_rest(tab)
    return run.id


def run_of(tab: Page) -> str:
    """The id of the run that is open."""
    return (re.search(r"run=(\w+)", tab.url) or ["", ""])[1]


def decisions(server: Server, run: str) -> dict[int, str]:
    with Store.open(server.home) as store:
        return dict(store.decisions(run))


def expect_decisions(server: Server, run: str, wanted: dict[int, str], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while (found := decisions(server, run)) != wanted and time.monotonic() < end:
        time.sleep(0.02)
    assert found == wanted
