"""The words of a command line -> arguments, and the command that runs with them."""

import argparse
import os
from collections.abc import Sequence
from glob import has_magic
from pathlib import Path
from typing import get_args

from lychee_app import __version__
from lychee_app.cli.evaluate import evaluate
from lychee_app.cli.first_steps import demo, doctor, download
from lychee_app.cli.rank import rank, undo
from lychee_app.cli.serve import app, serve
from lychee_app.engines import EngineName
from lychee_app.records import Mode
from lychee_app.request import Precision
from lychee_app.settings import LEAST_TOKENS, MOST_TOKENS


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lychee", description="Rank images by a sentence, offline.")
    parser.add_argument("--version", action="version", version=f"lychee {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Command)
    _add_rank(commands)
    _add_eval(commands)
    _add_demo(commands)
    _add_app(commands)
    _add_serve(commands)
    _add_undo(commands)
    _add_download(commands)
    _add_doctor(commands)
    return parser


class _Command(argparse.ArgumentParser):
    """Takes options and names in any order. Only -h and what begins with -- is an option: a query or a file
    may be called -dog. With --queries the query is empty, and with an example image it may be left out.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[override]
        options: list[str] = []
        names: list[str] = []
        lacks_value = False
        words = list(args or ())[::-1]
        while words:
            word = words.pop()
            if word == "--":
                names += words[::-1]
                break
            if not _is_option(word):
                names.append(word)
            elif "=" in word or not self._wants_value(word):
                options.append(word)
            elif words and not _is_option(words[-1]):
                options.append(f"{word}={words.pop()}")
            else:
                options.append(word)
                lacks_value = True
        given = {option.partition("=")[0] for option in options}
        if "--queries" in given or (given & {"--like", "--unlike"} and _are_paths(names)):
            names.insert(0, "")
        between = ["--"] if any(name.startswith("-") for name in names) or lacks_value else []
        return super().parse_known_args([*options, *between, *names], namespace)

    def _wants_value(self, word: str) -> bool:
        """Of an option, or of the beginning of one."""
        exact = self._option_string_actions.get(word)
        found = [action for name, action in self._option_string_actions.items() if name.startswith(word)]
        return any(action.nargs != 0 for action in ([exact] if exact else found))


def _are_paths(names: Sequence[str]) -> bool:
    """Whether there is no query before them: an example image needs none."""
    return len(names) == 1 or bool(
        names and (os.path.lexists(os.path.expanduser(names[0])) or has_magic(names[0]))
    )


def _is_option(word: str) -> bool:
    return word == "-h" or (word.startswith("--") and " " not in word.partition("=")[0])


def _add_rank(commands) -> None:
    parser = commands.add_parser(
        "rank",
        help="rank images by a sentence",
        epilog='A query that begins with -- goes behind a -- of its own: lychee rank [options] -- "--x" PATH',
    )
    query_help = "what the images should show, in English or Chinese"
    parser.add_argument("query", metavar="QUERY", type=str.strip, help=query_help)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="an image, a folder (recursive) or a glob")
    parser.add_argument("--model", type=_model, help="demo, lychee, a hub name or a folder (default: auto)")
    parser.add_argument("--mode", choices=get_args(Mode), default="judge")
    parser.add_argument(
        "--not", dest="typed_not", metavar="TEXT", type=str.strip, default="", help="lower what matches TEXT"
    )
    like_help = "an example image that the others should be like; with it QUERY may be left out"
    parser.add_argument("--like", metavar="FILE", help=like_help)
    parser.add_argument("--unlike", metavar="FILE", help="an example image that they should not be like")
    parser.add_argument(
        "--queries", metavar="FILE", help="instead of QUERY: one a line; each image is looked at once for all"
    )
    parser.add_argument("--elements", action="store_true", help="score each element of the query too")
    parser.add_argument(
        "--exclude", metavar="GLOB", action="append", default=[], help="leave out what matches; repeatable"
    )
    parser.add_argument("--include-hidden", action="store_true", help="rank hidden files too")
    parser.add_argument("--limit", type=_positive, metavar="N", help="list the best N images only")
    parser.add_argument("--image-tokens", type=_tokens, metavar="N", help="largest image (default 1280)")
    prefilter_help = "look at all with a quarter of the tokens first, and judge only the best N in full"
    parser.add_argument("--prefilter", type=_positive, metavar="N", help=prefilter_help)
    parser.add_argument("--precision", choices=get_args(Precision), default="auto", help="of the weights")
    parser.add_argument("--fresh", action="store_true", help="ask the model anew, and keep nothing")
    parser.add_argument("--json", metavar="FILE", help="write JSON there; - writes it to stdout, alone")
    parser.add_argument("--csv", metavar="FILE", help="write CSV there; - writes it to stdout, alone")
    zip_help = "write the images that are listed (see --limit) there, as a ZIP; each keeps its file's date"
    parser.add_argument("--zip", metavar="FILE", help=zip_help)
    parser.add_argument(
        "--fixed-dates", action="store_true", help="with --zip: the same images, the same bytes"
    )
    parser.add_argument("--sheet", metavar="FILE", help="write a contact sheet of those there, as PDF")
    parser.add_argument(
        "--xmp", action="store_true", help="write ratings beside the images, for Lightroom and its like"
    )
    stars_help = "with --xmp: the score from which there are 1 to 5 stars (default 1,3,5,7,9)"
    parser.add_argument("--stars", metavar="A,B,C,D,E", type=_scores, help=stars_help)
    parser.add_argument("--xmp-keyword", action="store_true", help="with --xmp: also the query, from 3 stars")
    parts_help = "write the result there as Parquet too, part by part; given again, it goes on from them"
    parser.add_argument("--parts", metavar="FOLDER", type=_folder, help=parts_help)
    engine_help = "ray: on all cards and machines of a Ray cluster (default: local, this process)"
    parser.add_argument("--engine", choices=get_args(EngineName), default="local", help=engine_help)
    ray = parser.add_argument_group("with --engine ray")
    address_help = "HOST:PORT, or auto for a cluster that runs here (default: start Ray on this machine)"
    ray.add_argument("--ray-address", metavar="ADDRESS", help=address_help)
    ray.add_argument(
        "--decode-workers", metavar="N", type=_positive, help="that read images (default: as fits)"
    )
    scorers_help = "processes with the model (default: one a card, else as many as fit the processors)"
    ray.add_argument("--scorers", metavar="N", type=_positive, help=scorers_help)
    cards_help = "for each scorer, where one is too small for the model (default: 1)"
    ray.add_argument("--cards", metavar="N", type=_positive, help=cards_help)
    parser.set_defaults(run=rank)


def _add_eval(commands) -> None:
    parser = commands.add_parser(
        "eval",
        help="how good a judge is on images of your own",
        description="Ranking measures with intervals, from your own judgements: per query and over all.",
    )
    truth_help = "CSV with the columns query, image, relevance; or JSON, as the demo gallery's truth.json"
    parser.add_argument("truth", metavar="TRUTH", nargs="?", help=truth_help)
    suite_help = "instead of TRUTH: drawn scenes that come with lychee, and what a judge can and cannot do"
    parser.add_argument("--suite", choices=["built-in"], help=suite_help)
    pairs_help = "with --suite: only the first N pairs of each kind (of 24)"
    parser.add_argument("--pairs", type=_positive, metavar="N", help=pairs_help)
    parser.add_argument("--images", metavar="FOLDER", help="of the images (default: where TRUTH is)")
    from_help = "relevant from this relevance on, where only yes and no count (default: half of the highest)"
    parser.add_argument("--relevant-from", type=_above_nothing, metavar="X", help=from_help)
    for side, of in (("", ""), ("against-", "compare: ")):
        default = "the same" if side else None
        parser.add_argument(
            f"--{side}model", metavar="MODEL", type=_model, help=f"{of}demo, lychee, a hub name or a folder"
        )
        parser.add_argument(f"--{side}mode", choices=get_args(Mode), default=None if side else "judge")
        precisions = get_args(Precision)
        parser.add_argument(f"--{side}precision", choices=precisions, default=None if side else "auto")
        parser.add_argument(f"--{side}image-tokens", type=_tokens, metavar="N", help=default)
    parser.add_argument("--json", metavar="FILE", help="write JSON there; - writes it to stdout, alone")
    parser.add_argument("--plot", metavar="FILE", help="write the reliability diagram there, as SVG")
    parser.set_defaults(run=evaluate)


def _add_demo(commands) -> None:
    parser = commands.add_parser("demo", help="write the demo gallery, or list what the demo model knows")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=_folder)
    parser.add_argument("--words", action="store_true", help="print what the demo model knows, as JSON")
    parser.set_defaults(run=demo)


def _add_app(commands) -> None:
    parser = commands.add_parser("app", help="start the page")
    parser.add_argument("--port", type=_port, default=8501)
    parser.set_defaults(run=app)


def _add_serve(commands) -> None:
    parser = commands.add_parser(
        "serve",
        help="a local API for other programs",
        description="POST /v1/rerank on this machine, as rerank clients send it; or MCP over stdio.",
    )
    parser.add_argument("--mcp", action="store_true", help="an MCP server on stdin and stdout instead")
    allow_help = "a folder whose files may be read; repeatable (default: none)"
    parser.add_argument("--allow", metavar="FOLDER", action="append", default=[], help=allow_help)
    parser.add_argument("--model", type=_model, help="the judge that is served (default: auto)")
    parser.add_argument("--port", type=_port, default=8502)
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token", help="that clients must send (default: one made anew and printed)")
    tokens.add_argument("--no-token", action="store_true", help="ask for none: any program here may use it")
    parser.set_defaults(run=serve)


def _add_undo(commands) -> None:
    parser = commands.add_parser("undo", help="take the latest ratings (rank --xmp) back, byte for byte")
    parser.set_defaults(run=undo)


def _add_download(commands) -> None:
    parser = commands.add_parser("download", help="fetch a model once; afterwards everything runs offline")
    parser.add_argument("model", metavar="MODEL", nargs="?", type=_model, default="lychee")
    parser.set_defaults(run=download)


def _add_doctor(commands) -> None:
    parser = commands.add_parser("doctor", help="what this machine can run, and a self-test")
    parser.add_argument("--model", type=_model, help="the model to test (default: auto)")
    parser.set_defaults(run=doctor)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _scores(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of scores such as 1,3,5,7,9") from error


def _tokens(text: str) -> int:
    if not text.isdecimal() or not LEAST_TOKENS <= int(text) <= MOST_TOKENS:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a whole number from {LEAST_TOKENS} to {MOST_TOKENS}"
        )
    return int(text)


def _above_nothing(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _model(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("the name of the model is empty")
    return text


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a whole number from 1 to 65535")
    return int(text)
