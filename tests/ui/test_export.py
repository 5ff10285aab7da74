"""The ZIP of the picks: what is missing from it is told on the page and in the archive."""

import io
import math
import re
import zipfile
from pathlib import Path

import pytest

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
