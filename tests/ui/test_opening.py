"""A browser is opened where somebody sits at this machine, at the page's own address, and nowhere else."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from lychee_app.ui import launch
from tests.ui.test_alone import free_port, wait_until_healthy

ROOT = Path(__file__).parents[2]
BROWSER = """#!/bin/sh
echo "$@" >> {notes}
"""


@pytest.mark.parametrize("headless", [False, True])
def test_the_page_opens_in_the_browser_unless_nobody_is_there(tmp_path: Path, headless: bool) -> None:
    """The browser is a program that writes down what it was to open."""
    notes, port = tmp_path / "opened.txt", free_port()
    for name in ("xdg-open", "open"):
        (tmp_path / name).write_text(BROWSER.format(notes=notes))
        (tmp_path / name).chmod(0o755)
    path = os.pathsep.join((str(tmp_path), os.environ["PATH"]))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "BROWSER": str(tmp_path / "open")}
    command = launch.command(port, headless=headless)
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
        try:
            wait_until_healthy(child, port)
            opened = _read_soon(notes, seconds=2 if headless else 30)
        finally:
            child.kill()
    assert opened == ("" if headless else f"http://127.0.0.1:{port}")


def _read_soon(file: Path, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (file.exists() and file.read_text()):
        time.sleep(0.1)
    return file.read_text().strip() if file.exists() else ""
