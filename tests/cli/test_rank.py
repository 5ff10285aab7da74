"""`lychee rank`, held to its contract: what it prints where, and how it ends."""

import json
import re
import shutil
from pathlib import Path

import pytest
import skimage
from PIL import Image

from lychee_app.cli.parser import build_parser
from lychee_app.locale import Words
from lychee_app.model.checkpoints import DEMO_FOLDER
from tests.cli.conftest import Lychee, document
from tests.support.fakes import picture

DOCUMENT = ["query", "sent_query", "elements", "model", "mode", "images", "seconds", "peak_memory_bytes"]
IMAGE = ["rank", "upload_index", "name", "sha256", "score", "margin", "p_yes", "elements", "raw", "error"]


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


def test_a_copy_of_the_demo_says_what_it_does_not_know(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    shutil.copytree(DEMO_FOLDER, tmp_path / "copy")
    photograph = Path(skimage.__file__).parent / "data" / "chelsea.png"
    _, out, err = lychee("rank", "red zeppelin", photograph, "--model", f"{tmp_path}/copy/", "--json", "-")
    assert document(out)["unknown_words"] == ["zeppelin"]
    assert [caveat["code"] for caveat in document(out)["caveats"]] == ["words-unknown", "images-unlike-many"]
    assert document(out)["images"][0]["note_codes"] == ["unlike-demo"]
    assert err.count("does not know: zeppelin") == 1
    assert "unlike the drawings" in err


def test_the_line_below_the_table_says_what_was_typed(lychee: Lychee, scenes: Path) -> None:
    _, out, _ = lychee("rank", "Two Horses", scenes / "scene-01.webp", "--not", "Sofas")
    assert "Two Horses · but not: Sofas · demo, judge · 1 image" in " ".join(out.split())


def test_a_file_that_is_there_twice_is_two_rows_with_one_score(lychee: Lychee, mixed: Path) -> None:
    _, out, _ = lychee("rank", "red umbrella", mixed, "--json", "-")
    twins = [image for image in document(out)["images"] if image["name"].endswith("scene-01.webp")]
    assert {image["name"] for image in twins} == {"scene-01.webp", "again/scene-01.webp"}
    assert twins[0]["score"] == twins[1]["score"]


def test_limit_lists_the_best_and_no_more(lychee: Lychee, scenes: Path) -> None:
    whole = document(lychee("rank", "red umbrella", scenes, "--json", "-")[1])["images"]
    best = document(lychee("rank", "red umbrella", scenes, "--json", "-", "--limit", 2)[1])["images"]
    assert [image["name"] for image in best] == [image["name"] for image in whole[:2]]


def test_a_table_of_the_best_says_of_how_many(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    assert "best 1 of 4 images" in " ".join(lychee("rank", "red", scenes, "--limit", 1)[1].split())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    told = lychee("rank", "red", scenes, tmp_path / "broken.png", "--limit", 1)[1]
    assert "best 1 of 5 images, 1 without a score" in told.splitlines()[-1]
    assert "1 image ·" in " ".join(lychee("rank", "red", scenes / "scene-01.webp")[1].split())


def test_who_did_not_ask_for_the_demo_model_is_told_what_it_is(
    lychee: Lychee, scenes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LYCHEE_MODEL")
    status, out, err = lychee("rank", "red", scenes, "--json", "-")
    assert (status, document(out)["model"]) == (0, "demo")
    assert "not photographs" in err
    assert "lychee download" in err


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


@pytest.mark.parametrize("goal", ["nowhere/out.json", "."])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, tmp_path: Path, goal: str
) -> None:
    status, out, err = lychee("rank", "red", scenes, "--json", tmp_path / goal)
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
        (["rank", "red", "{nowhere}"], 1, "does not exist"),
        (["rank", "red", "{empty}"], 1, "hold no image"),
        (["rank", "red", "{empty}/*.png"], 1, "No image matches"),
        (["rank", "red", "{text}"], 1, "No image could be scored"),
        (["rank", "red", "{scenes}", "--model", "nope"], 1, "No checkpoint is called 'nope'"),
        (["rank", "red", "{scenes}", "--model", "someone/something"], 1, "lychee download someone/something"),
        (["rank", "red", "{scenes}", "--model", "lychee"], 1, "lychee download lychee"),
        (["rank", "red", "{scenes}", "--model", "{empty}"], 1, "has no config.json"),
        (["rank", "red", "{scenes}", "--model", "x" * 300], 1, "No checkpoint is called"),
        (["rank", "red", "{scenes}", "--model", "~nobody-here/x"], 1, "lychee: "),
        (["rank", "", "{scenes}"], 2, "The query is empty"),
        (["rank", "\x00 \u202e", "{scenes}"], 2, "The query is empty"),
        (["rank", "x" * 10_000, "{scenes}"], 2, "at most 2,000"),
        (["rank", "red"], 2, "Missing: PATH"),
        (["rank", "red", "{scenes}", "--limit", "0"], 2, "above 0"),
        (["rank", "red", "{scenes}", "--mode", "guess"], 2, "--mode is one of judge, explain, not 'guess'"),
        (["rank", "red", "{scenes}", "--json", "-", "--csv", "-"], 2, "both have stdout"),
        (["rank", "red", "{scenes}", "--json", ""], 2, "is empty"),
        (["rank", "red", "{scenes}", "--json", "{nowhere}", "--csv", "{nowhere}"], 2, "the same one"),
        (["rank", "red", "{scenes}", "--csv", "{empty}"], 1, "is a folder"),
        (["rank", "red", "{scenes}", "--json", "{scenes}/scene-01.webp"], 1, "one of the images to rank"),
        (["rank", "red", "{scenes}", "--json", "x" * 300], 1, "could not be written"),
        (["rank", "red", "{scenes}", "--image-tokens", "3"], 2, "from 4 to 16384"),
        (["demo", ""], 2, "is empty"),
        (["demo", "{other}"], 1, "scene-05.webp is there already"),
        (["demo"], 2, "lychee demo FOLDER"),
        (["demo", "{text}"], 1, "cannot be written"),
        (["app", "--port", "70000"], 2, "from 1 to 65535"),
        (["doctor", "--model", "{empty}"], 1, "has no config.json"),
        (["download", "not a name"], 1, "No checkpoint is called"),
        (["dance"], 2, "There is no command 'dance'. The commands are: rank"),
        ([], 2, "Name a command: rank"),
    ],
)
def test_every_way_to_fail_has_its_status_and_says_what_to_do(
    lychee: Lychee, places: dict[str, Path], words: list[str], status: int, told: str
) -> None:
    found, _, err = lychee(*(word.format(**places) if "{" in word else word for word in words))
    assert (found, told in err) == (status, True), err


@pytest.mark.parametrize(
    ("goal", "told"),
    [
        ("scene-01.NEF", "or a part of one"),
        ("scene-01.xmp", "or a part of one"),
        ("left-out.mov", "looks like a picture"),
        ("queries.txt", "is read by this command"),
    ],
)
def test_no_file_that_belongs_to_a_picture_or_is_read_is_written_over(
    lychee: Lychee, scenes: Path, goal: str, told: str
) -> None:
    for name in ("scene-01.NEF", "scene-01.xmp", "left-out.mov"):
        (scenes / name).write_bytes(b"mine")
    (scenes / "queries.txt").write_text("red umbrella")
    before = (scenes / goal).read_bytes()
    status, out, err = lychee("rank", "--queries", scenes / "queries.txt", scenes, "--json", scenes / goal)
    assert (status, out, told in err) == (1, "", True), err
    assert (scenes / goal).read_bytes() == before


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


# --- rank: what a query does not want


@pytest.mark.parametrize(
    ("typed", "hint"),
    [
        ("a sofa without people", "lychee rank 'a sofa' ... --not people"),
        ("没有人的沙发", "lychee rank '沙发' ... --not '人'"),
        ("没有绿色沙发", "Say what the images should show, with --not '绿色沙发'"),
        ("-dog", "with --not dog"),
    ],
)
def test_a_query_that_says_what_is_not_wanted_is_taken_as_it_is_with_a_hint(
    lychee: Lychee, scenes: Path, typed: str, hint: str
) -> None:
    status, out, complaints = lychee("rank", typed, scenes, "--json", "-")
    assert status == 0
    assert document(out)["query"] == typed
    assert hint in complaints


@pytest.mark.parametrize("typed", ["no parking sign", "不锈钢水壶", "non-smoking area"])
def test_nothing_is_said_of_a_query_that_wants_all_it_names(lychee: Lychee, scenes: Path, typed: str) -> None:
    _, _, complaints = lychee("rank", f"{typed} + sofa", scenes, "--json", "-")
    assert "not wanted" not in complaints
    assert "--not" not in complaints


def test_a_minus_before_what_is_not_wanted_is_no_option(lychee: Lychee, scenes: Path) -> None:
    status, out, _ = lychee("rank", "sofa", scenes, "--not", "-lamp", "--json", "-")
    assert (status, document(out)["sent_not"]) == (0, "-lamp")
    status, out, _ = lychee("rank", "--json", "-", "--", "--dog", scenes)
    assert (status, document(out)["query"]) == (0, "--dog")
    assert lychee("rank", "-h")[0] == 0


@pytest.mark.parametrize(
    ("words", "query", "paths"),
    [
        (["--elements", "-dog", "bq"], "-dog", ["bq"]),
        (["-d", "bq"], "-d", ["bq"]),
        (["-狗", "--limit", "1", "bq"], "-狗", ["bq"]),
        (["sofa", "bq", "--limit", "1", "demo"], "sofa", ["bq", "demo"]),
        (["--lim", "1", "sofa", "--json", "-", "bq", "--elements", "demo"], "sofa", ["bq", "demo"]),
        (["sofa", "-x.png", "b.png"], "sofa", ["-x.png", "b.png"]),
        (["sofa", "--exclude", "-x*", "bq"], "sofa", ["bq"]),
        (["--dog and cat", "bq"], "--dog and cat", ["bq"]),
        (["--json", "-", "--", "--dog", "-x"], "--dog", ["-x"]),
        (["bq", "--queries", "q", "demo"], "", ["bq", "demo"]),
        (["sofa", "bq", "--exclude="], "sofa", ["bq"]),
        (["sofa", "bq", "--exclude", ""], "sofa", ["bq"]),
        (["-5 dogs", "bq"], "-5 dogs", ["bq"]),
    ],
)
def test_options_and_names_stand_in_any_order_and_names_may_begin_with_a_minus(
    words: list[str], query: str, paths: list[str]
) -> None:
    arguments = build_parser(Words()).parse_args(["rank", *words])
    assert (arguments.query, arguments.paths) == (query, paths)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rank", "sofa"], "Missing: PATH. Try: lychee rank --help"),
        (["rank", "sofa", "bq", "--not", "--elements"], "--not wants a value behind it."),
        (["rank", "sofa", "bq", "--limit"], "--limit wants a value behind it."),
        (["rank", "sofa", "bq", "--elemnts"], "There is no option --elemnts."),
        (["undo", "it", "all"], "More names than it takes: all."),
        (["rank"], "Missing: QUERY, PATH"),
        (["rank", "sofa", "bq", "--elements=yes"], "--elements takes no value."),
        (["rank", "sofa", "bq", "--xm"], "--xm could be any of --xmp, --xmp-keyword, --xmp-embed."),
        (["rank", "sofa", "bq", "--stars", "a,b"], "this was: a,b."),
        (["--elements", "rank", "sofa", "bq"], "There is no option --elements. Try: lychee --help"),
        (["eval", "t.csv", "--relevant-from", "-1"], "--relevant-from takes a number above 0, not '-1'."),
        (["eval", "t.csv", "--suite", "own"], "--suite is one of built-in, not 'own'."),
        (["serve", "--token", "x", "--no-token"], "not both"),
        (["doctor", "--model", " "], "--model is empty."),
        (["rank", "red", "x", "--limit", "1", "--limit=2"], "--limit is there twice."),
    ],
)
def test_words_that_do_not_fit_are_named(lychee: Lychee, words: list[str], said: str) -> None:
    status, _, err = lychee(*words)
    assert (status, said in err) == (2, True), err


def test_a_query_beside_a_file_of_queries_is_told_as_one(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "q").write_text("sofa\n")
    status, _, err = lychee("rank", "lamp", "--queries", tmp_path / "q", scenes)
    assert (status, "lamp does not exist. With --queries the queries are those of its file" in err) == (
        1,
        True,
    )


# --- rank: a file of queries


def test_a_file_of_queries_gives_a_document_each_as_if_each_were_asked_alone(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("\ufeff# what to look for\ngreen sofa + brass lamp\n\n  没有灯\n-dog\n", encoding="utf-8")
    status, out, complaints = lychee(
        "rank", "--queries", file, scenes, "--elements", "--not", "tree", "--fresh", "--json", "-"
    )
    assert status == 0
    assert complaints.count("Models tend to ignore negation") == 2
    told = json.loads(out)
    assert [each["query"] for each in told] == ["green sofa + brass lamp", "没有灯", "-dog"]
    for each in told:
        words = ["rank", each["query"], scenes, "--elements", "--not", "tree", "--fresh", "--json", "-"]
        alone = document(lychee(*words)[1])
        assert list(each) == list(alone)
        assert (each["elements"], each["sent_not"]) == (alone["elements"], "tree")
        assert [image["name"] for image in each["images"]] == [image["name"] for image in alone["images"]]
        for image, by_itself in zip(each["images"], alone["images"], strict=True):
            assert image["score"] == pytest.approx(by_itself["score"], abs=0.01)
            assert image["elements"] == pytest.approx(by_itself["elements"], abs=0.01)


def test_a_file_of_queries_gives_a_table_each(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("sofa\nlamp", encoding="utf-8")
    status, out, _ = lychee("rank", scenes, f"--queries={file}", "--limit", "2")
    assert status == 0
    assert re.findall(r"(\w+)  ·  demo, judge  ·  best 2 of 4 images", out) == ["sofa", "lamp"]


@pytest.mark.parametrize(
    ("content", "more", "said", "status"),
    [
        (b"# none\n\n", [], "holds no query", 2),
        (b"", [], "holds no query", 2),
        (b"cat\r\n...\n", [], "queries.txt, line 2: The query is empty", 2),
        (b"cat\r...\r", [], "queries.txt, line 2: The query is empty", 2),
        ("cat\u2028or\x0bdog\n...".encode(), [], "queries.txt, line 2: The query is empty", 2),
        (b"caf\xe9", [], "it is not text in UTF-8", 2),
        ("cat\n".encode("utf-16-le"), [], "it is not text in UTF-8", 2),
        ("cat\n".encode("utf-16"), [], "it is not text in UTF-8", 2),
        (None, [], "No such file", 2),
        (b"cat", ["--mode", "explain"], "--mode judge", 2),
        (b"cat", ["--csv", "-"], "not with --csv", 2),
    ],
)
def test_a_file_of_queries_that_cannot_be_asked_is_refused(
    *,
    lychee: Lychee,
    scenes: Path,
    tmp_path: Path,
    content: bytes | None,
    more: list[str],
    said: str,
    status: int,
) -> None:
    file = tmp_path / "queries.txt"
    if content is not None:
        file.write_bytes(content)
    ended, out, complaints = lychee("rank", "--queries", file, scenes, *more)
    assert (ended, out) == (status, "")
    assert said in complaints


def test_one_of_each_group_is_judged_where_there_are_groups(lychee: Lychee, scenes: Path) -> None:
    assert "No two images are alike" in lychee("rank", "red", scenes, "--bursts", "one")[2]
    with Image.open(scenes / "scene-01.webp") as image:
        image.convert("RGB").save(scenes / "again.jpg", quality=70)
    assert "1 image is like one that was judged" in lychee("rank", "red", scenes, "--bursts", "one")[2]


def test_a_group_is_told_of_all_images_whatever_is_listed(lychee: Lychee, scenes: Path) -> None:
    with Image.open(scenes / "scene-01.webp") as image:
        image.convert("RGB").save(scenes / "again.jpg", quality=70)
    groups = [image["group"] for image in document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]]
    first = next(place for place, group in enumerate(groups) if group is not None)
    few = document(lychee("rank", "red", scenes, "--json", "-", "--limit", first + 1)[1])["images"]
    assert [image["group"] for image in few] == groups[: first + 1]
