"""What a command says: complaints and notes on stderr, tables and documents on stdout or in a file."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from lychee_app.domain import domain_of, not_understood
from lychee_app.engines import Event, Opened, Progress
from lychee_app.errors import LycheeError, UsageError
from lychee_app.locale import Words
from lychee_app.reasons import Reason
from lychee_app.records import Scored, Source
from lychee_app.request import Request


def say(text: str) -> None:
    print(f"lychee: {text}", file=sys.stderr)


def say_all(reasons: Iterable[Reason], t: Words) -> None:
    for reason in reasons:
        say(t.reason(reason))


def print_table(renderable) -> None:
    from rich.console import Console

    Console().print(renderable)


def write(target: str, pieces: Iterable[str]) -> None:
    """In UTF-8 whatever the terminal speaks, and with the line ends of the text: it is read by programs."""
    from lychee_app.export import written_aside

    if target == "-":
        sys.stdout.flush()
        for piece in pieces:
            sys.stdout.buffer.write(piece.encode())
        sys.stdout.buffer.flush()
        return
    with written_aside(Path(target)) as file:
        for piece in pieces:
            file.write(piece.encode())


def nobody_reads() -> int:
    """`lychee rank ... | head -1`: what is left in the buffer goes nowhere, and quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def teller(
    requests: Sequence[Request], show: Callable[[Progress], None], t: Words
) -> Callable[[Event], None]:
    from lychee_app.engines.bursts import TOLD_EACH

    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            return show(event)
        if not isinstance(event, Opened):
            return None if event.done > TOLD_EACH else say(t("terminal.grouping", n=event.total))
        for warning in event.info.warnings:
            say(t.reason(warning))
        if requests[0].model == "auto" and event.info.name == "demo":
            say(t("terminal.demo_chosen"))
        domain = domain_of(event.info.name, event.info.checkpoint_hash)
        for request in requests:
            say_all(not_understood(domain, request.question), t)
        return None

    return tell


def none_scored(rows: Sequence[Scored], t: Words) -> int:
    say(t("terminal.none_scored"))
    for row in rows[:3]:
        say(f"  {row.name}: {t.reason(row.reason)}")
    return 1


def check_goals(*goals: str | None) -> None:
    """What would be refused after an hour of scoring is refused before it."""
    if goals.count("-") > 1:
        raise UsageError("stdout-twice")
    if "" in goals:
        raise UsageError("goal-empty")
    if "-" in goals and sys.stdout.name == os.devnull:
        raise LycheeError("stdout-closed")
    files = _files(goals)
    if len({os.path.realpath(file) for file in files}) < len(files):
        raise UsageError("goal-twice")
    for file in files:
        _check_goal(file)


def _files(goals: Iterable[str | None]) -> list[str]:
    """Those that are not stdout."""
    return [goal for goal in goals if goal is not None and goal != "-"]


def _check_goal(file: str) -> None:
    if os.path.isdir(file):
        raise LycheeError("goal-folder", path=file)
    folder = os.path.dirname(os.path.realpath(file))
    if (os.path.isfile(file) or not os.path.exists(file)) and not os.access(folder, os.W_OK):
        raise LycheeError("goal-unwritable", path=file, folder=folder)


def spare_what_is_read(
    sources: Sequence[Source], goals: Iterable[str | None], *read: str | Path | None
) -> None:
    """A glob or a slip of the finger must not cost a picture, a part of one, or what was asked by.

    read: other files that this command reads. Raises LycheeError.
    """
    from lychee_app.sources import holds_a_picture

    images = {os.path.realpath(path) for one in sources for path in (one.path, *one.companions) if path}
    others = {os.path.realpath(file) for file in read if file is not None}
    for file in _files(goals):
        there = os.path.realpath(file)
        if there in images:
            raise LycheeError("goal-image", path=file)
        if there in others:
            raise LycheeError("goal-read", path=file)
        if os.path.isfile(there) and holds_a_picture(file):
            raise LycheeError("goal-picture", path=file)
