"""A sorting on the page: what becomes of the images under their names."""

import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app import sorting
from lychee_app.locale import Words
from lychee_app.records import Run, Source
from lychee_app.request import Column, Request
from lychee_app.services import shared
from lychee_app.settings import Settings
from lychee_app.store import Draft, Store
from lychee_app.ui import export, state
from tests.support.fakes import picture
from tests.support.page import html, sent, visit
from tests.support.rows import reply, row, run_of

COLUMNS = (Column("warm", "red"), Column("cold", "blue"))


@pytest.fixture
def shoot(tmp_path: Path) -> list[Path]:
    folder = tmp_path / "shoot"
    folder.mkdir()
    paths = [folder / f"{number}.png" for number in range(4)]
    for number, path in enumerate(paths):
        path.write_bytes(picture(seed=number))
    return paths


def kept(settings: Settings, sources: list[Source]) -> Run:
    """0 and 1 are warm, 2 is cold, the others are neither."""
    margins = [(2.0, -1.0), (1.0, -1.0), (-1.0, 3.0)]
    rows = []
    for index, source in enumerate(sources):
        found = margins[index] if index < len(margins) else (-1.0, -1.0)
        replies = tuple(reply(margin=margin) for margin in found)
        made = row(index, max(found), element_replies=replies, elements=(5.0, 5.0))
        rows.append(replace(made, name=source.name, sha256=""))
    request = Request(sorting.question(COLUMNS), columns=COLUMNS)
    run = run_of(rows, id=settings.data_folder.parent.name, request=request)
    with Store.open(settings.data_folder) as store:
        store.create(run, sources)
        for each in rows:
            store.add(run.id, each)
        store.finish(run.id, "done", seconds=1.0, peak_memory_bytes=0)
    return run


def buttons(at: AppTest) -> list[str]:
    return [one.key or "" for one in at.button]


def test_folders_are_planned_and_told_and_the_whole_is_taken_back_at_once(
    settings: Settings, shoot: list[Path], tmp_path: Path
) -> None:
    at, goal = visit(kept(settings, [Source(path.name, path=path) for path in shoot]).id), tmp_path / "goal"
    at.segmented_control(key="board-how").set_value("move").run()
    at.text_input(key="board-to").set_value(str(goal)).run()
    at.button(key="board-carry").click().run()
    assert all(path.exists() for path in shoot)
    assert not goal.exists()
    assert "warm: 2<br>cold: 1" in html(at)
    assert "<td>0.png</td><td>→ warm/0.png</td>" in html(at)
    at.button(key="carry-do").click().run()
    assert {str(path.relative_to(goal)) for path in goal.glob("*/*")} == {
        "warm/0.png",
        "warm/1.png",
        "cold/2.png",
    }
    assert "Moved 3 files" in html(at)
    assert "take-back-1" not in buttons(at)
    at.button(key="take-back-0").click().run()
    assert all(path.exists() for path in shoot)
    assert not goal.exists()
    assert not at.exception


def test_images_that_were_dropped_get_a_zip_with_a_folder_for_each_name(
    settings: Settings, shoot: list[Path]
) -> None:
    run = kept(settings, [Source("same.png", data=path.read_bytes()) for path in shoot])
    at = visit(run.id)
    assert "lie in no folder of yours" in html(at)
    assert "board-carry" not in buttons(at)
    context = state.PageContext(shared(), Words("en"), run.id, Draft("d"))
    with Store.open(settings.data_folder) as store:
        order = state.Order(run, (), {}, "margin", dict(store.sources(run.id)), {})
    standing = state.Standing(order, None, 0, {}, None)
    under = {0: "warm", 1: "warm", 2: "cold"}
    with zipfile.ZipFile(BytesIO(export.zipped(context, standing, under=under))) as archive:
        names = archive.namelist()
        assert archive.read("cold/same.png") == shoot[2].read_bytes()
    assert sorted(names) == ["cold/same.png", "warm/same (2).png", "warm/same.png"]


def test_a_sorting_shows_nothing_that_is_meant_for_a_ranking(settings: Settings, shoot: list[Path]) -> None:
    at = visit(kept(settings, [Source(path.name, path=path) for path in [*shoot, *shoot]]).id)
    assert "ly-finding" not in html(at)
    assert sent(at, "gallery")["cut"] is None
    at.segmented_control(key="place").set_value("decide").run()
    assert "to go" not in html(at)
    assert not at.exception


def test_names_written_as_keywords_are_taken_back_on_the_board(settings: Settings, shoot: list[Path]) -> None:
    at = visit(kept(settings, [Source(path.name, path=path) for path in shoot]).id)
    at.button(key="board-keywords").click().run()
    assert "Sidecars: 3 new, 0 changed, 0 say it already" in html(at)
    assert "<td>2.png.xmp</td><td>cold</td><td>new</td>" in html(at)
    assert not list(shoot[0].parent.glob("*.xmp")), "nothing is written before it is confirmed"
    at.button(key="stars-do").click().run()
    assert "Wrote names into the sidecars of 3 images." in html(at)
    assert "3 sidecars were written" in html(at)
    assert len(list(shoot[0].parent.glob("*.xmp"))) == 3
    at.button(key="stars-back-0").click().run()
    assert not list(shoot[0].parent.glob("*.xmp"))


def test_what_a_sorting_leaves_out_of_account_is_told_beside_the_names(page: AppTest) -> None:
    page.text_area(key="names").set_value("warm: red\nnone: blue").run()
    assert "by these names alone" not in html(page)
    page.text_area(key="query").set_value("a cat").run()
    assert "by these names alone" in html(page)


def test_an_example_that_cannot_be_judged_is_told_beside_its_field_and_starts_no_run(
    page: AppTest, store: Store
) -> None:
    page.file_uploader(key="example-0").set_value([("good.png", picture("red"), "image/png")]).run()
    assert page.session_state["like"].name == "good.png"
    page.file_uploader(key="example-0").set_value([("cut.png", picture("red")[:4000], "image/png")]).run()
    assert "The example image cut.png cannot be used" in html(page)
    assert page.session_state["like"].name == "good.png"
    assert not page.file_uploader(key="example-1").value
    assert not store.runs(limit=1)
