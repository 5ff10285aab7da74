import os
from pathlib import Path

import pytest

from lychee_app.decide import Done, carry_out, forget, journals, plan, undo
from lychee_app.errors import StoreError
from tests.support.shots import shots, tree


def test_a_copy_that_was_edited_stays(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0, b=2.0)
    done = carry_out(plan(run, [0, 1], sources, target, "copy"), journal)
    (target / "a.jpg").write_bytes(b"retouched")
    undone = undo(done.journal)
    assert [(left.upload_index, left.code) for left in undone.left_out] == [(0, "changed-stays")]
    assert tree(target) == {"a.jpg": b"retouched"}


def test_a_copy_whose_original_is_gone_stays(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0)
    done = carry_out(plan(run, [0], sources, target, "copy"), journal)
    (photos / "a.jpg").unlink()
    assert [left.code for left in undo(done.journal).left_out] == ["original-gone"]
    assert tree(target) == {"a.jpg": b"photo a"}


def test_a_new_file_in_the_old_place_is_not_overwritten_and_the_moved_one_stays(
    photos: Path, target: Path, journal: Path
) -> None:
    run, sources = shots(photos, a=1.0)
    done = carry_out(plan(run, [0], sources, target, "move"), journal)
    (photos / "a.jpg").write_bytes(b"another")
    assert [left.code for left in undo(done.journal).left_out] == ["place-taken"]
    assert tree(photos) == {"a.jpg": b"another"}
    assert tree(target) == {"a.jpg": b"photo a"}
    assert [kept.journal for kept in journals(journal)] == [done.journal]
    (photos / "a.jpg").unlink()
    assert undo(done.journal).left_out == ()
    assert tree(photos) == {"a.jpg": b"photo a"}


def test_a_moved_file_that_was_edited_goes_back_as_it_is(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0)
    done = carry_out(plan(run, [0], sources, target, "move"), journal)
    (target / "a.jpg").write_bytes(b"retouched")
    assert undo(done.journal).left_out == ()
    assert tree(photos) == {"a.jpg": b"retouched"}


def test_a_moved_file_that_was_taken_elsewhere_is_told(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0)
    done = carry_out(plan(run, [0], sources, target, "move"), journal)
    (target / "a.jpg").unlink()
    assert [left.code for left in undo(done.journal).left_out] == ["nowhere"]
    forget(done.journal)
    assert journals(journal) == []


def test_a_folder_that_went_with_its_files_is_made_again(photos: Path, target: Path, journal: Path) -> None:
    (photos / "sub").mkdir()
    run, sources = shots(photos, **{"sub/a": 1.0})
    done = carry_out(plan(run, [0], sources, target, "move"), journal)
    (photos / "sub").rmdir()
    assert undo(done.journal).left_out == ()
    assert tree(photos) == {"sub/a.jpg": b"photo sub/a"}


def test_a_folder_of_the_user_stays_when_it_is_empty_again(photos: Path, target: Path, journal: Path) -> None:
    target.mkdir()
    run, sources = shots(photos, a=1.0)
    undo(carry_out(plan(run, [0], sources, target, "move"), journal).journal)
    assert target.is_dir()


def test_a_journal_that_does_not_read_is_told_and_left_out_of_the_list(journal: Path) -> None:
    journal.mkdir()
    for number, text in enumerate(["", "{", "[]\n", '{"run_id": 1}\n', "\x00\n"]):
        path = journal / f"{number}.jsonl"
        path.write_text(text)
        with pytest.raises(StoreError):
            undo(path)
    assert journals(journal) == []


def test_what_was_done_can_be_found_again_after_a_restart(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0)
    done: Done = carry_out(plan(run, [0], sources, target, "move"), journal)
    (found,) = journals(journal)
    assert (found.run_id, found.action, found.moved) == ("run-1", "move", done.moved)
    assert found.made_folder


def test_only_what_was_really_taken_back_is_counted_and_the_rest_waits(
    photos: Path, target: Path, journal: Path
) -> None:
    run, sources = shots(photos, a=1.0, b=2.0, c=3.0)
    done = carry_out(plan(run, [0, 1, 2], sources, target, "copy"), journal)
    (target / "a.jpg").write_bytes(b"retouched")
    (target / "b.jpg").unlink()
    first = undo(done.journal)
    assert [step.target.name for step in first.steps] == ["c.jpg"]
    assert [step.target.name for step in first.there] == ["b.jpg"]
    (kept,) = journals(journal)
    assert [step.target.name for step in kept.steps] == ["a.jpg"]
    assert (kept.finished, kept.made_folder, kept.folder) == (done.finished, True, done.folder)
    (target / "c.jpg").write_bytes(b"of somebody else")
    again = undo(done.journal)
    assert (again.steps, again.there) == ((), ())
    assert [left.code for left in again.left_out] == ["changed-stays"]
    assert tree(target) == {"a.jpg": b"retouched", "c.jpg": b"of somebody else"}


def test_a_journal_that_cannot_be_written_anew_stays_whole(photos: Path, target: Path, journal: Path) -> None:
    run, sources = shots(photos, a=1.0, b=2.0)
    done = carry_out(plan(run, [0, 1], sources, target, "copy"), journal)
    (target / "a.jpg").write_bytes(b"retouched")
    journal.chmod(0o500)
    try:
        if os.access(journal, os.W_OK):
            pytest.skip("root may write anywhere")
        with pytest.raises(StoreError) as caught:
            undo(done.journal)
    finally:
        journal.chmod(0o700)
    assert caught.value.code == "journal-unwritable"
    assert len(journals(journal)[0].steps) == 2
