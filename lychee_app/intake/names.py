"""Names fit to be shown."""

import os
import re
import unicodedata
from pathlib import PurePath

NAME_BYTES = 255
_JOINER = "\u200d"


def same_name_safe(name: str, *, is_of_this_system: bool = False) -> str:
    """The name as it may be shown: one line, no direction marks, no way out of its folder, 255 bytes at most.

    A plain relative path keeps its folders ("beach/1.jpg"), so that equal names stay apart; one that is
    absolute or climbs keeps only its last part. Two names may become the same: a name is never an identity.
    is_of_this_system: a file of this machine has it, so that backslash and drive mean what they mean here.
    """
    is_posix = is_of_this_system and os.sep == "/"
    path = name if is_posix else name.replace("\\", "/")
    parts = [part for part in map(_visible, path.split("/")) if part not in {"", "."}]
    has_drive = not is_posix and re.match("[A-Za-z]:", "".join(parts[:1]))
    if path.startswith("/") or ".." in parts or has_drive:
        parts = [part for part in parts if part != ".."][-1:]
    shown = "/".join(parts)
    return _short(shown) or "unnamed"


def path_safe(path: str | PurePath) -> str:
    """The path as it may be shown: whole, on one line, without direction marks."""
    return _visible(str(path))


def _visible(part: str) -> str:
    """Composed, with white space folded, without control, direction and undecodable characters."""
    text = "".join(_shown(char) for char in unicodedata.normalize("NFC", part))
    return re.sub(r"\s+", " ", text).strip()


def _shown(char: str) -> str:
    match unicodedata.category(char):
        case "Cc" | "Zl" | "Zp":
            return " "
        case "Cf":
            return char if char == _JOINER else ""
        case "Cs" | "Cn" | "Co":
            return "\ufffd"
        case _:
            return char


def _short(name: str) -> str:
    """At most NAME_BYTES in UTF-8: the middle is left out, the suffix stays."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    kept = (NAME_BYTES - len("…".encode())) // 2
    head = name.encode()[:kept].decode(errors="ignore")
    tail = name.encode()[-kept:].decode(errors="ignore")
    return f"{head}…{tail}"
