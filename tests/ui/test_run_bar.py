"""The line under the progress bar: what it says of a run that goes well, waits, or hangs."""

import time

import pytest

from lychee_app.jobs import Jobs
from lychee_app.locale import Words
from lychee_app.query import ask
from lychee_app.records import MemoryReading, Phase
from lychee_app.request import Request
from lychee_app.services import opened
from lychee_app.settings import Settings
from lychee_app.store import Draft, Store, View
from lychee_app.ui import run_bar
from lychee_app.ui.state import PageContext
from tests.support.fakes import FakeScorer, Gate, engine_of, sources

QUIET = "no sign of life"


@pytest.fixture
def context(settings: Settings) -> PageContext:
    return PageContext(opened(settings, lambda name, chosen: FakeScorer()), Words("en"), "r", Draft("d"))


def view(phase: Phase = "scoring", done: int = 12, **more) -> View:
    return View("r", phase, "running", done, 32, 1, seconds_per_image=0.07, eta_seconds=1.4, **more)


def test_the_line_says_how_far_how_fast_how_long_and_how_full(context: PageContext) -> None:
    memory = MemoryReading("CUDA", 18 << 30, 24 << 30, 19 << 30)
    assert run_bar.stats(context, view(memory=memory)) == [
        "12/32",
        "0.07 s/image",
        "ETA 1 s",
        "GPU Memory: 18.0 / 24.0 GB",
    ]


@pytest.mark.parametrize(
    ("language", "seconds", "said"),
    [
        ("en", 21.0, "no sign of life for 21 s; this image may be large"),
        ("en", 600.0, "no sign of life for 10 min; this image may be large"),
        ("zh", 21.0, "已有 21 秒没有进展，这张图可能很大"),
    ],
)
def test_a_run_that_stands_still_says_since_when(
    context: PageContext, language: str, seconds: float, said: str
) -> None:
    context = PageContext(context.services, Words(language), "r", Draft("d"))
    assert run_bar.stats(context, view(idle_seconds=seconds))[-1] == said


@pytest.mark.parametrize(
    ("phase", "seconds"),
    [("scoring", 0.0), ("scoring", run_bar.QUIET_SECONDS), ("loading", 600.0), ("waiting", 600.0)],
)
def test_a_run_that_moves_loads_or_waits_is_not_called_still(
    context: PageContext, phase: Phase, seconds: float
) -> None:
    assert QUIET not in " ".join(run_bar.stats(context, view(phase, idle_seconds=seconds)))


def test_a_scorer_that_hangs_is_what_the_line_speaks_of(settings: Settings, context: PageContext) -> None:
    """The seconds come from a real run whose third image never ends; only their limit is passed by hand."""
    gate = Gate(free=2)
    with Store.open(settings.data_folder) as store:
        jobs = Jobs(store, engine_of(FakeScorer(before=gate), settings))
        run_id = jobs.start(Request(ask("red")), sources("red", "green", "blue"))
        assert gate.reached.wait(30)
        first = jobs.view(run_id)
        time.sleep(0.3)
        second = jobs.view(run_id)
        gate.open()
        assert first is not None
        assert second is not None
        assert (second.phase, second.done) == ("scoring", 2)
        assert 0.25 < second.idle_seconds - first.idle_seconds < 30
        _wait_until_over(jobs, run_id)


def _wait_until_over(jobs: Jobs, run_id: str) -> None:
    end = time.monotonic() + 30
    while jobs.is_live(run_id):
        assert time.monotonic() < end, "the run never ended"
        time.sleep(0.05)
