"""What the gallery is told of a run; how it sorts, filters and shows is asked of a browser."""

from dataclasses import replace

import pytest

from lychee_app.records import Cutoff, Scored
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import html, ranking, sent, visit_run
from tests.support.rows import TAKEN, failed, reply, row, told


def falling(count: int) -> list[Scored]:
    """Image 0 is the best, 1 the second, and so on."""
    return [row(index, 5.0 - index / 10) for index in range(count)]


def test_every_image_is_told_of_once_the_best_first_and_those_without_a_score_last(
    settings: Settings,
) -> None:
    at = visit_run(settings, [failed(0), *(row(n, float(n)) for n in range(1, 300))])
    assert ranking(at) == [*range(299, 0, -1), 0]
    rows = sent(at, "gallery")["rows"]
    assert [one["rank"] for one in rows] == [*range(1, 300), None]
    assert rows[-1]["score"] is None
    assert rows[-1]["why"] == "it is no image"


def test_no_picture_travels_with_the_data(settings: Settings) -> None:
    at = visit_run(settings, [replace(row(0, 2.0), thumbnail=b"RIFFpicture"), row(1, 1.0)])
    rows = sent(at, "gallery")["rows"]
    assert [one["thumb"] for one in rows] == [True, False]
    assert not any("picture" in str(one) for one in rows)


def test_notes_scores_and_what_is_not_wanted_are_told(settings: Settings) -> None:
    scored = row(
        0,
        2.0,
        elements=(9.0, None),
        not_reply=reply("cat", 0.0),
        notes=(told("It was damaged."),),
        width_px=640,
        height_px=480,
    )
    at = visit_run(settings, [scored], elements=("sofa", "lamp"), not_text="cat")
    data = sent(at, "gallery")
    (one,) = data["rows"]
    assert (data["elements"], data["not_text"]) == (["sofa", "lamp"], "cat")
    assert (one["elements"], one["not"], one["notes"]) == ([9.0, None], 5.0, ["It was damaged."])
    assert (one["width"], one["height"]) == (640, 480)


@pytest.mark.parametrize(("cutoff", "above"), [(Cutoff(0.0), 6), (Cutoff(4.8, "margin"), 3)])
def test_the_line_stands_where_the_cut_off_is(settings: Settings, cutoff: Cutoff, above: int) -> None:
    at = visit_run(settings, falling(6))
    with Store.open(settings.data_folder) as store:
        store.set_cutoff(at.query_params["run"], cutoff)
    assert sent(at.run(), "gallery")["cut"]["above"] == above


def test_when_and_with_what_an_image_was_taken_is_told(settings: Settings) -> None:
    known, unknown = sent(visit_run(settings, [row(0, 2.0, capture=TAKEN), row(1, 1.0)]), "gallery")["rows"]
    assert (known["when"], known["camera"], known["lens"]) == (
        "2024-05-04 13:02:11",
        "NIKON Z 6",
        "24-70 mm f/4",
    )
    assert known["settings"] == "50 mm · f/4 · 1/250 s · ISO 400"
    assert known["date"] == 1714827731.25
    assert [unknown[name] for name in ("date", "when", "camera", "lens", "settings")] == [
        None,
        "",
        "",
        "",
        "",
    ]


def test_taking_a_decision_back_leaves_none(settings: Settings) -> None:
    at = visit_run(settings, falling(3))
    run_id = at.query_params["run"]
    with Store.open(settings.data_folder) as store:
        store.decide(run_id, 0, "pick")
        assert [one["decision"] for one in sent(at.run(), "gallery")["rows"]] == ["pick", None, None]
        store.undo(run_id)
    assert [one["decision"] for one in sent(at.run(), "gallery")["rows"]] == [None] * 3


def test_files_of_one_name_are_told_apart_by_their_folders(settings: Settings) -> None:
    paths = ("/a/one/x.jpg", "/a/two/x.jpg", "/b/two/x.jpg", "/b/two/y.jpg", None)
    rows = [replace(row(n, 5.0 - n), name=(path or "x.jpg")[-5:], path=path) for n, path in enumerate(paths)]
    at = visit_run(settings, rows)
    shown = [one["name"] for one in sent(at, "gallery")["rows"]]
    assert shown == ["one/x.jpg", "/a/two/x.jpg", "/b/two/x.jpg", "y.jpg", "x.jpg"]


def test_images_without_a_score_are_not_waited_for_in_decide(settings: Settings) -> None:
    at = visit_run(settings, [row(0, 2.0), row(1, 1.0), failed(2)])
    with Store.open(settings.data_folder) as store:
        store.decide(at.query_params["run"], 0, "pick")
    at.segmented_control(key="place").set_value("decide").run()
    assert "1 picked · 0 rejected · 1 to go" in html(at)
