"""Every sentence is in locale/, in every language; every code and key that is used has one, and no other."""

import ast
import re
import string
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import lychee_app
from lychee_app import errors, locale
from lychee_app.analysis.findings import Kind
from lychee_app.intake.sniff import FOREIGN_KINDS
from lychee_app.locale import Words, language_of, languages
from lychee_app.reasons import Reason
from lychee_app.records import Status

ROOT = Path(lychee_app.__file__).parent
TABLE_FILES = {ROOT / "locale" / f"{code}.py" for code in languages()}
FILES = sorted(set(ROOT.rglob("*.py")) - TABLE_FILES)
TABLES = {code: import_module(f"lychee_app.locale.{code}") for code in languages()}
ERRORS = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, Exception)}

CATEGORIES = {"zero", "one", "two", "few", "many", "other"}
"""https://cldr.unicode.org/index/cldr-spec/plural-rules"""
HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
HAN_IS_DATA = {
    "query.py": "asking words",
    "negation.py": "words for what is not wanted",
    "splitting.py": "words that join or hold together",
    "parse.py": "labels of scores",
    "prompt.py": "what the model is asked",
    "demo/words.py": "an example of a word",
    "demo/gallery.py": "the gallery's query",
    "demo/knowledge.py": "examples of words",
    "evaluate/truth.py": "yes and no in files",
}
SAME_IN_BOTH = {"as-told", "doctor.get", "export.csv", "export.json", "eval.auc"}
SENTENCE = re.compile(r"[a-z]{2,} [a-z]+ [a-z]{2,}", re.IGNORECASE)
"""Three words in a row; "JPEG, PNG, WebP" is a list."""

Text = str | Mapping[str, str]


def forms(text: Text) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())


def fields(text: Text) -> set[str]:
    """The values a sentence speaks of, in any of its forms."""
    return {name for form in forms(text) for _, name, _, _ in string.Formatter().parse(form) if name}


def tables() -> Iterator[tuple[str, str, Text]]:
    """(table, key, English text)"""
    for table in ("TEXT", "REASONS", "NAMES"):
        for key, text in getattr(TABLES["en"], table).items():
            yield table, key, text


@pytest.mark.parametrize("language", languages())
def test_a_language_has_the_keys_of_english_and_no_others(language: str) -> None:
    for table in ("TEXT", "REASONS", "NAMES"):
        assert set(getattr(TABLES[language], table)) == set(getattr(TABLES["en"], table)), table
    assert TABLES[language].TAG.startswith(language)
    assert TABLES[language].NAME


@pytest.mark.parametrize("language", languages())
def test_a_sentence_speaks_of_the_same_values_in_every_language(language: str) -> None:
    for table, key, english in tables():
        text = getattr(TABLES[language], table)[key]
        assert fields(text) == fields(english), (language, key)
        assert all(form.strip() for form in forms(text)), (language, key)
        if not isinstance(text, str):
            assert set(text) <= CATEGORIES, key
            assert "other" in text, key
            assert "n" in fields(text), key


def test_nothing_is_left_in_the_other_language() -> None:
    for table, key, english in tables():
        assert not HAN.search(" ".join(forms(english))), key
        assert forms(english) != forms(getattr(TABLES["zh"], table)[key]) or key in SAME_IN_BOTH, key


def test_no_chinese_sits_outside_the_tables() -> None:
    for path in FILES:
        if path.relative_to(ROOT).as_posix() not in HAN_IS_DATA:
            assert not HAN.search(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("language", languages())
def test_every_sentence_takes_the_values_that_are_given_to_it(language: str) -> None:
    """With whole numbers, other numbers and texts, as far as the English format allows them."""
    words = Words(language)
    for table, key, english in tables():
        for number in (1, 2, 7.25):
            given = {name: _sample(english, name, number) for name in fields(english)}
            if table == "REASONS":
                told = words.reason(Reason(key, given))
                assert told != key, language
                assert not told.startswith(f"{key} ("), language
            elif table == "TEXT":
                words(key, **given)


def _sample(text: Text, name: str, number: float) -> Any:
    """A number where a form of the text formats it as one, else a word."""
    specs = {
        spec for form in forms(text) for _, field, spec, _ in string.Formatter().parse(form) if field == name
    }
    return number if specs != {""} or name == "n" else "word"


# What the package asks for


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name_of(node: ast.expr) -> str:
    """Reason.of, ImageError, errors.ImageError -> the last two or the only part."""
    if isinstance(node, ast.Attribute) and node.attr == "of":
        return f"{name_of(node.value)}.of"
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def reasons_made(path: Path) -> Iterator[ast.Call]:
    """Calls that make a reason: Reason.of(...), cls.of(...), ImageError(...)."""
    for node in ast.walk(tree_of(path)):
        made = {"Reason.of", "cls.of"} | ERRORS
        if isinstance(node, ast.Call) and node.args and name_of(node.func) in made:
            yield node


def texts_in(node: ast.expr, path: Path, seen: frozenset[str] = frozenset()) -> set[str]:
    """The constants an expression may stand for; a name stands for what this file assigns to it."""
    parts: list[ast.expr] = []
    match node:
        case ast.Constant(value=str(text)):
            return {text}
        case ast.IfExp():
            parts = [node.body, node.orelse]
        case ast.BoolOp() | ast.Dict():
            parts = node.values
        case ast.Call(func=ast.Attribute(attr="get", value=table)) | ast.Subscript(value=table):
            parts = [table]
        case ast.Name(id=name) if name not in seen:
            seen |= {name}
            parts = assigned(name, path)
    return set().union(*(texts_in(part, path, seen) for part in parts))


def assigned(name: str, path: Path) -> list[ast.expr]:
    return [
        node.value
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == name for target in node.targets)
    ]


def is_a_reason(node: ast.expr) -> bool:
    """`error.reason`, `Reason(...)`: one that was made elsewhere."""
    return (isinstance(node, ast.Attribute) and node.attr == "reason") or (
        isinstance(node, ast.Call) and name_of(node.func) in {"Reason", "Reason.of"}
    )


def test_every_reason_has_a_sentence_that_speaks_of_its_values() -> None:
    for path in FILES:
        for call in reasons_made(path):
            if is_a_reason(call.args[0]) or name_of(call.args[0]) == "reason":
                continue
            codes = texts_in(call.args[0], path)
            assert codes, f"{path}: {ast.unparse(call)}"
            for code in codes:
                sentence = TABLES["en"].REASONS.get(code)
                assert sentence is not None, f"{path}, {code}: {ast.unparse(call)}"
                given = {keyword.arg for keyword in call.keywords}
                assert fields(sentence) == given, f"{path}, {code}: {ast.unparse(call)}"


def test_no_sentence_sits_in_an_error_or_a_reason() -> None:
    for path in FILES:
        for call in reasons_made(path):
            for value in [*call.args, *(keyword.value for keyword in call.keywords)]:
                texts = texts_in(value, path)
                if isinstance(value, ast.JoinedStr):
                    texts = {part.value for part in value.values if isinstance(part, ast.Constant)}
                assert not any(SENTENCE.search(text) for text in texts), f"{path}: {ast.unparse(call)}"


SAYING = [*sorted(ROOT.glob("cli/*.py")), ROOT / "terminal.py", ROOT / "doctor.py"]


def test_no_sentence_is_printed_that_is_not_in_the_tables() -> None:
    for path in SAYING:
        for node in ast.walk(tree_of(path)):
            shown = [node.value] if isinstance(node, ast.Yield) and node.value else []
            if isinstance(node, ast.Call) and name_of(node.func) in {"print", "say", "add_column", "Text"}:
                shown = node.args
            for value in shown:
                for part in ast.walk(value):
                    if isinstance(part, ast.Constant) and isinstance(part.value, str):
                        assert not re.search("[A-Za-z]{2,} [A-Za-z]{2,}", part.value), (
                            f"{path}: {ast.unparse(node)}"
                        )


def test_every_sentence_is_used() -> None:
    made = set().union(
        *(texts_in(call.args[0], path) for path in FILES for call in reasons_made(path)),
        *(
            texts_in(call.args[0], path)
            for path in FILES
            for call in ast.walk(tree_of(path))
            if isinstance(call, ast.Call) and name_of(call.func) == "Reason" and call.args
        ),
    )
    assert set(TABLES["en"].REASONS) - made == set()


def keys_asked_for() -> Iterator[str]:
    """All text in the package, as patterns: what follows the beginning of an f-string may be anything."""
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield re.escape(node.value)
            elif isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                yield "".join(
                    re.escape(part.value) if isinstance(part, ast.Constant) else r"[\w.]*"
                    for part in node.values
                )
    for path in ROOT.rglob("*.html"):
        yield from map(re.escape, re.findall(r"'([\w.]+)'", path.read_text(encoding="utf-8")))

    yield from words_of_the_scripts()
    yield r"own\.\w+"  # handed over as a whole; see tests/ui/test_own_words.py


def words_of_the_scripts() -> Iterator[str]:
    """`words.none`, words[`sort_${name}`]: in assets/gallery/ of all that begins with "gallery."."""
    for part in ("gallery", "adding"):
        for path in (ROOT / "ui" / "assets" / part).glob("*.js"):
            script = path.read_text(encoding="utf-8")
            yield from (rf"{part}\.{name}" for name in re.findall(r"\bwords\.(\w+)", script))
            yield from (rf"{part}\.{name}\w+" for name in re.findall(r"\bwords\[`(\w+)\$\{", script))


def test_scripts_ask_for_words_that_are_there() -> None:
    patterns = set(words_of_the_scripts())
    assert len(patterns) > 20
    missing = [one for one in patterns if not any(re.fullmatch(one, key) for key in TABLES["en"].TEXT)]
    assert missing == []


def test_every_text_is_used() -> None:
    asked = [re.compile(pattern) for pattern in set(keys_asked_for()) if re.search(r"\w", pattern)]
    unused = [key for key in TABLES["en"].TEXT if not any(pattern.fullmatch(key) for pattern in asked)]
    assert unused == []


def test_every_text_that_is_asked_for_is_there() -> None:
    for path in FILES:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and node.args and name_of(node.func) in {"t", "words"}:
                for key in texts_in(node.args[0], path):
                    assert key in TABLES["en"].TEXT, f"{path}: {ast.unparse(node)}"


def test_what_a_file_is_and_every_fate_of_a_run_have_words() -> None:
    assert set(FOREIGN_KINDS) == set(TABLES["en"].NAMES)
    for kind in Kind.__args__:
        assert any(key.startswith(f"finding.{kind}") for key in TABLES["en"].TEXT), kind
    for status in Status.__args__:
        assert f"fate.{status}" in TABLES["en"].TEXT


# What becomes of it


def test_a_locale_names_the_language_and_what_has_no_file_is_english() -> None:
    chinese = ("zh-CN", "zh", "ZH-tw", "zh_CN.UTF-8", "zh_TW.Big5")
    assert {language_of(locale) for locale in chinese} == {"zh"}
    assert {language_of(locale) for locale in ("en-GB", "de", "", "C", "C.UTF-8", "POSIX")} == {"en"}


def test_a_language_calls_itself_by_its_own_name() -> None:
    assert {"en": "EN", "zh": "中文"}.items() <= languages().items()


def test_one_thing_is_not_spoken_of_as_many() -> None:
    words = Words("en")
    for table, key, text in tables():
        if table == "TEXT" and "n" in fields(text):
            said = words(key, **{name: 1 if name == "n" else 7 for name in fields(text)})
            assert not re.search(r"\b1 (new )?(images|files|runs|are|were|lack|have|show)\b", said), said


def test_lengths_of_time_are_told_in_fitting_units() -> None:
    words = Words("en")
    assert [words.span(s) for s in (2.2, 89, 600, 7200)] == ["2 s", "89 s", "10 min", "2.0 h"]


def test_a_reason_of_a_newer_version_is_told_as_it_is() -> None:
    for language in languages():
        words = Words(language)
        assert words.reason(Reason.of("of-tomorrow")) == "of-tomorrow"
        assert words.reason(Reason.of("of-tomorrow", limit=3)) == "of-tomorrow (limit=3)"
        assert words.reason(Reason.of("timeout", minutes=3)) == "timeout (minutes=3)"
        assert words.reason(Reason.of("timeout", seconds="long")) == "timeout (seconds=long)"


def test_values_are_text_and_never_a_format() -> None:
    for language in languages():
        assert "{0.x} %s {name!r}" in Words(language).reason(
            Reason.of("path-missing", path="{0.x} %s {name!r}")
        )


def test_a_third_language_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    english = (ROOT / "locale" / "en.py").read_text(encoding="utf-8")
    named = english.replace('NAME = "EN"', 'NAME = "Latina"').replace('TAG = "en"', 'TAG = "la"')
    (tmp_path / "la.py").write_text(named.replace('"Query"', '"Quaestio"'), encoding="utf-8")
    monkeypatch.setattr(locale, "__path__", [*locale.__path__, str(tmp_path)])
    languages.cache_clear()
    try:
        assert languages() == {"en": "EN", "zh": "中文", "la": "Latina"}
        assert language_of("la_VA.UTF-8") == "la"
        assert (Words("la")("query"), Words("la").tag) == ("Quaestio", "la")
    finally:
        languages.cache_clear()
