"""What a client calls a document -> the image that is meant. Only what is in the request, or in a folder that
whoever started the server has allowed, is ever read."""

import base64
import binascii
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import url2pathname

from lychee_app.errors import LycheeError, NotAllowed, UsageError
from lychee_app.intake.sniff import HEAD_BYTES, sniff
from lychee_app.records import Source

_DATA_URL = re.compile(r"data:[^,]*,", re.IGNORECASE)
_REMOTE = re.compile(r"(?:https?|ftp|s3|gs)://", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}\s*")
_IN_ORDER = ("image", "image_url", "url", "path", "content", "text")
"""Keys that may hold the image: `image` is Jina's, `content` of `image_url` parts vLLM's, `text` Cohere's."""


class Allowed:
    """Folders whose files may be read, links followed to where they lead."""

    def __init__(self, folders: Sequence[str | Path]) -> None:
        """Raises UsageError for one that is not there."""
        for folder in folders:
            if not Path(os.path.expanduser(folder)).is_dir():
                raise UsageError("path-missing", path=str(folder))
        self.folders = tuple(Path(os.path.expanduser(folder)).resolve() for folder in folders)

    def path(self, text: str) -> Path:
        """The real path of a file or folder, there or not. A relative one is one below the only folder that
        is allowed. Raises NotAllowed."""
        path = Path(os.path.expanduser(text))
        if not path.is_absolute() and len(self.folders) == 1:
            path = self.folders[0] / path
        try:
            real = Path(os.path.realpath(path))
        except ValueError as error:  # a null character
            raise NotAllowed("path-not-allowed", path=text) from error
        if not self.folders:
            raise NotAllowed("path-none-allowed", path=text)
        if not self.has(real):
            raise NotAllowed("path-not-allowed", path=text)
        return real

    def has(self, path: Path) -> bool:
        """Whether what the path leads to lies in one of the folders."""
        real = Path(os.path.realpath(path))
        return any(real.is_relative_to(folder) for folder in self.folders)


def source(document: Any, index: int, allowed: Allowed) -> Source:
    """The image of document number `index`. Raises UsageError (NotAllowed) where there is none in it."""
    reference, key = _reference(document)
    if not reference:
        raise UsageError("document-odd", index=index)
    if _DATA_URL.match(reference):
        return Source(f"document {index}", data=_decoded(reference, index))
    if _REMOTE.match(reference):
        raise UsageError("document-remote", index=index)
    if (data := _bare_base64(reference)) is not None:
        return Source(f"document {index}", data=data)
    if key == "text" and not _is_path(reference):
        raise UsageError("document-text", index=index)
    if reference.lower().startswith("file:"):
        reference = url2pathname(urlsplit(reference).path)
    path = allowed.path(reference)
    return Source(path.name, path=path)


def _reference(document: Any) -> tuple[str, str]:
    """The address, path or data of an image, and the key it stood under."""
    if isinstance(document, str):
        return document.strip(), "text"
    if isinstance(document, Mapping):
        key = next((key for key in _IN_ORDER if document.get(key)), "")
        return (_reference(document[key])[0], key) if key else ("", "")
    if isinstance(document, Sequence):  # the parts of a message: the first image counts
        found = [_reference(part) for part in document]
        return next((each for each in found if each[0] and each[1] != "text"), ("", ""))
    return "", ""


def _is_path(text: str) -> bool:
    return len(text) < 4096 and "\n" not in text and bool(re.search(r"^file:|[/\\]|\.\w{2,5}$", text))


def _decoded(url: str, index: int) -> bytes:
    """RFC 2397."""
    head, _, body = url.partition(",")
    return _plain_base64(body, index) if head.lower().endswith(";base64") else unquote_to_bytes(body)


def _bare_base64(text: str) -> bytes | None:
    """None for what is a path or text: only bytes that begin as a picture does are meant as one."""
    if not _BASE64.fullmatch(text):
        return None
    try:
        data = _plain_base64(text, 0)
        sniff(data[:HEAD_BYTES])
    except LycheeError:
        return None
    return data


def _plain_base64(text: str, index: int) -> bytes:
    """Also of the alphabet for addresses, and without its padding."""
    plain = "".join(text.split()).replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise UsageError("document-data", index=index) from error
