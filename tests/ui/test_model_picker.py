"""The model picker: what each model needs, whether it is here, and its download with progress."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.model import checkpoints
from lychee_app.settings import Settings
from tests.support import tiny_checkpoint
from tests.support.fake_hub import REPO, serving
from tests.support.page import drawn_until, html, visit


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture
def told(settings: Settings) -> Iterator[Path]:
    """Says how far the next download is, which is over at the end of the test."""
    settings.data_folder.mkdir(exist_ok=True)
    file = settings.data_folder / "download"
    yield file
    file.unlink(missing_ok=True)


def bars(at: AppTest) -> list[tuple[int, str]]:
    """Percent and words of what is under way."""
    return [(bar.proto.value, bar.proto.text) for bar in at.get("progress")]


def shown_soon(at: AppTest, percent: int, words: str) -> None:
    end = time.monotonic() + 30
    while bars(at) != [(percent, words)] and time.monotonic() < end:
        time.sleep(0.05)
        at.run()
    assert bars(at) == [(percent, words)]


def test_a_model_says_what_it_needs_and_that_it_is_not_here(settings: Settings) -> None:
    at = drawn_until(visit(model="lychee"), "Not downloaded yet")
    assert "16.6 GB on disk" in html(at)
    assert "s an image at" in html(at)
    assert "Offline (HF_HUB_OFFLINE): nothing is downloaded." in html(at)
    assert not at.exception


def test_a_name_that_can_be_no_model_is_refused_in_words(settings: Settings) -> None:
    at = drawn_until(visit(model="<b>no</b> model"), "No checkpoint is called")
    assert "<b>no</b>" not in html(at)


def test_a_model_is_downloaded_on_the_page_and_then_is_here(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, online: None
) -> None:
    folder = tmp_path / "published"
    tiny_checkpoint.build(folder, naming="older", shards=2, tied=True)
    with serving(folder) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        at = drawn_until(visit(model=REPO), "Not downloaded yet")
        at.button(key="download").click().run()
        drawn_until(at, "On this machine")
    assert (checkpoints.own_folder(REPO, settings) / "config.json").is_file()
    assert not at.exception
    assert "download" not in [button.key for button in at.button]


def test_a_download_that_fails_says_why_and_can_be_tried_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, online: None
) -> None:
    with serving(tmp_path) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        at = drawn_until(visit(model="tests/nowhere"), "Not downloaded yet")
        at.button(key="download").click().run()
        drawn_until(at, "ly-notice bad")
    assert "tests/nowhere" in html(at)
    assert "download" in [button.key for button in at.button]


def write(file: Path, done: int, total: int) -> None:
    """The reader never sees half of it."""
    aside = file.with_suffix(".part")
    aside.write_text(f"{done} {total}")
    aside.replace(file)


def test_a_running_download_says_how_far_it_is_in_every_tab_until_it_is_over(
    told: Path, online: None
) -> None:
    at = drawn_until(visit(model="lychee"), "Not downloaded yet")
    write(told, 0, 0)
    at.button(key="download").click().run()
    for done, total, percent, words in (
        (0, 0, 0, "Downloaded 0 % · 0.00 / 0.00 GB"),
        (4_300_000_000, 16_600_000_000, 25, "Downloaded 25 % · 4.3 / 16.6 GB"),
        (16_599_999_999, 16_600_000_000, 99, "Downloaded 99 % · 16.6 / 16.6 GB"),
        (16_600_000_001, 16_600_000_000, 100, "Downloaded 100 % · 16.6 / 16.6 GB"),
    ):
        write(told, done, total)
        shown_soon(at, percent, words)
    other = drawn_until(visit(model="lychee"), "Not downloaded yet")
    assert bars(other) == bars(at)
    assert "download" not in [button.key for button in other.button]
    told.unlink()
    end = time.monotonic() + 30
    while bars(at) and time.monotonic() < end:
        at.run()
    drawn_until(at, "Not downloaded yet")
    assert bars(at) == []
    assert "download" in [button.key for button in at.button]
