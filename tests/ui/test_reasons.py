"""What the flow says of a file or a reply, in Chinese: each sentence of the intake and the parser has one."""

import io

import pytest
from PIL import Image

from lychee_app import intake, parse, query
from lychee_app.errors import ImageError, QueryError, UsageError
from lychee_app.intake.decode import decode
from lychee_app.records import ImageBudget
from lychee_app.ui.reasons import chinese_reason
from lychee_app.ui.words import Words
from tests.support import hostile, pictures

FILES = {
    **hostile.FOREIGN,
    **hostile.bombs(),
    "empty": b"",
    "text": b"hello",
    "HEIC": hostile.HEIC_HEADER,
    "strip": pictures.encoded(Image.new("RGB", (1, 30_000)), "PNG"),
    "cut short": pictures.good("JPEG")[:500],
    "damaged": pictures.good("PNG")[:60] + bytes(400),
}
NOTED = {"frames": pictures.animated("GIF"), "pages": pictures.animated("TIFF"), **hostile.broken_metadata()}
SAID = {
    "no score": "I cannot say.",
    "two": "8/10 and 7/10",
    "range": "7-8/10",
    "doubt": "Score: 9/10. Wait, 3",
    "over": "11/10",
    "negative": "-3/10",
    "scale": "Score: 3/4",
}


@pytest.mark.parametrize("name", FILES)
def test_every_reason_to_refuse_a_file_is_told_in_chinese(name: str) -> None:
    with pytest.raises(ImageError) as caught:
        decode(FILES[name], ImageBudget(28), 120_000_000)
    assert_chinese(str(caught.value))


@pytest.mark.parametrize("name", NOTED)
def test_every_note_on_a_picture_is_told_in_chinese(name: str) -> None:
    for note in decode(NOTED[name], ImageBudget(28), 120_000_000).notes:
        assert_chinese(note)


def test_the_notes_on_deep_grey_are_told_in_chinese() -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").convert("I").point(lambda value: value * 900 - 5).save(file, "TIFF")
    (note,) = decode(file.getvalue(), ImageBudget(28), 120_000_000).notes
    assert_chinese(note)


@pytest.mark.parametrize("name", SAID)
def test_every_reason_for_no_score_is_told_in_chinese(name: str) -> None:
    reason = parse.parse(SAID[name]).reason
    assert reason
    assert_chinese(reason)


def assert_chinese(reason: str) -> None:
    told = chinese_reason(reason)
    assert told != reason, reason
    assert "\u4e00" <= told[0] <= "\u9fff" or told[0].isdigit()
    assert told.endswith(f"（{reason}）")


def test_an_error_is_told_in_chinese_and_its_details_in_english() -> None:
    words = Words("zh")
    with pytest.raises(QueryError) as caught:
        query.clean("x" * 2001)
    assert words.error(caught.value) == "查询词超过 2,000 个字符，请缩短。"
    with pytest.raises(UsageError) as missing:
        intake.find(["/nowhere/at-all"])
    assert words.error(missing.value) == f"找不到这个路径，或无法读取。\n{missing.value}"
    assert Words("en").error(missing.value) == str(missing.value)
