"""Reasons as data, and what is said of real files, replies and arguments in every language."""

import io
import json
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lychee_app import parse, query, sources
from lychee_app.errors import ImageError, LycheeError, QueryError, UsageError
from lychee_app.intake.decode import decode
from lychee_app.locale import Words, languages
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget
from tests.support import hostile, pictures, raws

FILES = {
    **hostile.FOREIGN,
    **hostile.bombs(),
    "empty": b"",
    "text": b"hello",
    "HEIC": hostile.HEIC_HEADER,
    "strip": pictures.encoded(Image.new("RGB", (1, 30_000)), "PNG"),
    **hostile.EMPTY,
    "cut short": pictures.good("WEBP")[:500],
    "a share of it": pictures.good("JPEG")[:1500],
    "damaged": pictures.good("PNG")[:60] + bytes(400),
}
WHITE = Image.new("RGB", (160, 120), "white")
NOTED = {
    "frames": pictures.animated("GIF"),
    "pages": pictures.animated("TIFF"),
    "a later frame": pictures.animated_after(WHITE, "GIF"),
    "a later page": pictures.animated_after(WHITE, "TIFF"),
    "cut short": pictures.good("JPEG")[:-2],
    "white on clear": pictures.drawing_on_clear("white"),
    "raw": raws.dng(),
    "raw with a preview": raws.dng(preview=pictures.scene(640, 480)),
    **hostile.broken_metadata(),
}
SAID = {
    "no score": "I cannot say.",
    "two": "8/10 and 7/10",
    "range": "7-8/10",
    "doubt": "Score: 9/10. Wait, 3",
    "over": "11/10",
    "negative": "-3/10",
    "scale": "Score: 3/4",
}
values = st.dictionaries(
    st.text(max_size=9),
    st.one_of(st.text(max_size=20), st.integers(), st.floats(allow_nan=False)),
    max_size=4,
)


def is_told_in_every_language(reason: Reason) -> None:
    told = {language: Words(language).reason(reason) for language in languages()}
    assert len(set(told.values())) == len(told)
    for sentence in told.values():
        assert sentence != reason.code
        assert not sentence.startswith(f"{reason.code} (")
    assert told["en"] == str(reason)


@pytest.mark.parametrize("name", FILES)
def test_why_a_file_is_refused_is_told_in_every_language(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(FILES[name], ImageBudget(28), 120_000_000)
    is_told_in_every_language(caught.value.reason)


@pytest.mark.parametrize("name", NOTED)
def test_every_note_on_a_picture_is_told_in_every_language(name: str) -> None:
    notes = decode(NOTED[name], ImageBudget(28), 120_000_000).notes
    assert notes or name in hostile.broken_metadata()
    for note in notes:
        brief = f"note.{note.code.replace('-', '_')}"
        assert all(Words(language).has(brief) for language in languages())
        is_told_in_every_language(note)


def test_the_notes_on_deep_grey_are_told_in_every_language() -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("I").point(lambda value: value * 900 - 5).save(file, "TIFF")
    (note,) = decode(file.getvalue(), ImageBudget(28), 120_000_000).notes
    is_told_in_every_language(note)


@pytest.mark.parametrize("name", SAID)
def test_why_a_reply_gives_no_score_is_told_in_every_language(name: str) -> None:
    reason = parse.parse(SAID[name]).reason
    assert reason
    is_told_in_every_language(reason)


@pytest.mark.parametrize(
    ("raising", "english", "chinese"),
    [
        (
            lambda: query.clean("x" * 2001),
            "The query has 2,001 characters; at most 2,000 are sent. Shorten it.",
            "查询词有 2,001 个字符，最多 2,000 个，请缩短。",
        ),
        (
            lambda: sources.find(["/nowhere/at-all"]),
            "/nowhere/at-all does not exist. Check the spelling; a path is an image, a folder or a glob.",
            "找不到 /nowhere/at-all。请检查拼写；路径可以是图片、文件夹或通配符。",
        ),
    ],
)
def test_an_error_says_the_value_and_the_next_step_in_every_language(
    raising: Callable[[], object], english: str, chinese: str
) -> None:
    with pytest.raises(LycheeError) as caught:
        raising()
    assert str(caught.value) == english
    assert Words("en").error(caught.value) == english
    assert Words("zh").error(caught.value) == chinese


@given(st.text(max_size=9), values)
def test_a_reason_comes_back_from_json_and_equals_itself(
    code: str, given: dict[str, str | int | float]
) -> None:
    reason = Reason(code, given)
    again = Reason.read(json.loads(json.dumps(vars(reason))))
    assert again == reason
    assert hash(again) == hash(reason)


def test_reasons_are_equal_by_content() -> None:
    assert Reason.of("timeout", seconds=2) == Reason.of("timeout", seconds=2.0)
    assert Reason.of("timeout", seconds=2) != Reason.of("timeout", seconds=3)
    assert len({Reason.of("empty"), Reason.of("empty"), Reason.of("crash")}) == 2


def test_a_sentence_of_an_older_version_is_shown_as_it_was() -> None:
    reason = Reason.read("The file is 10 {times} too long.")
    assert reason.code == "as-told"
    assert {Words(language).reason(reason) for language in languages()} == {
        "The file is 10 {times} too long."
    }


def test_an_error_survives_a_pipe_with_its_reason() -> None:
    error = QueryError("query-long", characters=3000, limit=2000)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is QueryError
    assert (again.code, again.reason, str(again)) == (error.code, error.reason, str(error))


def test_an_error_takes_a_reason_that_was_made_elsewhere(tmp_path: Path) -> None:
    reason = Reason.of("target-file", path=str(tmp_path))
    assert UsageError(reason).reason is reason
    assert str(UsageError(reason)) == f"{tmp_path} is a file, not a folder. Give the name of a folder."
