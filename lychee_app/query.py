"""What is sent for what was typed, and the elements a query is made of.

Knows words. Does not know images, prompts or models. Every step can be switched off, and the page shows
the result, so nobody has to guess what the model was asked.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lychee_app.errors import QueryError

MAX_CHARACTERS = 2000
MAX_ELEMENTS = 12

# Asking words around the noun phrase. Longer alternatives first: the first that fits is taken. A word that
# also begins a thing ("see saw", 来宾) asks only where what is around it says so.
_MEASURE_ZH = r"(?:[一两三几]?[张幅些]|一点)\s*(?:关于|有关|带有|含有|包含|有)?"
_ASK_ZH = r"(?:找到|找出|寻找|查找|搜索|搜一下|挑选出?|挑出|选出|看看|找(?!零))"
_WORD_ZH = (
    r"(?:搜(?![救查捕身])|挑(?![战剔食衅夫])|选(?![举民秀美票拔])"
    r"|来(?![自宾客访源电信往])|要(?![求塞素闻害]))"
)
_VERB_ZH = rf"(?:{_ASK_ZH}|{_WORD_ZH})"
_COUNTED_ZH = rf"(?=(?:一下)?\s*{_MEASURE_ZH})"
_FOR_US_ZH = (
    rf"(?:(?:给我(?![们的])|我们?想要|我们?要(?![求塞素闻害]))\s*{_VERB_ZH}?"
    rf"|(?:[帮给替为]我们?|帮忙|我们?想)\s*{_VERB_ZH})"
)
_FILLER_ZH_HEAD = re.compile(
    rf"^(?:(?:请你?|麻烦你?|能不能|可不可以|可以)?\s*{_FOR_US_ZH}"
    rf"|(?:请你?|麻烦你?)\s*{_ASK_ZH}|(?:请你?|麻烦你?)?\s*{_VERB_ZH}{_COUNTED_ZH})"
    rf"\s*(?:一下)?\s*(?:{_MEASURE_ZH})?\s*"
)
# At the end of the query or of one of its parts, where something of the part is left. 老照片 is a thing:
# without 的 a word for images goes only where the query began by asking, and 照片 stays.
_PART_END_ZH = r"(?:\s*[吧吗呢啊])?(?=\s*(?:[+＋,，、;；]|$))"
_FILLER_ZH_TAIL = re.compile(rf"(?<=[^\s+＋,，、;；])\s*的\s*(?:图片|照片|图像|相片|画面|图){_PART_END_ZH}")
_FILLER_ZH_NOUN = re.compile(rf"(?<=[^\s+＋,，、;；])\s*(?:图片|图像){_PART_END_ZH}")
_POLITE_EN = r"(?:please|(?:can|could|would) you|i(?:'d| would)? (?:want|like|need) to|help me(?: to)?)\s+"
_WISH_EN = r"i(?:'d| would)? (?:want|like|need)\s+"
_ARTICLE_EN = r"(?:an?|the|some|any|all)\s+"
_IMAGES_EN = r"(?:images?|photos?|pictures?|pics?)\s+(?:of|with|showing|that shows?)\s+"
_VERB_EN = (
    r"(?:(?:find|search for|look for)\s+(?:me\s+)?|(?:show|get|give|pick)\s+me\s+(?!up\b)"
    rf"|(?:show|get|pick|see|search)\s+(?={_ARTICLE_EN}|{_IMAGES_EN})|give\s+(?=(?:{_ARTICLE_EN})?{_IMAGES_EN}))"
)
_FILLER_EN_HEAD = re.compile(
    rf"^(?:(?:{_POLITE_EN}|{_WISH_EN})*{_VERB_EN}|(?:{_POLITE_EN})+(?:show|see|search|pick)\s+)(?:{_VERB_EN})*"
    rf"(?:{_ARTICLE_EN})?(?:{_IMAGES_EN})?(?:(?:an?|the|some)\s+)?",
    re.IGNORECASE,
)
_FILLER_EN_NOUN = re.compile(
    rf"^(?:(?:an?|the|some)\s+)?{_IMAGES_EN}(?:(?:an?|the|some)\s+)?",
    re.IGNORECASE,
)
_FILLER_EN_TAIL = re.compile(r"[,\s]+please[.!]?$", re.IGNORECASE)

_SIGNS = "+＋=<>|~^`"
"""Symbols to Unicode, but nothing that an image could show."""
_QUOTES = {'"': '"', "“": "”", "「": "」", "『": "』", "«": "»"}
_SEPARATORS = re.compile(
    r"\s*(?:[+＋，、;；\n]|,(?!(?<=\d,)\d{3}(?!\d)))\s*|\s+(?:and|with|plus)\s+|\s*(?:以及|还有|并且|加上)\s*|(?<=\S)\s*[和与]\s*(?=\S)",
    re.IGNORECASE,
)
# Words in which 和 or 与 is part of the word, not a conjunction.
_WHOLE_WORDS = re.compile(
    "和(?:服|平|尚|风|室|谐|面|田|牛|果子|纸|睦|声|弦)|[柔温暖饱祥平随总共缓调中]和|参与|与会|给与|与众不同"
)


@dataclass(frozen=True)
class Steps:
    """Which normalisation steps are on."""

    lower_case: bool = True
    fold_space: bool = True
    drop_filler: bool = True


def clean(typed: str, steps: Steps | None = None) -> str:
    """The query as it is sent.

    Unicode is composed (NFC); control and direction characters become spaces whatever the steps. A step
    that would leave nothing is skipped. Raises QueryError: empty, over MAX_CHARACTERS, or nothing in it but
    punctuation, + and the like.
    """
    steps = steps or Steps()
    if len(typed) > MAX_CHARACTERS:
        message = f"The query has {len(typed):,} characters; at most {MAX_CHARACTERS:,} are sent. Shorten it."
        raise QueryError(message, code="query-long")
    text = "".join(" " if _invisible(char) else char for char in unicodedata.normalize("NFC", typed))
    text = re.sub(r"\s+", " ", text).strip() if steps.fold_space else text.strip()
    text = text.lower() if steps.lower_case else text
    if steps.drop_filler:
        text = drop_filler(text) or text
    if not any(unicodedata.category(char)[0] in "LNS" and char not in _SIGNS for char in text):
        message = "The query is empty. Say in a few words what the images should show."
        raise QueryError(message, code="query-empty")
    return text


def drop_filler(text: str) -> str:
    """Takes asking words off both ends: "find me a photo of a black cat, please" -> "black cat"."""
    zh = _FILLER_ZH_HEAD.sub("", text)
    if zh != text or language(text) == "zh":
        asked, text = zh != text, _FILLER_ZH_TAIL.sub("", zh)
        text = _FILLER_ZH_NOUN.sub("", text) if asked else text
    text = _FILLER_EN_TAIL.sub("", text)
    text = _FILLER_EN_HEAD.sub("", text)
    return _FILLER_EN_NOUN.sub("", text).strip()


def elements(text: str) -> tuple[str, ...]:
    """The parts of a query, in order, each once: "green sofa + lamp" -> ("green sofa", "lamp").

    Splits on + , ， 、 ; ； and, with, 和, 与, 以及 ... but never inside quotes.
    A query of one part is one element. Parts past MAX_ELEMENTS stay in the last one.
    """
    masked, kept = _mask(text)
    parts = [_unmask(part, kept).strip() for part in _SEPARATORS.split(masked)]
    parts = list(dict.fromkeys(_unquote(part) for part in parts if part.strip(" \"'.。!！?？")))
    if len(parts) > MAX_ELEMENTS:
        parts = [*parts[: MAX_ELEMENTS - 1], " ".join(parts[MAX_ELEMENTS - 1 :])]
    return tuple(parts)


def language(text: str) -> Literal["zh", "en"]:
    """The language a reply is asked for in: Chinese as soon as there is one Han character."""
    return "zh" if re.search(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]", text) else "en"


@dataclass(frozen=True)
class Question:
    """What a run asks of every image: the typed text, and the texts that are really sent.

    `elements` is empty where they are not wanted or the query has one part only; `sent_not` is "" without a
    "but not" text.
    """

    typed: str
    sent: str
    elements: tuple[str, ...] = ()
    typed_not: str = ""
    sent_not: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The texts judged beside the query itself: each element, then the "but not" text."""
        return (*self.elements, self.sent_not) if self.sent_not else self.elements


def ask(
    typed: str, typed_not: str = "", *, steps: Steps | None = None, parts: Sequence[str] | None = None
) -> Question:
    """A Question. `parts` replaces the elements found in the text; () asks for none. Raises QueryError.

    A single element that is the whole query again is none: it would be judged twice.
    """
    sent = clean(typed, steps)
    found = elements(sent) if parts is None else tuple(clean(part, steps) for part in parts)
    found = tuple(dict.fromkeys(found))[:MAX_ELEMENTS]
    sent_not = clean(typed_not, steps) if typed_not.strip() else ""
    if len(found) == 1 and (parts is None or found[0] == sent):
        found = ()
    return Question(typed, sent, found, typed_not if sent_not else "", sent_not)


def _invisible(char: str) -> bool:
    """Control, format, private and unassigned characters; not the joiner that emoji need, nor line breaks."""
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"} and char not in "\u200d\n\t"


def _mask(text: str) -> tuple[str, list[str]]:
    """Replaces quoted parts and whole words by private-use characters that no separator matches."""
    kept: list[str] = []

    def keep(piece: str) -> str:
        kept.append(piece)
        return chr(0xE000 + len(kept) - 1)

    for opening, closing in _QUOTES.items():
        pattern = re.escape(opening) + f"[^{re.escape(closing)}]*" + re.escape(closing)
        text = re.sub(pattern, lambda match: keep(match.group()), text)
    return _WHOLE_WORDS.sub(lambda match: keep(match.group()), text), kept


def _unmask(text: str, kept: list[str]) -> str:
    for index in reversed(range(len(kept))):
        text = text.replace(chr(0xE000 + index), kept[index])
    return text


def _unquote(part: str) -> str:
    """Drops the quotes when they hold the whole part."""
    part = part.strip()
    if len(part) > 2 and _QUOTES.get(part[0]) == part[-1]:
        return part[1:-1].strip()
    return part
