"""The images a run is about: nothing dropped or typed is lost, nothing counts twice."""

import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import files, finished, html, upload

WAYS = ("files", "folder", "path")


def ready(at: AppTest, n: int) -> bool:
    return f"{n} images ready" in html(at)


def hidden(at: AppTest) -> set[str]:
    """The ways whose field is out of sight."""
    styles = "".join(element.proto.body for element in at.get("html"))
    (classes,) = re.findall(r"<style>([^<{]*) \{ display: none; \}", styles)
    names = {"files": "st-key-uploads-files-", "folder": "st-key-uploads-folder-", "path": "st-key-path"}
    return {way for way in WAYS if names[way] in classes}


def test_dropped_files_outlast_a_look_at_every_other_way(page: AppTest) -> None:
    upload(page, *files("red", "blue"))
    for way in ("folder", "path", "files"):
        page.segmented_control(key="way").set_value(way).run()
        page.text_area(key="query").set_value(f"red {way}").run()
        assert ready(page, 2) or way == "path"
        assert hidden(page) == set(WAYS) - {way}
    assert page.button(key="rank").label == "Rank 2 images"
    assert not page.exception


def test_both_uploaders_count_and_each_keeps_its_own(page: AppTest) -> None:
    upload(page, *files("red", "blue"))
    page.segmented_control(key="way").set_value("folder").run()
    page.file_uploader[1].set_value(files("green", first=7)).run()
    assert ready(page, 3)
    page.segmented_control(key="way").set_value("files").run()
    assert [len(one.value) for one in page.file_uploader] == [2, 1]
    assert ready(page, 3)


def test_a_typed_path_outlasts_a_look_at_the_uploaders(page: AppTest, tmp_path: Path) -> None:
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(str(tmp_path)).run()
    page.segmented_control(key="way").set_value("files").run()
    page.text_area(key="query").set_value("red").run()
    page.segmented_control(key="way").set_value("path").run()
    assert page.text_input(key="path").value == str(tmp_path)


def test_other_images_empty_every_field(page: AppTest, store: Store) -> None:
    upload(page, *files("red", "blue"))
    page.segmented_control(key="way").set_value("folder").run()
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    assert run.total == 2
    at.button(key="other").click().run()
    for way in ("files", "folder"):
        at.segmented_control(key="way").set_value(way).run()
        assert at.button(key="rank").label == "Add images first"


def test_what_was_dropped_but_not_ranked_is_still_new(page: AppTest, store: Store, tmp_path: Path) -> None:
    upload(page, *files("red", "blue"))
    (tmp_path / "green.png").write_bytes(files("green", first=5)[0][1])
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(str(tmp_path / "green.png")).run()
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    assert run.total == 1
    at.segmented_control(key="way").set_value("files").run()
    assert at.button(key="rank").label == "Score the 2 new images"
    at.button(key="rank").click().run()
    at, run = finished(at, store)
    assert run.total == 3
    at.segmented_control(key="way").set_value("path").run()
    assert at.button(key="rank").label == "Rank 3 images again"


def test_a_path_with_blanks_around_it_is_taken_once(page: AppTest, store: Store, tmp_path: Path) -> None:
    for name, data, _ in files("red", "blue"):
        (tmp_path / name).write_bytes(data)
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(f"{tmp_path}/*.png ").run()
    page.text_area(key="query").set_value("red").run()
    page.button(key="rank").click().run()
    at, run = finished(page, store)
    assert run.total == 2
    assert at.button(key="rank").label == "Rank 2 images again"


def test_a_demo_gallery_that_cannot_be_written_is_told(page: AppTest, settings: Settings) -> None:
    (settings.data_folder / "demo-gallery").write_bytes(b"in the way")
    page.button(key="demo").click().run()
    assert not page.exception
    assert "demo-gallery cannot be written" in html(page)


def test_a_path_pasted_in_quotes_is_looked_at(page: AppTest, tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    ((name, data, _),) = files("red")
    (tmp_path / "a b" / name).write_bytes(data)
    page.text_area(key="query").set_value("red").run()
    page.segmented_control(key="way").set_value("path").run()
    page.text_input(key="path").set_value(f'"{tmp_path}/a b"').run()
    assert page.button(key="rank").label == "Rank 1 image"
