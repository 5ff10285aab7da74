"""A scorer that believes in colours, and takes its time where the query says so.

"slowly": some seconds for each image. "once": the second image and those after it are waited for.
A file called "hurry" in the data folder makes it hurry all the same: no test waits for what it saw begin.
While there is one called "hold", no image after the second is judged: what shows meanwhile can be seen.
"""

import threading
import time
from collections.abc import Sequence
from functools import cache

from lychee_app.records import Candidate, Reply, Scorer
from lychee_app.request import Precision
from lychee_app.services import Services, opened
from lychee_app.settings import Settings
from tests.support.fakes import FakeScorer

HURRY, HOLD = (Settings.from_environment().data_folder / name for name in ("hurry", "hold"))


class Unhurried(FakeScorer):
    def judge(self, candidate: Candidate, queries: Sequence[str], instruction: str = "") -> list[Reply]:
        if "slowly" in queries[0]:
            _wait(3.0)
        elif "once" in queries[0] and self.seen and self.seen[-1][1] == tuple(queries):
            _wait(120.0)
        if candidate.upload_index > 1:
            _wait_for_hold()
        time.sleep(0.04)
        return super().judge(candidate, queries, instruction)


def _wait_for_hold() -> None:
    end = time.monotonic() + 60.0
    while HOLD.exists() and time.monotonic() < end:
        time.sleep(0.02)


def _wait(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not HURRY.exists():
        time.sleep(0.02)


def _open(name: str, precision: Precision) -> Scorer:
    return Unhurried()


_opening = threading.Lock()


@cache
def _services() -> Services:
    return opened(Settings.from_environment(), _open)


def services() -> Services:
    """This process's own, for its page and its addresses alike."""
    with _opening:
        return _services()
