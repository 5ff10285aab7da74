"""The ZIP of the picks: what is missing from it is told on the page and in the archive."""

import io
import math
import re
import zipfile
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app import query, recorder, sources
from lychee_app.locale import Words
from lychee_app.ranking import ranked
from lychee_app.records import Run
from lychee_app.request import Request
from lychee_app.services import opened
from lychee_app.settings import Settings
from lychee_app.store import Draft, Store
from lychee_app.ui import export
from lychee_app.ui.state import Order, PageContext, Standing
from tests.support.fakes import FakeScorer, engine_of
from tests.support.page import files, html, visit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, data, _ in files("red", "blue", "green"):
        (folder / name).write_bytes(data)
    return folder


def scored(folder: Path, settings: Settings) -> Run:
    return recorder.rank(
        Request(query.ask("red"), model="fake"),
        sources.find([folder]).sources,
        engine_of(FakeScorer(), settings),
        recorder.Unkept(),
    )


def archive(folder: Path, run: Run, settings: Settings, language: str) -> zipfile.ZipFile:
    """All images of the run picked."""
    places = tuple(ranked(run.images))
    by_index = {place.scored.upload_index: place for place in places}
    order = Order(run, places, by_index, "margin", dict(enumerate(sources.find([folder]).sources)), {})
    standing = Standing(order, None, -1, dict.fromkeys(by_index, "pick"), None)
    context = PageContext(opened(settings), Words(language), run.id, Draft("d"))
    return zipfile.ZipFile(io.BytesIO(export.zipped(context, standing)))


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "1 pick is missing from this ZIP:\n1-blue.png: The file has changed since it was scored.\n"),
        ("zh", "这个 ZIP 缺少 1 张选用的图片：\n1-blue.png: 文件在打分之后被改动过。"),
    ],
)
def test_a_pick_that_is_left_out_is_listed_in_the_archive(
    folder: Path, settings: Settings, language: str, said: str
) -> None:
    run = scored(folder, settings)
    (folder / "1-blue.png").write_bytes((folder / "0-red.png").read_bytes())
    with archive(folder, run, settings, language) as made:
        assert len(made.namelist()) == 3
        assert made.read(export.LEFT_OUT_FILE).decode().startswith(said)
        assert made.testzip() is None


def test_an_archive_with_all_picks_holds_nothing_else(folder: Path, settings: Settings) -> None:
    with archive(folder, scored(folder, settings), settings, "en") as made:
        assert {name.rpartition("_")[2] for name in made.namelist()} == {
            "0-red.png",
            "1-blue.png",
            "2-green.png",
        }


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "1 pick is no longer there and will not be in the ZIP:\n1-blue.png"),
        ("zh", "1 张选用的图片的文件已不在，不会进入 ZIP：\n1-blue.png"),
    ],
)
def test_a_pick_whose_file_is_gone_is_told_before_the_download(
    folder: Path, settings: Settings, language: str, said: str
) -> None:
    run = scored(folder, settings)
    with Store.open(settings.data_folder) as store:
        store.create(run, sources.find([folder]).sources)
        for each in run.images:
            store.add(run.id, each)
            store.decide(run.id, each.upload_index, "pick")
    at = visit(run.id, language)
    at.segmented_control(key="place").set_value("decide").run()
    assert "ZIP：" not in html(at)
    assert "will not be in the ZIP" not in html(at)
    (folder / "1-blue.png").unlink()
    at.run()
    assert said in html(at)
    assert not at.exception


def test_files_of_one_name_are_told_apart_before_they_are_copied(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    (folder / "sub").mkdir()
    (folder / "sub" / "0-red.png").write_bytes((folder / "0-red.png").read_bytes())
    run = scored(folder, settings)
    with Store.open(settings.data_folder) as store:
        store.create(run, sources.find([folder]).sources)
        for each in run.images:
            store.add(run.id, each)
            store.decide(run.id, each.upload_index, "pick")
    at = visit(run.id)
    at.segmented_control(key="place").set_value("decide").run()
    at.text_input(key="carry-to").set_value(str(tmp_path / "best")).run()
    at.button(key="carry-plan").click().run()
    told = re.findall(r"<tr><td>([^<]*)</td><td>→ ([^<]*)</td></tr>", html(at))
    assert sorted(source for source, _ in told) == [
        "0-red.png",
        "1-blue.png",
        "2-green.png",
        str(Path("sub", "0-red.png")),
    ]
    assert {target for source, target in told if "red" in source} == {"0-red.png", "0-red (2).png"}
    size_kb = math.ceil(sum(path.stat().st_size for path in folder.rglob("*.png")) / 1000)
    assert f"</code> · {size_kb} KB<" in html(at)


def picked_run(folder: Path, settings: Settings) -> Run:
    """All of them kept and picked."""
    run = scored(folder, settings)
    with Store.open(settings.data_folder) as store:
        store.create(run, sources.find([folder]).sources)
        for each in run.images:
            store.add(run.id, each)
            store.decide(run.id, each.upload_index, "pick")
    return run


def bodies(at: AppTest) -> list[str]:
    return [element.proto.body for element in at.get("html")]


def test_a_name_that_turns_the_line_around_is_shown_plain_before_it_is_copied(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    (folder / "0-red.png").rename(folder / "photo\u202egnp.exe.png")
    run = picked_run(folder, settings)
    at = visit(run.id, place="decide")
    at.text_input(key="carry-to").set_value(str(tmp_path / "be\u202est")).run()
    at.button(key="carry-plan").click().run()
    assert "<td>photognp.exe.png</td><td>→ photognp.exe.png</td>" in html(at)
    at.button(key="carry-do").click().run()
    assert "3 files were copied to" in html(at)
    assert "\u202e" not in html(at)
    assert (tmp_path / "be\u202est" / "photo\u202egnp.exe.png").is_file()


def test_what_became_of_the_files_is_said_beside_their_buttons_and_counts_what_was_there(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    goal = tmp_path / "best"
    run = picked_run(folder, settings)
    at = visit(run.id, place="decide")
    at.text_input(key="carry-to").set_value(str(goal)).run()
    at.button(key="carry-plan").click().run()
    at.button(key="carry-do").click().run()
    assert "Copied 3 files" in html(at)
    (goal / "0-red.png").write_bytes(b"retouched")
    (goal / "1-blue.png").unlink()
    at.button(key="take-back-0").click().run()
    told = next(body for body in bodies(at) if "Took back" in body)
    assert bodies(at).index(told) > next(at for at, body in enumerate(bodies(at)) if "Files on this" in body)
    assert "Took back 1 file." in told
    assert "1 file was taken back already." in told
    assert "0-red.png: It has been changed since, so it stays." in told
    at.button(key="take-back-0").click().run()
    assert "Took back 0 files." in html(at)


def test_where_nothing_can_be_copied_that_is_said_without_a_dialog(folder: Path, settings: Settings) -> None:
    run = picked_run(folder, settings)
    at = visit(run.id, place="decide")
    at.text_input(key="carry-to").set_value(str(folder)).run()
    at.button(key="carry-plan").click().run()
    assert "There is nothing to copy or move there.\n0-red.png: It is already in that folder." in html(at)
    assert not [button for button in at.button if button.key == "carry-do"]


def test_the_folder_that_was_copied_to_last_is_in_the_field_again(
    folder: Path, settings: Settings, tmp_path: Path
) -> None:
    run = picked_run(folder, settings)
    at = visit(run.id, place="decide")
    at.text_input(key="carry-to").set_value(str(tmp_path / "best")).run()
    at.button(key="carry-plan").click().run()
    at.button(key="carry-do").click().run()
    at.segmented_control(key="place").set_value("results").run()
    at.segmented_control(key="place").set_value("decide").run()
    assert at.text_input(key="carry-to").value == str(tmp_path / "best")
    assert visit(run.id, place="decide").text_input(key="carry-to").value == str(tmp_path / "best")
