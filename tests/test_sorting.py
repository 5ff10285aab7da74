"""Several queries as one sorting: what is read, where an image goes, and what is refused."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from lychee_app import decide, recorder, sorting
from lychee_app.errors import LycheeError, UsageError
from lychee_app.packed import Rows
from lychee_app.records import Run, Source
from lychee_app.request import Column, Request
from lychee_app.settings import Settings
from tests.support.fakes import FakeScorer, engine_of, sources
from tests.support.rows import failed, reply, row, run_of

TWO = (Column("a", "red"), Column("b", "green", 8.0))


def run_with(*margins: tuple[float, ...], columns: tuple[Column, ...] = TWO) -> Run:
    rows = [
        row(index, max(each), element_replies=tuple(reply(margin=margin) for margin in each))
        for index, each in enumerate(margins)
    ]
    return run_of(rows, request=Request(sorting.question(columns), columns=columns))


def test_lines_and_csv_say_the_same(tmp_path: Path) -> None:
    lines = "# mine\n\nhero: a wide shot\n细节：门把手\nteam\n"
    csv = "\ufeffName,Query\nhero,a wide shot\n细节,门把手\nteam,team\n"
    (tmp_path / "names.csv").write_text(csv, encoding="utf-8")
    found = sorting.columns(lines)
    assert found == (Column("hero", "a wide shot"), Column("细节", "门把手"), Column("team", "team"))
    assert sorting.read(tmp_path / "names.csv") == found


def test_a_third_cell_of_a_csv_is_the_least_score() -> None:
    assert sorting.columns('x,"a, b",7.5', as_csv=True) == (Column("x", "a, b", 7.5),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "sorting-none"),
        ("# nothing\n\n", "sorting-none"),
        (": a cat", "sorting-unnamed"),
        ("  : a cat", "sorting-unnamed"),
        ("a: cat\nA: dog", "sorting-twice"),
        ("a: cat\na: cat", "sorting-twice"),
        ("a/b: cat", "sorting-name"),
        ("..: cat", "sorting-name"),
        ("CON: cat", "sorting-name"),
        ("x" * 300 + ": cat", "sorting-name"),
        ("a:", "sorting-query"),
        ("a: +++", "sorting-query"),
        ("\n".join(f"n{n}: cat" for n in range(101)), "sorting-many"),
    ],
)
def test_names_that_cannot_be_folders_or_are_not_told_apart_are_refused(text: str, code: str) -> None:
    with pytest.raises(UsageError) as told:
        sorting.columns(text)
    assert told.value.code == code


@pytest.mark.parametrize("cut", ["0", "10", "-1", "many", "nan"])
def test_a_least_score_lies_within_the_scale(cut: str) -> None:
    with pytest.raises(UsageError, match="no score above 0"):
        sorting.columns(f"a,cat,{cut}", as_csv=True)


def test_a_name_may_be_written_in_another_form_of_unicode() -> None:
    assert [one.name for one in sorting.columns("caf\u0065\u0301: cat >= 7")] == ["caf\u00e9"]


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "n.txt").write_text("a: cat", encoding="utf-16")
    for path in (tmp_path / "n.txt", tmp_path / "gone.txt"):
        with pytest.raises(LycheeError):
            sorting.read(path)


def test_an_image_goes_where_it_is_furthest_above_the_own_cut_off() -> None:
    """b begins at 8.0, a margin of 1.39: of 2.0 and 3.0 the former is further above its own."""
    run = run_with((2.0, 3.0), (2.0, 4.0), (-0.1, 1.3), (0.0, 1.2), (-3.0, -3.0))
    assert sorting.placed(run) == {0: 0, 1: 1, 2: None, 3: 0, 4: None}


def test_of_equals_the_first_name_has_it_and_what_was_refused_goes_to_none() -> None:
    same = (Column("a", "red"), Column("b", "red"))
    run = run_with((1.0, 1.0), columns=same)
    run = run_of([*run.images, failed(1)], request=run.request)
    assert sorting.placed(run) == {0: 0, 1: None}


def test_what_was_moved_by_hand_stays_there() -> None:
    run = run_with((2.0, 3.0), (2.0, 4.0), (-3.0, -3.0))
    moved = {0: "b", 1: sorting.NONE, 2: "a", 7: "a"}
    assert sorting.placed(run, moved) == {0: 1, 1: None, 2: 0}
    assert sorting.placed(run, {0: "a name of before"}) == sorting.placed(run)


def test_each_image_is_looked_at_once_however_many_names(settings: Settings) -> None:
    scorer = FakeScorer()
    columns = (Column("warm", "red"), Column("cold", "blue"), Column("again", "red"))
    request = Request(sorting.question(columns), model="fake", columns=columns)
    run = recorder.rank(
        request, sources("red", "blue", "green"), engine_of(scorer, settings), recorder.Unkept()
    )
    assert scorer.seen == [(name, ("red", "blue")) for name in ("0-red.png", "1-blue.png", "2-green.png")]
    assert sorting.placed(run) == {0: 0, 1: 1, 2: None}
    assert [[row.upload_index for row in group] for group in sorting.listed(run, sorting.placed(run))] == [
        [0], [1], [], [2],
    ]  # fmt: skip
    assert run.name == "warm | cold | again"


def test_a_sorting_of_very_many_holds_little_of_each_row() -> None:
    run = run_with(*[(1.0, -1.0)] * 300)
    run = replace(run, images=Rows(replace(row, name=row.name * 200) for row in run.images))
    places = sorting.placed(run)
    tracemalloc.start()
    try:
        groups = sorting.listed(run, places)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [len(group) for group in groups] == [300, 0, 0]
    assert groups[0][299].upload_index == 299
    assert held / 300 < 500


def test_fifty_names_are_judged_in_one_run(settings: Settings) -> None:
    columns = tuple(Column(f"name {n}", "red" if n == 49 else f"thing {n}") for n in range(50))
    request = Request(sorting.question(columns), model="fake", columns=columns)
    run = recorder.rank(request, sources("red"), engine_of(FakeScorer(), settings), recorder.Unkept())
    assert sorting.placed(run) == {0: 49}


def test_a_folder_for_each_name_with_images_is_one_action_that_is_taken_back_whole(tmp_path: Path) -> None:
    run = run_with((2.0, -1.0), (2.5, -1.0), (-1.0, 3.0), (-1.0, -1.0))
    files = []
    for index, (folder, name) in enumerate([("1", "x"), ("2", "x"), ("1", "y"), ("1", "z")]):
        path = tmp_path / folder / f"{name}.png"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"%d" % index)
        files.append((index, Source(path.name, path=path)))
    run = replace(run, images=tuple(replace(each, sha256="") for each in run.images))
    goal, places = tmp_path / "sorted", sorting.placed(run)
    (goal / "b").mkdir(parents=True)
    planned = sorting.plan(run, places, files, goal, "move")
    targets = {step.upload_index: str(step.target.relative_to(goal)) for step in planned.steps}
    assert targets == {1: "a/x.png", 0: "a/x (2).png", 2: "b/y.png"}
    assert not (goal / "a").exists()
    done = decide.carry_out(planned, tmp_path / "moves")
    assert (goal / "a" / "x (2).png").read_bytes() == b"0"
    assert len(decide.journals(tmp_path / "moves")) == 1
    decide.undo(done.journal)
    assert all(source.path and source.path.exists() for _, source in files)
    assert list(goal.rglob("*")) == [goal / "b"], "what was there before stays"


def test_a_name_that_is_a_file_there_is_told_before_anything_is_touched(tmp_path: Path) -> None:
    run = run_with((2.0, -1.0))
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(UsageError, match="is a file"):
        sorting.plan(run, sorting.placed(run), list(enumerate(sources("red"))), tmp_path, "copy")
    with pytest.raises(UsageError, match="gone"):
        sorting.plan(run, sorting.placed(run), [], tmp_path / "gone" / "deep", "copy")


def test_what_was_asked_can_be_typed_again() -> None:
    wanted = (Column("a", "red"), Column("细节", "door: handle", 7.5))
    assert sorting.columns(sorting.as_text(wanted)) == wanted
