"""The `lychee` command. The only module that decides exit codes.

0: the run finished, even where some images have no score. 1: no image could be scored, or the run could not
be done; stderr says why. 2: wrong usage: what is wrong can be told from the command line, and the file of
queries, names or judgements that it gives, alone.

    parser        the words of a command line -> what is asked
    arguments     argparse in the user's language, with options and names in any order
    rank          lychee rank
    sort          lychee sort
    undo          lychee undo
    evaluate      lychee eval
    serve         lychee app, lychee serve
    first_steps   lychee demo, download, doctor
    output        what is said on stdout and stderr, and the files that results go to
"""

import errno
import sys
from collections.abc import Sequence

from lychee_app import streams
from lychee_app.cli.output import nobody_reads, say
from lychee_app.cli.parser import build_parser
from lychee_app.errors import LycheeError, NothingLeft, UsageError
from lychee_app.locale import Words, language_of
from lychee_app.recorder import defect
from lychee_app.settings import locale_of_terminal

_OF_THIS_MACHINE = {
    "path-missing",
    "address-library",
    "address-unreadable",
    "path-unreadable",
    "path-empty",
    "folder-without-images",
    "glob-without-images",
    "no-images",
    "query-misspelt",
    "query-unknown",
    "queries-and-query",
    "parts-there",
    "parts-other",
    "example-folder",
    "example-gone",
    "example-missing",
    "example-unreadable",
}
"""Codes of valid arguments with a missing target, or for another model: not wrong usage."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    streams.open_closed()
    streams.write_any_character()
    t = Words(language_of(locale_of_terminal()))
    try:
        arguments = build_parser(t).parse_args(argv)
        with streams.a_second_interrupt_ends_at_once():
            status = arguments.run(arguments, t)
            sys.stdout.flush()
            return status
    except LycheeError as error:
        return _complain(error, t)
    except BrokenPipeError:
        return nobody_reads()
    except KeyboardInterrupt:
        say(t("terminal.stopped"))
        return 130
    except Exception as error:
        if not isinstance(error, OSError) or error.errno != errno.ENOSPC:
            return _told_as_defect(error, t)
        say(t("terminal.output_full"))
        return nobody_reads()


def _told_as_defect(error: Exception, t: Words) -> int:
    """In one sentence, which says where; -X dev shows the rest."""
    if sys.flags.dev_mode:
        raise error
    say(t.reason(defect(error)))
    return 1


def _complain(error: LycheeError, t: Words) -> int:
    say(t.error(error))
    is_of_this_machine = isinstance(error, NothingLeft) or error.code in _OF_THIS_MACHINE
    return 2 if isinstance(error, UsageError) and not is_of_this_machine else 1
