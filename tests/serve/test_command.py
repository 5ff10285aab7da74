"""`lychee serve` as a person starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from lychee_app import cli, demo
from tests.support.server import free_port

ROOT = Path(__file__).parents[2]


@contextmanager
def serving(*words: str, script: str = "") -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, *(["-c", script] if script else ["-m", "lychee_app"]), "serve", *words]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_prints_its_address_and_token_ranks_and_ends_with_ctrl_c(tmp_path: Path) -> None:
    demo.write_gallery(tmp_path)
    port = free_port()
    with serving("--model", "demo", "--allow", str(tmp_path), "--port", str(port)) as process:
        assert process.stderr
        assert f"http://127.0.0.1:{port}/v1/rerank" in process.stderr.readline()
        token = process.stderr.readline().split()[-1]
        assert re.fullmatch(r"[\w-]{32}", token)
        body = {"query": "green sofa", "documents": ["scene-01.webp", "scene-26.webp"]}
        answer = _asked(port, token, body)
        assert answer["results"][0]["index"] == 1
        assert answer["results"][0]["score"] > 9
        process.send_signal(signal.SIGINT)
        process.wait(30)
        assert "Traceback" not in process.stderr.read()


def _asked(port: int, token: str, body: dict[str, object]) -> dict[str, list[dict[str, float]]]:
    until = time.monotonic() + 60
    while True:
        try:
            headers = {"Authorization": f"Bearer {token}"}
            return httpx.post(
                f"http://127.0.0.1:{port}/v1/rerank", json=body, headers=headers, timeout=60
            ).json()
        except httpx.ConnectError:
            assert time.monotonic() < until, "it does not listen"
            time.sleep(0.1)


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        (["--allow", "nowhere"], 1, "nowhere"),
        (["--model", "a/b"], 1, "a/b is not on this machine"),
        (["--token", ""], 2, "--token is empty"),
    ],
)
def test_what_cannot_be_served_is_told(
    words: list[str], status: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["serve", *words]) == status
    assert text in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install() -> None:
    script = "import sys; sys.modules['fastapi'] = None; from lychee_app.cli import main; sys.exit(main())"
    with serving("--model", "demo", script=script) as process:
        _, told = process.communicate(timeout=60)
        assert (process.returncode, "lychee-rank[serve]" in told) == (1, True)
