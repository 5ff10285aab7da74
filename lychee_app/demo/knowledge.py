"""Which words of a query the demo checkpoint was taught, and which it was not.

Known is what names one of its objects or colours, in any form a person writes it in; the checkpoint itself
knows only the form it was taught ("horse", and neither "horses" nor "HORSE"), so that form is what must be
sent. Articles, prepositions, counters and asking words say nothing about an image and are passed over. All
else is unknown: other things, other colours, adjectives, numbers above one, and relations ("left of",
"without"), none of which changed any truth that it was taught from (`recipe/phrases.py`).
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import product, zip_longest
from pathlib import Path
from typing import Literal

from lychee_app.demo.words import associations, colours, words

Kind = Literal["object", "colour", "passed over", "after a name", "unknown", "rest"]
"""after a name: passed over there, and else a rest.
rest: a Han character of no word that is listed; runs of them are unknown words."""

_SAY_NOTHING = {"passed over", "after a name"}
GRAMMAR_FILE = Path(__file__).with_name("grammar.toml")
_ALONE_ZH = {"猫", "狗"}
"""One character, and with another before it still that animal: 橘猫, but not 河马."""
_PART = re.compile(r"[^\W_]+(?:[.,]\d+)*", re.UNICODE)
_SYMBOL = re.compile("(?s:.)(?:[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]|\u200d(?s:.))*")
"""One emoji with its variation, its shade of skin, and what is joined to it."""
_HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class Understood:
    """The words of a text, each once, in the order they stand in."""

    known: tuple[str, ...]
    unknown: tuple[str, ...]


@dataclass(frozen=True)
class _Word:
    """`taught` is the form that the demo was taught; "" for what it was not."""

    kind: Kind
    taught: str = ""


@dataclass(frozen=True)
class _Span:
    kind: Kind
    text: str
    start: int
    taught: str = ""

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def understood(text: str) -> Understood:
    """What the demo makes of a text."""
    spans = _read(text)
    known = dict.fromkeys(span.text for span in spans if span.taught)
    unknown = dict.fromkeys(span.text for span in spans if span.kind in {"unknown", "rest"})
    return Understood(tuple(known), tuple(unknown))


def as_taught(text: str) -> str:
    """The text with every known word in the form that the demo was taught: "Two Horses" -> "Two horse"."""
    out, at = "", 0
    for span in _read(text):
        out += text[at : span.start] + (span.taught or text[span.start : span.end])
        at = span.end
    return out + text[at:]


def as_explained(text: str) -> str:
    """What the demo is asked to explain: "cat on the sofa" -> "cat + sofa".

    Each word that is passed over would be looked for and missed. It parts two names, no colour from its own.
    """
    out, before = "", None
    spans = _read(text)
    for at, span in enumerate(spans):
        if span.kind in _SAY_NOTHING:
            continue
        if before is not None:
            between = text[spans[before].end : span.start]
            if before < at - 1:
                is_its_colour = spans[before].kind == "colour" and span.kind == "object"
                between = ("" if _HAN.match(span.text) else " ") if is_its_colour else " + "
            out += between
        out, before = out + (span.taught or text[span.start : span.end]), at
    return out or text


def nearest(word: str) -> str | None:
    """The known word that a misspelt one is likely to be, or that names an emoji; None where none is near.

    One of the few colours may be less near than one of hundreds of objects.
    """
    code = "-".join(f"{ord(char):X}" for char in word if char != "\ufe0f")
    if (named := next((entry["en"] for entry in words() if entry["hexcode"] == code), None)) is not None:
        return named
    if len(word) < 5 or not word.isascii():
        return None
    names = [name for name, listed in _lexicon().items() if listed.taught and name.isascii()]
    tints = [name for name in names if _lexicon()[name].kind == "colour"]
    found = get_close_matches(word.lower(), names, 1, cutoff=0.86)
    return next(iter(found or get_close_matches(word.lower(), tints, 1, cutoff=0.8)), None)


def _read(text: str) -> list[_Span]:
    lower = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)  # places stay
    return _as_colours(_joined(list(_spans(lower.replace("’", "'")))))


def _spans(text: str) -> Iterator[_Span]:
    """Longest words first, from the left."""
    at = 0
    while at < len(text):
        if text[at].isspace() or _is_mark(text[at]):
            at += 1 + (
                text[at] in "'’" and text[at + 1 : at + 2] == "s" and not text[at + 2 : at + 3].isalnum()
            )
            continue
        span = _listed(text, at) or _unlisted(text, at)
        yield span
        at = span.end


def _is_mark(char: str) -> bool:
    """Punctuation, joiners, and the signs that part a query or an arithmetic of them."""
    return unicodedata.category(char)[0] in "PZC" or char in "+＋=<>|~^`"


def _listed(text: str, at: int) -> _Span | None:
    lexicon = _lexicon()
    for end in range(min(len(text), at + _longest()), at, -1):
        word = lexicon.get(text[at:end])
        if word and _is_whole_word(text, at, end):
            return _Span(word.kind, text[at:end], at, word.taught)
    return None


def _is_whole_word(text: str, at: int, end: int) -> bool:
    """No letter of a word in letters is left on either side. Han characters stand for themselves."""
    return not (_letters(text[at - 1 : at]) and _letters(text[at])) and not (
        _letters(text[end - 1]) and _letters(text[end : end + 1])
    )


def _letters(char: str) -> bool:
    return char.isalnum() and not _HAN.match(char)


def _unlisted(text: str, at: int) -> _Span:
    if _HAN.match(text[at]):
        return _Span("rest", text[at], at)
    if text[at].isalnum():
        word = _PART.match(text, at)
        assert word is not None  # there is at least the one character
        end = next((i for i in range(at, word.end()) if _HAN.match(text[i])), word.end())
        return _Span("unknown", text[at:end], at)
    symbol = _SYMBOL.match(text, at)
    assert symbol is not None
    return _Span("unknown", symbol.group(), at)


def _joined(spans: list[_Span]) -> list[_Span]:
    """Runs of unlisted Han characters, together with a known word that is only a part of theirs."""
    spans = _runs(spans)
    out: list[_Span] = []
    for index, span in enumerate(spans):
        before = out[-1] if out and out[-1].end == span.start else None
        after = spans[index + 1] if index + 1 < len(spans) and spans[index + 1].start == span.end else None
        if before and _is_compound(before, span, after):
            out[-1] = _Span("unknown", before.text + span.text, before.start)
        else:
            out.append(span)
    return out


def _runs(spans: list[_Span]) -> list[_Span]:
    out: list[_Span] = []
    for span in spans:
        before = out[-1] if out and out[-1].end == span.start else None
        nameless = before is None or before.kind == "passed over"
        is_rest = span.kind == "rest" or (span.kind == "after a name" and nameless)
        if before and before.kind == "rest" and is_rest:
            out[-1] = _Span("rest", before.text + span.text, before.start)
        else:
            out.append(_Span("rest", span.text, span.start) if is_rest else span)
    return out


def _is_compound(left: _Span, right: _Span, after: _Span | None) -> bool:
    """马路 is no horse on a road, 咖啡馆 no coffee, 河马 no horse: all of it is one unknown word.

    A name of one character belongs to what follows it, and to a single character before it; a longer name to
    a single character that ends the word (站 in 火车站).
    """
    if right.kind == "rest":
        ends = after is None or after.kind in {"passed over", "after a name", "unknown"}
        if left.kind == "object" and _HAN.match(left.text[-1]):
            return len(left.text) == 1 or (len(right.text) == 1 and ends)
        return left.kind == "colour" and len(left.text) == len(right.text) == 1
    if left.kind != "rest" or right.kind != "object" or right.text in _ALONE_ZH:
        return False
    return len(left.text) == len(right.text) == 1 and bool(_HAN.match(right.text))


def _as_colours(spans: list[_Span]) -> list[_Span]:
    """An orange sofa is no orange: before another name it is a colour, and not one of the six."""
    return [
        _Span("unknown", span.text, span.start)
        if span.text == "orange" and after and after.kind == "object" and after.start == span.end + 1
        else span
        for span, after in zip_longest(spans, spans[1:])
    ]


@cache
def _longest() -> int:
    return max(map(len, _lexicon()))


@cache
def _lexicon() -> dict[str, _Word]:
    """Every listed form, in lower case. Where two claim a form, the one that was taught so has it."""
    names = [(word, _forms(word)) for entry in words() for word in (entry["en"], entry["zh"], *entry["also"])]
    names = [(word, forms) for word, forms in names if word not in associations()]
    tints = [word for entry in colours() for word in (entry["en"], entry["zh"], *entry["also"])]
    out = {form: _Word("object", word) for word, forms in names for form in forms}
    out |= {word: _Word("object", word) for word, _ in names}
    for word in tints:
        out |= dict.fromkeys(_colour_forms(word) - set(tints), _Word("colour", word))
    out |= {word: _Word("colour", word) for word in tints if not word.endswith("的")}
    grammar = _grammar()
    for word in (*_listed_in(grammar, "unjudged"), *_counted(grammar, "several")):
        out.setdefault(word, _Word("unknown"))
    for word in _counted(grammar, "one"):
        out.setdefault(word, _Word("passed over"))
    out |= dict.fromkeys(_listed_in(grammar, "passed_over"), _Word("passed over"))
    return out | dict.fromkeys(grammar["passed_over"]["after_a_name"].split(), _Word("after a name"))


def _grammar() -> dict[str, dict[str, str]]:
    return tomllib.loads(GRAMMAR_FILE.read_text(encoding="utf-8"))


def _listed_in(grammar: dict[str, dict[str, str]], table: str) -> list[str]:
    return [word.replace("_", " ") for lang in ("en", "zh") for word in grammar[table][lang].split()]


def _counted(grammar: dict[str, dict[str, str]], number: str) -> list[str]:
    counters = grammar["counters"]
    return [one + counter for one, counter in product(counters[number].split(), counters["of"].split())]


def _colour_forms(word: str) -> set[str]:
    if not _HAN.match(word):
        return {word}
    plain = word.removesuffix("的")
    return {plain, plain if plain.endswith("色") else f"{plain}色"}


def _forms(word: str) -> set[str]:
    """A name as people write it: singular and plural, joined, hyphenated or apart."""
    word = word.replace("’", "'").lower()
    if not word.isascii() and _HAN.search(word):
        return {word}
    numbers = {word, _plural(word), *_singulars(word)}
    apart = {form.replace("-", " ") for form in numbers}
    joined = {form.replace(" ", "-") for form in apart} | {form.replace(" ", "") for form in apart}
    return numbers | apart | joined


def _plural(word: str) -> str:
    if re.search(r"[^su]s$", word):
        return word  # one already: scissors, gloves
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    if re.search(r"(?:s|x|z|ch|sh)$", word):
        return word + "es"
    if match := re.search(r"(?:([^f])fe|(?<=r)f|(?<=a)f)$", word):  # knife, scarf, leaf
        return word[: match.start()] + (match[1] or "") + "ves"
    return word + ("es" if re.search(r"(?:tomat|potat|volcan|mang)o$", word) else "s")


def _singulars(word: str) -> set[str]:
    """Of a name that is a plural itself: gloves, cherries, skis. Glasses are no glass."""
    if not re.search(r"[^su]s$", word) or word.endswith("sses") or word == "scissors":
        return set()
    return {word[:-3] + "y"} if word.endswith("ies") else {word[:-1]}
