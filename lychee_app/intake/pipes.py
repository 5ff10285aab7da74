"""Frames on a pipe between this process and a decoder: a JSON head and raw bytes. Never a pickle.

A frame: 4 bytes length of head, 8 bytes length of body, head (UTF-8 JSON), body.
"""

import json
import struct
from typing import Any, BinaryIO

from lychee_app.reasons import Reason

_LENGTHS = struct.Struct("<IQ")
Head = dict[str, Any]


def refusal(reason: Reason) -> Head:
    """The head of an answer without pixels."""
    return {"refused": vars(reason)}


def refused(head: Head) -> Reason | None:
    """Why there are no pixels; None where there are."""
    return Reason.read(head["refused"]) if "refused" in head else None


def ppm_bytes(width_px: int, height_px: int) -> int:
    """The length of a picture in RGB as Pillow writes PPM: a header, and the pixels at its end."""
    return len(f"P6\n{width_px} {height_px}\n255\n") + width_px * height_px * 3


def send(pipe: BinaryIO, head: Head, body: bytes = b"", more_bytes: int = 0) -> None:
    """Writes a frame; `more_bytes` of its body are still to be written. Raises OSError if nobody reads."""
    text = json.dumps(head).encode()
    pipe.write(_LENGTHS.pack(len(text), len(body) + more_bytes) + text)
    if body:
        pipe.write(body)
    pipe.flush()


def receive(pipe: BinaryIO) -> tuple[Head, bytes]:
    """Raises EOFError if nobody writes any more, ValueError for nonsense."""
    head, body_bytes = _receive_head(pipe)
    body = pipe.read(body_bytes)
    if len(body) < body_bytes:
        raise EOFError("the pipe was closed")
    return head, body


def receive_into(pipe: BinaryIO, room: bytearray) -> tuple[Head, memoryview]:
    """As `receive`; the body lies in `room`, until the next one. Raises ValueError if it does not fit."""
    head, body_bytes = _receive_head(pipe)
    if body_bytes > len(room):
        raise ValueError(f"a body of {body_bytes} bytes; there is room for {len(room)}")
    body = memoryview(room)[:body_bytes]
    if pipe.readinto(body) < body_bytes:  # type: ignore[attr-defined]
        raise EOFError("the pipe was closed")
    return head, body


def _receive_head(pipe: BinaryIO) -> tuple[Head, int]:
    lengths = pipe.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        raise EOFError("the pipe was closed")
    head_bytes, body_bytes = _LENGTHS.unpack(lengths)
    if head_bytes > 1 << 20:
        raise ValueError(f"a head of {head_bytes} bytes")
    return json.loads(pipe.read(head_bytes)), body_bytes
