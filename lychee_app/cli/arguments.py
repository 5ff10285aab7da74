"""argparse in the language of the terminal, with options and names in any order.

What does not fit is a UsageError like any other. The help and every complaint have their words in locale/.
"""

import argparse
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from unicodedata import east_asian_width

from lychee_app import addresses
from lychee_app.errors import UsageError
from lychee_app.locale import Words

T = TypeVar("T")


class Parser(argparse.ArgumentParser):
    """Says itself in the words of `t`: help, headings, and what is wrong."""

    def __init__(self, *, t: Words, **given: Any) -> None:
        formatter = partial(_Help, t=t)
        super().__init__(add_help=False, formatter_class=formatter, **given)  # type: ignore[arg-type]
        self.t = t
        self.options: dict[str, argparse.Action] = {}
        self.names: list[argparse.Action] = []
        self._headed = {kind: self.add_argument_group(t(f"help.{kind}")) for kind in ("names", "options")}
        self.add_argument("-h", "--help", action="help", help=t("help.help"))

    def add_argument(self, *flags: Any, **given: Any) -> argparse.Action:
        return self.add_under("options" if str(flags[0]).startswith("-") else "names", *flags, **given)

    def add_under(self, heading: str, *flags: Any, **given: Any) -> argparse.Action:
        """An option or a name below the heading of that key, "help." before it."""
        if heading not in self._headed:
            self._headed[heading] = self.add_argument_group(self.t(f"help.{heading}"))
        if "help" in given:
            given["help"] = given["help"].replace("%", "%%")
        action = self._headed[heading].add_argument(*flags, **given)
        if action.option_strings:
            self.options |= dict.fromkeys(action.option_strings, action)
        else:
            self.names.append(action)
        return action

    def error(self, message: str) -> NoReturn:
        """What is left for argparse to find, in its own words."""
        raise UsageError("as-told", text=message)

    def check_option(self, word: str) -> argparse.Action:
        """The option that a word is, or is the beginning of. Raises UsageError."""
        name = word.partition("=")[0]
        found = [name] if name in self.options else [one for one in self.options if one.startswith(name)]
        if not found:
            raise UsageError("option-unknown", option=name, command=self.prog)
        if len({self.options[one].dest for one in found}) > 1:
            raise UsageError("option-many", option=name, options=self.t.listed(found))
        return self.options[found[0]]


class Commands(Parser):
    """Options, and the name of a command before whatever is for that."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._parsers = self.add_subparsers(
            title=self.t("help.commands"),
            help=self.t("help.command"),
            required=True,
            metavar="COMMAND",
            parser_class=Command,
        )

    def add_command(self, name: str, **given: Any) -> "Command":
        """`help` is its line in the list of commands, and where there is no `description` that too."""
        given.setdefault("description", given["help"])
        return self._parsers.add_parser(name, t=self.t, **given)

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        words = list(sys.argv[1:] if args is None else args)
        place = next((at for at, word in enumerate(words) if not is_option(word)), None)
        for word in words[:place]:
            self.check_option(word)
        if not words or (place is not None and words[place] not in self._parsers.choices):
            commands = self.t.listed(self._parsers.choices)
            if not words:
                raise UsageError("command-missing", commands=commands)
            raise UsageError("command-unknown", command=words[place or 0], commands=commands)
        return super().parse_known_args(words, namespace)


class Command(Parser):
    """Takes options and names in any order. Only -h and what begins with -- is an option: a query or a file
    may be called -dog. With --queries the query is empty, and with an example image it may be left out.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        options: list[str] = []
        names: list[str] = []
        words, given = list(args or ())[::-1], set[str]()
        while words:
            word = words.pop()
            if word == "--":
                names += words[::-1]
                break
            if not is_option(word):
                names.append(word)
                continue
            option = self.check_option(word)
            takes_none = option.nargs == 0
            if option.dest in given and option.default != [] and not takes_none:
                raise UsageError("option-twice", option=word.partition("=")[0])
            given.add(option.dest)
            if takes_none and "=" in word:
                raise UsageError("option-alone", option=word.partition("=")[0])
            if takes_none or "=" in word:
                options.append(word)
            elif words and not is_option(words[-1]):
                options.append(f"{word}={words.pop()}")
            else:
                raise UsageError("option-value", option=word)
        if "queries" in given or (given & {"like", "unlike"} and _are_paths(names)):
            names.insert(0, "")
        if not {"-h", "--help"} & set(options):
            self._check(names)
        between = ["--"] if any(name.startswith("-") for name in names) else []
        return super().parse_known_args([*options, *between, *names], namespace)

    def _check(self, names: Sequence[str]) -> None:
        """Raises UsageError where there are fewer or more of them than the command takes."""
        needed = [one for one in self.names if one.nargs != "?"]
        if len(names) < len(needed):
            missing = self.t.listed(str(one.metavar) for one in needed[len(names) :])
            raise UsageError("names-missing", names=missing, command=self.prog)
        if len(names) > len(self.names) and not any(one.nargs == "+" for one in self.names):
            raise UsageError("names-many", names=self.t.listed(names[len(self.names) :]), command=self.prog)


def _are_paths(names: Sequence[str]) -> bool:
    """Whether there is no query before them: an example image needs none."""
    return len(names) == 1 or bool(
        names and (os.path.lexists(os.path.expanduser(names[0])) or has_magic(names[0]))
    )


def is_option(word: str) -> bool:
    return word == "-h" or (word.startswith("--") and " " not in word.partition("=")[0])


class _Help(argparse.HelpFormatter):
    """Lines as wide as they look: a Chinese character takes two columns, and a line may end behind any."""

    def __init__(self, prog: str, *, t: Words, **given: Any) -> None:
        usage, columns = t("help.usage"), shutil.get_terminal_size().columns
        width = columns - 2 - sum(east_asian_width(char) in "WF" for char in usage)
        super().__init__(prog, **{"width": width, **given})
        self._usage = usage

    def add_usage(self, usage, actions, groups, prefix=None) -> None:  # type: ignore[override]
        super().add_usage(usage, actions, groups, self._usage if prefix is None else prefix)

    def _split_lines(self, text: str, width: int) -> list[str]:
        from rich.console import Console
        from rich.text import Text

        lines = Text(" ".join(text.split())).wrap(Console(width=width), width)
        return [line.plain.rstrip() for line in lines]

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in self._split_lines(text, width - len(indent)))


# --- what an option takes


def whole(option: str, low: int = 1, high: int | None = None) -> Callable[[str], int]:
    """A whole number from `low` to `high`, which is above all where it is None."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < low or (high is not None and int(text) > high):
            if high is None:
                raise UsageError("option-count", option=option, value=text)
            raise UsageError("option-range", option=option, value=text, low=low, high=high)
        return int(text)

    return read


def one_of(option: str, choices: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise UsageError("option-choice", option=option, value=text, choices=", ".join(choices))
        return text

    return read


def filled(option: str, as_type: Callable[[str], T] = str) -> Callable[[str], T]:
    """Any text but an empty one."""

    def read(text: str) -> T:
        if not text.strip():
            raise UsageError("option-empty", option=option)
        return as_type(text)

    return read


def folder(option: str) -> Callable[[str], Path]:
    """One to write to: an address is none."""

    def read(text: str) -> Path:
        if addresses.is_address(text):
            raise UsageError("folder-address", path=text)
        return Path(text)

    return filled(option, read)


def above_nothing(option: str) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = 0.0
        if not 0 < value < float("inf"):
            raise UsageError("option-above", option=option, value=text)
        return value

    return read


def scores(text: str) -> tuple[float, ...]:
    """Of --stars: "1,3,5,7,9"."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError("stars", given=text) from error
