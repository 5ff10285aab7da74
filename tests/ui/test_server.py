"""The server of the page, started for real: whom it listens to, turns away and asks; what it opens."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from streamlit import net_util

from lychee_app import launch
from lychee_app.ui import server as page_server
from tests.support.server import ROOT, free_port, wait_until_healthy

BROWSER = """#!/bin/sh
echo "$@" >> {notes}
"""
NOTING = """
import os, sys
def note(event, arguments):
    if event in {"socket.connect", "socket.sendto"} and arguments[1][0] in {"127.0.0.1", "::1"}:
        return
    if event in {"socket.connect", "socket.sendto", "socket.getaddrinfo"} and arguments[0] != "127.0.0.1":
        with open(os.environ["NOTES"], "a") as file:
            print(event, arguments[1:], file=file)
sys.addaudithook(note)
"""


@dataclass(frozen=True)
class Server:
    port: int
    pid: int
    notes: Path


def as_developer(port: int) -> list[str]:
    """`streamlit run app.py`, as the README has it."""
    flags = [f"--server.port={port}", "--server.headless=true"]
    return [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), *flags]


@pytest.fixture(params=[partial(launch.command, headless=True), as_developer], ids=["lychee app", "app.py"])
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """With a note of every address outside this machine that it asks for or opens in a browser."""
    (tmp_path / "sitecustomize.py").write_text(NOTING)
    notes = tmp_path / "notes.txt"
    port = free_port()
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    environment = {**os.environ, **noting_browser(tmp_path, notes), "NOTES": str(notes), "PYTHONPATH": path}
    output = (tmp_path / "log.txt").open("wb")
    with (
        output,
        subprocess.Popen(
            request.param(port), cwd=ROOT, env=environment, stdout=output, stderr=output
        ) as child,
    ):
        try:
            wait_until_healthy(child, port)
            yield Server(port, child.pid, notes)
        finally:
            child.kill()


def noting_browser(folder: Path, notes: Path) -> dict[str, str]:
    """The environment in which the browser is a program that writes down what it was to open."""
    for name in ("xdg-open", "open"):
        (folder / name).write_text(BROWSER.format(notes=notes))
        (folder / name).chmod(0o755)
    return {"PATH": os.pathsep.join((str(folder), os.environ["PATH"])), "BROWSER": str(folder / "open")}


def test_the_server_is_on_the_loopback_alone_and_turns_foreign_names_and_pages_away(server: Server) -> None:
    listening = [
        each.laddr.ip for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"
    ]
    assert listening == ["127.0.0.1"]
    own, foreign = f"127.0.0.1:{server.port}", f"evil.example:{server.port}"
    assert knock(server, host=own, origin=f"http://{own}") == 101
    assert knock(server, host=foreign, origin=f"http://{foreign}") == 400
    assert knock(server, host=own, origin=f"http://{foreign}") == 403
    for path in ("/", "/_stcore/health", "/_stcore/host-config", "/static/nothing.js"):
        for host in ("evil.example", "evil.example:8501", "", "127.0.0.1.evil"):
            assert asked(server, path, host) == 400, (path, host)
        assert asked(server, path, f"localhost:{server.port}") in {200, 404}, path
    assert not server.notes.exists(), server.notes.read_text()


def test_an_address_that_is_known_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(net_util, "_external_ip", None)
    monkeypatch.setattr(net_util, "_internal_ip", None)
    page_server.ask_nobody()
    assert (net_util.get_external_ip(), net_util.get_internal_ip()) == ("127.0.0.1", "127.0.0.1")


def knock(server: Server, host: str, origin: str) -> int:
    """The status that a request for the page's socket gets."""
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {host}",
        f"Origin: {origin}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as line:
        line.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        return int(line.recv(64).split()[1])


def asked(server: Server, path: str, host: str) -> int:
    """The status that a plain request gets."""
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    try:
        line.request("GET", path, headers={"Host": host})
        return line.getresponse().status
    finally:
        line.close()


def test_the_page_opens_in_the_browser_where_somebody_is_there(tmp_path: Path) -> None:
    notes, port = tmp_path / "opened.txt", free_port()
    environment = {**os.environ, **noting_browser(tmp_path, notes), "PYTHONPATH": str(ROOT)}
    command = launch.command(port, headless=False)
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as child:
        try:
            wait_until_healthy(child, port)
            opened = _read_soon(notes, seconds=30)
        finally:
            child.kill()
    assert opened == f"http://127.0.0.1:{port}"


def _read_soon(file: Path, seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not (file.exists() and file.read_text()):
        time.sleep(0.1)
    return file.read_text().strip() if file.exists() else ""
