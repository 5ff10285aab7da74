"""The pile: fields only add to it, what is taken off is gone, and a refresh finds it."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import COLOURS, files, finished, html, rank, ranking, sent, upload, visit


def label(at: AppTest) -> str:
    return at.button(key="rank").label


def shown(at: AppTest) -> list[str]:
    return [image["name"] for image in sent(at, "pile")["images"]]


def refreshed(at: AppTest) -> AppTest:
    """A session of its own at the address that the browser has by now."""
    address = {"draft": at.session_state["draft"]}
    if "run" in at.query_params:
        address["run"] = at.query_params["run"]
    return visit(address=address)


def path(at: AppTest, named: object) -> AppTest:
    at.segmented_control(key="way").set_value("path").run()
    return at.text_input(key="path").set_value(str(named)).run()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of a red and a blue picture."""
    made = tmp_path / "pictures"
    made.mkdir()
    for name, data, _ in files("red", "blue"):
        (made / name).write_bytes(data)
    return made


def test_all_that_is_added_lies_on_one_pile(page: AppTest, store: Store, folder: Path) -> None:
    upload(page, *files("green"))
    upload(page, *files("green", first=7))
    path(page, folder)
    assert page.text_input(key="path").value == ""
    assert shown(page) == ["0-green.png", "7-green.png", "0-red.png", "1-blue.png"]
    assert "4 images ready" in html(page)
    page.text_area(key="query").set_value("red").run()
    assert label(page) == "Rank 4 images"
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    assert [row.name for row in run.images] == ["0-green.png", "7-green.png", "0-red.png", "1-blue.png"]
    assert label(at) == "Rank 4 images again"


def test_uploads_are_held_by_the_store_alone(page: AppTest, settings: Settings) -> None:
    upload(page, *files("red", "blue"))
    assert len(list((settings.data_folder / "uploads").glob("*"))) == 2


def test_what_was_typed_and_added_outlasts_a_refresh(page: AppTest, store: Store) -> None:
    upload(page, *files("red", "blue"))
    page.text_area(key="query").set_value("red + green").run()
    page.text_input(key="but_not").set_value("blue").run()
    page.segmented_control(key="mode").set_value("explain").run()
    page.multiselect[0].set_value(["red"]).run()
    at = refreshed(page)
    assert at.text_area(key="query").value == "red + green"
    assert at.text_input(key="but_not").value == "blue"
    assert at.segmented_control(key="mode").value == "explain"
    assert at.multiselect[0].value == ["red"]
    assert shown(at) == ["0-red.png", "1-blue.png"]
    at.button(key="rank").click().run()
    _, run = finished(at, store)
    assert (run.total, run.request.mode, run.question.elements) == (2, "explain", ("red",))


def test_a_visit_that_does_nothing_leaves_no_draft(page: AppTest, store: Store) -> None:
    page.run()
    assert store.drafts.get(page.session_state["draft"]) is None


def test_what_is_typed_beside_a_run_outlasts_a_refresh(page: AppTest, store: Store) -> None:
    at, _ = rank(page, store, "red")
    at.text_area(key="query").set_value("blue").run()
    assert refreshed(at).text_area(key="query").value == "blue"
    at.text_area(key="query").set_value("red").run()
    again = refreshed(at)
    assert again.text_area(key="query").value == "red"
    assert label(again) == "Rank 4 images again"


def test_a_run_opened_from_the_history_brings_its_own_question_and_keeps_what_was_added(
    page: AppTest, store: Store
) -> None:
    at, first = rank(page, store, "red")
    at.text_area(key="query").set_value("blue").run()
    at.button(key="rank").click().run()
    at, _ = finished(at, store)
    upload(at, *files("green", first=9))
    at.text_area(key="query").set_value("green").run()
    at.segmented_control(key="place").set_value("history").run()
    at.button(key=f"open-{first.id}").click().run()
    assert at.text_area(key="query").value == "red"
    assert label(at) == "Score the 1 new image"
    assert refreshed(at).text_area(key="query").value == "red"


def test_an_image_that_is_taken_off_before_the_run_is_not_in_it(
    page: AppTest, store: Store, settings: Settings
) -> None:
    upload(page, *files(*COLOURS))
    page.text_area(key="query").set_value("red").run()
    drafts = store.drafts
    draft = page.session_state["draft"]
    drafts.take_off(draft, [position for position, source in drafts.images(draft) if "blue" in source.name])
    page.run()
    assert label(page) == "Rank 3 images"
    assert len(shown(page)) == 3
    page.button(key="rank").click().run()
    _, run = finished(page, store)
    assert [row.name for row in run.images] == ["1-red.png", "2-green.png", "3-red.png"]
    assert len(list((settings.data_folder / "uploads").glob("*"))) == 3


def test_an_image_taken_off_after_its_run_is_gone_and_the_next_run_keeps_the_other_picks(
    page: AppTest, store: Store
) -> None:
    at, first = rank(page, store, "red")
    store.decide_all(first.id, {0: "pick", 1: "pick", 3: "reject"})
    store.drafts.leave_out(at.session_state["draft"], first.id, [1])
    at.run()
    assert "3 images ready" in html(at)
    assert sent(at, "gallery")["total"] == 3
    assert sorted(ranking(at)) == [0, 2, 3]
    assert label(at) == "Rank 3 images"
    again = refreshed(at)
    assert sorted(ranking(again)) == [0, 2, 3]
    again.button(key="rank").click().run()
    at, second = finished(again, store)
    assert second.id != first.id
    assert [row.name for row in second.images] == ["0-blue.png", "2-green.png", "3-red.png"]
    assert store.decisions(second.id) == {0: "pick", 2: "reject"}
    assert store.decisions(first.id) == {0: "pick", 1: "pick", 3: "reject"}


def test_what_was_taken_off_can_be_put_back(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    store.drafts.leave_out(at.session_state["draft"], first.id, [1, 2])
    at.run()
    assert at.button(key="put-back").label == "Put 2 back"
    at.button(key="put-back").click().run()
    assert label(at) == "Rank 4 images again"
    assert "put-back" not in [button.key for button in at.button]


def test_images_of_a_live_run_cannot_be_taken_off_and_what_comes_meanwhile_waits(
    page: AppTest, store: Store, settings: Settings
) -> None:
    hold = settings.data_folder / "hold"
    hold.touch()
    upload(page, *files(*COLOURS))
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    upload(page, *files("green", first=9))
    assert "5 images, 1 of them new" in html(page)
    hold.unlink()
    at, _ = finished(page, store)
    assert label(at) == "Score the 1 new image"


def test_other_images_begin_a_pile_of_their_own_and_the_query_stays(page: AppTest, store: Store) -> None:
    at, _ = rank(page, store, "red")
    before = at.session_state["draft"]
    at.button(key="other").click().run()
    assert label(at) == "Add images first"
    assert at.text_area(key="query").value == "red"
    assert "run" not in at.query_params
    assert at.session_state["draft"] != before
    assert refreshed(at).text_area(key="query").value == "red"


def test_a_step_back_from_a_run_shows_what_was_ranked(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    at.query_params.pop("run")
    at.run()
    assert shown(at) == [row.name for row in first.images]
    assert at.text_area(key="query").value == "red"
    assert label(at) == "Rank 4 images"


def test_a_deleted_run_takes_its_images_out_of_the_pile(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    at.segmented_control(key="place").set_value("history").run()
    at.button(key=f"delete-{first.id}").click().run()
    assert label(at) == "Add images first"
    assert not at.exception


def test_a_path_is_taken_once_blanks_or_not(page: AppTest, folder: Path) -> None:
    path(page, f"  {folder}/*.png ")
    assert len(shown(page)) == 2
    (folder / "2-green.png").write_bytes(files("green", first=2)[0][1])
    path(page, folder)
    assert shown(page) == ["0-red.png", "1-blue.png", "2-green.png"]
    path(page, folder)
    assert len(shown(page)) == 3
    assert "All 3 are there already" in html(page)


def test_a_file_that_was_taken_off_comes_back_to_its_place_by_its_path(
    page: AppTest, store: Store, folder: Path
) -> None:
    path(page, folder)
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    store.drafts.leave_out(at.session_state["draft"], run.id, [0])
    at.run()
    assert label(at) == "Rank 1 image"
    path(at, folder / "0-red.png")
    assert label(at) == "Rank 2 images again"


def test_a_path_that_is_not_there_stays_to_be_mended(page: AppTest, tmp_path: Path) -> None:
    path(page, tmp_path / "nowhere")
    assert "does not exist" in html(page)
    assert page.text_input(key="path").value == str(tmp_path / "nowhere")
    page.text_input(key="path").set_value("").run()
    assert "does not exist" not in html(page)


@pytest.mark.parametrize("data", [b"", b"root:x:0:0\n", b"%PDF-1.7\n"])
def test_a_named_file_that_is_no_image_is_refused_at_once(page: AppTest, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "passwd").write_bytes(data)
    path(page, tmp_path / "passwd")
    assert page.text_input(key="path").value == str(tmp_path / "passwd")
    assert "1 image" not in html(page)
    assert ("The file is empty" if not data else "This is ") in html(page)


def test_a_demo_gallery_that_cannot_be_written_is_told(page: AppTest, settings: Settings) -> None:
    (settings.data_folder / "demo-gallery").write_bytes(b"in the way")
    page.button(key="demo").click().run()
    assert not page.exception
    assert "demo-gallery cannot be written" in html(page)


@pytest.mark.parametrize(
    ("language", "typed", "asked"),
    [
        ("en", "", "green sofa + brass lamp + pour-over coffee"),
        ("zh", "", "绿色沙发 + brass lamp + 手冲咖啡"),
        ("en", "red umbrella", "red umbrella"),
    ],
)
def test_the_demo_gallery_is_ranked_by_what_is_typed_else_in_the_page_s_language(
    settings: Settings, store: Store, language: str, typed: str, asked: str
) -> None:
    at = visit(language=language)
    at.text_area(key="query").set_value(typed).run()
    at.button(key="demo").click().run()
    _, run = finished(at, store)
    assert (run.question.typed, run.total) == (asked, 32)


def test_a_path_pasted_in_quotes_is_looked_at(page: AppTest, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    ((name, data, _),) = files("red")
    (tmp_path / "a b" / name).write_bytes(data)
    page.text_area(key="query").set_value("red").run()
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(f'"{tmp_path}/a b"').run()
    assert page.button(key="rank").label == "Rank 1 image"


def test_a_bare_address_shows_the_run_in_progress(page: AppTest, store: Store, settings: Settings) -> None:
    hold = settings.data_folder / "hold"
    hold.touch()
    upload(page, *files(*COLOURS))
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    (line,) = store.runs()
    bare = visit()
    assert bare.query_params["run"] == line.id
    assert bare.text_area(key="query").value == "red"
    assert label(visit(address={"draft": "d" * 32})) == "Type a query first", "a place of one's own stays"
    hold.unlink()
    finished(page, store)
    assert "run" not in visit().query_params


# --- folders as they are


def test_what_lies_among_the_images_is_left_out_and_told_with_the_run_for_good(
    page: AppTest, store: Store, folder: Path
) -> None:
    for name in ("@eaDir/0.png", ".hidden.png", "draft-1.png", "gone.xmp"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes((folder / "0-red.png").read_bytes())
    page.text_input(key="exclude").set_value("Draft*, *.gif").run()
    path(page, folder)
    said = "1 thumbnail of a NAS, 1 hidden file, 1 excluded file, 1 sidecar without its picture"
    assert sorted(left_out(page)) == sorted(said.split(", "))
    assert shown(page) == ["0-red.png", "1-blue.png"]
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    assert sorted(left_out(at)) == sorted(left_out(refreshed(at))) == sorted(said.split(", "))
    at.button(key="rank").click().run()
    _, again = finished(at, store)
    assert again.id != run.id
    assert again.left_out == run.left_out


def test_hidden_files_are_taken_where_that_is_asked(page: AppTest, folder: Path) -> None:
    (folder / "0-red.png").rename(folder / ".0-red.png")
    page.toggle(key="include_hidden").set_value(True).run()
    path(page, folder)
    assert shown(page) == ["1-blue.png", ".0-red.png"]


def test_an_uploaded_folder_is_held_to_the_same_rules(page: AppTest) -> None:
    ((_, red, kind),) = files("red")
    names = ("p/img10.png", "p/img2.png", "p/img2.NEF", "p/@eaDir/x.png", "p/sub/._y.png", "p/draft.png")
    page.text_input(key="exclude").set_value("draft*").run()
    upload(page, *[(name, red, kind) for name in names])
    assert shown(page) == ["p/img2.png", "p/img10.png"]
    assert sorted(left_out(page)) == [
        "1 excluded file",
        "1 file of the system",
        "1 raw file or other companion of a picture that is here",
        "1 thumbnail of a NAS",
    ]


def test_a_shot_says_on_its_card_what_goes_with_it(page: AppTest, store: Store, folder: Path) -> None:
    for name in ("0-red.NEF", "0-red.xmp"):
        (folder / name).write_bytes(b"x")
    path(page, folder)
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, _ = finished(page, store)
    beside = {row["name"]: row["beside"] for row in sent(at, "gallery")["rows"]}
    assert beside == {"0-red.png": "NEF, XMP", "1-blue.png": ""}


def left_out(at: AppTest) -> list[str]:
    (line,) = re.findall("Left out: ([^<]+)<", html(at))
    return line.split(", ")
