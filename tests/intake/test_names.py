"""Names that are safe to show, and what a file is by its first bytes."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lychee_app import intake
from lychee_app.errors import ImageError
from lychee_app.intake.sniff import ACCEPTED, sniff
from lychee_app.records import Source


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a.jpg", "a.jpg"),
        ("beach/1.jpg", "beach/1.jpg"),
        ("./beach//1.jpg", "beach/1.jpg"),
        ("../../etc/passwd", "passwd"),
        ("beach/../../1.jpg", "1.jpg"),
        ("/home/me/1.jpg", "1.jpg"),
        ("C:\\Users\\me\\1.jpg", "1.jpg"),
        ("beach\\1.jpg", "beach/1.jpg"),
        ("\\\\server\\share\\1.jpg", "1.jpg"),
        ("..", "unnamed"),
        ("", "unnamed"),
        ("   ", "unnamed"),
        ("a\x00b\n\tc.jpg", "a b c.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\u2066\u200fa\u200e\ufeff.jpg", "a.jpg"),
        ("black cat 'n' \"dog\" <b>.jpg", "black cat 'n' \"dog\" <b>.jpg"),
        ("黑猫 e\u0301.jpg", "黑猫 é.jpg"),
        ("👩\u200d🍳.jpg", "👩\u200d🍳.jpg"),
        ("bad\udcff.jpg", "bad\ufffd.jpg"),
        ("a" * 251 + ".jpg", "a" * 251 + ".jpg"),
        ("a" * 300 + ".jpg", "a" * 126 + "…" + "a" * 122 + ".jpg"),
    ],
)
def test_names_are_shown_on_one_line_without_tricks(name: str, shown: str) -> None:
    assert intake.same_name_safe(name) == shown


@pytest.mark.skipif(os.sep != "/", reason="a backslash is no part of a name here")
def test_a_file_of_this_machine_is_shown_by_the_name_it_has_here() -> None:
    local = Source("a\\b/C:/back\\slash.jpg", path=Path("/photos/a\\b/C:/back\\slash.jpg"))
    assert intake.shown_name(local) == local.name
    assert intake.shown_name(Source("C:\\a\\b.jpg", path=local.path, private=True)) == "b.jpg"
    assert intake.shown_name(Source("a\\b.jpg", data=b"")) == "a/b.jpg"
    assert intake.shown_name(Source("../x\n\\.jpg", path=local.path)) == "x \\.jpg"


@given(st.one_of(st.text(max_size=300), st.text("ab./\\: \u202e\x00é", max_size=40)))
@example(".. /x")
@example("\u202e..\u202e/x")
@example("C:..")
@example(" A:\\0")
@example("\u202eC:/x")
def test_any_name_becomes_one_safe_short_line(name: str) -> None:
    shown = intake.same_name_safe(name)
    assert shown
    assert len(shown.encode()) <= 255
    assert not shown.startswith("/")
    assert ".." not in shown.split("/")
    assert "\\" not in shown
    assert all(unicodedata.category(char) not in {"Cc", "Cs", "Zl", "Zp"} for char in shown)
    assert all(unicodedata.category(char) != "Cf" or char == "\u200d" for char in shown)
    assert intake.same_name_safe(shown) == shown


@given(st.binary(max_size=100))
def test_any_bytes_are_sniffed_without_an_exception_of_another_kind(head: bytes) -> None:
    try:
        kind = sniff(head)
    except ImageError as error:
        kind = error.code
    assert kind in {*ACCEPTED, "empty", "not-copied", "format", "not-an-image"}
