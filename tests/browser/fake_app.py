"""The page over a scorer that believes in colours, and takes its time where the query says so.

A file called "hurry" in the data folder makes it hurry all the same: no test waits for what it saw begin.
"""

import time
from collections.abc import Sequence

import streamlit as st

from lychee_app.records import Candidate, Reply, Scorer
from lychee_app.settings import Settings
from lychee_app.ui import page
from lychee_app.ui.services import Services, opened
from tests.fakes import FakeScorer

PACES = {"slowly": 3.0, "steadily": 0.3}
HURRY = Settings.from_environment().data_folder / "hurry"


class Unhurried(FakeScorer):
    def judge(self, candidate: Candidate, queries: Sequence[str], instruction: str = "") -> list[Reply]:
        pace = next((seconds for word, seconds in PACES.items() if word in queries[0]), 0.04)
        time.sleep(0.04 if HURRY.exists() else pace)
        return super().judge(candidate, queries, instruction)


@st.cache_resource
def services() -> Services:
    return opened(Settings.from_environment(), _open)


def _open(name: str, settings: Settings) -> Scorer:
    return Unhurried()


page.render(services())
