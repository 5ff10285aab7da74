"""The other commands, their help, and what the README says of them."""

import json
import re
import socket
from pathlib import Path

import pytest

from lychee_app import doctor
from lychee_app.model.checkpoints import DEMO_FOLDER
from tests.cli.conftest import ROOT, Lychee


def test_the_demo_gallery_is_32_images_and_their_truth(lychee: Lychee, tmp_path: Path) -> None:
    status, out, _ = lychee("demo", tmp_path / "new" / "gallery")
    truth = json.loads((tmp_path / "new" / "gallery" / "truth.json").read_text("utf-8"))
    assert status == 0
    assert f'"{truth["query"]}"' in out
    assert len(truth["images"]) == 32
    assert all((tmp_path / "new" / "gallery" / name).is_file() for name in truth["images"])
    assert all(0 <= share <= 1 for share in truth["images"].values())
    assert lychee("demo", tmp_path / "new" / "gallery")[0] == 0


def test_the_words_of_the_demo_model_are_one_json_list_in_both_languages(lychee: Lychee) -> None:
    status, out, _ = lychee("demo", "--words")
    words = json.loads(out)
    assert status == 0
    assert all(word["en"] and word["zh"] for word in words)
    assert {"green", "sofa"} <= {word["en"] for word in words}


def test_the_doctor_names_machine_folder_models_and_a_passed_self_test(
    lychee: Lychee, tmp_path: Path
) -> None:
    status, out, _ = lychee("doctor")
    assert status == 0
    assert f"data folder: {tmp_path / 'home'}" in out
    for word in ("RAM: ", "card: ", "model demo: ready", "model lychee: missing", "passed in"):
        assert word in out
    match, mismatch = re.findall(r"margin ([+-][0-9.]+)", out)
    assert float(match) > float(mismatch)
    distance = re.search(r"agrees with the published usage on three pictures.* at most ([0-9.e+-]+)", out)
    assert distance
    assert float(distance[1]) < 1e-5


def test_a_judge_that_is_not_as_published_fails_the_doctor(
    lychee: Lychee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(doctor.LARGEST_DISTANCE, "float32", -1.0)
    status, out, err = lychee("doctor")
    assert status == 1
    assert "agrees" not in out
    assert "from those of the published usage, over -1.0" in err


def test_a_download_without_a_network_says_that_it_can_go_on(
    lychee: Lychee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    status, out, err = lychee("download", "someone/something")
    assert (status, out) == (1, "")
    assert "run the same command again to go on" in err


def test_a_download_of_what_is_here_says_where(lychee: Lychee) -> None:
    status, out, _ = lychee("download", "demo")
    assert (status, out) == (0, f"demo is here: {DEMO_FOLDER}\n")


def test_a_setting_that_cannot_be_is_wrong_usage(
    lychee: Lychee, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LYCHEE_IMAGE_TOKENS", "many")
    status, _, err = lychee("rank", "red", scenes)
    assert status == 2
    assert "LYCHEE_IMAGE_TOKENS is 'many'" in err


# --- what is written about it


def help_of(lychee: Lychee, *words: str) -> str:
    return lychee(*words, "--help")[1]


def test_the_readme_names_only_commands_and_options_that_there_are(lychee: Lychee) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    in_blocks = "".join(blocks := re.findall(r"```sh\n(.*?)```", readme, re.DOTALL))
    for block in blocks:
        readme = readme.replace(block, "")
    calls = re.findall(r"`[^`]*?\blychee ([a-z]+)([^`]*)`", readme)
    calls += re.findall(r"^lychee ([a-z]+)(.*)$", in_blocks, re.MULTILINE)
    assert {name for name, _ in calls} >= {"rank", "demo", "app", "download", "doctor"}
    for name, rest in calls:
        told = help_of(lychee, name)
        assert told.startswith("usage: lychee"), name
        assert all(option in told for option in re.findall(r"--[a-z-]+", rest)), (name, rest)


def test_every_command_and_every_promised_option_is_in_the_help(lychee: Lychee) -> None:
    assert re.search(r"rank.*eval.*demo.*app.*download.*doctor", help_of(lychee), re.DOTALL)
    told = help_of(lychee, "rank")
    for option in (
        "--model",
        "--mode",
        "--not TEXT",
        "--elements",
        "--precision",
        "--limit N",
        "--json",
        "--csv",
    ):
        assert option in told


def test_the_words_and_a_folder_are_not_asked_for_together(lychee: Lychee, tmp_path: Path) -> None:
    status, out, err = lychee("demo", tmp_path / "gallery", "--words")
    assert (status, out) == (2, "")
    assert "not both" in err
    assert not (tmp_path / "gallery").exists()


def test_a_port_that_is_taken_is_told_with_another_to_take(lychee: Lychee) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, _, err = lychee("app", "--port", port)
    assert status == 1
    assert f"Port {port} is taken" in err
    assert "lychee app --port" in err


def test_a_model_that_is_not_there_is_told_before_an_image_is_looked_for(
    lychee: Lychee, tmp_path: Path
) -> None:
    status, _, err = lychee("rank", "red", tmp_path / "no such folder", "--model", "lychee")
    assert status == 1
    assert "lychee download lychee" in err
    assert "no such folder" not in err
