"""A command line in this process or in one of its own, and pictures for it to rank."""

import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lychee_app import cli, demo

ROOT = Path(__file__).parents[2]
Lychee = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def _demo_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for by name the demo says nothing of itself."""
    monkeypatch.setenv("LYCHEE_MODEL", "demo")


@pytest.fixture
def lychee(capfd: pytest.CaptureFixture[str]) -> Lychee:
    """Runs a command line in this process: (exit status, stdout, stderr)."""

    def run(*words: object) -> tuple[int, str, str]:
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return run


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo gallery, only to be read."""
    folder = tmp_path_factory.mktemp("gallery")
    demo.write_gallery(folder)
    return folder


@pytest.fixture
def scenes(gallery: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of the demo gallery: a test's own, to do with as it likes."""
    folder = tmp_path_factory.mktemp("scenes")
    for file in sorted(gallery.glob("*.webp"))[:4]:
        shutil.copy(file, folder)
    return folder


@pytest.fixture
def places(scenes: Path, tmp_path: Path) -> dict[str, Path]:
    """What a command line may name."""
    places = {"scenes": scenes, "nowhere": tmp_path / "nowhere", "empty": tmp_path / "none"}
    places["empty"].mkdir()
    places["other"] = tmp_path / "other"
    places["other"].mkdir()
    (places["other"] / "scene-05.webp").write_bytes(b"somebody's own")
    places["text"] = tmp_path / "notes.txt"
    places["text"].write_text("hello")
    return places


@pytest.fixture
def mixed(scenes: Path, tmp_path: Path) -> Path:
    """The same, a web page called .jpg, an empty file, and a file with the first one's pixels."""
    folder = tmp_path / "mixed"
    shutil.copytree(scenes, folder)
    (folder / "a-page.jpg").write_bytes(b"<!doctype html><html></html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "again").mkdir()
    shutil.copy(min(scenes.iterdir()), folder / "again")
    return folder


def document(text: str) -> dict[str, Any]:
    """The one JSON document that the text is; nothing else may be there, no NaN either."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def kept_replies(tmp_path: Path) -> int:
    file = tmp_path / "home" / "lychee.sqlite3"
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return connection.execute("SELECT count(*) FROM replies").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def process(
    *words: object, script: str = "from lychee_app.cli import main; main()"
) -> subprocess.Popen[bytes]:
    command = [sys.executable, *words] if words[0] == "-m" else [sys.executable, "-c", script, *words]
    return subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
