"""The `lychee` command, held to its contract: what it prints where, and how it ends."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lychee_app import cli, demo
from lychee_app.model.checkpoints import DEMO_FOLDER
from tests.fakes import picture

ROOT = Path(__file__).parents[1]
Lychee = Callable[..., tuple[int, str, str]]
DOCUMENT = ["query", "sent_query", "elements", "model", "mode", "images", "seconds", "peak_memory_bytes"]
IMAGE = ["rank", "upload_index", "name", "sha256", "score", "margin", "p_yes", "elements", "raw", "error"]
NO_NETWORK = """
import sys
def refuse(event, arguments):
    if event in {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"}:
        raise RuntimeError(f"{event}: nobody was to be asked")
sys.addaudithook(refuse)
from lychee_app.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def lychee(capfd: pytest.CaptureFixture[str]) -> Lychee:
    """Runs a command line in this process: (exit status, stdout, stderr)."""

    def run(*words: object) -> tuple[int, str, str]:
        try:
            status = cli.main([str(word) for word in words])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        said = capfd.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return run


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of the demo gallery."""
    whole, few = tmp_path_factory.mktemp("whole"), tmp_path_factory.mktemp("few")
    demo.write_gallery(whole)
    for file in sorted(whole.glob("*.webp"))[:4]:
        shutil.copy(file, few)
    return few


@pytest.fixture
def places(scenes: Path, tmp_path: Path) -> dict[str, Path]:
    """What a command line may name."""
    places = {"scenes": scenes, "nowhere": tmp_path / "nowhere", "empty": tmp_path / "none"}
    places["empty"].mkdir()
    places["text"] = tmp_path / "notes.txt"
    places["text"].write_text("hello")
    return places


@pytest.fixture
def mixed(scenes: Path, tmp_path: Path) -> Path:
    """The same, a web page called .jpg, an empty file, and a file with the first one's pixels."""
    folder = tmp_path / "mixed"
    shutil.copytree(scenes, folder)
    (folder / "a-page.jpg").write_bytes(b"<!doctype html><html></html>")
    (folder / "empty.png").write_bytes(b"")
    (folder / "again").mkdir()
    shutil.copy(min(scenes.iterdir()), folder / "again")
    return folder


def document(text: str) -> dict[str, Any]:
    """The one JSON document that the text is; nothing else may be there, no NaN either."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def kept_replies(tmp_path: Path) -> int:
    file = tmp_path / "home" / "lychee.sqlite3"
    if not file.exists():
        return 0
    connection = sqlite3.connect(file)
    try:
        return connection.execute("SELECT count(*) FROM replies").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def process(
    *words: object, script: str = "from lychee_app.cli import main; main()"
) -> subprocess.Popen[bytes]:
    command = [sys.executable, *words] if words[0] == "-m" else [sys.executable, "-c", script, *words]
    return subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


# --- rank: the document


def test_the_document_has_the_promised_keys_in_order_and_types(lychee: Lychee, mixed: Path) -> None:
    status, out, _ = lychee(
        "rank", "Red umbrella + 绿色沙发", mixed, "--elements", "--json", "-", "--model", "demo"
    )
    told = document(out)
    assert status == 0
    assert list(told)[: len(DOCUMENT)] == DOCUMENT
    assert (told["query"], told["model"], told["mode"]) == ("Red umbrella + 绿色沙发", "demo", "judge")
    assert told["elements"] == ["red umbrella", "绿色沙发"]
    assert told["seconds"] > 0
    assert told["peak_memory_bytes"] > 0
    for image in told["images"]:
        assert list(image)[: len(IMAGE) + 1] == [*IMAGE, "seconds"]
        assert re.fullmatch("[0-9a-f]{64}", image["sha256"])
        assert image["upload_index"] in range(7)


def test_images_are_listed_by_rank_and_those_without_a_score_last(lychee: Lychee, mixed: Path) -> None:
    _, out, _ = lychee("rank", "red umbrella", mixed, "--json", "-")
    images = document(out)["images"]
    assert [image["rank"] for image in images] == [1, 2, 3, 4, 5, None, None]
    margins = [image["margin"] for image in images[:5]]
    assert margins == sorted(margins, reverse=True)
    for image in images[:5]:
        assert image["score"] == pytest.approx(10 * image["p_yes"])
        assert image["raw"] == ("yes" if image["margin"] > 0 else "no")
        assert (image["error"], image["elements"]) == (None, [])
    refused = {image["name"]: image for image in images[5:]}
    assert set(refused) == {"a-page.jpg", "empty.png"}
    assert all(image["score"] is None and image["raw"] is None for image in refused.values())
    assert "HTML" in refused["a-page.jpg"]["error"]
    assert "0 bytes" in refused["empty.png"]["error"]


def test_a_file_that_is_there_twice_is_two_rows_with_one_score(lychee: Lychee, mixed: Path) -> None:
    _, out, _ = lychee("rank", "red umbrella", mixed, "--json", "-")
    twins = [image for image in document(out)["images"] if image["name"].endswith("scene-01.webp")]
    assert {image["name"] for image in twins} == {"scene-01.webp", "again/scene-01.webp"}
    assert twins[0]["score"] == twins[1]["score"]


def test_limit_lists_the_best_and_no_more(lychee: Lychee, scenes: Path) -> None:
    whole = document(lychee("rank", "red umbrella", scenes, "--json", "-")[1])["images"]
    best = document(lychee("rank", "red umbrella", scenes, "--json", "-", "--limit", 2)[1])["images"]
    assert [image["name"] for image in best] == [image["name"] for image in whole[:2]]


def test_explain_mode_has_a_score_out_of_the_text_or_a_reason(lychee: Lychee, scenes: Path) -> None:
    file = scenes / "scene-01.webp"
    _, out, _ = lychee("rank", "umbrella", file, "--mode", "explain", "--json", "-")
    told = document(out)
    (image,) = told["images"]
    assert told["mode"] == "explain"
    assert (image["margin"], image["p_yes"]) == (None, None)
    assert isinstance(image["raw"], str)
    assert (image["score"] is None) == (image["error"] is not None)


def test_a_text_that_must_not_match_lowers_what_matches_it(lychee: Lychee, scenes: Path) -> None:
    _, plain, _ = lychee("rank", "umbrella", scenes, "--json", "-")
    _, lowered, _ = lychee("rank", "umbrella", scenes, "--not", "umbrella", "--json", "-")
    before = {image["name"]: image["score"] for image in document(plain)["images"]}
    assert all(image["score"] < before[image["name"]] for image in document(lowered)["images"])


# --- rank: where things are written


def test_a_terminal_gets_a_table_and_files_get_json_and_csv(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    goals = tmp_path / "out.json", tmp_path / "out.csv"
    status, out, _ = lychee("rank", "red umbrella", scenes, "--json", goals[0], "--csv", goals[1])
    assert status == 0
    assert all(f"scene-0{number}.webp" in out for number in range(1, 5))
    assert len(document(goals[0].read_text("utf-8"))["images"]) == 4
    assert len(goals[1].read_text("utf-8").splitlines()) == 5


def test_csv_on_stdout_stands_alone(lychee: Lychee, scenes: Path) -> None:
    _, out, _ = lychee("rank", "red umbrella", scenes, "--csv", "-")
    head, *lines = out.splitlines()
    assert head.lstrip("\ufeff").startswith("rank,")
    assert len(lines) == 4


def test_a_reply_cannot_move_the_cursor_of_the_terminal(lychee: Lychee, tmp_path: Path) -> None:
    file = tmp_path / "\x1b[2Jevil\x07.png"
    file.write_bytes(picture("red"))
    _, out, err = lychee("rank", "red", tmp_path / "*.png", "--limit", 1)
    assert "evil" in out
    assert "\x1b[2J" not in out + err


@pytest.mark.parametrize("goal", ["nowhere/out.json", ".", ""])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, tmp_path: Path, goal: str
) -> None:
    status, out, err = lychee("rank", "red", scenes, "--json", tmp_path / goal if goal else "")
    assert (status, out) == (1, "")
    assert "Choose another place" in err or "Name a file" in err
    assert not (tmp_path / "home").exists()


def test_a_device_may_be_the_goal(lychee: Lychee, scenes: Path) -> None:
    status, _, err = lychee("rank", "red", scenes, "--json", "/dev/null")
    assert (status, err) == (0, "")


# --- rank: how it ends


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["rank", "red", "{nowhere}"], 1, "There is no"),
        (["rank", "red", "{empty}"], 1, "hold no image"),
        (["rank", "red", "{empty}/*.png"], 1, "No image matches"),
        (["rank", "red", "{text}"], 1, "no image could be scored"),
        (["rank", "red", "{scenes}", "--model", "nope"], 1, "No checkpoint is called 'nope'"),
        (["rank", "red", "{scenes}", "--model", "someone/something"], 1, "lychee download someone/something"),
        (["rank", "red", "{scenes}", "--model", "lychee"], 1, "lychee download lychee"),
        (["rank", "red", "{scenes}", "--model", "{empty}"], 1, "has no config.json"),
        (["rank", "red", "{scenes}", "--model", "x" * 300], 1, "No checkpoint is called"),
        (["rank", "red", "{scenes}", "--model", "~nobody-here/x"], 1, "lychee: "),
        (["rank", "", "{scenes}"], 2, "The query is empty"),
        (["rank", "\x00 \u202e", "{scenes}"], 2, "The query is empty"),
        (["rank", "x" * 10_000, "{scenes}"], 2, "at most 2000"),
        (["rank", "red"], 2, "PATH"),
        (["rank", "red", "{scenes}", "--limit", "0"], 2, "above 0"),
        (["rank", "red", "{scenes}", "--mode", "guess"], 2, "invalid choice"),
        (["rank", "red", "{scenes}", "--json", "-", "--csv", "-"], 2, "both have stdout"),
        (["demo"], 2, "lychee demo FOLDER"),
        (["demo", "{text}"], 1, "cannot be written"),
        (["app", "--port", "70000"], 2, "not a port"),
        (["doctor", "--model", "{empty}"], 1, "has no config.json"),
        (["download", "not a name"], 1, "No checkpoint is called"),
        (["bench"], 2, "NAME"),
        (["dance"], 2, "invalid choice"),
        ([], 2, "COMMAND"),
    ],
)
def test_every_way_to_fail_has_its_status_and_says_what_to_do(
    lychee: Lychee, places: dict[str, Path], words: list[str], status: int, told: str
) -> None:
    found, _, err = lychee(*(word.format(**places) if "{" in word else word for word in words))
    assert (found, told in err) == (status, True), err


def test_a_run_without_one_score_still_prints_its_document(lychee: Lychee, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    status, out, err = lychee("rank", "red", tmp_path / "a.png", "--json", "-")
    (image,) = document(out)["images"]
    assert (status, image["rank"], image["score"]) == (1, None, None)
    assert image["error"] in err


def test_weights_half_there_are_said_to_be_half_there(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    shutil.copytree(DEMO_FOLDER, half)
    whole = (half / "model.safetensors").read_bytes()
    (half / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    status, out, err = lychee("rank", "red", scenes, "--model", half, "--json", "-")
    assert (status, out) == (1, "")
    assert "half downloaded" in err
    assert "lychee download" in err


def test_a_checkpoint_of_another_kind_is_named(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(DEMO_FOLDER, other)
    (other / "config.json").write_text('{"model_type": "llava"}')
    status, _, err = lychee("rank", "red", scenes, "--model", other)
    assert status == 1
    assert "'llava'" in err
    assert "Qwen2.5-VL" in err


# --- rank: nothing is lost, and nothing is stale


def test_a_second_run_asks_the_model_only_what_is_new(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    first = document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]
    assert kept_replies(tmp_path) == 4
    second = document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]
    assert kept_replies(tmp_path) == 4
    assert [without_time(image) for image in second] == [without_time(image) for image in first]
    lychee("rank", "blue", scenes, "--json", "-")
    assert kept_replies(tmp_path) == 8


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
    lychee: Lychee, tmp_path: Path
) -> None:
    demo.write_gallery(tmp_path / "gallery")
    words = ["rank", "red umbrella + sofa", tmp_path / "gallery", "--elements", "--json", "-"]
    with process("-m", "lychee_app", *words) as disturbed:
        while kept_replies(tmp_path) < 9:
            assert disturbed.poll() is None
            time.sleep(0.005)
        disturbed.kill()
        assert disturbed.communicate()[0] == b""
    kept = kept_replies(tmp_path)
    assert 9 <= kept < 3 * 32
    assert kept % 3 == 0
    resumed, undisturbed = lychee(*words)[1], lychee(*words, "--fresh")[1]
    assert [without_time(image) for image in document(resumed)["images"]] == [
        without_time(image) for image in document(undisturbed)["images"]
    ]


def without_time(image: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in image.items() if name != "seconds"}


# --- the process


def test_json_is_all_there_is_on_stdout_and_nobody_is_asked(
    scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that was downloaded by name, no HF_HUB_OFFLINE, a terminal that knows ASCII only."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shutil.copytree(DEMO_FOLDER, tmp_path / "home" / "models" / "someone--judge")
    shutil.copy(scenes / "scene-01.webp", tmp_path / "沙发.webp")
    words = ["rank", "红色 umbrella", tmp_path / "沙发.webp", "--model", "someone/judge", "--json", "-"]
    child = process(*words, script=NO_NETWORK)
    out, err = child.communicate(timeout=120)
    (image,) = document(out.decode("utf-8"))["images"]
    assert (child.returncode, err) == (0, b"")
    assert (image["name"], image["error"]) == ("沙发.webp", None)


def test_the_guard_of_that_test_does_refuse_the_network() -> None:
    child = process(
        "download", "someone/something", script=f"import os; del os.environ['HF_HUB_OFFLINE']{NO_NETWORK}"
    )
    _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert b"nobody was to be asked" in err


def test_a_table_is_printed_where_the_terminal_lacks_its_characters(
    lychee: Lychee, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    shutil.copy(scenes / "scene-01.webp", tmp_path / "沙发.webp")
    child = process("-m", "lychee_app", "rank", "红色", tmp_path / "沙发.webp")
    out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, b"")
    assert rb"\u6c99\u53d1.webp" in out


def test_a_reader_that_leaves_early_gets_no_traceback(scenes: Path) -> None:
    with process("-m", "lychee_app", "rank", "red", scenes, "--json", "-") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        assert child.stderr.read() == b""
    assert child.returncode == 1


# --- the other commands


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


@pytest.mark.parametrize("bench", cli.BENCHES)
def test_every_bench_can_be_asked_for_help(lychee: Lychee, bench: str) -> None:
    status, out, _ = lychee("bench", bench, "--help")
    assert status == 0
    assert f"lychee bench {bench}" in out


# --- what is written about it


def help_of(lychee: Lychee, *words: str) -> str:
    return lychee(*words, "--help")[1]


def test_the_readme_names_only_commands_and_options_that_there_are(lychee: Lychee) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    calls = re.findall(r"`[^`]*?\blychee ([a-z]+)([^`]*)`", readme)
    assert {name for name, _ in calls} >= {"rank", "demo", "app", "download", "doctor", "bench"}
    for name, rest in calls:
        words = [name, *(rest.split()[:1] if name == "bench" and rest.split()[0] in cli.BENCHES else [])]
        told = help_of(lychee, *words)
        assert told.startswith("usage: lychee"), name
        assert all(option in told for option in re.findall(r"--[a-z-]+", rest)), (name, rest)


def test_every_command_and_every_promised_option_is_in_the_help(lychee: Lychee) -> None:
    assert re.search(r"rank.*demo.*app.*download.*doctor.*bench", help_of(lychee), re.DOTALL)
    told = help_of(lychee, "rank")
    for option in (
        "--model",
        "--mode",
        "--not TEXT",
        "--elements",
        "--engine",
        "--limit N",
        "--json",
        "--csv",
    ):
        assert option in told
