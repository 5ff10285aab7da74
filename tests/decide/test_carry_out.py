"""Nothing is overwritten, and what fails is left as it was."""

import hashlib
import os
from pathlib import Path

import pytest

from lychee_app.decide import Action, carry_out, journals, plan, undo
from lychee_app.errors import StoreError
from lychee_app.records import Source
from tests.support.nobody import as_nobody
from tests.support.rows import failed, row, run_of
from tests.support.shots import shots, tree

BOTH: tuple[Action, Action] = ("copy", "move")


@pytest.mark.parametrize("action", BOTH)
def test_what_was_planned_is_done_and_can_be_taken_back(
    photos: Path, target: Path, journal: Path, action: Action
) -> None:
    run, sources = shots(photos, a=1.0, b=9.0, c=5.0)
    os.utime(photos / "b.jpg", (1_000_000_000, 1_000_000_000))
    before = tree(photos)
    seen: list[int] = []
    done = carry_out(plan(run, [0, 1], sources, target, action), journal, seen.append)
    assert tree(target) == {"a.jpg": b"photo a", "b.jpg": b"photo b"}
    assert (target / "b.jpg").stat().st_mtime == 1_000_000_000
    assert tree(photos) == (before if action == "copy" else {"c.jpg": b"photo c"})
    assert done.moved == {photos / "a.jpg": target / "a.jpg", photos / "b.jpg": target / "b.jpg"}
    assert (seen, done.left_out, done.finished) == ([1, 2], (), True)
    undone = undo(done.journal)
    assert undone.left_out == ()
    assert undone.moved == {new: old for old, new in done.moved.items()}
    assert tree(photos) == before
    assert not target.exists()
    assert journals(journal) == []


@pytest.mark.parametrize("action", BOTH)
def test_a_file_that_appeared_after_planning_is_not_overwritten(
    photos: Path, target: Path, journal: Path, action: Action
) -> None:
    run, sources = shots(photos, a=1.0)
    made = plan(run, [0], sources, target, action)
    target.mkdir()
    (target / "a.jpg").write_bytes(b"mine")
    done = carry_out(made, journal)
    assert [left.code for left in done.left_out] == ["exists"]
    assert tree(target) == {"a.jpg": b"mine"}
    assert tree(photos) == {"a.jpg": b"photo a"}
    undo(done.journal)
    assert tree(target) == {"a.jpg": b"mine"}


@pytest.mark.parametrize("action", BOTH)
def test_a_file_that_changed_or_went_since_it_was_scored_is_left_alone(
    photos: Path, target: Path, journal: Path, action: Action
) -> None:
    run, sources = shots(photos, a=1.0, b=2.0)
    made = plan(run, [0, 1], sources, target, action)
    (photos / "a.jpg").write_bytes(b"edited")
    (photos / "b.jpg").unlink()
    done = carry_out(made, journal)
    assert sorted(left.code for left in done.left_out) == ["changed-since", "missing"]
    assert tree(target) == {}
    assert tree(photos) == {"a.jpg": b"edited"}


def test_an_image_that_could_not_be_scored_can_be_moved_out_too(
    photos: Path, target: Path, journal: Path
) -> None:
    (photos / "bad.jpg").write_bytes(b"no image")
    run = run_of([failed(0)])
    done = carry_out(plan(run, [0], [(0, Source("b", path=photos / "bad.jpg"))], target, "move"), journal)
    assert tree(target) == {"bad.jpg": b"no image"}
    assert undo(done.journal).left_out == ()
    assert tree(photos) == {"bad.jpg": b"no image"}


def test_a_name_that_is_no_text_is_moved_and_taken_back(photos: Path, target: Path, journal: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(photos) + b"/\xff\xfe.jpg"))
    try:
        path.write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has text for names")
    run = run_of([failed(0)])
    done = carry_out(plan(run, [0], [(0, Source("b", path=path))], target, "move"), journal)
    assert [name.name for name in target.iterdir()] == [path.name]
    assert undo(done.journal).left_out == ()
    assert path.read_bytes() == b"x"


def test_another_disk_is_reached_by_copying(photos: Path, journal: Path, other_disk: Path) -> None:
    run, sources = shots(photos, a=1.0, b=2.0)
    done = carry_out(plan(run, [0, 1], sources, other_disk / "picks", "move"), journal)
    assert done.left_out == ()
    assert tree(photos) == {}
    assert tree(other_disk / "picks") == {"a.jpg": b"photo a", "b.jpg": b"photo b"}
    assert undo(done.journal).left_out == ()
    assert tree(photos) == {"a.jpg": b"photo a", "b.jpg": b"photo b"}
    assert not (other_disk / "picks").exists()


def test_a_file_that_may_only_be_read_is_copied_with_its_mode(nobodys: Path) -> None:
    photos, target = nobodys / "photos", nobodys / "target"
    with as_nobody():
        photos.mkdir()
        run, sources = shots(photos, a=1.0)
        (photos / "a.jpg").chmod(0o444)
        done = carry_out(plan(run, [0], sources, target, "copy"), nobodys / "journal")
    assert done.left_out == ()
    assert tree(target) == {"a.jpg": b"photo a"}
    assert (target / "a.jpg").stat().st_mode & 0o777 == 0o444


def test_a_file_that_did_not_fit_leaves_nothing_and_its_name_is_free_again(
    photos: Path, target: Path, journal: Path
) -> None:
    resource = pytest.importorskip("resource")
    _, sources = shots(photos, a=1.0)
    content = b"x" * 300_000
    (photos / "a.jpg").write_bytes(content)
    run = run_of([row(0, score=1.0, sha256=hashlib.sha256(content).hexdigest())])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        done = carry_out(plan(run, [0], sources, target, "copy"), journal)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [left.code for left in done.left_out] == ["refused"]
    assert tree(target) == {}
    (target / "a.jpg").write_bytes(content)
    undo(done.journal)
    assert tree(target) == {"a.jpg": content}


def test_without_a_journal_nothing_is_touched(photos: Path, target: Path, tmp_path: Path) -> None:
    run, sources = shots(photos, a=1.0)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError) as caught:
        carry_out(plan(run, [0], sources, target, "move"), tmp_path / "file")
    assert caught.value.code == "journal-unwritable"
    assert tree(photos) == {"a.jpg": b"photo a"}
    assert not target.exists() or tree(target) == {}
