"""Files that lie elsewhere: any address that fsspec knows, such as s3://bucket/key.

Each kind of place has a library of its own, and its credentials where that library looks for them (s3fs: the
variables and files of the AWS clients; all: FSSPEC_* and ~/.config/fsspec). An address is kept with its run
and shown, so that one with a password is refused.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from lychee_app.errors import UsageError

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+(::|://)", re.IGNORECASE)
_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]*://)[^/@:\[]*:(?!\d+[/?#]).*@", re.IGNORECASE)
"""user:password@, which ends anywhere; a number there is a port."""
_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class There:
    """A file. `name`: below what was given, or its own; version: what is told there of its content, such as
    an ETag, or of when it was changed."""

    address: str
    name: str
    size_bytes: int
    version: str


def is_address(text: str) -> bool:
    return _ADDRESS.match(text) is not None


def listed(address: str) -> tuple[list[There], bool]:
    """All files that an address means: itself, all below a folder, or what a glob matches; and whether it is
    itself. Raises UsageError.
    """
    _require_no_password(address)
    with _explained(address):
        system, path = _opened(address)
        if _MAGIC.search(path):
            root = path[: _MAGIC.search(path).start()].rpartition("/")[0]  # type: ignore[union-attr]
            return _files(address, system, system.glob(path, detail=True), root), False
        info = system.info(path)
        if info["type"] != "directory":
            return _files(address, system, {info["name"]: info}, info["name"].rpartition("/")[0]), True
        return _files(address, system, system.find(path, detail=True), path), False
    raise AssertionError


def read(address: str, most_bytes: int | None = None) -> bytes:
    """Raises OSError where it cannot be read, and FileTooLarge."""
    try:
        system, path = _opened(address)
        size_bytes = system.size(path) or 0
        if most_bytes is None or size_bytes <= most_bytes:
            return system.cat_file(path)
    except OSError:
        raise
    except Exception as error:  # each library has its own
        raise OSError(_line(error)) from error
    raise FileTooLarge(size_bytes)


class FileTooLarge(Exception):
    """Of `size_bytes`: it was not read."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        super().__init__(size_bytes)


def _require_no_password(address: str) -> None:
    parts = address.split("::")
    if any(map(_PASSWORD.match, parts)):
        told = "::".join(_PASSWORD.sub(r"\1...@", part) for part in parts)
        raise UsageError("address-password", address=told)


def _opened(address: str) -> tuple[Any, str]:
    import fsspec

    scheme = _ADDRESS.match(address)
    return fsspec.url_to_fs(scheme[0].lower() + address[scheme.end() :] if scheme else address)


def _files(address: str, system: Any, found: dict[str, dict[str, Any]], root: str) -> list[There]:
    """Of a file within another (zip://a.jpg::s3://bucket/b.zip) it ends as the address that was given."""
    root, (_, within, outer) = root.rstrip("/"), address.partition("::")
    return [
        There(
            system.unstrip_protocol(path) + within + outer,
            path.removeprefix(f"{root}/"),
            info.get("size") or 0,
            _version(info),
        )
        for path, info in found.items()
        if info["type"] == "file" and not path.endswith("/")
    ]


def _version(info: dict[str, Any]) -> str:
    told = (info.get(name) for name in ("ETag", "etag", "md5Hash", "LastModified", "mtime", "last_modified"))
    return next((str(each).strip('"') for each in told if each), "")


@contextmanager
def _explained(address: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UsageError("address-library", address=address, detail=_line(error)) from error
    except FileNotFoundError as error:
        raise UsageError("path-missing", path=address) from error
    except Exception as error:  # each library has its own
        raise UsageError("address-unreadable", address=address, detail=_line(error)) from error


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
