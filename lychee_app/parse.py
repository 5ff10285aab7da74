"""Model text -> the score it states, or the reason there is none. Pure, never raises, linear in the text.

Knows how models write scores in English and Chinese. Does not know models, and never guesses: a score is a
number the text states once and clearly.

Where a score is looked for, best first; the first kind that is there decides:

| kind | for instance |
| --- | --- |
| final | `Final score: 9`, `Overall rating: 9/10`, `总分：9`, `最终评分：9` |
| labelled | `Score: 9.8 / 10`, `**Score**: 9`, `"score": 9.8`, `评分：９．８`, `匹配度=9` |
| spoken | `a score of 9`, `the rating is 9 out of 10`, `得分 9.8 分` |
| last line | a last line that is a number and nothing else: `9.8`, `**9/10**` |
| scaled | `9.8/10`, `9.8 out of 10`, `95/100`, `我给9分`, anywhere in the text |

What becomes of it; a reason is named by its code:

| the text | outcome |
| --- | --- |
| `9.8`, `9.8/10`, `9,8/10` | 9.8 |
| `95/100`, `95%` or `得分 95 分（满分 100 分）` | 9.5; likewise a scale of 5: `4/5` is 8 |
| `Score: 95`, `11/10`, `101%` | `out-of-range`: no scale that holds it |
| `-3/10` | `negative` |
| `3/4`, `7/20` after a label | `scale`: only 5, 10 and 100 are scales |
| `7-8/10`, `7 to 8`, `7~8分` | `range`: the mean is a number nobody said |
| the same score more than once | that score, read at the last place |
| two scores of one kind that differ | reason `conflict` |
| a score, and after it another number out of 10 or with a label | reason `conflict` |
| a score, and after it `2/3 of them` or `24/7`, which are no scores | the score |
| a score, after it a doubt ("wait", "actually,", "不对") and no number | the score: nothing replaced it |
| a score, after it a doubt and then any number | `doubt` |
| years, counts, `Score: x / 10`, nothing | `none` |
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from lychee_app.reasons import Reason

TOP = 10.0
_SCALES = {5, 10, 100}
_LONGEST_NUMBER = 12
_LONGEST_QUOTE = 40

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_DECORATION = dict.fromkeys(map(ord, "*_`#\"'“”‘’「」『』【】[]{}<>|$\\\u3000\u00a0"), " ")
_ONE_WIDTH = _HALF_WIDTH | {ord("＿"): " ", ord("＊"): " ", ord("－"): "-", ord("−"): "-"} | _DECORATION
_WORDS_OF_MARKUP = re.compile(r"\\boxed|\\text|</?[A-Za-z]{1,10}>")

_DIGITS = r"\d++(?:[.,]\d++)?+"
_NUMBER = rf"(?P<number>[-+]?{_DIGITS})(?:\s*+(?:-|–|—|~|to\s|至|到)\s*+(?P<high>{_DIGITS}))?"
_SCALE = r"(?:\s*+(?:/|out\s++of\b)\s*+(?P<scale>\d++(?:\.0)?+|ten\b))"
_FEN = r"(?:\s*+分(?![钟之类别析为成辨开布散])(?:\s*+[(,]?\s*+满分\s*+(?P<full>\d++))?)"
_END = r"(?![.,/]?\d)(?!e[-+]?\d)"
_LABEL = (
    r"(?P<final>(?:final|overall|total|最终|最后|总体|综合|总)\s*+(?:的\s*+)?)?"
    r"(?:(?<![a-z])(?:(?:match(?:ing)?|relevance)\s++)?(?:scores?|ratings?|grade)(?![a-z])"
    r"|(?:评分|得分|分数|打分|匹配度|相关度|相关性|(?<=总)分)(?:值|结果)?)"
)
_LABELLED = re.compile(
    rf"{_LABEL}(?:\s*+(?:out\s++of|/)\s*+(?P<before>\d++))?(?:\s*+\((?P<aside>[^()\n]{{0,30}})\))?"
    r"(?P<clear>\s*+[:=])?(?P<gap>\s*+(?:(?:is|was|of|as|be|at|about|around|为|是|给|约|大约|~|≈)\s*+){0,3}(?:[-–—]\s++)?)"
    rf"{_NUMBER}(?:\s*+(?P<percent>%)|{_SCALE}|{_FEN})?{_END}",
    re.IGNORECASE,
)
_NOT_FULL_MARKS = "".join(f"(?<!满分{word}{space})" for word in ("", "为", "是", ":") for space in ("", " "))
"""Says how much could be given, not what is."""
_SCALED = re.compile(
    rf"(?<![0-9A-Za-z./,–-]){_NOT_FULL_MARKS}{_NUMBER}(?:{_SCALE}|{_FEN}){_END}", re.IGNORECASE
)
_ALONE = re.compile(rf"\s*+{_NUMBER}(?:{_SCALE}|{_FEN})?\s*+[.。!)]?\s*+", re.IGNORECASE)
_DOUBT = re.compile(
    r"\b(?:wait|actually,|hmm+|correction|sorry|on second thought|let me re|not correct|incorrect|mistake)"
    r"|不对|(?<!\w)等等|等一下|更正|修正|错了|重新",
    re.IGNORECASE,
)
_ANY_NUMBER = re.compile(r"(?<![\d.])\d")


@dataclass(frozen=True)
class Parsed:
    """`score` is 0 to 10, or None with a `reason`. `span`: where it stands."""

    score: float | None = None
    span: tuple[int, int] | None = None
    reason: Reason | None = None

    @property
    def code(self) -> str:
        """The reason's; "" where there is a score."""
        return self.reason.code if self.reason else ""


class _Kind(IntEnum):
    FINAL = 0
    LABELLED = 1
    SPOKEN = 2
    LAST_LINE = 3
    SCALED = 4


@dataclass(frozen=True)
class _Reading:
    kind: _Kind
    parsed: Parsed

    @property
    def start(self) -> int:
        return self.parsed.span[0] if self.parsed.span else 0

    @property
    def end(self) -> int:
        return self.parsed.span[1] if self.parsed.span else 0


def parse(text: str) -> Parsed:
    """The score the text states. Spans are of `text` as given."""
    plain = _plain(text)
    readings = sorted(_readings(plain), key=lambda reading: reading.start)
    if not readings:
        return Parsed(reason=Reason.of("none"))
    best = min(reading.kind for reading in readings)
    told = [reading for reading in readings if reading.kind == best]
    last = told[-1]
    after = [reading for reading in readings if reading.start >= last.end and not _is_a_share(reading)]
    for reading in told[:-1] + after:
        if _outcome(reading) != _outcome(last):
            return _conflict(text, reading, last)
    return _doubted(text, plain, last) or last.parsed


def _is_a_share(reading: _Reading) -> bool:
    """ "2/3 of them", "open 24/7": not on a scale of scores, and with no label that says it is one."""
    return reading.kind == _Kind.SCALED and reading.parsed.code == "scale"


def _outcome(reading: _Reading) -> tuple[float | None, str]:
    return reading.parsed.score, reading.parsed.code


def _conflict(text: str, one: _Reading, other: _Reading) -> Parsed:
    first, second = sorted((one, other), key=lambda reading: reading.start)
    pieces = [text[reading.start : reading.end][:_LONGEST_QUOTE] for reading in (first, second)]
    return Parsed(span=second.parsed.span, reason=Reason.of("conflict", first=pieces[0], second=pieces[1]))


def _doubted(text: str, plain: str, last: _Reading) -> Parsed | None:
    doubt = _DOUBT.search(plain, last.end)
    if doubt is None or not _ANY_NUMBER.search(plain, doubt.end()):
        return None
    stated = text[last.start : last.end][:_LONGEST_QUOTE]
    return Parsed(span=last.parsed.span, reason=Reason.of("doubt", stated=stated, doubt=doubt.group()))


def _plain(text: str) -> str:
    """Full-width forms made half-width and mark-up made blank, each character in its place."""
    text = _WORDS_OF_MARKUP.sub(lambda match: " " * len(match.group()), text)
    return text.translate(_ONE_WIDTH)


def _readings(plain: str) -> Iterator[_Reading]:
    for match in _LABELLED.finditer(plain):
        if "\n" not in match["gap"] or _rest_of_line_is_empty(plain, match.end()):
            yield _Reading(_kind(match), _parsed(match))
    for match in _SCALED.finditer(plain):
        yield _Reading(_Kind.SCALED, _parsed(match))
    line = plain.rstrip()
    begin = line.rfind("\n") + 1
    if match := _ALONE.fullmatch(line, begin):
        yield _Reading(_Kind.LAST_LINE, _parsed(match))


def _rest_of_line_is_empty(plain: str, at: int) -> bool:
    """A number on a line below its label is a score only if it stands alone, not as "1. The sofa ..."."""
    end = plain.find("\n", at)
    return not plain[at : end if end >= 0 else None].strip(" .!")


def _kind(match: re.Match[str]) -> _Kind:
    if match["final"]:
        return _Kind.FINAL
    return _Kind.LABELLED if match["clear"] else _Kind.SPOKEN


def _parsed(match: re.Match[str]) -> Parsed:
    """The number that was matched, on its scale."""
    groups = match.groupdict()
    span = match.start("number"), max(match.end(name) for name in groups if name not in {"gap", "clear"})
    stated = match.string[slice(*span)].strip()[:_LONGEST_QUOTE]
    if groups["high"]:
        return Parsed(span=span, reason=Reason.of("range", stated=stated))
    value, scale = _value(groups["number"]), _scale(groups)
    if value < 0:
        return Parsed(span=span, reason=Reason.of("negative", stated=stated))
    if scale not in _SCALES:
        return Parsed(span=span, reason=Reason.of("scale", stated=stated, scale=scale))
    if value > scale:
        return Parsed(span=span, reason=Reason.of("out-of-range", stated=stated, top=scale))
    return Parsed(value if scale == TOP else value * TOP / scale, span)


def _value(number: str) -> float:
    """A comma before three digits groups thousands; any other is a decimal comma."""
    if len(number) > _LONGEST_NUMBER:
        return float("-inf") if number.startswith("-") else float("inf")
    grouped = re.fullmatch(r"[-+]?[1-9]\d{0,2},\d{3}", number)
    return float(number.replace(",", "" if grouped else "."))


def _scale(groups: dict[str, str | None]) -> float:
    """The scale stated after the number, else before it, else 10."""
    if groups.get("percent"):
        return 100
    stated = groups["scale"] or groups["full"] or groups.get("before")
    if stated is None and "100" in (groups.get("aside") or ""):
        return 100
    if stated is None or stated.lower() == "ten":
        return TOP
    return _value(stated)
