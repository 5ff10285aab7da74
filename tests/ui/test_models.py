"""The model picker: what each model needs, whether it is here, and its download with progress."""

import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.model import checkpoints
from lychee_app.settings import Settings
from tests.support import tiny_checkpoint
from tests.support.fake_hub import REPO, serving
from tests.ui.test_page import APP, html

PATIENCE_SECONDS = 60


def drawn_until(at: AppTest, words: str) -> AppTest:
    """Draws the page again until it says so, as its polling would."""
    end = time.monotonic() + PATIENCE_SECONDS
    while words not in html(at) and time.monotonic() < end:
        time.sleep(0.1)
        at.run()
    assert words in html(at)
    return at


def opened(model: str) -> AppTest:
    at = AppTest.from_file(APP, default_timeout=30)
    at.query_params["lang"] = "en"
    at.session_state["model"] = model
    return at.run()


def test_a_model_says_what_it_needs_and_that_it_is_not_here(settings: Settings) -> None:
    at = drawn_until(opened("lychee"), "Not downloaded yet")
    assert "GB to run, 16.6 GB on disk" in html(at)
    assert "Offline (HF_HUB_OFFLINE): nothing is downloaded." in html(at)
    assert not at.exception


def test_a_name_that_can_be_no_model_is_refused_in_words(settings: Settings) -> None:
    at = drawn_until(opened("<b>no</b> model"), "No checkpoint is called")
    assert "<b>no</b>" not in html(at)


def test_a_model_is_downloaded_on_the_page_and_then_is_here(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "published"
    tiny_checkpoint.build(folder, naming="older", shards=2, tied=True)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving(folder) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        at = drawn_until(opened(REPO), "Not downloaded yet")
        at.button(key="download").click().run()
        drawn_until(at, "On this machine")
    assert (checkpoints.own_folder(REPO, settings) / "config.json").is_file()
    assert not at.exception
    assert "download" not in [button.key for button in at.button]


def test_a_download_that_fails_says_why_and_can_be_tried_again(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving(tmp_path) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        at = drawn_until(opened("tests/nowhere"), "Not downloaded yet")
        at.button(key="download").click().run()
        drawn_until(at, "ly-notice bad")
    assert "tests/nowhere" in html(at)
    assert "download" in [button.key for button in at.button]
