"""The models this machine knows: their limits, and one download of each at a time."""

import threading
import time

import pytest

from lychee_app.catalogue import Download, ModelCatalogue
from lychee_app.errors import DownloadError
from lychee_app.model.download import OnBytes
from lychee_app.settings import Settings


def test_a_model_that_is_not_here_is_taken_at_the_budget_asked_for(settings: Settings) -> None:
    catalogue = ModelCatalogue(settings)
    assert [catalogue.tokens("demo", most) for most in (4, 30, 1280)] == [16, 30, 49]
    assert catalogue.tokens("tests/nowhere", 1280) == 1280
    assert catalogue.resolved("auto") == "demo"


def test_the_same_download_is_not_begun_twice_at_a_time(settings: Settings) -> None:
    """Both tabs had drawn the button before either was pressed."""
    asked, go_on = [], threading.Event()

    def slow(name: str, settings: Settings, progress: OnBytes) -> None:
        asked.append(name)
        assert go_on.wait(30)

    catalogue = ModelCatalogue(settings, slow)
    catalogue.download("lychee")
    first = catalogue.download_of("lychee")
    catalogue.download("lychee")
    assert catalogue.download_of("lychee") is first
    go_on.set()
    over(catalogue, "lychee")
    catalogue.download("lychee")
    assert over(catalogue, "lychee") is not first
    assert asked == ["lychee", "lychee"]


def test_a_download_that_fails_keeps_its_error(settings: Settings) -> None:
    def failing(name: str, settings: Settings, progress: OnBytes) -> None:
        progress(3, 12)
        raise DownloadError("as-told", text="The disk is full.")

    catalogue = ModelCatalogue(settings, failing)
    catalogue.download("lychee")
    ended = over(catalogue, "lychee")
    assert (ended.share, str(ended.error)) == (0.25, "The disk is full.")


def test_the_models_are_looked_up_anew_after_a_download(settings: Settings) -> None:
    catalogue = ModelCatalogue(settings, lambda name, settings, progress: None)
    before = looked_up(catalogue)
    catalogue.download("lychee")
    over(catalogue, "lychee")
    after = looked_up(catalogue)
    assert after is not before
    assert after == before


@pytest.mark.parametrize(("done", "total", "share"), [(0, 0, 0.0), (3, 12, 0.25), (13, 12, 1.0)])
def test_the_share_of_a_download_is_known_once_its_size_is(done: int, total: int, share: float) -> None:
    assert Download(done, total).share == share


def over(catalogue: ModelCatalogue, name: str) -> Download:
    end = time.monotonic() + 30
    while (download := catalogue.download_of(name)) is None or not download.over:
        assert time.monotonic() < end, "the download never ended"
        time.sleep(0.01)
    return download


def looked_up(catalogue: ModelCatalogue) -> list:
    end = time.monotonic() + 60
    while (found := catalogue.statuses()) is None:
        assert time.monotonic() < end, "nothing was found"
        time.sleep(0.02)
    return found
