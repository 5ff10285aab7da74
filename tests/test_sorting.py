"""Several queries as one sorting: what is read, where an image goes, and what is refused."""

from pathlib import Path

import pytest

from lychee_app import recorder, sorting
from lychee_app.errors import LycheeError, UsageError
from lychee_app.records import Run
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


def test_fifty_names_are_judged_in_one_run(settings: Settings) -> None:
    columns = tuple(Column(f"name {n}", "red" if n == 49 else f"thing {n}") for n in range(50))
    request = Request(sorting.question(columns), model="fake", columns=columns)
    run = recorder.rank(request, sources("red"), engine_of(FakeScorer(), settings), recorder.Unkept())
    assert sorting.placed(run) == {0: 49}


def test_each_name_with_images_gets_a_folder(tmp_path: Path) -> None:
    run = run_with((2.0, -1.0), (2.5, -1.0))
    files = list(enumerate(sources("red", "red")))
    goal = tmp_path / "sorted"
    (planned,) = sorting.plans(run, sorting.placed(run), files, goal, "copy")
    assert planned.folder == goal / "a"
    with pytest.raises(UsageError, match="gone"):
        list(sorting.plans(run, sorting.placed(run), files, tmp_path / "gone" / "deep", "copy"))


def test_what_was_asked_can_be_typed_again() -> None:
    wanted = (Column("a", "red"), Column("细节", "door: handle", 7.5))
    assert sorting.columns(sorting.as_text(wanted)) == wanted
