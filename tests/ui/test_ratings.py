"""Stars on the page: found in sidecars, shown in the gallery; written, and taken back byte for byte."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app import ratings
from lychee_app.ratings import Rating
from lychee_app.records import Decision, Source
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.ratings.conftest import LIGHTROOM
from tests.support.fakes import picture
from tests.support.page import html, sent, visit
from tests.support.rows import failed, row, run_of

Shown = Callable[..., AppTest]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "shoot"
    folder.mkdir()
    return folder


@pytest.fixture
def shown(settings: Settings, folder: Path) -> Shown:
    """shown({"a.jpg": 9.5}, {"a.xmp": b"..."}, uploads=("b.jpg",)): a finished run of these, on the page."""

    def show(
        scores: dict[str, float | None],
        beside: dict[str, bytes] | None = None,
        *,
        uploads: tuple[str, ...] = (),
        decided: dict[int, Decision] | None = None,
        kinds: Mapping[str, str] | None = None,
        language: str = "en",
    ) -> AppTest:
        sources, rows = [], []
        for index, name in enumerate([*scores, *uploads]):
            data = picture(seed=index, kind=(kinds or {}).get(name, "PNG"))
            score = scores.get(name, 5.0)
            if name in scores:
                (folder / name).write_bytes(data)
            sources.append(Source(name, path=folder / name) if name in scores else Source(name, data=data))
            scored = failed(index) if score is None else row(index, score=score)
            rows.append(replace(scored, name=name, sha256=hashlib.sha256(data).hexdigest()))
        for name, packet in (beside or {}).items():
            (folder / name).write_bytes(packet)
        with Store.open(settings.data_folder) as store:
            run = run_of(rows, id=folder.parent.name, query="green sofa")
            store.create(run, sources)
            for each in rows:
                store.add(run.id, each)
            for index, decision in (decided or {}).items():
                store.decide(run.id, index, decision)
            store.finish(run.id, "done", seconds=1.0, peak_memory_bytes=0)
        return visit(run.id, language)

    return show


def deciding(at: AppTest) -> AppTest:
    at.segmented_control(key="place").set_value("decide").run()
    assert not at.exception
    return at


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def read(folder: Path) -> dict[str, Rating]:
    return {path.name: ratings.read(path.read_bytes()) for path in folder.glob("*.xmp")}


def test_stars_are_planned_told_written_and_taken_back_byte_for_byte(shown: Shown, folder: Path) -> None:
    same = LIGHTROOM.replace(b'xmp:Rating="1"', b'xmp:Rating="2"')
    at = deciding(
        shown(
            {"a.jpg": 9.5, "b.jpg": 6.9, "c.jpg": 3.5, "d.jpg": 8.0, "e.jpg": None},
            {"b.xmp": LIGHTROOM, "c.xmp": same},
            uploads=("up.jpg",),
            decided={0: "pick", 3: "reject"},
        )
    )
    before = contents(folder)
    at.button(key="stars-plan").click().run()
    assert contents(folder) == before, "nothing is touched before it is confirmed"
    told = html(at)
    assert "Sidecars: 2 new, 1 changed, 1 say it already" in told
    assert "<td>a.xmp</td><td>★★★★★ · green</td><td>new</td>" in told
    assert "<td>b.xmp</td><td>★★★</td><td>was ★</td>" in told
    assert "Existing ratings replaced: 1 image" in told
    assert "<td>d.xmp</td><td>rejected</td><td>new</td>" in told
    assert "2 images get none:\ne.jpg: it is no image" in told
    assert "up.jpg: It was uploaded, so it has no folder here for a sidecar." in told
    at.button(key="stars-do").click().run()
    assert "Wrote stars into 3 sidecars." in html(at)
    assert read(folder) == {
        "a.xmp": Rating(5, "Green"),
        "b.xmp": Rating(3, keywords=("holiday",)),
        "c.xmp": Rating(2, keywords=("holiday",)),
        "d.xmp": Rating(-1),
    }
    assert [one["stars"] for one in sent(at, "gallery")["rows"]] == [5, -1, 3, None, 2, None]
    at.button(key="stars-back-0").click().run()
    assert "3 sidecars are as they were before." in html(at)
    assert contents(folder) == before
    assert not [one for one in at.button if (one.key or "").startswith("stars-back")]
    assert not at.exception


@pytest.mark.parametrize(
    ("language", "said", "was"),
    [
        (
            "en",
            ["Existing ratings replaced: 2 images", "replaced: 1 image", "1 image is rejected in"],
            "rejected, Red",
        ),
        ("zh", ["替换原有的星级：2 张", "颜色标签：1 张", "1 张在 XMP 里已标为“已弃”"], "Red"),
    ],
)
def test_what_becomes_of_ratings_that_are_there_is_shown_before_it_is_written(
    language: str, said: list[str], was: str, shown: Shown, folder: Path
) -> None:
    rejected = LIGHTROOM.replace(b'xmp:Rating="1"', b'xmp:Rating="-1" xmp:Label="Red"')
    beside = {"a.xmp": rejected, "b.xmp": rejected, "c.xmp": LIGHTROOM}
    at = deciding(
        shown({"a.jpg": 9.5, "b.jpg": 9.5, "c.jpg": 5.0}, beside, decided={1: "pick"}, language=language)
    )
    at.button(key="stars-plan").click().run()
    for words in (*said, was):
        assert words in html(at)
    at.button(key="stars-do").click().run()
    for words in said:
        assert words in html(at)
    assert (folder / "a.xmp").read_bytes() == rejected
    assert {name: one.stars for name, one in read(folder).items()} == {"a.xmp": -1, "b.xmp": 5, "c.xmp": 3}


def test_ranges_label_and_keyword_can_be_changed_and_are_kept_over_another_view(
    shown: Shown, folder: Path
) -> None:
    at = deciding(shown({"a.jpg": 9.5, "b.jpg": 6.0}, decided={0: "pick", 1: "reject"}))
    at.number_input(key="stars-5").set_value(9.8).run()
    at.checkbox(key="stars-picks").uncheck().run()
    at.checkbox(key="stars-keyword").check().run()
    at.segmented_control(key="place").set_value("results").run()
    deciding(at)
    at.button(key="stars-plan").click().run()
    at.button(key="stars-do").click().run()
    assert read(folder) == {
        "a.jpg.xmp": Rating(4, keywords=("green sofa",)),
        "b.jpg.xmp": Rating(3, keywords=("green sofa",)),
    }


def test_ranges_that_do_not_rise_are_told_and_plan_nothing(shown: Shown) -> None:
    at = deciding(shown({"a.jpg": 9.5}))
    at.number_input(key="stars-1").set_value(4.0).run()
    assert "five scores that rise" in html(at)
    assert at.button(key="stars-plan").disabled
    at.number_input(key="stars-1").set_value(2.0).run()
    assert not at.button(key="stars-plan").disabled


@pytest.mark.parametrize(
    "name", ["<b>&amp;`x`.jpg", "not-utf8-\udcff.jpg", "line\nbreak.jpg", "沙发 (2).JPG", ".jpg"]
)
def test_odd_names_are_written_and_taken_back(name: str, shown: Shown, folder: Path) -> None:
    at = deciding(shown({name: 9.5}))
    at.button(key="stars-plan").click().run()
    assert "<b>&amp;" not in html(at)
    at.button(key="stars-do").click().run()
    assert [each.stars for each in read(folder).values()] == [5]
    at.button(key="stars-back-0").click().run()
    assert set(contents(folder)) == {name}
    assert not at.exception


def test_what_another_program_wrote_meanwhile_stays_and_is_told(shown: Shown, folder: Path) -> None:
    at = deciding(shown({"a.jpg": 9.5, "b.jpg": 9.5}, {"a.xmp": LIGHTROOM}))
    at.button(key="stars-plan").click().run()
    (folder / "a.xmp").write_bytes(LIGHTROOM + b"\n")
    at.button(key="stars-do").click().run()
    assert "Wrote stars into 1 sidecar.\na.xmp: Another program has changed" in html(at)
    assert (folder / "a.xmp").read_bytes() == LIGHTROOM + b"\n"
    (folder / "b.xmp").write_bytes(LIGHTROOM)
    at.button(key="stars-back-0").click().run()
    assert "b.xmp: It has been changed since, so it stays." in html(at)
    assert (folder / "b.xmp").read_bytes() == LIGHTROOM


@pytest.mark.parametrize(
    ("language", "said"), [("en", "Add their folder by its path"), ("zh", "请用路径添加它们的文件夹")]
)
def test_for_uploads_alone_it_is_said_what_to_do(language: str, said: str, shown: Shown) -> None:
    at = deciding(shown({}, uploads=("up.jpg",), language=language))
    assert said in html(at)
    assert not [one for one in at.button if one.key == "stars-plan"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_ratings_of_other_programs_are_told_to_the_gallery(language: str, shown: Shown, folder: Path) -> None:
    rejected = LIGHTROOM.replace(b'xmp:Rating="1"', b'xmp:Rating="-1"')
    at = shown(
        {"a.jpg": 9.0, "b.jpg": 8.0, "c.jpg": 7.0},
        {"a.jpg.xmp": LIGHTROOM, "b.xmp": rejected, "c.xmp": b"<broken"},
        language=language,
    )
    assert [one["stars"] for one in sent(at, "gallery")["rows"]] == [1, -1, None]
    (folder / "c.xmp").write_bytes(LIGHTROOM)
    assert [one["stars"] for one in sent(at.run(), "gallery")["rows"]] == [1, -1, None], "read once"
    again = visit(at.query_params["run"], language)
    assert [one["stars"] for one in sent(again, "gallery")["rows"]] == [1, -1, 1]


def test_stars_go_into_jpegs_after_a_warning_and_the_page_still_knows_the_files(
    shown: Shown, folder: Path, tmp_path: Path
) -> None:
    at = deciding(shown({"a.jpg": 9.5, "b.png": 5.0}, decided={0: "pick"}, kinds={"a.jpg": "JPEG"}))
    before = contents(folder)
    assert "changes your image files" not in html(at)
    at.checkbox(key="stars-embed").check().run()
    assert "This changes your image files" in html(at)
    at.button(key="stars-plan").click().run()
    assert "Changes 1 JPEG itself" in html(at)
    assert "<td>a.jpg</td><td>★★★★★ · green</td><td>inside the image</td>" in html(at)
    assert contents(folder) == before
    at.button(key="stars-do").click().run()
    assert "Wrote stars into 1 sidecar.\nWrote stars into 1 JPEG itself." in html(at)
    assert [one["stars"] for one in sent(at, "gallery")["rows"]] == [5, 3]
    at.text_input(key="carry-to").set_value(str(tmp_path / "best")).run()
    at.button(key="carry-plan").click().run()
    at.button(key="carry-do").click().run()
    assert "Copied 1 file.<" in html(at), "and nothing of failures where there are none"
    assert (tmp_path / "best" / "a.jpg").read_bytes() == (folder / "a.jpg").read_bytes()
    assert "1 sidecar was written, 1 JPEG was changed itself" in html(at)
    at.button(key="stars-back-0").click().run()
    assert "1 sidecar is as it was before.\n1 image is as it was before." in html(at)
    assert contents(folder) == before
    assert not at.exception


def test_picks_are_moved_with_the_stars_written_for_them_and_both_can_be_taken_back(
    shown: Shown, folder: Path, tmp_path: Path
) -> None:
    at = deciding(shown({"a.jpg": 9.5, "b.jpg": 2.0}, {"a.xmp": LIGHTROOM}, decided={1: "pick"}))
    before = contents(folder)
    at.button(key="stars-plan").click().run()
    at.button(key="stars-do").click().run()
    written = contents(folder)
    target = tmp_path / "best"
    at.segmented_control(key="carry-how").set_value("move").run()
    at.text_input(key="carry-to").set_value(str(target)).run()
    at.button(key="carry-plan").click().run()
    at.button(key="carry-do").click().run()
    assert set(contents(target)) == {"b.jpg", "b.xmp"}
    assert [one["stars"] for one in sent(at, "gallery")["rows"]] == [5, 1]
    at.button(key="take-back-0").click().run()
    assert contents(folder) == written
    at.button(key="stars-back-0").click().run()
    assert contents(folder) == before
    assert not at.exception
