"""The page as somebody clicks through it: Streamlit's own test driver, a scorer that believes in colours."""

import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app import decide, ui
from lychee_app.errors import StoreError
from lychee_app.reasons import Reason
from lychee_app.records import Cutoff, Run
from lychee_app.services import opened
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer, picture
from tests.support.page import (
    COLOURS,
    drawn_until,
    files,
    finished,
    html,
    rank,
    ranking,
    sent,
    upload,
    visit,
    visit_run,
)
from tests.support.rows import failed, row

HOSTILE = "<img src=x onerror=alert(1)> **b** $x$ [a](b) :material/x: |.png"


def test_a_first_visit_says_what_to_do_and_starts_nothing(page: AppTest) -> None:
    assert not page.exception
    assert "<h1>One sentence, and the best of your images rise to the top</h1>" in html(page)
    assert page.button(key="demo").label == "Try the demo gallery"
    drawn_until(page, "drawn objects and colours, not photographs")


def test_the_script_that_the_server_runs_shows_the_page_and_nothing_else(settings: Settings) -> None:
    at = AppTest.from_file(Path(ui.__file__).with_name("start.py"), default_timeout=60)
    at.query_params["lang"] = "en"
    at.run()
    assert "One sentence" in html(at)
    assert [one.value for one in (*at.markdown, *at.text)] == []
    assert not at.exception


def test_the_language_follows_the_address_and_the_switch(page: AppTest) -> None:
    page.segmented_control(key="language").set_value("zh").run()
    assert page.query_params["lang"] == "zh"
    assert page.text_area(key="query").label == "查询词"
    assert not page.exception


def test_the_page_says_what_is_really_sent_and_which_elements_there_are(page: AppTest) -> None:
    page.text_area(key="query").set_value("Please find me a photo of a RED  sofa + Lamp").run()
    assert "<code>red sofa + lamp</code>" in html(page)
    assert page.multiselect[0].value == ["red sofa", "lamp"]


def test_a_query_that_says_nothing_is_refused_in_words(page: AppTest) -> None:
    page.text_area(key="query").set_value("???").run()
    assert "The query is empty" in html(page)
    assert page.button(key="rank").label == "Shorten or change the query first"


def test_a_query_that_is_too_long_is_not_called_missing(page: AppTest) -> None:
    assert page.button(key="rank").label == "Type a query first"
    page.text_area(key="query").set_value("red " * 1500).run()
    assert page.button(key="rank").label == "Shorten or change the query first"
    page.text_area(key="query").set_value("red").run()
    assert page.button(key="rank").label == "Add images first"


def test_rank_says_what_is_missing_and_starts_nothing(page: AppTest, store: Store) -> None:
    page.button(key="rank").click().run()
    assert "Type a query first" in html(page)
    page.text_area(key="query").set_value("red")
    page.button(key="rank").click().run()
    assert "Add images first" in html(page)
    assert "Add images first" in html(page.run()), "it stays until there are some"
    assert store.runs() == []


def test_a_query_still_being_typed_is_ranked_by_the_first_click(page: AppTest, store: Store) -> None:
    upload(page, *files(*COLOURS))
    page.text_area(key="query").set_value("red + green")
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    assert run.question.typed == "red + green"
    assert at.multiselect[0].value == ["red", "green"]
    assert at.button(key="rank").label == "Rank 4 images again"


def test_images_are_ranked_and_the_best_come_first(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    best = sorted(run.images, key=lambda row: -(row.margin or 0))
    assert ranking(at) == [row.upload_index for row in best]
    assert at.query_params["run"] == run.id
    assert sent(at, "gallery")["total"] == 4


def test_a_file_that_is_no_image_is_a_card_with_a_reason_and_comes_last(page: AppTest, store: Store) -> None:
    broken = ("notes.png", b"these are notes", "image/png")
    at, _ = rank(page, store, "red", [broken, *files("red", "blue")])
    assert ranking(at)[-1] == 0
    assert "not an image" in sent(at, "gallery")["rows"][-1]["why"]
    assert not [button for button in at.button if button.key == "retry"]  # it would be no image again


def test_hostile_names_and_queries_are_shown_as_text(page: AppTest, store: Store) -> None:
    image = (HOSTILE, picture("red"), "image/png")
    at, run = rank(page, store, f"red {HOSTILE}", [image, *files("blue")])
    assert run.question.typed == f"red {HOSTILE}"
    body = html(at)
    assert "&lt;img src=x onerror=alert(1)&gt;" in body
    assert "<img src=x" not in body
    labels = [getattr(block, "label", "") for block in [*at.button, *at.expander]]
    assert not [label for label in labels if "onerror" in label]
    assert not [element for element in at.markdown if "onerror" in element.value]


def test_new_images_are_added_to_the_run_and_only_they_are_scored(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    upload(at, *files("red", first=9))
    assert at.button(key="rank").label == "Score the 1 new image"
    at.button(key="rank").click().run()
    _, again = finished(at, store)
    assert again.id == first.id
    assert len(again.images) == 5
    assert again.images[:4] == first.images


def test_another_query_needs_no_new_upload(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red")
    upload(at)
    at.text_area(key="query").set_value("blue").run()
    at.button(key="rank").click().run()
    at, second = finished(at, store)
    assert second.id != first.id
    assert second.question.typed == "blue"
    assert len(second.images) == 4
    assert ranking(at)[0] == 0


def test_a_stopped_run_offers_to_go_on(page: AppTest, store: Store, settings: Settings) -> None:
    at, run = rank(page, store, "red")
    half = replace(run, id="half", total=2, status="running", images=())
    store.create(half, [source for _, source in store.sources(run.id)][:2])
    store.add("half", run.images[0])
    store.finish("half", "stopped", 1.0, 0)
    at.query_params["run"] = "half"
    at.run()
    assert "Stopped. 1 of 2 done and kept." in html(at)
    at.button(key="resume").click().run()
    end = time.monotonic() + 20
    while store.load("half").status == "running" and time.monotonic() < end:
        time.sleep(0.05)
    whole = store.load("half")
    assert (whole.status, len(whole.images)) == ("done", 2)
    assert whole.images[0] == run.images[0]


def test_a_run_that_is_gone_is_said_to_be_gone(page: AppTest) -> None:
    page.query_params["run"] = "nowhere"
    page.run()
    assert "This run is not here" in html(page)
    assert not page.exception


def test_a_refresh_finds_the_run_again_with_its_question(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red + green")
    again = visit(run.id)
    assert ranking(again) == ranking(at)
    assert again.text_area(key="query").value == "red + green"
    assert again.button(key="rank").label == "Rank 4 images again"


def test_the_cut_off_is_typed_or_taken_as_suggested_and_kept(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    at.button(key="suggest").click().run()
    cutoff = store.cutoff(run.id)
    assert cutoff is not None
    assert "2 of 4 are at or above the cut-off" in html(at)
    box = next(one for one in at.number_input if (one.key or "").startswith("cut:"))
    box.set_value(0.0).run()
    assert store.cutoff(run.id) == Cutoff(0.0, "score")
    assert "4 of 4 are at or above" in html(at)
    at.run()
    assert sent(at, "gallery")["cut"] == {"above": 4, "text": "0.0", "suggested": False}


def test_a_bar_knows_its_images(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    low = {row.upload_index for row in run.images if (row.score or 0) < 6}
    assert set(sent(at, "histogram")["members"][0]) == low
    assert low != set(range(4))


def test_what_is_decided_is_counted_and_told_to_the_viewer(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    first, second, *_ = ranking(at)
    store.decide(run.id, first, "pick")
    store.decide(run.id, second, "reject")
    at.segmented_control(key="place").set_value("decide").run()
    assert "1 picked · 1 rejected · 2 to go" in html(at)
    data = sent(at, "gallery")
    assert [row["decision"] for row in data["rows"]] == ["pick", "reject", None, None]
    assert data["mode"] == "decide"


def test_everything_above_the_cut_off_is_picked_in_one_step(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    at.button(key="suggest").click().run()
    at.run()  # the test driver forgets the rest of the page where only parts of it are drawn
    at.segmented_control(key="place").set_value("decide").run()
    at.button(key="pick-above").click().run()
    assert sorted(store.decisions(run.id)) == [1, 3]
    store.undo(run.id)
    assert store.decisions(run.id) == {}


def test_rejecting_the_rest_spares_what_was_picked_by_hand(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    last = ranking(at)[-1]
    store.decide(run.id, last, "pick")
    at.button(key="suggest").click().run()
    at.run()
    at.segmented_control(key="place").set_value("decide").run()
    at.button(key="reject-below").click().run()
    decided = store.decisions(run.id)
    assert decided.pop(last) == "pick"
    assert set(decided.values()) == {"reject"}
    assert not {1, 3} & set(decided)  # above the cut-off


def test_taking_the_cut_off_away_leaves_the_suggested_line(page: AppTest, store: Store) -> None:
    at, _ = rank(page, store, "red")
    suggested = sent(at, "gallery")["cut"]
    assert suggested == {"above": 2, "text": suggested["text"], "suggested": True}
    at.button(key="suggest").click().run()
    assert sent(at.run(), "gallery")["cut"] == {**suggested, "suggested": False}
    at.button(key="uncut").click().run()
    assert sent(at.run(), "gallery")["cut"] == suggested


def test_what_is_not_wanted_is_told_of_every_image(page: AppTest, store: Store) -> None:
    page.text_input(key="but_not").set_value("green").run()
    at, _ = rank(page, store, "red")
    data = sent(at, "gallery")
    assert data["not_text"] == "green"
    unwanted = {row["index"]: row["not"] for row in data["rows"]}
    assert sorted(unwanted) == [0, 1, 2, 3]
    assert max(unwanted, key=lambda index: unwanted[index]) == COLOURS.index("green")


def test_the_sentence_of_explain_mode_stands_under_its_image(page: AppTest, store: Store) -> None:
    page.segmented_control(key="mode").set_value("explain").run()
    at, _ = rank(page, store, "red")
    data = sent(at, "gallery")
    assert data["mode_explain"]
    assert not data["explain"]  # there is nothing more to ask for
    assert all(row["says"].startswith("It is red. Score: ") for row in data["rows"])


def test_the_history_opens_renames_and_deletes(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    at.button(key="other").click().run()
    assert "run" not in at.query_params
    at.segmented_control(key="place").set_value("history").run()
    at.text_input(key=f"title-{run.id}").set_value("**Reds**")
    at.button(key=f"save-{run.id}").click().run()
    assert store.load(run.id).title == "**Reds**"
    at.button(key=f"open-{run.id}").click().run()
    assert at.query_params["run"] == run.id
    assert "**Reds**" in html(at)
    at.segmented_control(key="place").set_value("history").run()
    at.button(key=f"delete-{run.id}").click().run()
    assert store.runs() == []
    assert "No runs yet" in html(at)
    assert not at.exception


def test_an_earlier_run_is_ranked_again_with_its_own_question(page: AppTest, store: Store) -> None:
    at, first = rank(page, store, "red + green")
    at.segmented_control(key="place").set_value("history").run()
    at.button(key=f"again-{first.id}").click().run()
    at, again = finished(at, store)
    assert again.id != first.id
    assert again.request == first.request
    assert [row.score for row in again.images] == [row.score for row in first.images]
    assert at.query_params["run"] == again.id


def test_what_is_not_wanted_is_taken_off_and_elements_can_be_edited(page: AppTest, store: Store) -> None:
    page.text_area(key="query").set_value("red + green").run()
    page.text_input(key="but_not").set_value("blue").run()
    page.multiselect[0].set_value(["green"]).run()
    upload(page, *files(*COLOURS))
    page.button(key="rank").click().run()
    _, run = finished(page, store)
    assert (run.question.typed_not, run.question.elements) == ("blue", ("green",))
    assert all(row.not_reply is not None and len(row.elements) == 1 for row in run.images)


def test_a_saturated_set_gets_the_logit_axis_and_a_cut_off_on_it(page: AppTest, store: Store) -> None:
    at, run = rank(page, store, "red")
    assert at.segmented_control(key="bins").options[-1].endswith("Logit axis")
    at.segmented_control(key="bins").set_value("margin").run()
    box = next(one for one in at.number_input if (one.key or "").startswith("cut:"))
    box.set_value(-1e4).run()
    assert store.cutoff(run.id) == Cutoff(-1e4, "margin")
    assert "4 of 4 are at or above" in html(at)


def ranked_folder(page: AppTest, store: Store, folder: Path) -> tuple[AppTest, Run]:
    """A folder of this machine with a red and a blue picture."""
    folder.mkdir()
    for name, data, _ in files("red", "blue"):
        (folder / name).write_bytes(data)
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(str(folder)).run()
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    return finished(page, store)


def planned_move(at: AppTest, store: Store, run: Run, target: Path) -> AppTest:
    """Of the best image; nothing is touched yet."""
    store.decide(run.id, ranking(at)[0], "pick")
    at.segmented_control(key="place").set_value("decide").run()
    at.segmented_control(key="carry-how").set_value("move").run()
    at.text_input(key="carry-to").set_value(str(target)).run()
    return at.button(key="carry-plan").click().run()


def test_a_folder_of_this_machine_is_ranked_where_it_lies(
    page: AppTest, store: Store, tmp_path: Path
) -> None:
    folder, target = tmp_path / "pictures", tmp_path / "best"
    at, run = ranked_folder(page, store, folder)
    assert [Path(row.path or "").name for row in run.images] == ["0-red.png", "1-blue.png"]
    at = planned_move(at, store, run, target)
    assert (folder / "0-red.png").exists(), "nothing is touched before it is confirmed"
    at.button(key="carry-do").click().run()
    assert (target / "0-red.png").exists()
    assert not (folder / "0-red.png").exists()
    at.button(key="take-back-0").click().run()
    assert (folder / "0-red.png").exists()
    assert not at.exception


def test_a_move_that_fails_half_way_leaves_no_dead_path(
    page: AppTest, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, target = tmp_path / "pictures", tmp_path / "best"
    at, run = ranked_folder(page, store, folder)
    at = planned_move(at, store, run, target)
    whole = decide.carry_out

    def full(plan: decide.Plan, journal_folder: Path) -> decide.Done:
        whole(plan, journal_folder)
        raise StoreError("as-told", text="The disk is full.")

    monkeypatch.setattr(decide, "carry_out", full)
    at.button(key="carry-do").click().run()
    assert store.sources(run.id)[0][1].path == target / "0-red.png"
    assert "The disk is full." in html(at)
    assert not at.exception


def test_a_page_that_is_opened_after_a_crash_finds_what_was_moved(
    page: AppTest, store: Store, tmp_path: Path, settings: Settings
) -> None:
    folder, target = tmp_path / "pictures", tmp_path / "best"
    _, run = ranked_folder(page, store, folder)
    decide.carry_out(decide.plan(run, [0], store.sources(run.id), target, "move"), store.moves_folder)
    opened(settings, lambda name, chosen: FakeScorer()).store.close()
    assert store.load(run.id).images[0].path == str(target / "0-red.png")


def test_a_path_that_is_not_there_is_told(page: AppTest, tmp_path: Path) -> None:
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(str(tmp_path / "nowhere")).run()
    assert "nowhere does not exist" in html(page)


def test_the_rows_of_a_live_run_are_not_lost_by_a_click_elsewhere(page: AppTest, store: Store) -> None:
    upload(page, *files(*COLOURS))
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    page.segmented_control(key="place").set_value("history").run()
    _, run = finished(page, store)
    assert len(run.images) == 4


def test_equal_images_keep_their_own_ranking(page: AppTest, store: Store) -> None:
    twice = [("a.png", picture("red"), "image/png"), ("a.png", picture("red"), "image/png")]
    at, _ = rank(page, store, "red", twice)
    assert ranking(at) == [0, 1]
    assert "1 is a copy of another image" in html(at)


def test_a_data_folder_that_cannot_be_used_is_told_in_the_language_of_the_page() -> None:
    def script() -> None:
        from lychee_app.errors import StoreError
        from lychee_app.ui import page

        page.refused(StoreError("store-locked", path="/data", detail="database is locked"))

    at = AppTest.from_function(script)
    at.query_params["lang"] = "zh"
    assert "/data 被另一个程序占用太久" in html(at.run())


@pytest.mark.parametrize(("code", "offered"), [("truncated", 0), ("unreadable", 1)])
def test_trying_again_is_offered_where_it_may_end_otherwise(
    settings: Settings, code: str, offered: int
) -> None:
    broken = replace(failed(1), reason=Reason.of(code, detail="gone", kind="JPEG"))
    at = visit_run(settings, [row(0, 1.0), broken])
    assert len([button for button in at.button if button.key == "retry"]) == offered
    assert html(at).count("Retry tries again: 1.jpg") == offered
