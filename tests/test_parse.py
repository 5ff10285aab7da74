"""Every rule of the table in parse.py, and what must hold for any text at all."""

import math
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lychee_app.parse import parse

SCORES = {
    "Score: 9.8 / 10": 9.8,
    "9.8/10": 9.8,
    "评分：9.8": 9.8,
    "得分 9.8 分": 9.8,
    "**Score**: 9": 9,
    "Score: **9.8** / 10": 9.8,
    "评分：９．８": 9.8,
    "最终得分：９．８／１０。": 9.8,
    "评分为9.8分，满分10分": 9.8,
    "总分：9": 9,
    "Score：8.5/10（满分10分）": 8.5,
    "得分：8/10（满分为 10 分）": 8,
    "满分 10 分，我给 9 分": 9,
    "评分：9.8/10分": 9.8,
    "Score: 8.0 out of 10.0": 8,
    "Score: 8/10.0": 8,
    "匹配度=9": 9,
    "我给9分。": 9,
    "评分（满分10分）：9.5": 9.5,
    "得分 95 分（满分 100 分）": 9.5,
    "Score (0-10): 8.5": 8.5,
    "Score (out of 100): 85": 8.5,
    "Score out of 10: 9": 9,
    "9.8 out of 10": 9.8,
    "Score: 9 out of ten": 9,
    "a score of 9.": 9,
    "The score is about 7.5.": 7.5,
    "I'd rate it 9/10.": 9,
    "9,8/10": 9.8,
    "95/100": 9.5,
    "Score: 95%": 9.5,
    "Score: 4/5": 8,
    "Score: 0": 0,
    "Score: 10/10": 10,
    "score : 9": 9,
    "SCORE=9": 9,
    "Score - 9.8/10": 9.8,
    '{"score": 9.8, "reason": "2 sofas"}': 9.8,
    "final_score: 9": 9,
    "| Score | 9.8 |": 9.8,
    "<b>Score</b>: 9": 9,
    r"Score: $\boxed{9.8}$": 9.8,
    "Score:\n9.8": 9.8,
    "A sofa in the sun.\n9.5": 9.5,
    "A sofa in the sun.\n\n**9.5**\n\n": 9.5,
    "A sofa.\n9/10.": 9,
    "This photo of 2019 shows 3 cats and 12 lamps. Score: 6": 6,
    "Sofa 8/10, lamp 9/10. Score: 8.5 / 10.": 8.5,
    "Sofa score: 8. Lamp score: 4. Overall score: 6": 6,
    "Score: 9. Once more, score: 9 / 10": 9,
}

REASONS = {
    "": "none",
    "I cannot say.": "none",
    "Score: x / 10": "none",
    "Score: 1e3": "none",
    "打分：满分10分": "none",
    "Taken in 2024 with 3 cats.": "none",
    "On 12/10/2024 we saw it.": "none",
    "大约3分钟，三分之一": "none",
    "Score:\n1. The sofa is green.\n2. The lamp is not there.": "none",
    "underscore: 9 of them": "none",
    "11/10": "out-of-range",
    "Score: 11/10": "out-of-range",
    "Score: 95": "out-of-range",
    "Score: 101%": "out-of-range",
    "Score: 1,000": "out-of-range",
    "Score: " + "9" * 500: "out-of-range",
    "A sofa.\n95": "out-of-range",
    "Score: -3": "negative",
    "-3/10": "negative",
    "评分：－3": "negative",
    "Score: 3/4": "scale",
    "Score: 7/20": "scale",
    "7-8/10": "range",
    "Score: 7-8": "range",
    "7 to 8 out of 10": "range",
    "评分：7~8分": "range",
    "7至8分": "range",
    "Score: 9.5/10. Score: 7/10": "conflict",
    "8/10 at first, 6/10 in the end": "conflict",
    "Score: 9.5/10, or rather 7/10": "conflict",
    "Score: 9\n4": "conflict",
    "Score: 9.5/10 - wait, is this correct? Score: 7/10": "conflict",
    "Score: 9.5/10 - wait, is this correct? I see only 1 lamp.": "doubt",
    "评分：9.5。不对，只有1盏灯。": "doubt",
}


@pytest.mark.parametrize(("text", "score"), SCORES.items())
def test_a_score_stated_once_and_clearly_is_read(text: str, score: float) -> None:
    parsed = parse(text)
    assert parsed.score == pytest.approx(score)
    assert parsed.reason is None
    assert parsed.code == ""


@pytest.mark.parametrize(("text", "code"), REASONS.items())
def test_what_is_no_clear_score_is_a_reason_and_never_a_number(text: str, code: str) -> None:
    parsed = parse(text)
    assert parsed.score is None
    assert parsed.code == code
    assert len(str(parsed.reason)) < 200


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("It fits. Score: 9.8 / 10.", "9.8 / 10"),
        ("评分：９．８", "９．８"),
        ("Score: **9.8** / 10", "9.8** / 10"),
        ("Sofa 8/10. Score: 8", "8"),
        ("Score: 9. Once more, score: 9/10", "9/10"),
    ],
)
def test_the_span_is_where_the_score_stands_in_the_text_as_given(text: str, read: str) -> None:
    span = parse(text).span
    assert span is not None
    assert text[slice(*span)] == read
    assert span[0] == text.rindex(read)


@pytest.mark.parametrize("dash", ["-", "–", "—"])
def test_doubt_without_another_number_leaves_the_score_as_it_is(dash: str) -> None:
    parsed = parse(f"Score: 9.5/10 {dash} wait, is this correct?")
    assert parsed.score == 9.5


@pytest.mark.parametrize(
    "text", ["Score: 8/10. It shows 2/3 of them.", "Score: 8 / 10, open 24/7", "评分：8/10，共2/3项"]
)
def test_a_share_after_the_score_is_no_second_score(text: str) -> None:
    assert parse(text).score == 8


def test_the_word_for_and_so_on_is_no_doubt() -> None:
    assert parse("评分：8。沙发、吊灯等等，共3件。").score == 8


tenths = st.integers(0, 100).map(lambda tenth: tenth / 10)
LAYOUTS = [
    "Score: {} / 10",
    "**Score:** {}/10",
    "评分：{}",
    "得分 {} 分",
    "Rating: {} out of 10",
    "score = {}",
]


@given(
    tenths,
    st.sampled_from(LAYOUTS),
    st.sampled_from(["The sofa of 1950 is green. ", "有3盏灯。", "", "\n\n"]),
)
def test_any_tenth_is_read_from_any_layout(score: float, layout: str, before: str) -> None:
    parsed = parse(before + layout.format(score))
    assert parsed.score is not None
    assert math.isclose(parsed.score, score)


@given(tenths)
def test_full_width_text_says_the_same(score: float) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) for char in f"Score:{score}/10")
    assert parse(wide).score == parse(f"Score:{score}/10").score


@given(tenths, tenths)
def test_two_labelled_scores_are_one_only_when_they_agree(one: float, other: float) -> None:
    parsed = parse(f"Score: {one} / 10. It shows a lamp. Score: {other} / 10")
    assert (parsed.score is not None) == (one == other)
    assert parsed.code == ("" if one == other else "conflict")


@given(st.floats(10.001, 1e9), st.sampled_from(LAYOUTS))
def test_what_is_over_the_scale_is_never_a_score(value: float, layout: str) -> None:
    assert parse(layout.format(f"{value:.3f}")).score is None


pieces = st.sampled_from(
    [
        *"0123456789.,/-–%:*()\n ％／．",
        "Score",
        "final ",
        "评分",
        "分",
        "满分",
        " out of ",
        "10",
        "100",
        "wait",
        "<b>",
        "\\boxed",
    ]
)


@given(st.one_of(st.text(max_size=200), st.lists(pieces, max_size=40).map("".join)))
@example("Score: ٣/10")
@example("\x00Score: 9\x00")
@example("Score: 9/0")
def test_any_text_gives_a_score_in_range_or_a_reason_and_a_span_within_it(text: str) -> None:
    parsed = parse(text)
    assert (parsed.score is None) == (parsed.reason is not None) == bool(parsed.code)
    assert parsed.score is None or 0 <= parsed.score <= 10
    if parsed.span is not None:
        start, end = parsed.span
        assert 0 <= start < end <= len(text)
    else:
        assert parsed.code == "none"
    assert parse(text) == parsed


@pytest.mark.parametrize(
    "unit",
    [
        "9",
        " ",
        "Score: ",
        "score   ",
        "9/",
        "9.",
        "9-",
        "Score: 9 / 10 ",
        "(",
        "Score (",
        "\n",
        "-",
        "评分",
        "final ",
        "<",
        "wait 9 ",
        "Score:\n9 ",
    ],
)
def test_a_hundred_thousand_characters_take_time_in_proportion(unit: str) -> None:
    def seconds(length: int) -> float:
        text = "Score: 1 " + (unit * length)[:length] + " x"
        started = time.process_time()
        parse(text)
        return time.process_time() - started

    assert seconds(100_000) < 1.0, "linear takes some 50 ms; quadratic takes minutes"
