"""A run that is too large to be held: filtered, turned, picked from and exported a page at a time."""

import csv
import io
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from benchmarks.made_up import REFUSED_EVERY, write_result
from lychee_app import export
from lychee_app.analysis.window import Wish
from lychee_app.locale import Words
from lychee_app.ranking import ranked
from lychee_app.records import Source
from lychee_app.services import opened
from lychee_app.settings import Settings
from lychee_app.store import Draft, Store
from lychee_app.store.rows import pack_light, pack_scored
from lychee_app.store.store import FILE_NAME
from lychee_app.ui import state
from lychee_app.ui.charts import TICKS
from lychee_app.ui.state import PageContext
from tests.ratings.conftest import LIGHTROOM
from tests.support.page import html, ranking, sent, visit
from tests.support.rows import failed, row, run_of

IMAGES = 20_000
MOST_SECONDS = 2.0
"""Of the processor, for one answer in the test driver on a busy machine; the page's own figures are in
docs/figures.md."""


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two parts, quicker to write than a hundred."""
    folder = tmp_path_factory.mktemp("library") / "result"
    write_result(folder, IMAGES, rows_per_part=IMAGES // 2)
    return folder


@pytest.fixture
def run_id(result: Path, settings: Settings) -> str:
    with Store.open(settings.data_folder) as store:
        return store.attach(result)


def answered(action: Callable[[], AppTest]) -> AppTest:
    """Within the time that is set."""
    started = time.process_time()
    at = action()
    assert time.process_time() - started < MOST_SECONDS
    assert not at.exception
    return at


def field(run_id: str, name: str) -> str:
    return state.library_key(run_id, name)


def test_twenty_thousand_rows_are_shown_filtered_and_turned_a_page_at_a_time(run_id: str) -> None:
    at = visit(run_id)
    assert not at.exception
    assert len(ranking(at)) == state.PAGE_ROWS
    assert "20,000 of 20,000 images" in html(at)
    first = sent(at, "gallery")
    assert [row["rank"] for row in first["rows"]] == list(range(1, state.PAGE_ROWS + 1))
    assert first["scored"] == IMAGES - IMAGES // REFUSED_EVERY
    at = answered(lambda: at.text_input(key=field(run_id, "text")).set_value("0012/").run())
    assert "1,000 of 20,000 images" in html(at)
    assert {row["name"][:5] for row in sent(at, "gallery")["rows"]} == {"0012/"}
    at = answered(lambda: at.number_input(key=field(run_id, "low")).set_value(9.0).run())
    assert min(row["score"] for row in sent(at, "gallery")["rows"]) >= 9.0
    at = answered(lambda: at.text_input(key=field(run_id, "text")).set_value("").run())
    at.number_input(key=field(run_id, "low")).set_value(None)
    at.session_state[state.page_key(run_id, Wish())] = 3
    at = answered(at.run)
    assert sent(at, "gallery")["rows"][0]["rank"] == 2 * state.PAGE_ROWS + 1


def test_images_without_a_score_are_found_by_the_filter_and_say_why(run_id: str) -> None:
    session: dict[str, Any] = {field(run_id, "kind"): "unscored"}
    at = visit(run_id, **session)
    rows = sent(at, "gallery")["rows"]
    assert f"{IMAGES // REFUSED_EVERY} of 20,000 images" in html(at)
    assert {(row["rank"], row["score"]) for row in rows} == {(None, None)}
    assert rows[0]["why"]


def test_the_charts_and_findings_are_those_of_all_rows_and_a_bar_filters_them(run_id: str) -> None:
    at = visit(run_id)
    histogram = sent(at, "histogram")
    assert sum(histogram["counts"]) == IMAGES - IMAGES // REFUSED_EVERY
    assert sum(count for _, count in histogram["steps"]) == sum(histogram["counts"])
    assert len(histogram["points"]) == TICKS
    assert "of 19,980 images" in html(at).replace("&nbsp;", " ") or "stand at an end" in html(at)
    assert "lychee_heatgrid" not in {one.proto.component_name for one in at.get("bidi_component")}
    assert not [button for button in at.button if button.key == "retry"]
    at.session_state["bin"] = 2
    at = answered(at.run)
    assert f"{histogram['counts'][2]:,} of 20,000 images" in html(at)
    gallery = sent(at, "gallery")
    assert gallery["windowed"]
    assert gallery["bin"]["label"] == histogram["labels"][2]
    assert {7.5 <= row["score"] < 8.5 for row in gallery["rows"]} == {True}


def test_an_element_filters_and_sorts_all_rows(run_id: str) -> None:
    session: dict[str, Any] = {field(run_id, "of"): 1, field(run_id, "low"): 9.0}
    at = visit(run_id, **session, **{field(run_id, "sort"): "element:1"})
    scores = [row["elements"][1] for row in sent(at, "gallery")["rows"]]
    assert scores == sorted(scores, reverse=True)
    assert min(scores) >= 9.0
    assert sent(at, "gallery")["cut"] is None


def test_stars_are_read_when_they_are_asked_for(
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    state.forget_orders()  # other tests have a run of this id
    request.addfinalizer(state.forget_orders)
    monkeypatch.setattr(state, "LARGE", 100)
    write_result(tmp_path / "result", 300, files=tmp_path)
    (tmp_path / "0000").mkdir()
    (tmp_path / "0000" / "image-000007.xmp").write_bytes(LIGHTROOM)
    with Store.open(settings.data_folder) as store:
        run_id = store.attach(tmp_path / "result")
    at = visit(run_id)
    assert {row["stars"] for row in sent(at, "gallery")["rows"]} == {None}
    at = visit(run_id, **{field(run_id, "stars"): "1"})
    assert [(row["index"], row["stars"]) for row in sent(at, "gallery")["rows"]] == [(7, 1)]
    at = visit(run_id, **{field(run_id, "stars"): "none"})
    assert "299 of 300 images" in html(at)


def test_a_name_that_no_image_has_says_so(run_id: str) -> None:
    at = visit(run_id)
    at.text_input(key=field(run_id, "text")).set_value("nowhere").run()
    assert not at.exception
    assert Words("en")("gallery.none") in html(at)
    assert ranking(at) == []


def test_a_cut_off_picks_all_above_it_in_one_step(run_id: str, settings: Settings) -> None:
    at = visit(run_id)
    cut = next(one for one in at.number_input if str(one.key).startswith("cut:"))
    at = answered(lambda: cut.set_value(9.99).run())
    at = visit(run_id, place="decide")
    at = answered(lambda: at.button(key="pick-above").click().run())
    with Store.open(settings.data_folder) as store:
        picks = store.decisions(run_id)
        table = store.table(run_id)
    assert len(picks) == (table.scores >= 9.95).sum() > 200
    assert not at.exception


def test_the_picks_are_exported_with_their_replies_and_the_list_with_every_rank(
    run_id: str, settings: Settings
) -> None:
    services = opened(settings)
    context = PageContext(services, Words("en"), run_id, Draft("d"))
    services.store.decide_all(run_id, {7: "pick", 17_777: "pick", 5: "reject"})
    standing = state.standing(context)
    assert standing
    assert standing.window
    picked = state.picked(context, standing, whole=True)
    assert [row.upload_index for row in picked.run.images] == standing.decided("pick")
    rows = read(export.to_csv(picked.run, standing.decisions))
    assert {int(line["upload_index"]) for line in rows} == {7, 17_777}
    assert all(line["raw"] in {"yes", "no"} for line in rows)
    shown = standing.window.shown
    ranks, *columns = standing.window.columns.of(shown)
    listed = read(export.columns_csv(zip(shown, ranks, *columns, strict=True), standing.decisions))
    assert len(listed) == IMAGES
    assert [line["rank"] for line in (*listed[:3], listed[-1])] == ["1", "2", "3", ""]
    assert {line["decision"] for line in listed} == {"", "pick", "reject"}


def test_the_way_there_is_a_path_in_the_history(result: Path, settings: Settings) -> None:
    at = visit(place="history")
    at.text_input(key="library-path").set_value(f" '{result}' ").run()
    assert not at.exception
    assert at.query_params["run"] == "made-up"
    assert len(ranking(at)) == state.PAGE_ROWS


def test_a_path_without_a_result_is_told_of(settings: Settings, tmp_path: Path) -> None:
    at = visit(place="history")
    at.text_input(key="library-path").set_value(str(tmp_path)).run()
    assert not at.exception
    assert str(tmp_path) in html(at)
    assert "run" not in at.query_params


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_large_run_of_the_store_itself_is_shown_so_too_and_can_be_gone_on_with(settings: Settings) -> None:
    count = state.LARGE + 1
    rows = [failed(n) if n % 100 == 0 else row(n, (37 * n % 1000) / 100 - 5) for n in range(count)]
    with Store.open(settings.data_folder) as store:
        files = [Source(f"{n:05}.jpg", path=Path(f"/photos/{n:05}.jpg")) for n in range(count + 5)]
        store.create(run_of([], id="large", total=len(files)), files)
        store.finish("large", "stopped", seconds=1.0, peak_memory_bytes=0)
    kept = [
        (one.upload_index, one.margin, one.score, None, pack_scored(one), pack_light(one)) for one in rows
    ]
    with sqlite3.connect(settings.data_folder / FILE_NAME) as db:
        db.executemany("INSERT INTO images VALUES ('large', ?, ?, ?, ?, ?, ?)", kept)
    at = visit("large")
    assert not at.exception
    assert ranking(at) == [place.scored.upload_index for place in ranked(rows)][: state.PAGE_ROWS]
    assert next(button.label for button in at.button if button.key == "resume") == "Resume · 5 left"
    at.text_input(key=field("large", "text")).set_value("0001").run()
    assert not at.exception
    assert sorted(ranking(at)) == [1, *range(10, 20)]
