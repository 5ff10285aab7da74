"""A move that came to no end: the store learns where the files are all the same."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lychee_app.decide import carry_out, journals, plan, recover
from lychee_app.errors import StoreError
from lychee_app.records import Run, Source
from lychee_app.store import Store
from tests.support.shots import shots

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as store:
        yield store


def test_a_move_whose_journal_could_not_be_written_to_its_end_is_noted_as_far_as_it_came(
    photos: Path, target: Path, store: Store
) -> None:
    resource = pytest.importorskip("resource")
    run, sources = kept(store, photos, a=1.0, b=2.0, c=3.0)
    made = plan(run, range(3), sources, target, "move")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(done: int) -> None:
        """The disk of the journal is full from the second step on."""
        (journal,) = store.moves_folder.iterdir()
        resource.setrlimit(resource.RLIMIT_FSIZE, (journal.stat().st_size, hard))

    try:
        with pytest.raises(StoreError):
            carry_out(made, store.moves_folder, fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    recover(store)
    assert places(store) == [photos / "a.jpg", photos / "b.jpg", target / "c.jpg"]
    assert all(path and path.exists() for path in places(store))


def test_a_process_that_ended_in_the_middle_of_a_move_leaves_a_run_that_finds_its_files(
    photos: Path, target: Path, store: Store
) -> None:
    kept(store, photos, a=1.0, b=2.0, c=3.0)
    code = (
        "import os, sys; from pathlib import Path; from lychee_app.decide import carry_out, plan\n"
        "from lychee_app.store import Store\n"
        "def stop(done):\n    if done == 2: os._exit(9)\n"
        f"store = Store.open(Path({str(store.folder)!r}))\n"
        f"made = plan(store.load('run-1'), range(3), store.sources('run-1'), Path({str(target)!r}), 'move')\n"
        "carry_out(made, store.moves_folder, stop)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 9
    recover(store)
    assert places(store) == [photos / "a.jpg", target / "b.jpg", target / "c.jpg"]
    (done,) = journals(store.moves_folder)
    assert not done.finished
    assert all(path and path.exists() for path in places(store))


def test_a_file_that_was_taken_back_when_the_undo_was_cut_off_is_found_where_it_was(
    photos: Path, target: Path, store: Store
) -> None:
    run, sources = kept(store, photos, a=1.0, b=2.0)
    done = carry_out(plan(run, [0, 1], sources, target, "move"), store.moves_folder)
    store.relocate(done.moved)
    os.replace(target / "a.jpg", photos / "a.jpg")
    recover(store)
    assert places(store) == [photos / "a.jpg", target / "b.jpg"]


def test_what_is_where_the_run_says_is_left_alone(photos: Path, target: Path, store: Store) -> None:
    run, sources = kept(store, photos, a=1.0)
    carry_out(plan(run, [0], sources, target, "copy"), store.moves_folder)
    recover(store)
    (photos / "a.jpg").unlink()
    recover(store)
    assert places(store) == [photos / "a.jpg"], "a copy is not the file of the run"


def kept(store: Store, photos: Path, **scores: float) -> tuple[Run, list[tuple[int, Source]]]:
    run, sources = shots(photos, **scores)
    store.create(run, [source for _, source in sources])
    for row in run.images:
        store.add(run.id, row)
    return run, sources


def places(store: Store) -> list[Path | None]:
    return [source.path for _, source in store.sources("run-1")]
