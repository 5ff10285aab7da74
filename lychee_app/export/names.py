"""File names that are safe everywhere, from whatever an image was called."""

import re
import unicodedata
from collections.abc import Iterable

MAX_BYTES = 255
MAX_SUFFIX_BYTES = 16
_FORBIDDEN = re.compile(r'[<>:"|?*]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)", re.IGNORECASE)
_JOINER = "\u200d"
"""Holds the parts of an emoji together."""
_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean_name(name: str, fallback: str = "image", max_bytes: int = MAX_BYTES) -> str:
    """One path part, never empty, of at most `max_bytes` in UTF-8, that every system takes.

    Takes what follows the last slash or backslash; drops control and direction characters; replaces what
    Windows forbids; keeps the suffix when it shortens.
    """
    last = re.split(r"[/\\]", name)[-1]
    seen = (c for c in unicodedata.normalize("NFC", last) if c == _JOINER or _is_seen(c))
    text = _FORBIDDEN.sub("_", "".join(seen)).strip(f" .{_JOINER}")
    if _RESERVED.fullmatch(text.split(".")[0].rstrip()):
        text = f"_{text}"
    return _shortened(text or fallback, max_bytes)


def _is_seen(char: str) -> bool:
    return unicodedata.category(char) not in _INVISIBLE


def unique_name(name: str, taken: Iterable[str]) -> str:
    """The name, or "name (2).jpg" and so on. Compared as systems that fold case and accents compare.

    `taken` holds `folded` names.
    """
    if folded(name) not in (taken := taken if isinstance(taken, set | frozenset | dict) else set(taken)):
        return name
    stem, suffix = _split(name)
    for number in range(2, len(taken) + 3):
        mark = f" ({number})"
        room = MAX_BYTES - len(_bytes(mark + suffix))
        candidate = _cut(stem, room).rstrip(" .") + mark + suffix
        if folded(candidate) not in taken:
            return candidate
    raise AssertionError("among n + 1 different names one is not among n")


def folded(name: str) -> str:
    """Equal for names that some file system holds for one."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())


def _shortened(name: str, max_bytes: int) -> str:
    if len(_bytes(name)) <= max_bytes:
        return name
    stem, suffix = _split(name)
    return _cut(stem, max_bytes - len(_bytes(suffix))).rstrip(" .") + suffix


def _split(name: str) -> tuple[str, str]:
    """("photo", ".jpg"). A long tail after a dot is no suffix."""
    stem, dot, suffix = name.rpartition(".")
    if stem and dot and 0 < len(_bytes(suffix)) < MAX_SUFFIX_BYTES and " " not in suffix:
        return stem, dot + suffix
    return name, ""


def _cut(text: str, max_bytes: int) -> str:
    return _bytes(text)[: max(max_bytes, 0)].decode(errors="ignore")


def _bytes(text: str) -> bytes:
    """As a file system counts it: a name that is no UTF-8 keeps its bytes."""
    return text.encode("utf-8", "surrogateescape")
