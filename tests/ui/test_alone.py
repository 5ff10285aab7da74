"""The server of the page, started for real: whom it listens to, whom it turns away, and whom it asks."""

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from streamlit import net_util

from lychee_app.ui import alone, launch

ROOT = Path(__file__).parents[2]
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
    """With a note of every address outside this machine that it asks for."""
    (tmp_path / "sitecustomize.py").write_text(NOTING)
    notes = tmp_path / "notes.txt"
    port = free_port()
    path = os.pathsep.join((str(tmp_path), str(ROOT)))
    environment = {**os.environ, "NOTES": str(notes), "PYTHONPATH": path}
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


def test_the_server_is_on_the_loopback_alone_and_turns_foreign_pages_away(server: Server) -> None:
    listening = [
        each.laddr.ip for each in psutil.Process(server.pid).net_connections() if each.status == "LISTEN"
    ]
    assert listening == ["127.0.0.1"]
    own, foreign = f"127.0.0.1:{server.port}", f"evil.example:{server.port}"
    assert knock(server, host=own, origin=f"http://{own}") == 101
    assert knock(server, host=foreign, origin=f"http://{foreign}") == 400
    assert knock(server, host=own, origin=f"http://{foreign}") == 403
    assert not server.notes.exists(), server.notes.read_text()


@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/host-config", "/static/nothing.js"])
def test_no_file_is_given_to_who_calls_this_machine_by_another_name(server: Server, path: str) -> None:
    refused = [
        asked(server, path, host) for host in ("evil.example", "evil.example:8501", "", "127.0.0.1.evil")
    ]
    assert refused == [400] * 4
    assert asked(server, path, f"localhost:{server.port}") in {200, 404}


def test_an_address_that_is_known_is_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*arguments: object) -> None:
        raise AssertionError("somebody was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refused)
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(net_util, "_external_ip", None)
    monkeypatch.setattr(net_util, "_internal_ip", None)
    alone.ask_nobody()
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


def wait_until_healthy(child: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert child.poll() is None, "the server ended as it started"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
