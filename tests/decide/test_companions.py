"""All files of a shot go where its image goes, and come back with it."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from lychee_app.decide import Action, carry_out, journals, plan, recover, undo
from lychee_app.records import Run, Source
from lychee_app.store import Store
from tests.support.shots import shots, tree

BESIDE = ("a.NEF", "a.jpg.xmp", "a.xmp")


@pytest.fixture
def shot(photos: Path) -> tuple[Run, list[tuple[int, Source]]]:
    """a.jpg with three companions, and b.jpg without any."""
    run, sources = shots(photos, a=2.0, b=1.0)
    for name in BESIDE:
        (photos / name).write_bytes(name.encode())
    companions = tuple(photos / name for name in BESIDE)
    return run, [(0, replace(sources[0][1], companions=companions)), sources[1]]


@pytest.mark.parametrize("action", ["copy", "move"])
def test_all_files_of_a_shot_go_along_and_come_back(
    action: Action, shot: tuple[Run, list[tuple[int, Source]]], photos: Path, target: Path, journal: Path
) -> None:
    run, sources = shot
    before = tree(photos)
    planned = plan(run, [0], sources, target, action)
    assert planned.size_bytes == sum(len(before[name]) for name in ("a.jpg", *BESIDE))
    done = carry_out(planned, journal)
    assert tree(target) == {name: before[name] for name in ("a.jpg", *BESIDE)}
    assert set(tree(photos)) == ({"b.jpg"} if action == "move" else set(before))
    undone = undo(done.journal)
    assert (tree(photos), target.exists(), undone.left_out) == (before, False, ())
    assert undone.moved == {new: old for old, new in done.moved.items()}
    assert not list(journal.iterdir())


def test_where_the_name_is_taken_all_files_of_the_shot_get_one_number(
    shot: tuple[Run, list[tuple[int, Source]]], photos: Path, target: Path
) -> None:
    target.mkdir()
    (target / "A.nef").write_bytes(b"another shot")
    (target / "a (2).XMP").write_bytes(b"and a third")
    planned = plan(shot[0], [0, 1], shot[1], target, "move")
    names = [step.target.name for step in planned.steps]
    assert names == ["a (3).jpg", "a (3).NEF", "a (3).jpg.xmp", "a (3).xmp", "b.jpg"]


def test_companions_stay_where_the_image_stays(
    shot: tuple[Run, list[tuple[int, Source]]], photos: Path, target: Path, journal: Path
) -> None:
    planned = plan(shot[0], [0, 1], shot[1], target, "move")
    (photos / "a.jpg").write_bytes(b"changed since")
    done = carry_out(planned, journal)
    assert set(tree(target)) == {"b.jpg"}
    assert [(left.name, left.code) for left in done.left_out] == [("a.jpg", "changed-since")]
    assert set(tree(photos)) == {"a.jpg", *BESIDE}


def test_a_companion_that_cannot_go_is_told_and_costs_no_other(
    shot: tuple[Run, list[tuple[int, Source]]], photos: Path, target: Path, journal: Path
) -> None:
    (photos / "a.xmp").unlink()
    planned = plan(shot[0], [0], shot[1], target, "move")  # what is gone is not missed
    (target).mkdir()
    (target / "a.NEF").write_bytes(b"came in between")
    done = carry_out(planned, journal)
    assert [(left.name, left.code) for left in done.left_out] == [("a.NEF", "exists")]
    assert set(tree(target)) == {"a.jpg", "a.NEF", "a.jpg.xmp"}
    (read,) = journals(journal)
    assert read.moved == done.moved
    undo(done.journal)
    assert set(tree(photos)) == {"a.jpg", "b.jpg", "a.NEF", "a.jpg.xmp"}


def test_a_file_planned_for_one_shot_is_not_taken_for_another(
    shot: tuple[Run, list[tuple[int, Source]]], photos: Path, target: Path
) -> None:
    run, (first, (_, b)) = shot
    twice = [first, (1, replace(b, companions=(photos / "a.NEF",)))]
    planned = plan(run, [0, 1], twice, target, "copy")
    assert [step.source.name for step in planned.steps].count("a.NEF") == 1
    assert [(left.name, left.code) for left in planned.left_out] == [("a.NEF", "twice")]


def test_a_journal_of_when_a_shot_was_one_file_is_understood(
    photos: Path, target: Path, journal: Path
) -> None:
    run, sources = shots(photos, a=2.0, b=1.0)
    done = carry_out(plan(run, [0, 1], sources, target, "move"), journal)
    lines = done.journal.read_text().splitlines(keepends=True)
    done.journal.write_text("".join([*lines[:-1], '{"failed": 1}\n', lines[-1]]))
    (read,) = journals(journal)
    assert read.moved == {photos / "a.jpg": target / "a.jpg"}


def test_the_run_knows_where_companions_are_after_a_crash_too(
    shot: tuple[Run, list[tuple[int, Source]]], photos: Path, target: Path, tmp_path: Path
) -> None:
    run, sources = shot
    with Store.open(tmp_path / "home") as store:
        store.create(run, [source for _, source in sources])
        for row in run.images:
            store.add(run.id, row)
        done = carry_out(plan(run, [0], sources, target, "move"), store.moves_folder)
        recover(store)  # as at the next start, where the move was not noted
        (_, moved), _ = store.sources(run.id)
        assert [path.name for path in moved.companions] == list(BESIDE)
        assert {path.parent for path in (moved.path, *moved.companions) if path} == {target}
        assert store.load(run.id).images[0].companions == tuple(map(str, moved.companions))
        os.replace(target / "a.xmp", photos / "a.xmp")
        recover(store)
        assert store.sources(run.id)[0][1].companions[2] == photos / "a.xmp"
        store.relocate(undo(done.journal).moved)
        assert store.sources(run.id) == [(index, source) for index, source in sources]
