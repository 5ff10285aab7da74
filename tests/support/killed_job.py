"""A process that scores one run by the real flow, for a test that kills it:
`python -m tests.support.killed_job DIR`.

Intake, engine, jobs and store are the real ones; the model is a stand-in that takes a moment. It prints a
line when a first image is scored, and another when all are.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lychee_app import query
from lychee_app.errors import OutOfMemory
from lychee_app.jobs import Jobs
from lychee_app.records import Candidate, Reply, Source
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import COLOURS, FakeScorer, engine_of, picture
from tests.support.rows import told

IMAGES = 90
JUDGE_SECONDS = 0.002


class Touchy(FakeScorer):
    """As real models do, it says other last bits when it is asked other things together.

    It takes a moment for each image, and large ones are too much for it.
    """

    def judge(self, candidate: Candidate, queries: Sequence[str], instruction: str = "") -> list[Reply]:
        time.sleep(JUDGE_SECONDS)
        if candidate.tokens(28) > 12:
            raise OutOfMemory(told("too large"))
        replies = super().judge(candidate, queries, instruction)
        return [replace(reply, logit_yes=(reply.logit_yes or 0) + 1e-9 * len(queries)) for reply in replies]


def files() -> list[Source]:
    """Pictures of three colours, every seventh one large; some twice, some no pictures at all."""
    colours = list(COLOURS)
    made = [
        picture(colours[number % 3], (400, 300) if number % 7 == 0 else (60, 44), seed=number % 60)
        for number in range(IMAGES)
    ]
    made[4], made[50] = b"", b"<html>"
    return [Source(f"{number}.png", data) for number, data in enumerate(made)]


def main(folder: str) -> None:
    settings = Settings(data_folder=Path(folder), decode_ahead=2)
    with Store.open(settings.data_folder) as store:
        store.mark_interrupted()
        jobs = Jobs(store, engine_of(Touchy(), settings))
        runs = store.runs()
        before = runs[0].done if runs else 0
        if not runs:
            run_id = jobs.start(Request(query.ask("red + green", "blue")), files())
        else:
            run_id = runs[0].id
            jobs.resume(run_id)
        said = False
        while jobs.is_live(run_id):
            if not said and len(jobs.run(run_id).images) > before:
                said = True
                print("scoring", flush=True)
            time.sleep(0.002)
        print(store.load(run_id).status, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
