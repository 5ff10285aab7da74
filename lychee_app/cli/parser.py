"""The words of a command line -> arguments, and the command that runs with them."""

import argparse
from typing import get_args

from lychee_app import __version__
from lychee_app.cli.arguments import (
    Command,
    Commands,
    above_nothing,
    filled,
    folder,
    one_of,
    scores,
    whole,
)
from lychee_app.cli.evaluate import evaluate
from lychee_app.cli.first_steps import demo, doctor, download
from lychee_app.cli.rank import rank
from lychee_app.cli.serve import app, serve
from lychee_app.cli.sort import sort
from lychee_app.locale import Words
from lychee_app.records import Mode
from lychee_app.request import Bursts, Precision
from lychee_app.settings import LEAST_TOKENS, MOST_TOKENS, EngineName


def build_parser(t: Words) -> Commands:
    """Of `lychee`. Parsing raises UsageError for words that do not fit."""
    parser = Commands(t=t, prog="lychee", description=t("help.lychee"))
    version = f"lychee {__version__}"
    parser.add_argument("--version", action="version", version=version, help=t("help.version"))
    _fill_rank(parser.add_command("rank", help=t("help.rank"), epilog=t("help.rank.dashes")), t)
    _fill_sort(parser.add_command("sort", help=t("help.sort"), description=t("help.sort.long")), t)
    _fill_eval(parser.add_command("eval", help=t("help.eval"), description=t("help.eval.long")), t)
    _fill_demo(parser.add_command("demo", help=t("help.demo")), t)
    _fill_app(parser.add_command("app", help=t("help.app")), t)
    _fill_serve(parser.add_command("serve", help=t("help.serve"), description=t("help.serve.long")), t)
    _fill_undo(parser.add_command("undo", help=t("help.undo"), description=t("help.undo.long")), t)
    _fill_download(parser.add_command("download", help=t("help.download")), t)
    _fill_doctor(parser.add_command("doctor", help=t("help.doctor")), t)
    return parser


def _fill_rank(parser: Command, t: Words) -> None:
    add = parser.add_argument
    add("query", metavar="QUERY", type=str.strip, help=t("help.query"))
    add("paths", metavar="PATH", nargs="+", help=t("help.paths"))
    add("--model", type=filled("--model"), help=t("help.model"))
    _add_choice(parser, "--mode", get_args(Mode), "judge", t("help.mode"))
    add("--not", dest="typed_not", metavar="TEXT", type=str.strip, default="", help=t("help.not"))
    add("--like", metavar="FILE", help=t("help.like"))
    add("--unlike", metavar="FILE", help=t("help.unlike"))
    add("--queries", metavar="FILE", help=t("help.queries"))
    add("--elements", action="store_true", help=t("help.elements"))
    add("--exclude", metavar="GLOB", action="append", default=[], help=t("help.exclude"))
    add("--include-hidden", action="store_true", help=t("help.include_hidden"))
    _add_choice(parser, "--bursts", get_args(Bursts), "all", t("help.bursts"))
    add("--limit", type=whole("--limit"), metavar="N", help=t("help.limit"))
    _add_tokens(parser, "--image-tokens", t("help.image_tokens"))
    add("--prefilter", type=whole("--prefilter"), metavar="N", help=t("help.prefilter"))
    _add_choice(parser, "--precision", get_args(Precision), "auto", t("help.precision"))
    add("--fresh", action="store_true", help=t("help.fresh"))
    add("--json", metavar="FILE", help=t("help.json"))
    add("--csv", metavar="FILE", help=t("help.csv"))
    add("--zip", metavar="FILE", help=t("help.zip"))
    add("--fixed-dates", action="store_true", help=t("help.fixed_dates"))
    add("--sheet", metavar="FILE", help=t("help.sheet"))
    add("--xmp", action="store_true", help=t("help.xmp"))
    add("--stars", metavar="A,B,C,D,E", type=scores, help=t("help.stars"))
    add("--xmp-keyword", action="store_true", help=t("help.xmp_keyword"))
    add("--xmp-embed", action="store_true", help=t("help.xmp_embed"))
    add("--parts", metavar="FOLDER", type=folder("--parts"), help=t("help.parts"))
    _add_engine(parser, t)
    parser.set_defaults(run=rank)


def _add_engine(parser: Command, t: Words) -> None:
    _add_choice(parser, "--engine", get_args(EngineName), None, t("help.engine"))
    ray = parser.add_under
    ray("ray", "--ray-address", metavar="ADDRESS", help=t("help.ray_address"))
    for name in ("decode-workers", "scorers", "cards"):
        option, told = f"--{name}", t(f"help.{name.replace('-', '_')}")
        ray("ray", option, metavar="N", type=whole(option), help=told)


def _fill_sort(parser: Command, t: Words) -> None:
    add = parser.add_argument
    add("names", metavar="NAMES", help=t("help.sort.names"))
    add("paths", metavar="PATH", nargs="+", help=t("help.paths"))
    add("--copy-to", metavar="FOLDER", type=folder("--copy-to"), help=t("help.copy_to"))
    add("--move-to", metavar="FOLDER", type=folder("--move-to"), help=t("help.move_to"))
    add("--xmp-keyword", action="store_true", help=t("help.sort.xmp_keyword"))
    add("--xmp-embed", action="store_true", help=t("help.sort.xmp_embed"))
    add("--model", type=filled("--model"), help=t("help.model"))
    add("--exclude", metavar="GLOB", action="append", default=[], help=t("help.exclude"))
    add("--include-hidden", action="store_true", help=t("help.include_hidden"))
    _add_tokens(parser, "--image-tokens", t("help.image_tokens"))
    _add_choice(parser, "--precision", get_args(Precision), "auto", t("help.precision"))
    add("--fresh", action="store_true", help=t("help.fresh"))
    add("--json", metavar="FILE", help=t("help.json"))
    _add_engine(parser, t)
    parser.set_defaults(run=sort, parts=None)


def _fill_eval(parser: Command, t: Words) -> None:
    add = parser.add_argument
    add("truth", metavar="TRUTH", nargs="?", help=t("help.truth"))
    _add_choice(parser, "--suite", ("built-in",), None, t("help.suite"))
    add("--pairs", type=whole("--pairs"), metavar="N", help=t("help.pairs"))
    add("--images", metavar="FOLDER", help=t("help.images"))
    add("--relevant-from", type=above_nothing("--relevant-from"), metavar="X", help=t("help.relevant_from"))
    for side in ("", "against-"):
        model, mode, precision, tokens = (
            t(f"help.{name}") for name in ("model", "mode", "precision", "image_tokens")
        )
        if side:
            model = mode = precision = tokens = t("help.against")
        option = f"--{side}model"
        add(option, metavar="MODEL", type=filled(option), help=model)
        _add_choice(parser, f"--{side}mode", get_args(Mode), None if side else "judge", mode)
        _add_choice(parser, f"--{side}precision", get_args(Precision), None if side else "auto", precision)
        _add_tokens(parser, f"--{side}image-tokens", tokens)
    add("--json", metavar="FILE", help=t("help.json"))
    add("--plot", metavar="FILE", help=t("help.plot"))
    parser.set_defaults(run=evaluate)


def _fill_demo(parser: Command, t: Words) -> None:
    add = parser.add_argument
    add("folder", metavar="FOLDER", nargs="?", type=folder("FOLDER"), help=t("help.demo.folder"))
    add("--words", action="store_true", help=t("help.words"))
    parser.set_defaults(run=demo)


def _fill_app(parser: Command, t: Words) -> None:
    parser.add_argument("--port", metavar="N", type=_PORT, default=8501, help=t("help.port", port=8501))
    parser.set_defaults(run=app)


def _fill_serve(parser: Command, t: Words) -> None:
    add = parser.add_argument
    add("--mcp", action="store_true", help=t("help.mcp"))
    add("--allow", metavar="FOLDER", action="append", default=[], help=t("help.allow"))
    add("--model", type=filled("--model"), help=t("help.serve.model"))
    add("--port", metavar="N", type=_PORT, default=8502, help=t("help.port", port=8502))
    add("--token", help=t("help.token"))
    add("--no-token", action="store_true", help=t("help.no_token"))
    parser.set_defaults(run=serve)


def _undo(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app.cli.undo import undo  # what it needs would slow every other command

    return undo(arguments, t)


def _fill_undo(parser: Command, t: Words) -> None:
    told = t("help.undo.folder")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=folder("FOLDER"), help=told)
    parser.set_defaults(run=_undo)


def _fill_download(parser: Command, t: Words) -> None:
    name, told = filled("MODEL"), t("help.download.model")
    parser.add_argument("model", metavar="MODEL", nargs="?", type=name, default="lychee", help=told)
    parser.set_defaults(run=download)


def _fill_doctor(parser: Command, t: Words) -> None:
    parser.add_argument("--model", type=filled("--model"), help=t("help.doctor.model"))
    parser.set_defaults(run=doctor)


_PORT = whole("--port", 1, 65535)


def _add_choice(
    parser: Command, option: str, choices: tuple[str, ...], default: str | None, told: str
) -> None:
    given = one_of(option, choices)
    parser.add_argument(option, choices=choices, type=given, default=default, help=told)


def _add_tokens(parser: Command, option: str, told: str) -> None:
    parser.add_argument(option, metavar="N", type=whole(option, LEAST_TOKENS, MOST_TOKENS), help=told)
