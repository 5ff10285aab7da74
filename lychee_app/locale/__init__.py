"""What a person reads, in every language: one file each, found by being in this folder.

A language's file is data: NAME (what it calls itself, short enough for a switch), TAG (BCP 47), `plural`, and
three tables.

    TEXT      what the page, the reports and the terminal say, by key
    REASONS   why something is not as it should be, and what is worth knowing, by code (see reasons.py)
    NAMES     what a value is called: "{kind!w}" in a sentence is the name of the value `kind`

A sentence that counts is a table by plural category (CLDR's: "one", "other", ...); `n` is what is counted.
This package imports nothing of the others: an error must be able to say what it is.
"""

import pkgutil
import string
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

DEFAULT = "en"


class ReasonLike(Protocol):
    """A Reason, as far as words are put to it."""

    @property
    def code(self) -> str: ...

    @property
    def values(self) -> Mapping[str, str | int | float]: ...


class HasReason(Protocol):
    """An error that carries a Reason."""

    @property
    def reason(self) -> ReasonLike: ...


@cache
def languages() -> dict[str, str]:
    """Code -> what the language calls itself: {"en": "EN", "zh": ...}."""
    return {found.name: _file(found.name).NAME for found in pkgutil.iter_modules(__path__)}


def language_of(locale: str) -> str:
    """ "zh-CN", "zh_TW.UTF-8" -> "zh"; English where there is no file for it."""
    code = locale.lower().replace("_", "-").partition("-")[0].partition(".")[0]
    return code if code in languages() else DEFAULT


@dataclass(frozen=True)
class Words:
    """Reads the tables of one language."""

    language: str = DEFAULT

    def __call__(self, key: str, **values: object) -> str:
        """The text of that key, filled in. Without values it is returned with its fields open, for a script in
        the browser to fill in. Raises KeyError for a key that no table has.
        """
        text = self._tables.TEXT[key]
        return self._put(text, values) if values else text

    def under(self, prefix: str) -> dict[str, str | Mapping[str, str]]:
        """Every text of the keys "prefix.…", as it stands, by what follows: for a part that fills them itself."""
        start = f"{prefix}."
        return {
            key.removeprefix(start): text for key, text in self._tables.TEXT.items() if key.startswith(start)
        }

    def has(self, key: str) -> bool:
        return key in self._tables.TEXT

    def reason(self, reason: ReasonLike | None) -> str:
        """The sentence; code and values as they are where none fits them, as in a row of a newer version."""
        if reason is None:
            return ""
        try:
            return self._put(self._tables.REASONS[reason.code], reason.values)
        except (KeyError, ValueError, TypeError):
            given = ", ".join(f"{name}={value}" for name, value in reason.values.items())
            return f"{reason.code} ({given})" if given else reason.code

    def error(self, error: HasReason) -> str:
        """The sentence of its reason; before it what was left out, where that is why there is nothing."""
        if left_out := getattr(error, "left_out", ()):
            what = self.left_out(left_out)
            return self("left_out.all", what=what, advice=self.reason(error.reason))
        return self.reason(error.reason)

    def left_out(self, reasons: Iterable[ReasonLike]) -> str:
        """ "Left out: 214 thumbnails of a NAS, 3 deleted files"."""
        return self("left_out", what=self.listed(map(self.reason, reasons)))

    def listed(self, parts: Iterable[str]) -> str:
        """ "torch 2.11, pillow 12": things of one kind, one after the other."""
        return self("comma").join(parts)

    def stars(self, stars: int) -> str:
        """ "★★★"; a dash for none, a word for rejected (-1)."""
        return self("gallery.marked_reject") if stars < 0 else "★" * stars or "–"

    def stars_counted(self, stars: Iterable[int]) -> str:
        """ "★★★★★ 3, ★★ 1, – 12": how many have each rating, the best first."""
        counts = Counter(stars)
        return self.listed(f"{self.stars(each)} {counts[each]}" for each in sorted(counts, reverse=True))

    @property
    def tag(self) -> str:
        """The language as HTML and browsers name it: "zh-CN"."""
        return self._tables.TAG

    def model(self, name: str) -> str:
        return self(f"model.{name}") if self.has(f"model.{name}") else name

    def span(self, seconds: float) -> str:
        """A length of time in the largest unit that tells enough."""
        if seconds < 90:
            return self("span.seconds", n=seconds)
        if seconds < 5400:
            return self("span.minutes", n=seconds / 60)
        return self("span.hours", n=seconds / 3600)

    def when(self, created: str) -> str:
        """A moment in local time, to the minute; as it stands where it is no moment."""
        try:
            moment = datetime.fromisoformat(created).astimezone()
        except ValueError:
            return created
        return moment.strftime("%Y-%m-%d %H:%M")

    @property
    def _tables(self) -> ModuleType:
        return _file(self.language)

    def _put(self, text: str | Mapping[str, str], values: Mapping[str, object]) -> str:
        if not isinstance(text, str):
            category = self._tables.plural(values["n"])
            text = text[category if category in text else "other"]
        return _Formatter(self._tables.NAMES).vformat(text, (), values)


class _Formatter(string.Formatter):
    """str.format, and "{value!w}" for what the value is called."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def convert_field(self, value: Any, conversion: Any) -> Any:
        return (
            self._names.get(value, value) if conversion == "w" else super().convert_field(value, conversion)
        )


@cache
def _file(language: str) -> ModuleType:
    return import_module(f"{__name__}.{language}")
