"""Paths as they are pasted."""

from pathlib import Path

import pytest

from lychee_app.ui.widgets import pasted_path


@pytest.mark.parametrize(
    ("pasted", "path"),
    [
        ("/photos/cafe", "/photos/cafe"),
        ('  "/photos/a b"  ', "/photos/a b"),
        ("'/photos/cafe'", "/photos/cafe"),
        ("“/photos/cafe”", "/photos/cafe"),
        ('"C:\\Users\\me\\Pictures"', "C:\\Users\\me\\Pictures"),
        ('"~/Pictures"', "~/Pictures"),
        ("file:///photos/a%20b/%E7%8C%AB.png", "/photos/a b/猫.png"),
        ("file://localhost/photos", "/photos"),
        ('"file:///photos/a%23b"', "/photos/a#b"),
        ("file://server/share", "file://server/share"),
        ("/photos/my\\ shots/a\\(1\\)", "/photos/my shots/a(1)"),
        ("/photos/my\\ shots/*.jpg", "/photos/my shots/*.jpg"),
        ("/photos/a\\*.jpg", "/photos/a\\*.jpg"),
        ("/photos/*.jpg", "/photos/*.jpg"),
        ('"', '"'),
        ('""', '""'),
        ("", ""),
        ("/photos/\0", "/photos/\0"),
    ],
)
def test_a_pasted_path_is_taken_out_of_its_quotes_or_address(pasted: str, path: str) -> None:
    assert pasted_path(pasted) == path


def test_a_path_that_has_quotes_in_its_name_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "'90s'").mkdir()
    assert pasted_path("'90s'") == "'90s'"
