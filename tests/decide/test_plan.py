import os
import shutil
from pathlib import Path

import pytest

from lychee_app.decide import carry_out, plan
from lychee_app.errors import UsageError
from lychee_app.records import Source
from tests.support.rows import row, run_of
from tests.support.shots import shots, tree


def test_a_plan_lists_the_best_first_and_changes_nothing(photos: Path, target: Path) -> None:
    run, sources = shots(photos, a=1.0, b=9.0, c=5.0)
    before = tree(photos)
    made = plan(run, [0, 1], sources, target, "move")
    assert [(step.source.name, step.target) for step in made.steps] == [
        ("b.jpg", target / "b.jpg"), ("a.jpg", target / "a.jpg"),
    ]  # fmt: skip
    assert (made.left_out, made.size_bytes) == ((), 2 * len(b"photo a"))
    assert tree(photos) == before
    assert not target.exists()


def test_names_in_use_get_a_number(photos: Path, target: Path) -> None:
    target.mkdir()
    (target / "A.JPG").write_bytes(b"other")
    (photos / "sub").mkdir()
    run, sources = shots(photos, **{"a": 1.0, "sub/a": 2.0})
    made = plan(run, [0, 1], sources, target, "copy")
    assert sorted(step.target.name for step in made.steps) == ["a (2).jpg", "a (3).jpg"]


def test_what_was_copied_before_is_passed_over_and_what_is_new_beside_it_is_not(
    photos: Path, target: Path, journal: Path
) -> None:
    """Of two files of one name both were copied; a third time a sidecar has come to the first."""
    (photos / "sub").mkdir()
    run, sources = shots(photos, **{"a": 2.0, "sub/a": 1.0})
    carry_out(plan(run, [0, 1], sources, target, "copy"), journal)
    again = plan(run, [0, 1], sources, target, "copy")
    assert (again.steps, [one.code for one in again.left_out]) == ((), ["there-already"] * 2)
    sidecar = photos / "sub" / "a.xmp"
    sidecar.write_bytes(b"new")
    beside = [sources[0], (1, Source("a.jpg", path=photos / "sub" / "a.jpg", companions=(sidecar,)))]
    assert [one.target.name for one in plan(run, [0, 1], beside, target, "copy").steps] == ["a (2).xmp"]
    (photos / "a.jpg").write_bytes(b"otherwise")
    assert [one.target.name for one in plan(run, [0], sources, target, "copy").steps] == ["a (3).jpg"]


def test_what_cannot_be_taken_is_left_out_with_a_reason(photos: Path, target: Path) -> None:
    target.mkdir()
    run, sources = shots(photos, a=1.0)
    link, folder, pipe = photos / "link.jpg", photos / "folder.jpg", photos / "pipe.jpg"
    link.symlink_to(photos / "a.jpg")
    folder.mkdir()
    os.mkfifo(pipe)
    (target / "there.jpg").write_bytes(b"x")
    paths = [link, folder, pipe, photos / "gone.jpg", target / "there.jpg", photos / "a.jpg"]
    sources += [(i, Source(path.name, path=path)) for i, path in enumerate(paths, start=1)]
    sources += [(7, Source("up.jpg", data=b"x")), (8, Source("up.jpg", path=photos / "a.jpg", private=True))]
    run = run_of([*run.images, *(row(i, -float(i)) for i in range(1, 10))])
    made = plan(run, range(10), sources, target, "move")
    assert [step.upload_index for step in made.steps] == [0]
    assert {left.upload_index: left.code for left in made.left_out} == {
        1: "link", 2: "not-a-file", 3: "not-a-file", 4: "missing", 5: "same-folder", 6: "twice",
        7: "uploaded", 8: "uploaded", 9: "uploaded",
    }  # fmt: skip


def test_a_link_is_copied_as_the_file_it_leads_to(photos: Path, target: Path, journal: Path) -> None:
    run, _ = shots(photos, a=1.0)
    (photos / "link.jpg").symlink_to(photos / "a.jpg")
    done = carry_out(plan(run, [0], [(0, Source("l", path=photos / "link.jpg"))], target, "copy"), journal)
    assert not done.left_out
    assert not (target / "link.jpg").is_symlink()
    assert (target / "link.jpg").read_bytes() == b"photo a"


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("", "target-none"),
        ("file.txt", "target-file"),
        ("gone/deep", "target-parent"),
        ("file.txt/x", "target-parent"),
        ("~nobody-of-this-name/x", "target-parent"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(photos: Path, folder: str, code: str) -> None:
    run, sources = shots(photos, a=1.0)
    (photos / "file.txt").write_text("x")
    goal = photos / folder if folder and not folder.startswith("~") else Path(folder)
    with pytest.raises(UsageError) as caught:
        plan(run, [0], sources, goal, "copy")
    assert caught.value.code == code


def test_a_disk_without_room_is_told_before_anything_is_copied(photos: Path, target: Path) -> None:
    run, sources = shots(photos, a=1.0)
    with (photos / "a.jpg").open("r+b") as file:
        file.truncate(2 * shutil.disk_usage(photos).free)
    with pytest.raises(UsageError, match="Make room") as caught:
        plan(run, [0], sources, target, "copy")
    assert caught.value.code == "target-full"
    assert plan(run, [0], sources, target, "move").steps
