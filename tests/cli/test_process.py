"""`lychee` as a process of its own: its streams, its terminal, and whom it asks."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lychee_app import demo
from lychee_app.model.checkpoints import DEMO_FOLDER
from tests.cli.conftest import ROOT, Lychee, document, kept_replies, process

NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        raise RuntimeError(f"{event}: nobody was to be asked")
sys.addaudithook(refuse)
from lychee_app.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_json_is_all_there_is_on_stdout_and_nobody_is_asked(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was downloaded by name, no HF_HUB_OFFLINE, a terminal that knows ASCII only."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shutil.copytree(DEMO_FOLDER, tmp_path / "home" / "models" / "someone--judge")
    shutil.copy(scenes / "scene-01.webp", tmp_path / "沙发.webp")
    words = ["rank", "红色 umbrella", tmp_path / "沙发.webp", "--model", "someone/judge", "--json", "-"]
    child = process(*words, script=NO_NETWORK)
    out, err = child.communicate(timeout=120)
    (image,) = document(out.decode("utf-8"))["images"]
    assert (child.returncode, err) == (0, b"")
    assert (image["name"], image["error"]) == ("沙发.webp", None)


def test_the_guard_of_that_test_does_refuse_the_network() -> None:
    child = process(
        "download", "someone/something", script=f"import os; del os.environ['HF_HUB_OFFLINE']{NO_NETWORK}"
    )
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert b"nobody was to be asked" in err


def test_a_table_is_printed_where_the_terminal_lacks_its_characters(
    lychee: Lychee, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shutil.copy(scenes / "scene-01.webp", tmp_path / "沙发.webp")
    child = process("-m", "lychee_app", "rank", "红色", tmp_path / "沙发.webp")
    out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, b"")
    assert rb"\u6c99\u53d1.webp" in out


def test_a_reader_that_leaves_early_gets_no_traceback(scenes: Path) -> None:
    with process("-m", "lychee_app", "rank", "red", scenes, "--json", "-") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        ("- >&-", 1, "stdout is closed"),
        ("- 2>&-", 0, ""),
        ("- >/dev/full", 1, "disk is full"),
        ("{file} >&-", 0, ""),
    ],
)
def test_a_closed_or_full_stream_is_told_of_and_mixes_with_nothing(
    scenes: Path, tmp_path: Path, words: str, status: int, told: str
) -> None:
    """As a daemon closes them. The demo chosen by itself says so on stderr, which may be no more."""
    file = tmp_path / "ranked.json"
    command = f"{sys.executable} -m lychee_app rank red {scenes} --json {words.format(file=file)}"
    environment = {**os.environ, "LYCHEE_MODEL": "auto"}
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=environment, capture_output=True, check=False, timeout=120
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (status, False), done.stderr
    assert told in done.stderr.decode()
    if status == 0:
        assert document(file.read_text() if file.exists() else done.stdout.decode())["images"]


def test_a_second_interrupt_close_behind_the_first_ends_it_quietly(tmp_path: Path) -> None:
    demo.write_gallery(tmp_path / "gallery")
    words = ["rank", "red", tmp_path / "gallery", "--mode", "explain", "--json", "-"]
    with process("-m", "lychee_app", *words) as child:
        while kept_replies(tmp_path) < 3:
            assert child.poll() is None
            time.sleep(0.005)
        for _ in range(2):
            child.send_signal(signal.SIGINT)
            time.sleep(0.02)
        _, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert b"Traceback" not in err
    assert b"terminate called" not in err
