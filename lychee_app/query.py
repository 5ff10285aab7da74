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
from lychee_app.splitting import MAX_ELEMENTS, elements, unquoted

MAX_CHARACTERS = 2000

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

_SAME = re.compile(
    "["
    "\uff02-\uff07\uff0a-\uff0b\uff0d-\uff19\uff1c-\uff1e\uff20-\uff3a\uff3c\uff3e-\uff5a\uff5c"  # full width
    "\uff61-\uff9f\uffa1-\uffdc"  # half-width katakana and hangul
    "\ufb00-\ufb06\U0001d400-\U0001d7ff\u2f00-\u2fd5"  # ﬁ, 𝐛𝐨𝐥𝐝 letters, radicals for characters
    "]+"
)
"""Where NFKC keeps the meaning. Elsewhere it does not: ² ™ ½ ① ㎡ become 2 TM 1⁄2 1 m2, and ，！？：（）
are how Chinese is written."""
_BLANK = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufffe\uffff\U000f0000-\U0010ffff"
    "\u115f\u1160\u3164\uffa0\u2800\ufffc]"
)
"""Controls, private use, half pairs, and letters and symbols that show nothing: as good as a space."""
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
    "|(?<![\U0001f3f4\U000e0020-\U000e007e])[\U000e0000-\U000e007f]+"
)
"""Soft hyphens, marks of direction, zero-width spaces and tags (save those of a flag): wherever they are."""
_JOINER = re.compile("(?<![\u0600-\u1fff\u2070-\u2e7f\ufe0f\U0001f000-\U0001fffd])[\u200c\u200d]+")
"""Joiners where there is nothing to join: not after an emoji or an Arabic or Indian letter."""
_APOSTROPHE = re.compile("(?<=[A-Za-z])[’ʼ]|[‘’ʼ](?=[A-Za-z])")
_UNKNOWN = re.compile("[\U0001f000-\U0001fffd\U00020000-\U0003fffd]")
"""Where later versions of Unicode put new emoji and Han characters."""


@dataclass(frozen=True)
class Steps:
    """Which normalisation steps are on."""

    lower_case: bool = True
    fold_space: bool = True
    drop_filler: bool = True


def clean(typed: str, steps: Steps | None = None) -> str:
    """The query as it is sent: `plain`, without quotes around the whole, then the steps that are on.

    A step that would leave nothing is skipped. Raises QueryError: empty, over MAX_CHARACTERS, or nothing in
    it but punctuation, + and the like.
    """
    steps = steps or Steps()
    if len(typed) > MAX_CHARACTERS:
        raise QueryError("query-long", characters=len(typed), limit=MAX_CHARACTERS)
    text = unquoted(plain(typed, fold_space=steps.fold_space))
    text = text.lower() if steps.lower_case else text
    if steps.drop_filler:
        text = drop_filler(text) or text
    if not any(_shows(char) for char in text):
        raise QueryError("query-empty")
    return text


def plain(typed: str, *, fold_space: bool = True) -> str:
    """The text with one code point for each thing that reads alike, and none for what nobody sees.

    NFC, and NFKC for _SAME alone. Characters newer than Python's tables, as an emoji may be, stay.
    """
    text = _JOINER.sub("", _UNSEEN.sub("", _BLANK.sub(" ", typed)))
    text = _SAME.sub(lambda match: unicodedata.normalize("NFKC", match.group()), text)
    text = unicodedata.normalize("NFC", _APOSTROPHE.sub("'", text))
    return re.sub(r"\s+", " ", text).strip() if fold_space else text.strip()


def drop_filler(text: str) -> str:
    """Takes asking words off both ends: "find me a photo of a black cat, please" -> "black cat"."""
    zh = _FILLER_ZH_HEAD.sub("", text)
    if zh != text or language(text) == "zh":
        asked, text = zh != text, _FILLER_ZH_TAIL.sub("", zh)
        text = _FILLER_ZH_NOUN.sub("", text) if asked else text
    text = _FILLER_EN_TAIL.sub("", text)
    text = _FILLER_EN_HEAD.sub("", text)
    return _FILLER_EN_NOUN.sub("", text).strip()


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
    whole = plain(typed)
    found = (sent,) if unquoted(whole) != whole else elements(sent)
    found = found if parts is None else tuple(clean(part, steps) for part in parts)
    found = tuple(dict.fromkeys(found))[:MAX_ELEMENTS]
    sent_not = clean(typed_not, steps) if typed_not.strip() else ""
    if len(found) == 1 and (parts is None or found[0] == sent):
        found = ()
    return Question(typed, sent, found, typed_not if sent_not else "", sent_not)


def beside_examples(typed_not: str = "", *, steps: Steps | None = None) -> Question:
    """A Question without words for what is wanted: an example image says it. Raises QueryError."""
    sent_not = clean(typed_not, steps) if typed_not.strip() else ""
    return Question("", "", (), typed_not if sent_not else "", sent_not)


def _shows(char: str) -> bool:
    """Whether a character is one that an image could show something of."""
    return bool(_UNKNOWN.match(char)) or (unicodedata.category(char)[0] in "LNS" and char not in _SIGNS)
