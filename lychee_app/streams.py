"""What a command does with the process it runs in: its standard streams and Ctrl-C. Knows no images."""

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterator


def open_closed() -> None:
    """A daemon may close them. What is printed then goes nowhere, and into no file that is opened later."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  - for good


@contextlib.contextmanager
def a_second_interrupt_ends_at_once() -> Iterator[None]:
    """After the first Ctrl-C the image in hand is waited for; who presses it again does not want to."""

    def first(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(130))
        raise KeyboardInterrupt

    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if usual and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is first:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def write_any_character() -> None:
    """A name that the terminal's encoding lacks is no reason to lose a table."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
