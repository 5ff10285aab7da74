"""A visit to the page: the server as `lychee app` starts it, tabs of a browser, a folder ranked there.

Knows what a person clicks. Does not know what is measured.
"""

import io
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lychee_app import launch
from lychee_app.errors import UsageError

BROWSER = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
)


@dataclass(frozen=True)
class Served:
    address: str
    pid: int


@contextmanager
def served(home: Path) -> Iterator[Served]:
    """The page over that data folder, on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        launch.command(port, headless=True),
        env=os.environ | {"LYCHEE_HOME": str(home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port)
        yield Served(f"http://127.0.0.1:{port}", server.pid)
    finally:
        server.terminate()
        server.wait(10)


def _wait_for(port: int, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise UsageError("as-told", text=f"The page did not start within {seconds:.0f} seconds.")


@contextmanager
def browser(executable: str) -> Iterator[Any]:
    """A browser that opens tabs of a laptop's size. Raises UsageError where there is none to drive."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        text = 'This bench drives a browser: pip install "lychee-rank[test]" first.'
        raise UsageError("as-told", text=text) from error
    with sync_playwright() as playwright:
        path = executable if Path(executable).is_file() else None
        try:
            started = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except Error as error:
            text = f"No Chromium to drive: {error}. Install the package chromium."
            raise UsageError("as-told", text=text) from error
        try:
            yield started
        finally:
            started.close()


def tab_of(started: Any) -> Any:
    return started.new_page(viewport={"width": 1366, "height": 900}, locale="en-US")


def rank_folder(tab: Any, address: str, folder: Path, query: str) -> str:
    """Ranks a folder by the demo model as a person would; returns the run's id while it is being scored."""
    tab.goto(f"{address}/?lang=en")
    tab.get_by_label("Query", exact=True).fill(query)
    tab.locator(".st-key-way button").nth(2).click()
    tab.locator(".st-key-path input").fill(str(folder))
    tab.keyboard.press("Enter")
    tab.locator(".st-key-rank button:enabled").click(timeout=120_000)
    tab.locator(".st-key-stop").wait_for(timeout=60_000)
    tab.wait_for_url(re.compile(r"run=\w+"))
    return re.findall(r"run=(\w+)", tab.url)[0]


def wait_until_over(tab: Any, seconds: float) -> None:
    tab.locator(".st-key-stop").wait_for(state="detached", timeout=1e3 * seconds)


def share(tab: Any) -> dict[str, float]:
    """What drawing took of the time of the run that is open and over."""
    head = tab.locator(".ly-head").first
    drawing, total = (float(head.get_attribute(f"data-{name}") or "nan") for name in ("drawing", "seconds"))
    return {"run_seconds": total, "drawing_seconds": drawing, "share": round(drawing / total, 4)}


def write_pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        (folder / f"{index:04d}.png").write_bytes(noise(index, (280, 210), "PNG"))
    return folder


def noise(seed: int, size: tuple[int, int], kind: str) -> bytes:
    """A picture of coarse noise; as a thumbnail about as large as that of a photograph."""
    coarse = np.random.default_rng(seed).integers(0, 255, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(coarse).resize(size).save(file, kind)
    return file.getvalue()
