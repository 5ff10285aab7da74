"""Processes that die, wait and race, for real: each is a Python of its own."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lychee_app.errors import StoreError
from lychee_app.export import to_csv, to_json
from lychee_app.records import Source
from lychee_app.store import Store
from tests.support.rows import key, reply
from tests.support.store_process import child_row

ROOT = Path(__file__).parents[2]
KILLS = 20
ROWS = 1_000_000


def test_kill_9_at_twenty_random_moments_loses_no_row_that_was_confirmed(home: Path) -> None:
    seed = random.randrange(1 << 32)
    chance = random.Random(seed)
    confirmed: set[int] = set()
    died_while_scoring = 0
    for _ in range(KILLS):
        said, begun = killed(start("score", home, "run-1", str(ROWS)), chance)
        confirmed |= {int(line) for line in said if line.isdecimal()}
        if not begun:
            continue
        died_while_scoring += 1
        with Store.open(home) as store:
            assert store.mark_interrupted() == ["run-1"], f"seed {seed}"
            run = store.load("run-1")
            assert run.status == "interrupted"
            assert run.images == tuple(child_row(index) for index in range(len(run.images)))
            assert confirmed <= {image.upload_index for image in run.images}, f"seed {seed}"
            assert all(
                store.cached(key(query=f"query {i}")) == reply(margin=float(i))
                for i in sorted(confirmed)[-5:]
            )
        assert intact(home)
    assert died_while_scoring >= KILLS // 2
    assert confirmed


def test_a_run_resumed_after_a_kill_exports_the_bytes_of_an_undisturbed_one(tmp_path: Path) -> None:
    total = 60
    undisturbed = start("score", tmp_path / "a", "run-1", str(total))
    assert undisturbed.communicate(timeout=60)[0].splitlines()[-1] == "done"
    disturbed = start("score", tmp_path / "b", "run-1", str(total))
    assert disturbed.stdout is not None
    while (line := disturbed.stdout.readline().strip()) != "20":
        assert line
    disturbed.kill()
    disturbed.communicate()
    with Store.open(tmp_path / "b") as store:
        assert store.mark_interrupted() == ["run-1"]
        assert 20 < len(store.load("run-1").images) < total
    resumed = start("score", tmp_path / "b", "run-1", str(total)).communicate(timeout=60)[0].splitlines()
    assert "20" not in resumed
    assert resumed[-1] == "done"
    with Store.open(tmp_path / "a") as a, Store.open(tmp_path / "b") as b:
        assert b.load("run-1") == a.load("run-1")
        assert to_json(b.load("run-1")) == to_json(a.load("run-1"))
        assert to_csv(b.load("run-1")) == to_csv(a.load("run-1"))


def test_a_run_that_another_process_is_scoring_is_left_alone(home: Path) -> None:
    other = start("hold", home, "run-1")
    assert other.stdout is not None
    assert other.stdout.readline() == "begun\n"
    with Store.open(home) as store:
        assert store.mark_interrupted() == []
        assert store.load("run-1").status == "running"
        total = store.load("run-1").total
        more = [Source("more", data=b"more")]
        for ask in (
            lambda: store.set_status("run-1", "running"),
            lambda: store.delete("run-1"),
            lambda: store.extend("run-1", more),
        ):
            with pytest.raises(StoreError) as caught:
                ask()
            assert caught.value.code == "store-claimed"
        assert store.load("run-1").total == total
        assert list((home / "uploads").glob("*")) == []
        other.kill()
        other.communicate()
        assert store.mark_interrupted() == ["run-1"]
        store.set_status("run-1", "running")
        assert store.load("run-1").status == "running"
        assert store.mark_interrupted() == []


def test_a_run_that_ended_is_not_interrupted(home: Path) -> None:
    other = start("hold", home, "run-1")
    other.communicate("", timeout=60)
    with Store.open(home) as store:
        assert store.mark_interrupted() == []
        assert store.load("run-1").status == "stopped"
        store.set_status("run-1", "running")
        assert store.load("run-1").status == "running"


def test_two_processes_score_into_one_folder_while_a_third_reads(home: Path) -> None:
    children = [start("score", home, f"run-{number}", "150") for number in (1, 2)]
    with Store.open(home) as store:
        while any(child.poll() is None for child in children):
            assert all(run.done <= run.total for run in store.runs())
            time.sleep(0.01)
        assert [child.communicate()[0].splitlines()[-1] for child in children] == ["done", "done"]
        for number in (1, 2):
            assert store.load(f"run-{number}").images == tuple(child_row(index) for index in range(150))


def test_a_process_that_died_leaves_no_lock_behind_for_long(home: Path) -> None:
    child = start("hold", home, "run-1")
    assert child.stdout is not None
    child.stdout.readline()
    (lock,) = (home / "running").glob("*.lock")
    child.kill()
    child.communicate()
    with Store.open(home) as store:
        store.mark_interrupted()
        assert lock.exists()
        long_ago = time.time() - 2 * 24 * 3600
        os.utime(lock, (long_ago, long_ago))
        store.mark_interrupted()
    assert not lock.exists()


def test_a_disk_with_no_room_costs_the_row_in_hand_and_nothing_else(home: Path) -> None:
    pytest.importorskip("resource")
    said, _ = start("fill", home, "500000").communicate(timeout=60)
    told = json.loads(said.splitlines()[-1])
    assert told["code"] in {"store-io", "store-full"}
    assert "full" in told["message"]
    assert told["confirmed"] == told["kept"] > 0
    assert told["upload"] == "store-full"
    assert told["left"] == []
    assert told["then"] == "went on"
    with Store.open(home) as store:
        assert len(store.load("full").images) == told["kept"] + 3
    assert intact(home)


def test_a_disk_that_is_really_full_is_told_and_deleting_a_run_with_uploads_makes_room(home: Path) -> None:
    home.mkdir()
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a small disk")
    child = start("fill_disk", home, before=("unshare", "-rm"))
    said, _ = child.communicate(timeout=60)
    first, last = said.splitlines()
    told = json.loads(first)
    assert (told["code"], told["confirmed"]) == ("store-full", told["kept"])
    assert "Free some space" in told["message"]
    assert last == "1"


def start(what: str, *arguments: object, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    command = [*before, sys.executable, "-m", "tests.support.store_process", what, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def killed(child: subprocess.Popen[str], chance: random.Random) -> tuple[list[str], bool]:
    """Kills it a random moment after its first word (one in four: after its start). Whole lines it said."""
    assert child.stdout is not None
    said = ""
    if chance.random() < 0.75:
        said = child.stdout.readline()
        time.sleep(chance.uniform(0, 0.15))
    else:
        time.sleep(chance.uniform(0, 0.6))
    child.send_signal(signal.SIGKILL)
    said += child.communicate()[0]
    lines = [line.strip() for line in said.splitlines(keepends=True) if line.endswith("\n")]
    assert "done" not in lines, "too few rows to be killed among"
    return lines, bool(lines)


def intact(home: Path) -> bool:
    connection = sqlite3.connect(home / "lychee.sqlite3")
    try:
        return connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        connection.close()
