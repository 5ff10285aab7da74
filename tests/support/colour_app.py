"""The page over a scorer that believes in colours, for AppTest. The environment names the data folder.

While there is a file called "hold" in it, no image is judged. A download that begins while there is one
called "download" ("done total", in bytes) is as far as that says, and over once it is gone.
"""

import time
from pathlib import Path

import streamlit as st

from lychee_app.model.download import OnBytes, download
from lychee_app.records import ImageBudget, Scorer, ScorerInfo
from lychee_app.request import Precision
from lychee_app.services import Services, opened
from lychee_app.settings import Settings
from lychee_app.ui import page
from tests.support.fakes import FakeScorer


@st.cache_resource
def services(home: str) -> Services:
    return opened(Settings.from_environment(), _open, _fetch)


def _open(name: str, precision: Precision) -> Scorer:
    """Goes by the name asked for; under the demo model's it takes images as large as that does. "slow" looks
    less closely unless it is asked to."""
    hold = Settings.from_environment().data_folder / "hold"
    budget = ImageBudget(28, 49, 16) if name == "demo" else ImageBudget(28, 16384)
    usual = 64 if name == "slow" else None
    info = ScorerInfo(name, "f" * 16, "float32", "cpu", budget, usual_tokens=usual)
    return FakeScorer(info=info, before=lambda candidate: _wait(hold))


def _fetch(name: str, settings: Settings, progress: OnBytes) -> None:
    told = settings.data_folder / "download"
    if not told.exists():
        download(name, settings, progress)
    while told.exists():
        done, total = told.read_text().split()
        progress(int(done), int(total))
        time.sleep(0.02)


def _wait(hold: Path) -> None:
    end = time.monotonic() + 30
    while hold.exists() and time.monotonic() < end:
        time.sleep(0.02)


page.render(services(str(Settings.from_environment().data_folder)))
