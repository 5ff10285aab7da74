"""What `lychee rank` keeps between two calls: nothing is lost, and nothing is stale."""

import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import lychee_app
from lychee_app import query
from lychee_app.settings import Settings
from lychee_app.store import Store
from lychee_app.store.store import FILE_NAME
from tests.cli.conftest import ROOT, Lychee, document, kept_replies, process


@pytest.fixture
def twelve(gallery: Path, tmp_path: Path) -> Path:
    """Enough for a ranking to be caught in the middle."""
    folder = tmp_path / "twelve"
    folder.mkdir()
    for file in sorted(gallery.glob("*.webp"))[:12]:
        shutil.copy(file, folder)
    return folder


def test_a_second_run_asks_the_model_only_what_is_new(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    first = document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]
    assert kept_replies(tmp_path) == 4
    second = document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]
    assert kept_replies(tmp_path) == 4
    assert [without_time(image) for image in second] == [without_time(image) for image in first]
    lychee("rank", "blue", scenes, "--parts", tmp_path / "parts")
    assert kept_replies(tmp_path) == 8
    assert "All 4 images are done already" in lychee("rank", "blue", scenes, "--parts", tmp_path / "parts")[2]


def test_fresh_neither_reads_nor_keeps_what_the_model_said(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    status, _, err = lychee("rank", "red", scenes, "--json", "-", "--fresh")
    assert (status, err) == (0, "")
    assert not (tmp_path / "home").exists()


def test_a_data_folder_that_cannot_be_used_costs_no_run(
    lychee: Lychee, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LYCHEE_HOME", str(tmp_path / "file" / "home"))
    status, out, err = lychee("rank", "red", scenes, "--json", "-")
    assert status == 0
    assert len(document(out)["images"]) == 4
    assert err.count("replies are not kept") == 1
    assert "LYCHEE_HOME" in err
    assert "it cannot be written to" in lychee("doctor")[1]


def test_a_run_killed_in_the_middle_goes_on_and_ends_as_an_undisturbed_one(
    lychee: Lychee, twelve: Path, tmp_path: Path
) -> None:
    words = ["rank", "red umbrella + sofa", twelve, "--elements", "--json", "-"]
    with process("-m", "lychee_app", *words) as disturbed:
        while kept_replies(tmp_path) < 9:
            assert disturbed.poll() is None
            time.sleep(0.005)
        disturbed.kill()
        assert disturbed.communicate()[0] == b""
    kept = kept_replies(tmp_path)
    assert 9 <= kept < 3 * 12
    assert kept % 3 == 0
    (_, resumed, err), undisturbed = lychee(*words), lychee(*words, "--fresh")[1]
    assert "Going on with a ranking that was cut off" in err
    with Store.open(tmp_path / "home") as store:
        assert [(run.status, run.done) for run in store.runs()] == [("done", 12)]
    assert [without_time(image) for image in document(resumed)["images"]] == [
        without_time(image) for image in document(undisturbed)["images"]
    ]


def test_a_ranking_stands_in_the_history_with_all_that_was_asked(
    lychee: Lychee, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scenes.parent)
    words = ["rank", "Red umbrella + sofa", scenes.name, "--elements", "--not", "cat", "--image-tokens", 30]
    out = lychee(*words, "--json", "-")[1]
    with Store.open(tmp_path / "home") as store:
        (summary,) = store.runs()
        run = store.load(summary.id)
        sources = store.sources(summary.id)
    assert (run.status, run.total, run.token_budget) == ("done", 4, 30)
    assert (run.request.max_image_tokens, run.request.model) == (30, "demo")
    assert run.question == query.ask("Red umbrella + sofa", "cat")
    scores = {image["upload_index"]: image["score"] for image in document(out)["images"]}
    assert {row.upload_index: row.score for row in run.images} == scores
    assert all(source.path and source.path.is_absolute() for _, source in sources)


def test_a_name_that_is_no_model_leaves_no_run_behind(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    assert lychee("rank", "red", scenes, "--model", "nope")[0] == 1
    assert not (tmp_path / "home").exists()


def test_a_checkpoint_of_another_kind_is_refused_before_an_image_is_looked_for(
    lychee: Lychee, tmp_path: Path
) -> None:
    folder = tmp_path / "llama"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    status, _, err = lychee("rank", "red", tmp_path / "nowhere", "--model", folder)
    assert (status, err.count("\n"), "text-only" in err) == (1, 1, True)
    assert not (tmp_path / "home").exists()


def test_too_little_memory_is_one_sentence(scenes: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "lychee_app", "rank", "red", str(scenes)]
    limited = ["bash", "-c", 'ulimit -v 1500000; exec "$@"', "bash", *words]
    ended = subprocess.run(limited, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert "not enough memory to load demo" in ended.stderr


def test_who_stops_it_finds_it_stopped_and_resumable(twelve: Path, tmp_path: Path) -> None:
    with process("-m", "lychee_app", "rank", "red", twelve, "--mode", "explain") as child:
        while kept_replies(tmp_path) < 5:  # several are in work at once: so many replies, at least one row
            assert child.poll() is None
            time.sleep(0.005)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=60)
    assert (child.returncode, b"Traceback" in err, b"is kept" in err) == (130, False, True)
    with Store.open(tmp_path / "home") as store:
        (summary,) = store.runs()
        assert summary.status == "stopped"
        assert 0 < summary.done < summary.total == 12


def test_two_rankings_at_once_in_one_data_folder_are_two_whole_runs(twelve: Path, tmp_path: Path) -> None:
    children = [process("-m", "lychee_app", "rank", text, twelve) for text in ("red", "lamp")]
    for child in children:
        _, err = child.communicate(timeout=120)
        assert (child.returncode, err) == (0, b"")
    with Store.open(tmp_path / "home") as store:
        assert [(run.status, run.done) for run in store.runs()] == [("done", 12), ("done", 12)]
        assert {run.question.sent for run in store.runs()} == {"red", "lamp"}


def test_a_history_erased_under_it_costs_a_sentence_and_not_the_ranking(twelve: Path, tmp_path: Path) -> None:
    words = ["rank", "red", twelve, "--mode", "explain", "--json", "-"]
    with process("-m", "lychee_app", *words) as child:
        while kept_replies(tmp_path) < 2:
            assert child.poll() is None
            time.sleep(0.005)
        with sqlite3.connect(tmp_path / "home" / FILE_NAME) as db:
            db.execute("DELETE FROM images")
            db.execute("DELETE FROM sources")
            db.execute("DELETE FROM runs")
        db.close()
        out, err = child.communicate(timeout=120)
    assert (child.returncode, err.count(b"are not kept from here on"), err.count(b"\n")) == (0, 1, 1)
    assert len(document(out.decode())["images"]) == 12


def test_a_program_keeps_a_run_where_it_says_so(scenes: Path, settings: Settings) -> None:
    for keep in (False, True):
        run = lychee_app.rank("red", [scenes], model="demo", settings=settings, keep=keep)
    with Store.open(settings.data_folder) as store:
        assert [summary.id for summary in store.runs()] == [run.id]
        assert store.load(run.id).images[0].score == run.images[0].score


def without_time(image: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in image.items() if name != "seconds"}
