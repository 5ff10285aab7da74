"""Why something is not as it should be, as data: words are put to it where a person reads it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lychee_app.locale import Words

Value = str | int | float


@dataclass(frozen=True)
class Reason:
    """`code` is stable across releases. `values` are what its sentence speaks of, plain enough for JSON.

    The sentences are in locale/, by code; `str` gives the English one.
    """

    code: str
    values: Mapping[str, Value] = field(default_factory=dict)

    @classmethod
    def of(cls, code: str, /, **values: Value) -> "Reason":
        """Reason.of("pixels", width_px=30_000, height_px=20_000, megapixels=600.0, limit=120.0)"""
        return cls(code, values)

    @classmethod
    def read(cls, stored: str | Mapping[str, Any]) -> "Reason":
        """From JSON. A bare string is a sentence, as rows had before reasons were data."""
        if isinstance(stored, str):
            return cls.of("as-told", text=stored)
        return cls(stored["code"], dict(stored["values"]))

    def __hash__(self) -> int:
        return hash((self.code, frozenset(self.values.items())))

    def __str__(self) -> str:
        return Words().reason(self)


def counted(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """One reason a code: those that count something (`n`) are added up, and keep what the first one names."""
    found: dict[str, Reason] = {}
    for reason in reasons:
        if (before := found.get(reason.code)) is None:
            found[reason.code] = reason
        elif "n" in before.values:
            n = int(before.values["n"]) + int(reason.values["n"])
            found[reason.code] = Reason(reason.code, {**before.values, "n": n})
    return tuple(found.values())
