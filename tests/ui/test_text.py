"""Every visible string is in text.py, in both languages, and every key the page asks for is there."""

import ast
import re
import string
from pathlib import Path

import pytest

from lychee_app.analysis.findings import Finding, Kind
from lychee_app.export.words import WORDS
from lychee_app.records import Status
from lychee_app.ui import text
from lychee_app.ui.findings import sentence
from lychee_app.ui.text import TEXT
from lychee_app.ui.words import Words, language_of

UI = Path(text.__file__).parent
FILES = sorted(path for path in UI.glob("*.py") if path.name not in {"text.py", "reasons.py"})
SAME_IN_BOTH = {"export.csv", "export.json", "memory"}
WIDGETS = {
    "button", "text_input", "text_area", "selectbox", "multiselect", "toggle", "checkbox",
    "expander", "popover", "caption", "markdown", "write", "title", "header", "subheader", "error",
    "warning", "info", "success", "pills", "number_input", "download_button", "segmented_control",
    "file_uploader", "text", "faint", "notice", "dialog", "one_of", "spinner", "tell",
}  # fmt: skip


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(words) if name}


@pytest.mark.parametrize("key", TEXT)
def test_a_string_says_the_same_in_both_languages(key: str) -> None:
    chinese, english = TEXT[key]
    assert chinese.strip()
    assert english.strip()
    assert fields(chinese) == fields(english) or fields(chinese) ^ fields(english) == {"count"}
    assert chinese != english or key in SAME_IN_BOTH
    assert not re.search("[\u4e00-\u9fff]", english)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_key_the_page_asks_for_is_there(path: Path) -> None:
    asked = re.findall(r"""\bt\(\s*f?["']([a-z0-9_.]+)["'][,)]""", path.read_text(encoding="utf-8"))
    assert set(asked) <= set(TEXT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_visible_string_sits_elsewhere(path: Path) -> None:
    """A label is never a literal with letters in it."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and node.args and _name(node.func) in WIDGETS:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.strip():
                found.append(first.value)
    assert found == []


def test_no_chinese_sits_outside_the_tables() -> None:
    allowed = {"sidebar.py": r'"cafe"|"cat"|"中文"'}
    for path in FILES:
        for line in path.read_text(encoding="utf-8").splitlines():
            if re.search("[\u4e00-\u9fff]", line):
                assert re.search(allowed.get(path.name, r"(?!)"), line), f"{path.name}: {line}"


def test_every_kind_of_finding_and_every_fate_has_words() -> None:
    for kind in Kind.__args__:
        assert any(key.startswith(f"finding.{kind}") for key in TEXT), kind
    for status in Status.__args__:
        assert f"fate.{status}" in TEXT


def test_chinese_browsers_get_chinese_and_all_others_english() -> None:
    assert [language_of(one) for one in ("zh-CN", "zh", "ZH-tw", "en-GB", "de", "")] == ["zh"] * 3 + [
        "en"
    ] * 3


def test_one_thing_is_not_spoken_of_as_many() -> None:
    words = Words("en")
    for key, (_, english) in TEXT.items():
        names = fields(english)
        if "n" in names:
            said = words(key, **{name: 1 if name == "n" else 7 for name in names})
            assert not re.search(r"\b1 (new )?(images|files|runs|are|were|lack|have|show)\b", said), said


def test_a_finding_about_one_image_is_in_the_singular() -> None:
    one = Finding("element_missing_in_top", 1, 3, element=0, text="sofa")
    words = Words("en")
    assert sentence(words, one) == "Of the 3 above the cut-off, 1 lacks “sofa”"
    assert sentence(words, one, cut_set=False) == "Of the 3 above the suggested cut-off, 1 lacks “sofa”"
    only = Finding("element_missing_in_top", 1, 1, element=0, text="sofa")
    assert sentence(words, only) == "The only one above the cut-off lacks “sofa”"
    assert sentence(words, only, cut_set=False) == "The only one above the suggested cut-off lacks “sofa”"
    assert sentence(Words("zh"), only, cut_set=False) == "建议分数线以上只有一张，它缺少“sofa”"
    assert sentence(words, Finding("complete", 1, 5)) == "1 of 5 shows every element"
    assert sentence(words, Finding("first_n_stand_out", 1, 5, 2.0)).startswith("The first one stands 2.0")


def test_the_chinese_report_names_decisions_and_the_margin_as_the_page_does() -> None:
    report = WORDS["zh"]
    assert f"✓ {report.pick}" == TEXT["marked.pick"][0]
    assert f"✕ {report.reject}" == TEXT["marked.reject"][0]
    assert TEXT["output.margin"][0].startswith(report.margin)


def test_lengths_of_time_are_told_in_fitting_units() -> None:
    words = Words("en")
    assert [words.span(s) for s in (2.2, 89, 600, 7200)] == ["2 s", "89 s", "10 min", "2.0 h"]


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
