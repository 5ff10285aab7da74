"""The terminal speaks the language of its locale; what programs read stays as it is."""

import json
from pathlib import Path

import pytest

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
    assert status == 1
    assert err.startswith(f"lychee: {tmp_path / 'queries.txt'} 第 2 行：查询词是空的。")


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
