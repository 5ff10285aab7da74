"""The page's words in one language: strings by key, times, and what the library says in English."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from lychee_app.errors import LycheeError
from lychee_app.ui.reasons import CODES, TOLD_IN_FULL, chinese_reason
from lychee_app.ui.text import TEXT

Language = Literal["zh", "en"]


def language_of(locale: str) -> Language:
    """ "zh-CN" -> "zh"; everything that is not Chinese is English."""
    return "zh" if locale.lower().startswith("zh") else "en"


@dataclass(frozen=True)
class Words:
    """The page's words in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """The string of that key; where `n` is 1, the one for a single thing, if there is one."""
        if values.get("n") == 1 and self.has(f"{key}.one"):
            key += ".one"
        text = TEXT[key][0 if self.language == "zh" else 1]
        return text.format(**values) if values else text

    def has(self, key: str) -> bool:
        return key in TEXT

    def model(self, name: str) -> str:
        return self(f"model.{name}") if self.has(f"model.{name}") else name

    def error(self, error: LycheeError) -> str:
        """The message; in Chinese, where there is one for this kind of error, before the English details."""
        if self.language == "en" or error.code not in CODES:
            return str(error)
        told = CODES[error.code]
        return told if error.code in TOLD_IN_FULL else f"{told}\n{error}"

    def reason(self, reason: str) -> str:
        """Why an image has no score, or a note on it."""
        return chinese_reason(reason) if self.language == "zh" else reason

    def how(self, how: str) -> str:
        """How a model would run on this machine, as the checkpoint list says it in English."""
        return chinese_reason(how) if self.language == "zh" else how

    def span(self, seconds: float) -> str:
        """A length of time in the largest unit that tells enough."""
        if seconds < 90:
            return f"{seconds:.0f} s"
        if seconds < 5400:
            return f"{seconds / 60:.0f} min"
        return f"{seconds / 3600:.1f} h"

    def when(self, created: str) -> str:
        """A moment in local time, to the minute; as it stands where it is no moment."""
        try:
            moment = datetime.fromisoformat(created).astimezone()
        except ValueError:
            return created
        return moment.strftime("%Y-%m-%d %H:%M")
