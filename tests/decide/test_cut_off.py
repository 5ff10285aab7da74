"""Killed and interrupted in the middle: no file is lost, and all can be taken back."""

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lychee_app.decide import Action, Plan, carry_out, journals, plan, undo
from tests.support.shots import shots, tree

BOTH: tuple[Action, Action] = ("copy", "move")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("action", BOTH)
def test_kill_9_in_the_middle_loses_no_file_and_can_be_taken_back(tmp_path: Path, action: Action) -> None:
    chance = random.Random()
    for attempt in range(6):
        photos, target, journal = (tmp_path / f"{attempt}-{name}" for name in ("photos", "target", "journal"))
        photos.mkdir()
        shots(photos, **{f"p{i}": float(i) for i in range(300)})
        before = tree(photos)
        child = start(photos, target, journal, action)
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        time.sleep(chance.uniform(0, 0.2))
        child.kill()
        child.communicate()
        assert before.items() <= (tree(photos) | tree(target, shown_as=before)).items()
        for done in journals(journal):
            assert undo(done.journal).left_out == ()
        assert tree(photos) == before
        assert set(tree(target).values()) <= {b""} if target.exists() else True


@pytest.mark.parametrize("action", BOTH)
def test_every_step_that_was_cut_off_can_be_taken_back(
    photos: Path, target: Path, journal: Path, action: Action
) -> None:
    """The moments between two system calls, set up by hand: empty target, half aside, whole target."""
    run, sources = shots(photos, a=1.0)
    made = plan(run, [0], sources, target, action)
    for whole, half in ((b"", None), (b"", b"pho"), (b"photo a", None)):
        path, aside = cut_off(made, journal, whole, half)
        assert [done.finished for done in journals(journal)] == [False]
        assert undo(path).left_out == ()
        assert tree(photos) == {"a.jpg": b"photo a"}
        assert not aside.exists()
        assert not (target / "a.jpg").exists()


def test_an_undo_that_was_cut_off_can_be_done_again(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0, b=2.0)
    done = carry_out(plan(run, [0, 1], sources, target, "move"), journal)
    (photos / "a.jpg").touch()
    shutil.move(target / "b.jpg", photos / "b.jpg")
    assert undo(done.journal).left_out == ()
    assert tree(photos) == {"a.jpg": b"photo a", "b.jpg": b"photo b"}


def test_a_line_that_was_half_written_was_not_begun(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0, b=2.0)
    done = carry_out(plan(run, [0, 1], sources, target, "move"), journal)
    lines = done.journal.read_text().splitlines(keepends=True)
    done.journal.write_text("".join(lines[:2]) + lines[2][:20])
    (kept,) = journals(journal)
    assert (len(kept.steps), kept.finished) == (1, False)


@hypothesis_settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_whatever_happens_in_between_no_content_is_lost(tmp_path: Path, data: st.DataObject) -> None:
    """Files appear between planning, carrying out and taking back; every content is still somewhere."""
    root = Path(os.path.realpath(tmp_path)) / os.urandom(6).hex()
    photos, target, journal = root / "photos", root / "target", root / "journal"
    photos.mkdir(parents=True)
    run, sources = shots(photos, a=1.0, b=2.0, c=3.0)
    contents = set(tree(photos).values())
    action = data.draw(st.sampled_from(BOTH))
    made = plan(run, range(3), sources, target, action)
    contents |= meddle(data, photos, target)
    done = carry_out(made, journal)
    contents |= meddle(data, photos, target)
    undo(done.journal)
    assert contents <= set(tree(photos).values()) | set(tree(target).values())


def meddle(data: st.DataObject, *folders: Path) -> set[bytes]:
    """Makes new files, some under names that are wanted; never deletes. What it wrote."""
    written = set()
    for number in range(data.draw(st.integers(0, 3))):
        folder = data.draw(st.sampled_from(folders))
        path = folder / f"{data.draw(st.sampled_from('abc'))}.jpg"
        folder.mkdir(exist_ok=True)
        if not path.exists():
            content = data.draw(st.sampled_from([b"photo a", b"new", b"x%d" % number]))
            path.write_bytes(content)
            written.add(content)
    return written


def cut_off(made: Plan, journal: Path, whole: bytes, half: bytes | None) -> tuple[Path, Path]:
    """What a process leaves that was killed in the middle of its one step."""
    (step,) = made.steps
    aside = made.folder / ".lychee-0.part"
    made.folder.mkdir(exist_ok=True)
    journal.mkdir(exist_ok=True)
    step.target.write_bytes(whole)
    if half is not None:
        aside.write_bytes(half)
    head = {"run_id": made.run_id, "action": made.action, "folder": str(made.folder), "made_folder": False}
    paths = {"source": str(step.source), "target": str(step.target), "aside": str(aside)}
    line = {"upload_index": step.upload_index, "sha256": step.sha256, **paths}
    path = journal / "0.jsonl"
    path.write_text(json.dumps(head) + "\n" + json.dumps(line) + "\n")
    return path, aside


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.moving_process", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE)
