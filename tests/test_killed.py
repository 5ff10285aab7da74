"""kill -9 on the whole flow at random moments: what was scored stays, and the end is as if nothing had."""

import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from lychee_app.export import to_csv, to_json
from lychee_app.records import Run
from lychee_app.store import Store
from tests.support.killed_job import IMAGES

ROOT = Path(__file__).parents[1]
KILLS = 20


def test_twenty_kills_at_random_moments_leave_every_run_as_an_undisturbed_one(tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    assert ended(tmp_path / "undisturbed") == "done"
    expected = told(tmp_path / "undisturbed")
    kills = lost = cut = number = 0
    while kills < KILLS:
        folder = tmp_path / f"run-{number}"
        before = 0
        while kills < KILLS and (rows := rows_after_a_kill(folder, chance)) is not None:
            kills += 1
            lost += rows < before
            cut += before < rows < IMAGES
            before = rows
        assert ended(folder) == "done", f"seed {seed}"
        assert told(folder) == expected, f"seed {seed}"
        number += 1
    assert lost == 0, f"seed {seed}"
    assert cut >= KILLS // 4, f"too few of the kills fell into the scoring itself: {cut}, seed {seed}"


def rows_after_a_kill(folder: Path, chance: random.Random) -> int | None:
    """How many rows are there after it; None if the run had ended before."""
    with started(folder) as child:
        assert child.stdout is not None
        if chance.random() < 0.8:
            child.stdout.readline()
        time.sleep(chance.uniform(0, 0.2))
        child.kill()
        if "done" in child.stdout.read():
            return None
    with Store.open(folder) as store:
        assert all(run.status in {"interrupted", "done"} for run in store.runs())
        return sum(run.done for run in store.runs())


def ended(folder: Path) -> str:
    with started(folder) as child:
        assert child.stdout is not None
        return child.stdout.read().split()[-1]


def started(folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.killed_job", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)


def told(folder: Path) -> tuple[str, str]:
    """What is exported of the one run, without what depends on the clock and on chance."""
    with Store.open(folder) as store:
        (summary,) = store.runs()
        run = store.load(summary.id)
        assert len(run.images) == run.total == IMAGES
        return to_json(timeless(run), timing=False), to_csv(timeless(run))


def timeless(run: Run) -> Run:
    """Rows without their seconds."""
    rows = tuple(replace(row, seconds=0.0) for row in run.images)
    return replace(run, images=rows, id="", created="", seconds=0.0, peak_memory_bytes=0)
