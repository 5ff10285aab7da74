"""The API as programs see it: a server of its own on a port of its own, a judge that believes in colours."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn

from lychee_app.serve import http
from lychee_app.serve.documents import Allowed
from lychee_app.settings import Settings
from tests.support.fakes import FakeScorer, engine_of, picture

TOKEN = "a token of this test"
MOST_BODY_BYTES = 64_000_000


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("allowed")
    for colour in ("red", "green", "blue"):
        (folder / f"{colour}.png").write_bytes(picture(colour))
    (folder / "page.png").write_bytes(b"<!doctype html>")
    return folder


@pytest.fixture(scope="session")
def address(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = Settings(data_folder=tmp_path_factory.mktemp("home"))
    app = http.create(engine_of(FakeScorer(), settings), "demo", Allowed([pictures]), TOKEN, MOST_BODY_BYTES)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        _wait(lambda: server.started)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def _wait(ready: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not ready():
        assert time.monotonic() < until, "the server does not start"
        time.sleep(0.02)
