"""The terminal speaks the language of its locale; what programs read stays as it is."""

import json
import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from lychee_app.settings import locale_of_terminal
from tests.cli.conftest import Lychee


@pytest.fixture(autouse=True)
def _chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")


def test_the_first_variable_that_names_a_locale_counts() -> None:
    assert locale_of_terminal({"LC_ALL": "", "LC_MESSAGES": "de_DE", "LANG": "zh_CN.UTF-8"}) == "de_DE"
    assert locale_of_terminal({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}) == "C"
    assert locale_of_terminal({}) == ""


def test_the_table_its_headings_and_reasons_are_in_chinese(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    status, out, err = lychee("rank", "red", scenes, tmp_path / "empty.png")
    assert (status, err) == (0, "")
    for word in ("名次", "分数", "图片", "回答", "5 张图片，其中 1 张没有分数"):
        assert word in out
    assert "文件是空的" in "".join(out.split())


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["rank", "red", "/nowhere/at-all"], 1, "lychee: 找不到 /nowhere/at-all。"),
        (["rank", "...", "/nowhere"], 2, "lychee: 查询词是空的。"),
        (["demo"], 2, "lychee: 请写明图库放在哪里：lychee demo FOLDER。"),
        (["dance"], 2, "lychee: 没有“dance”这个命令，可用的有：rank、sort、eval、"),
        (["rank", "red"], 2, "lychee: 缺少：PATH。帮助：lychee rank --help"),
        (["rank", "red", "x", "--limit", "0"], 2, "lychee: --limit 需要大于 0 的整数，不能是“0”。"),
    ],
)
def test_an_error_is_told_in_chinese_and_ends_as_ever(
    lychee: Lychee, words: list[str], status: int, said: str
) -> None:
    ended, out, err = lychee(*words)
    assert (ended, out) == (status, "")
    assert err.startswith(said)


def test_an_error_in_a_file_of_queries_is_chinese_throughout(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "queries.txt").write_text("cat\n...\n")
    status, _, err = lychee("rank", "--queries", tmp_path / "queries.txt", scenes)
    assert status == 2
    assert err.startswith(f"lychee: {tmp_path / 'queries.txt'} 第 2 行：查询词是空的。")


COMMANDS = ("rank", "eval", "demo", "app", "serve", "undo", "download", "doctor")


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_option_and_name_is_explained_in_every_language(
    lychee: Lychee, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    told: dict[str, str] = {}
    for language in ("en_GB.UTF-8", "zh_CN.UTF-8"):
        monkeypatch.setenv("LC_ALL", language)
        status, told[language], err = lychee(*command.split(), "--help")
        assert (status, err) == (0, "")
    assert max(map(cell_len, told["zh_CN.UTF-8"].splitlines())) <= 72
    explained = {language: _explained(text) for language, text in told.items()}
    assert explained["en_GB.UTF-8"].keys() == explained["zh_CN.UTF-8"].keys() >= {"-h, --help"}
    for language, each in explained.items():
        for name, words in each.items():
            assert re.search("[\u3400-\u9fff]" if language.startswith("zh") else "[a-z]{2}", words), name
    assert not re.search("[\u3400-\u9fff]", told["en_GB.UTF-8"])
    assert set(COMMANDS) <= _explained(lychee("--help")[1]).keys()


def _explained(told: str) -> dict[str, str]:
    """What is listed -> what is said of it, beside it or in the lines below."""
    found: dict[str, str] = {}
    name = ""
    for line in told.splitlines():
        if listed := re.match(r" {2,4}(\S.*?)(?: {2,}(.*))?$", line):
            name, words = listed[1], listed[2] or ""
            found[name] = words
        elif line.startswith(" " * 8) and name:
            found[name] += line
    return {name: words for name, words in found.items() if not name.startswith("[")}


def test_json_is_the_same_whatever_the_terminal_speaks(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    _, out, _ = lychee("rank", "red", scenes, tmp_path / "empty.png", "--json", "-")
    refused = json.loads(out)["images"][-1]
    assert refused["error"] == "The file is empty (0 bytes). Copy it again from where it came from."
    assert refused["error_code"] == "empty"


def test_the_doctor_speaks_chinese(lychee: Lychee) -> None:
    status, out, _ = lychee("doctor", "--model", "demo")
    assert status == 0
    for word in ("组件：", "内存：", "数据文件夹：", "模型 demo：可用", "自检"):
        assert word in out
