"""A download that is under way, as any tab sees it."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.ui import fetching, services
from lychee_app.ui.state import Here
from lychee_app.ui.words import Words
from tests.ui.test_models import drawn_until, opened
from tests.ui.test_page import html


@dataclass
class Shown:
    percent: int
    text: str


@pytest.fixture
def fetch(settings: Settings) -> Iterator[fetching.Fetch]:
    """A download of Lychee that stands where a test puts it."""
    fetching.fetches()["lychee"] = fetch = fetching.Fetch()
    yield fetch
    fetching.fetches().clear()


def shown(at: AppTest) -> Shown:
    (bar,) = at.get("progress")
    return Shown(bar.proto.value, bar.proto.text)


@pytest.mark.parametrize(
    ("done", "total", "percent", "text"),
    [
        (0, 0, 0, "Downloaded 0 % · 0.00 / 0.00 GB"),
        (4_300_000_000, 16_600_000_000, 25, "Downloaded 25 % · 4.3 / 16.6 GB"),
        (16_599_999_999, 16_600_000_000, 99, "Downloaded 99 % · 16.6 / 16.6 GB"),
        (16_600_000_001, 16_600_000_000, 100, "Downloaded 100 % · 16.6 / 16.6 GB"),
    ],
)
def test_a_running_download_says_how_far_it_is(
    fetch: fetching.Fetch, done: int, total: int, percent: int, text: str
) -> None:
    fetch.done_bytes, fetch.total_bytes = done, total
    at = drawn_until(opened("lychee"), "Not downloaded yet")
    assert shown(at) == Shown(percent, text)
    assert "download" not in [button.key for button in at.button]


def test_a_running_download_moves_on_and_ends(fetch: fetching.Fetch) -> None:
    at = drawn_until(opened("lychee"), "Not downloaded yet")
    for percent in (10, 60):
        fetch.done_bytes, fetch.total_bytes = percent * 10**8, 10**10
        at.run()
        assert shown(at).percent == percent
    fetch.over = True
    at.run()
    at = drawn_until(at, "Offline (HF_HUB_OFFLINE)")
    assert at.get("progress") == []
    assert "Downloaded" not in html(at)


def test_a_second_tab_does_not_start_the_same_download(settings: Settings) -> None:
    """Both tabs had drawn the button before either was pressed."""
    asked, go_on = [], threading.Event()

    def slow(*arguments) -> None:
        asked.append(arguments)
        assert go_on.wait(30)

    here = Here(services.opened(settings), Words("en"), None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("lychee_app.model.download.download", slow)
        fetching.begin(here, "lychee")
        first = fetching.fetches()["lychee"]
        fetching.begin(here, "lychee")
        assert fetching.fetches()["lychee"] is first
        go_on.set()
        _until_over(first)
        fetching.begin(here, "lychee")
        second = fetching.fetches()["lychee"]
        _until_over(second)
    fetching.fetches().clear()
    assert second is not first
    assert len(asked) == 2


def _until_over(fetch: fetching.Fetch) -> None:
    end = time.monotonic() + 30
    while not fetch.over:
        assert time.monotonic() < end, "the download never ended"
        time.sleep(0.01)
