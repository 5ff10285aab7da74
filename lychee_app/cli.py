"""The `lychee` command. The only module that decides exit codes.

0: the run finished, even where some images have no score. 1: no image could be scored, or the run could not
be done; stderr says why. 2: wrong usage.
"""

import argparse
import importlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from lychee_app import __version__
from lychee_app.errors import LycheeError, UsageError
from lychee_app.settings import Settings

BENCHES = {
    "demo": "how well the embedded model ranks, on scenes it never saw",
    "graph": "the published path and ours side by side",
    "throughput": "files to ranking, per stage",
    "memory": "used memory over many images",
    "load": "a full-size checkpoint through the loading path",
    "intake": "hostile files: tried, survived, lost",
    "page": "how fast the page answers with 1,000 images",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    arguments = build_parser().parse_args(argv)
    try:
        return arguments.run(arguments)
    except UsageError as error:
        return _complain(error, 2)
    except LycheeError as error:
        return _complain(error, 1)
    except KeyboardInterrupt:
        print("lychee: stopped", file=sys.stderr)
        return 130


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lychee", description="Rank images by a sentence, offline.")
    parser.add_argument("--version", action="version", version=f"lychee {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_rank(commands)
    _add_demo(commands)
    _add_app(commands)
    _add_download(commands)
    _add_doctor(commands)
    _add_bench(commands)
    return parser


def _add_rank(commands) -> None:
    parser = commands.add_parser("rank", help="rank images by a sentence")
    parser.add_argument("query", metavar="QUERY", help="what the images should show, in English or Chinese")
    parser.add_argument("paths", metavar="PATH", nargs="+", help="an image, a folder (recursive) or a glob")
    parser.add_argument("--model", help="demo, lychee, a hub name or a folder (default: auto)")
    parser.add_argument("--mode", choices=("judge", "explain"), default="judge")
    parser.add_argument("--not", dest="typed_not", default="", metavar="TEXT", help="lower what matches TEXT")
    parser.add_argument("--elements", action="store_true", help="score each element of the query too")
    parser.add_argument("--engine", choices=("local",), default="local", help="where the work is done")
    parser.add_argument("--limit", type=_positive, metavar="N", help="list the best N images only")
    parser.add_argument("--image-tokens", type=_positive, metavar="N", help="largest image (default 1280)")
    parser.add_argument("--json", metavar="FILE", help="write JSON there; - writes it to stdout, alone")
    parser.add_argument("--csv", metavar="FILE", help="write CSV there; - writes it to stdout, alone")
    parser.set_defaults(run=_rank)


def _add_demo(commands) -> None:
    parser = commands.add_parser("demo", help="write the demo gallery, or list what the demo model knows")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=Path)
    parser.add_argument("--words", action="store_true", help="print what the demo model knows, as JSON")
    parser.set_defaults(run=_demo)


def _add_app(commands) -> None:
    parser = commands.add_parser("app", help="start the page")
    parser.add_argument("--port", type=_positive, default=8501)
    parser.set_defaults(run=_app)


def _add_download(commands) -> None:
    parser = commands.add_parser("download", help="fetch a model once; afterwards everything runs offline")
    parser.add_argument("model", metavar="MODEL", nargs="?", default="lychee")
    parser.set_defaults(run=_download)


def _add_doctor(commands) -> None:
    parser = commands.add_parser("doctor", help="what this machine can run, and a self-test")
    parser.add_argument("--model", help="the model to test (default: auto)")
    parser.set_defaults(run=_doctor)


def _add_bench(commands) -> None:
    parser = commands.add_parser("bench", help="measure; the last line on stdout is JSON")
    benches = parser.add_subparsers(required=True, metavar="NAME")
    chosen = sys.argv[2:3] if sys.argv[1:2] == ["bench"] else []
    for name, text in BENCHES.items():
        bench = benches.add_parser(name, help=text)
        if name in chosen:
            module = importlib.import_module(f"lychee_app.bench.{name}")
            module.add_arguments(bench)
            bench.set_defaults(run=_bench(module.run))


def _rank(arguments: argparse.Namespace) -> int:
    from lychee_app import export, pipeline, query, terminal

    if arguments.json == "-" and arguments.csv == "-":
        raise UsageError("--json - and --csv - cannot both have stdout. Give one of them a file.")
    settings = _settings(arguments)
    parts = None if arguments.elements else ()
    question = query.ask(arguments.query, arguments.typed_not, steps=settings.steps, parts=parts)
    sources = pipeline.sources_of(arguments.paths)
    with terminal.progress_line(len(sources)) as show:
        scorer = _open(settings)
        run = pipeline.rank(question, sources, scorer, settings, mode=arguments.mode, on_progress=show)
    shown = replace(run, images=export.best(run, arguments.limit))
    if arguments.json:
        _write(arguments.json, export.to_json(shown))
    if arguments.csv:
        _write(arguments.csv, export.to_csv(shown))
    if "-" not in (arguments.json, arguments.csv):
        _print(terminal.table(shown))
    return _status(run)


def _status(run) -> int:
    if any(row.score is not None for row in run.images):
        return 0
    reasons = "; ".join(f"{row.name}: {row.error}" for row in run.images[:3])
    print(f"lychee: no image could be scored. {reasons}", file=sys.stderr)
    return 1


def _demo(arguments: argparse.Namespace) -> int:
    from lychee_app import demo

    if arguments.words:
        print(json.dumps([*demo.words(), *demo.colours()], ensure_ascii=False, indent=1))
        return 0
    if arguments.folder is None:
        raise UsageError(
            "Say where the gallery goes: lychee demo FOLDER. Or list the words: lychee demo --words."
        )
    demo.write_gallery(arguments.folder)
    print(f'Wrote {arguments.folder}. Try: lychee rank "{demo.GALLERY_QUERY}" {arguments.folder}')
    return 0


def _app(arguments: argparse.Namespace) -> int:
    from lychee_app.ui import launch

    return subprocess.call(launch.command(port=arguments.port))


def _download(arguments: argparse.Namespace) -> int:
    from lychee_app.model.download import download
    from lychee_app.terminal import download_line

    with download_line() as show:
        folder = download(arguments.model, Settings.from_environment(), show)
    print(f"{arguments.model} is here: {folder}")
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    from lychee_app import doctor

    for line in doctor.examine(_settings(arguments)):
        print(line)
    return 0


def _bench(run: Callable[[argparse.Namespace], dict]) -> Callable[[argparse.Namespace], int]:
    def measured(arguments: argparse.Namespace) -> int:
        print(json.dumps(run(arguments)))
        return 0

    return measured


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = Settings.from_environment()
    if tokens := getattr(arguments, "image_tokens", None):
        settings = replace(settings, max_image_tokens=tokens)
    return replace(settings, model=arguments.model or settings.model)


def _open(settings: Settings):
    from lychee_app.model.scorer import open_scorer

    scorer = open_scorer(settings.model, settings=settings)
    for warning in scorer.info.warnings:
        print(f"lychee: {warning}", file=sys.stderr)
    return scorer


def _write(target: str, text: str) -> None:
    from lychee_app.export import write_atomically

    if target == "-":
        sys.stdout.write(text if text.endswith("\n") else text + "\n")
    else:
        write_atomically(Path(target), text.encode())


def _print(renderable) -> None:
    from rich.console import Console

    Console().print(renderable)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _complain(error: LycheeError, status: int) -> int:
    print(f"lychee: {error}", file=sys.stderr)
    return status
