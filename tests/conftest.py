"""Fixtures for all tests: a data folder of their own, no way out to a hub, one browser."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from lychee_app.settings import Settings
from tests.support.nobody import NOBODY

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A busy machine is no failure: examples have no deadline, and may be slow to make.
hypothesis.settings.register_profile(
    "lychee", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("lychee")


Golden = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew")


LONG = ("browser/", "cli/", "demo/", "engines/", "evaluate/", "model/", "recipe/", "test_killed.py")
"""Where files take longest. With several processes the last file to start decides when all is over."""


def pytest_configure(config: pytest.Config) -> None:
    """xdist would start the files with most tests first, which are quick ones."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.removeprefix("tests/").startswith(LONG))


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """Compares a text with a file of that name in golden/ beside the test."""
    folder = request.path.parent / "golden"

    def compare(name: str, text: str) -> None:
        if request.config.getoption("--update-golden"):
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
        assert text == (folder / name).read_text(encoding="utf-8")

    return compare


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("LYCHEE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")  # the terminal speaks English


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_folder=tmp_path / "home")


@pytest.fixture
def nobodys() -> Iterator[Path]:
    """A folder that an ordinary user may write to: pytest's own lie below one that only its owner enters."""
    folder = Path(os.path.realpath(tempfile.mkdtemp()))
    if os.geteuid() == 0:
        os.chown(folder, NOBODY, -1)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def browser() -> Iterator["Browser"]:
    from tests.support import chromium  # a machine with a card and no browser runs the tests of the model

    with chromium.running() as started:
        yield started
