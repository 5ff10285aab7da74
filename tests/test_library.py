"""`lychee_app.rank`, the flow as one call."""

import shutil
from pathlib import Path
from typing import Any

import psutil
import pytest

import lychee_app
from lychee_app.errors import UsageError
from lychee_app.records import ImageBudget, Run, ScorerInfo
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.store.parts import open_parts
from tests.support.fakes import FakeScorer, picture


@pytest.fixture
def folder(settings: Settings) -> str:
    place = settings.data_folder.parent / "images"
    place.mkdir()
    (place / "red.png").write_bytes(picture("red", size=(400, 300)))
    return str(place)


def test_what_is_asked_for_is_what_the_run_was_asked(folder: str, settings: Settings) -> None:
    run = lychee_app.rank(
        "red",
        folder,
        model=FakeScorer(),
        precision="float32",
        max_image_tokens=9,
        instruction="Find it.",
        settings=settings,
    )
    assert (run.request.precision, run.request.max_image_tokens) == ("float32", 9)
    assert (run.request.instruction, run.token_budget) == ("Find it.", 9)
    assert run.images[0].seen_width_px * run.images[0].seen_height_px <= 9 * 28 * 28


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"mode": "guess"}, "mode"),
        ({"precision": "int3"}, "precision-odd"),
        ({"max_image_tokens": 0}, "setting"),
        ({"max_image_tokens": 10**6}, "setting"),
    ],
)
def test_what_cannot_be_asked_is_wrong_usage(
    odd: dict[str, Any], code: str, folder: str, settings: Settings
) -> None:
    with pytest.raises(UsageError) as caught:
        lychee_app.rank("red", folder, model=FakeScorer(), settings=settings, **odd)
    assert caught.value.code == code


def test_a_judge_of_its_own_is_asked_in_the_words_that_it_was_taught(folder: str, settings: Settings) -> None:
    scorer = FakeScorer(info=ScorerInfo("demo", "d" * 16, "float32", "cpu", ImageBudget(28, 16)))
    run = lychee_app.rank("two horses", folder, model=scorer, settings=settings)
    assert (run.question.typed, run.question.sent) == ("two horses", "two horse")
    assert scorer.seen == [("red.png", ("two horse",))]


def test_the_result_goes_into_a_new_folder_as_parquet_too(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(picture("red"))
    asked: dict[str, Any] = {"model": FakeScorer(), "settings": settings, "parts": tmp_path / "parts"}
    run = lychee_app.rank("red", tmp_path / "a.png", **asked)
    assert tuple(open_parts(tmp_path / "parts").rows()) == run.images
    with pytest.raises(UsageError) as caught:
        lychee_app.rank("red", tmp_path / "a.png", **asked)
    assert caught.value.code == "parts-there"
    with pytest.raises(UsageError) as caught:
        lychee_app.rank("red", tmp_path / "a.png", model=FakeScorer(), parts="s3://bucket/parts")
    assert caught.value.code == "folder-address"


def test_thumbnails_of_a_run_in_the_history_are_read_as_long_as_somebody_has_its_rows(
    folder: str, settings: Settings
) -> None:
    run = lychee_app.rank("red", folder, model=FakeScorer(), keep=True, settings=settings)
    assert run.images[0].thumbnail[:4] == b"RIFF"
    with Store.open(settings.data_folder) as store:
        assert store.load(run.id).images == run.images
        store.delete(run.id)
    assert run.images[0].thumbnail == b""


def test_a_program_may_have_many_runs_of_the_history_and_erase_it(folder: str, settings: Settings) -> None:
    def kept() -> Run:
        return lychee_app.rank("red", folder, model=FakeScorer(), keep=True, settings=settings)

    def open_files() -> list[str]:
        found = psutil.Process().open_files()
        return [file.path for file in found if Path(file.path).is_relative_to(settings.data_folder)]

    runs = [kept()]
    before = open_files()
    runs += [kept() for _ in range(3)]
    assert len({*runs}) == 4
    assert len(open_files()) == len(before) > 0
    shutil.rmtree(settings.data_folder)
    later = kept()
    assert later.images[0].thumbnail[:4] == b"RIFF"
    runs.clear()
    del later
    assert open_files() == []
    scorer = FakeScorer(before=lambda candidate: shutil.rmtree(settings.data_folder))
    run = lychee_app.rank("not known yet", folder, model=scorer, keep=True, settings=settings)
    assert (run.status, run.images[0].thumbnail) == ("done", b"")
    assert run.images[0].score is not None


def test_an_engine_that_there_is_not_and_a_scorer_for_another_process_are_refused(settings: Settings) -> None:
    with pytest.raises(UsageError) as caught:
        lychee_app.rank("red", "a.png", model=FakeScorer(), engine="ray", settings=settings)
    assert caught.value.code == "ray-scorer"
    with pytest.raises(UsageError, match="local and ray"):
        Settings.from_environment({"LYCHEE_ENGINE": "spark"})
    assert Settings.from_environment({"LYCHEE_ENGINE": "ray"}).engine == "ray"
