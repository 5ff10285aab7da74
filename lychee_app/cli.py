"""The `lychee` command. The only module that decides exit codes.

0: the run finished, even where some images have no score. 1: no image could be scored, or the run could not
be done; stderr says why. 2: wrong usage: what is wrong can be told from the command line alone.
"""

import argparse
import contextlib
import errno
import json
import os
import re
import secrets
import shlex
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from lychee_app import __version__, streams
from lychee_app.domain import not_understood
from lychee_app.engines import Engine, Event, Progress
from lychee_app.errors import CheckpointError, LycheeError, ModelLost, QueryError, UsageError
from lychee_app.locale import Words, language_of
from lychee_app.query import Question
from lychee_app.reasons import Reason, left_out_line
from lychee_app.recorder import Forgiving, Log, Unkept
from lychee_app.records import Mode, Run, Scored, Source
from lychee_app.request import Precision, Request
from lychee_app.settings import LEAST_TOKENS, MOST_TOKENS, Settings, locale_of_terminal

if TYPE_CHECKING:
    from lychee_app import ratings

_OF_THIS_MACHINE = {
    "path-missing",
    "path-unreadable",
    "path-empty",
    "folder-without-images",
    "glob-without-images",
    "no-images",
    "all-left-out",
    "query-misspelt",
    "query-unknown",
}
"""Codes of valid arguments with a missing target, or for another model: not wrong usage."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit status."""
    streams.open_closed()
    streams.write_any_character()
    arguments = build_parser().parse_args(_queries_as_such(sys.argv[1:] if argv is None else argv))
    t = Words(language_of(locale_of_terminal()))
    try:
        with streams.a_second_interrupt_ends_at_once():
            status = arguments.run(arguments, t)
            sys.stdout.flush()
            return status
    except LycheeError as error:
        return _complain(error, t)
    except BrokenPipeError:
        return _nobody_reads()
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        _tell(t("terminal.output_full"))
        return _nobody_reads()
    except KeyboardInterrupt:
        _tell(t("terminal.stopped"))
        return 130


def _queries_as_such(words: Sequence[str]) -> list[str]:
    """The words as argparse takes them: a query such as -dog behind a space, or it would be an option; and an
    empty query where --queries stands for it.
    """
    if list(words[:1]) == ["rank"] and any(word.partition("=")[0] == "--queries" for word in words):
        words = ["rank", "", *words[1:]]
    at_query = [index > 0 and words[index - 1] in ("rank", "--not") for index in range(len(words))]
    return [
        f" {word}" if query and re.match(r"-[^\W\d]\w", word) else word
        for query, word in zip(at_query, words, strict=True)
    ]


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lychee", description="Rank images by a sentence, offline.")
    parser.add_argument("--version", action="version", version=f"lychee {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_rank(commands)
    _add_eval(commands)
    _add_demo(commands)
    _add_app(commands)
    _add_serve(commands)
    _add_undo(commands)
    _add_download(commands)
    _add_doctor(commands)
    return parser


def _add_rank(commands) -> None:
    parser = commands.add_parser(
        "rank",
        help="rank images by a sentence",
        epilog='A query that begins with -- goes behind a -- of its own: lychee rank [options] -- "--x" PATH',
    )
    query_help = "what the images should show, in English or Chinese"
    parser.add_argument("query", metavar="QUERY", type=str.strip, help=query_help)
    parser.add_argument("paths", metavar="PATH", nargs="+", help="an image, a folder (recursive) or a glob")
    parser.add_argument("--model", help="demo, lychee, a hub name or a folder (default: auto)")
    parser.add_argument("--mode", choices=get_args(Mode), default="judge")
    parser.add_argument(
        "--not", dest="typed_not", metavar="TEXT", type=str.strip, default="", help="lower what matches TEXT"
    )
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
    parser.add_argument("--precision", choices=get_args(Precision), default="auto", help="of the weights")
    parser.add_argument("--fresh", action="store_true", help="ask the model anew, and keep nothing")
    parser.add_argument("--json", metavar="FILE", help="write JSON there; - writes it to stdout, alone")
    parser.add_argument("--csv", metavar="FILE", help="write CSV there; - writes it to stdout, alone")
    parser.add_argument(
        "--xmp", action="store_true", help="write ratings beside the images, for Lightroom and its like"
    )
    stars_help = "with --xmp: the score from which there are 1 to 5 stars (default 1,3,5,7,9)"
    parser.add_argument("--stars", metavar="A,B,C,D,E", type=_scores, help=stars_help)
    parser.add_argument("--xmp-keyword", action="store_true", help="with --xmp: also the query, from 3 stars")
    parser.set_defaults(run=_rank)


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
            f"--{side}model", metavar="MODEL", help=f"{of}demo, lychee, a hub name or a folder"
        )
        parser.add_argument(f"--{side}mode", choices=get_args(Mode), default=None if side else "judge")
        precisions = get_args(Precision)
        parser.add_argument(f"--{side}precision", choices=precisions, default=None if side else "auto")
        parser.add_argument(f"--{side}image-tokens", type=_tokens, metavar="N", help=default)
    parser.add_argument("--json", metavar="FILE", help="write JSON there; - writes it to stdout, alone")
    parser.add_argument("--plot", metavar="FILE", help="write the reliability diagram there, as SVG")
    parser.set_defaults(run=_eval)


def _add_demo(commands) -> None:
    parser = commands.add_parser("demo", help="write the demo gallery, or list what the demo model knows")
    parser.add_argument("folder", metavar="FOLDER", nargs="?", type=_folder)
    parser.add_argument("--words", action="store_true", help="print what the demo model knows, as JSON")
    parser.set_defaults(run=_demo)


def _add_app(commands) -> None:
    parser = commands.add_parser("app", help="start the page")
    parser.add_argument("--port", type=_port, default=8501)
    parser.set_defaults(run=_app)


def _add_serve(commands) -> None:
    parser = commands.add_parser(
        "serve",
        help="a local API for other programs",
        description="POST /v1/rerank on this machine, as rerank clients send it; or MCP over stdio.",
    )
    parser.add_argument("--mcp", action="store_true", help="an MCP server on stdin and stdout instead")
    allow_help = "a folder whose files may be read; repeatable (default: none)"
    parser.add_argument("--allow", metavar="FOLDER", action="append", default=[], help=allow_help)
    parser.add_argument("--model", help="the judge that is served (default: auto)")
    parser.add_argument("--port", type=_port, default=8502)
    tokens = parser.add_mutually_exclusive_group()
    tokens.add_argument("--token", help="that clients must send (default: one made anew and printed)")
    tokens.add_argument("--no-token", action="store_true", help="ask for none: any program here may use it")
    parser.set_defaults(run=_serve)


def _add_undo(commands) -> None:
    parser = commands.add_parser("undo", help="take the latest ratings (rank --xmp) back, byte for byte")
    parser.set_defaults(run=_undo)


def _add_download(commands) -> None:
    parser = commands.add_parser("download", help="fetch a model once; afterwards everything runs offline")
    parser.add_argument("model", metavar="MODEL", nargs="?", default="lychee")
    parser.set_defaults(run=_download)


def _add_doctor(commands) -> None:
    parser = commands.add_parser("doctor", help="what this machine can run, and a self-test")
    parser.add_argument("--model", help="the model to test (default: auto)")
    parser.set_defaults(run=_doctor)


def _rank(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import analysis, export, recorder, sources, terminal
    from lychee_app.engines.local import LocalEngine

    _check_goals(arguments.json, arguments.csv)
    settings = Settings.from_environment()
    wish = _wish(arguments)
    requests = [
        Request(
            question,
            arguments.mode,
            model=arguments.model or settings.model,
            max_image_tokens=arguments.image_tokens,
            precision=arguments.precision,
        )
        for question in _questions(arguments, t)
    ]
    for request in requests:
        _hint(request.question, t)
    engine = LocalEngine(settings)
    requests = _checked(engine, requests, settings, t)
    found = sources.find(arguments.paths, sources.Rules(tuple(arguments.exclude), arguments.include_hidden))
    if found.left_out:
        _tell(left_out_line(t, found.left_out))
    _spare_the_images(found.sources, arguments.json, arguments.csv)
    with _log(settings, arguments.fresh, t) as log, terminal.progress_line(len(found.sources), t) as show:
        tell = _teller(requests, show, t)
        if arguments.queries is None:
            runs = [recorder.rank(requests[0], found.sources, engine, log, tell, left_out=found.left_out)]
        else:
            runs = recorder.rank_each(requests, found.sources, engine, log, tell, left_out=found.left_out)
    shown = [replace(run, images=export.best(run, arguments.limit)) for run in runs]
    if arguments.json is not None:
        as_json = export.to_json(shown[0]) if arguments.queries is None else export.to_json_list(shown)
        _write(arguments.json, as_json)
    if arguments.csv is not None:
        _write(arguments.csv, export.to_csv(shown[0]))
    if "-" not in (arguments.json, arguments.csv):
        for run, listed in zip(runs, shown, strict=True):
            _print(terminal.table(listed, t))
            _print(terminal.summary(run, len(listed.images), t))
    for run in runs:
        _tell_all(analysis.caveats(run), t)
    if wish is not None:
        _rate(runs[0], found.sources, wish, settings, t)
    return _status(runs[0], t)


def _wish(arguments: argparse.Namespace) -> "ratings.Wish | None":
    """What is to be written into sidecars. Raises UsageError."""
    if not arguments.xmp:
        if arguments.stars or arguments.xmp_keyword:
            raise UsageError("without-xmp")
        return None
    if arguments.queries is not None:
        raise UsageError("queries-with")
    from lychee_app import ratings

    return ratings.Wish(arguments.stars or ratings.STARS, keyword=arguments.xmp_keyword)


def _rate(run: Run, sources: Sequence[Source], wish: "ratings.Wish", settings: Settings, t: Words) -> None:
    from lychee_app import ratings
    from lychee_app.store import moves_folder

    planned = ratings.plan(run, enumerate(sources), wish)
    written = ratings.write(planned, moves_folder(settings.data_folder))
    counts = Counter(change.rating.stars or 0 for change in written.changes)
    if written.changes:
        stars = ", ".join(f"{'★' * each or '–'} {counts[each]}" for each in sorted(counts, reverse=True))
        _tell(t("terminal.rated", n=len(written.changes), stars=stars))
    if planned.same:
        _tell(t("terminal.rated.same", n=planned.same))
    for one in written.left_out[:3]:
        _tell(t("terminal.rated.left", name=one.name, reason=t.reason(one.reason)))
    if more := len(written.left_out[3:]):
        _tell(t("terminal.rated.more", n=more))


def _undo(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import ratings
    from lychee_app.store import moves_folder

    kept = ratings.journals(moves_folder(Settings.from_environment().data_folder))
    if not kept:
        raise LycheeError("undo-none")
    undone = ratings.undo(kept[0].path)
    _tell(t("terminal.undone", n=len(undone.sidecars)))
    for one in undone.left_out:
        _tell(t("terminal.rated.left", name=one.name, reason=t.reason(one.reason)))
    return 1 if undone.left_out else 0


def _tell_all(reasons: Iterable[Reason], t: Words) -> None:
    for reason in reasons:
        _tell(t.reason(reason))


def _checked(engine: Engine, requests: Sequence[Request], settings: Settings, t: Words) -> list[Request]:
    """As their judge will be asked, before an image is read. Somebody who sits there is asked whether a
    missing model is to be downloaded.

    Raises CheckpointError where it is not there afterwards, and UsageError where it knows no word of a query.
    """
    try:
        return [engine.check(request) for request in requests]
    except CheckpointError as error:
        asked = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        if error.code != "not-downloaded" or not asked or settings.hub_offline:
            raise
    model = requests[0].model
    print(t("terminal.offer", model=model), end=" ", file=sys.stderr, flush=True)
    if input().strip().lower() in {"y", "yes"}:
        _fetch(model, settings)
    return [engine.check(request) for request in requests]


def _questions(arguments: argparse.Namespace, t: Words) -> list[Question]:
    """The one question of the command line, or those of its file: blank lines and # comments are none."""
    from lychee_app import query

    parts = None if arguments.elements else ()
    if arguments.queries is None:
        return [query.ask(arguments.query, arguments.typed_not, parts=parts)]
    if arguments.query:
        raise UsageError("queries-and-query")
    if arguments.mode == "explain" or arguments.csv is not None:
        raise UsageError("queries-with")
    try:
        lines = Path(arguments.queries).read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise LycheeError("queries-no-text", path=arguments.queries) from error
    except OSError as error:
        detail = error.strerror or str(error)
        raise LycheeError("queries-unreadable", path=arguments.queries, detail=detail) from error
    questions = []
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                questions.append(query.ask(line.strip(), arguments.typed_not, parts=parts))
            except QueryError as error:
                path, detail = arguments.queries, t.error(error)
                raise UsageError("queries-line", path=path, line=number, detail=detail) from error
    if not questions:
        raise UsageError("queries-none", path=arguments.queries)
    return questions


def _hint(question: Question, t: Words) -> None:
    """Says what would count against an image where the query only says that it is not wanted."""
    from lychee_app.negation import negation

    if not (found := negation(question.typed)):
        return
    kept, unwanted = map(shlex.quote, found)
    if found[0]:
        _tell(t("terminal.unwanted", kept=kept, unwanted=unwanted))
    else:
        _tell(t("terminal.unwanted.only", unwanted=unwanted))


def _teller(
    requests: Sequence[Request], show: Callable[[Progress], None], t: Words
) -> Callable[[Event], None]:
    def tell(event: Event) -> None:
        if isinstance(event, Progress):
            return show(event)
        for warning in event.info.warnings:
            _tell(t.reason(warning))
        if requests[0].model == "auto" and event.info.name == "demo":
            _tell(t("terminal.demo_chosen"))
        for request in requests:
            _tell_all(not_understood(event.info.name, request.question), t)
        return None

    return tell


def _check_goals(*goals: str | None) -> None:
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


def _spare_the_images(sources: Sequence[Source], *goals: str | None) -> None:
    """A glob or a slip of the finger must not cost a picture."""
    images = {os.path.realpath(source.path) for source in sources if source.path}
    for file in _files(goals):
        if os.path.realpath(file) in images:
            raise LycheeError("goal-image", path=file)


@contextlib.contextmanager
def _log(settings: Settings, fresh: bool, t: Words) -> Iterator[Log]:
    """Where the run and its replies are kept: a run that is cut off goes on there, here or on the page."""
    with contextlib.ExitStack() as until_done:
        kept = None if fresh else _kept(settings, until_done, t)
        try:
            yield kept or Unkept()
        except (KeyboardInterrupt, ModelLost):
            if kept and kept.works:
                _tell(t("terminal.kept"))
            raise


def _kept(settings: Settings, until_done: contextlib.ExitStack, t: Words) -> Forgiving | None:
    """None where the data folder cannot be used."""
    from lychee_app.errors import StoreError
    from lychee_app.store import Store

    def not_kept(error: StoreError) -> None:
        _tell(t("terminal.not_kept", reason=t.error(error)))

    try:
        return Forgiving(until_done.enter_context(Store.open(settings.data_folder)), not_kept)
    except StoreError as error:
        return not_kept(error)


def _status(run: Run, t: Words) -> int:
    return 0 if any(row.score is not None for row in run.images) else _none_scored(run.images, t)


def _none_scored(rows: Sequence[Scored], t: Words) -> int:
    reasons = "; ".join(f"{row.name}: {t.reason(row.reason)}" for row in rows[:3])
    _tell(t("terminal.none_scored", reasons=reasons))
    return 1


def _eval(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import evaluate, terminal
    from lychee_app.engines.local import LocalEngine

    _check_goals(arguments.json, arguments.plot)
    if arguments.plot == "-":
        raise UsageError("plot-stdout")
    settings, images = Settings.from_environment(), arguments.images
    if (arguments.truth is None) == (arguments.suite is None):
        raise UsageError("eval-what")
    if arguments.pairs is not None and arguments.suite is None:
        raise UsageError("pairs-without")
    if arguments.suite is not None:
        return _suite(arguments, settings, t)
    truth = evaluate.read(Path(arguments.truth), images and Path(images), arguments.relevant_from)
    _spare_the_images([Source(name, path=truth.folder / name) for name in truth.images], arguments.json)
    engine, found = LocalEngine(settings), []
    for request in _sides(arguments, settings):
        total = evaluate.looks(truth, request)
        with terminal.progress_line(total, t) as show:
            answers = evaluate.ask(truth, request, engine, _teller([request], show, t))
        if all(len(one.unscored) == len(one.rows) for one in answers.each):
            return _none_scored(answers.each[0].rows, t)
        found.append(evaluate.evaluate(answers, truth.relevant_from))
    against = found[1] if found[1:] else None
    differences = against and evaluate.compare(found[0].answers, against.answers, truth.relevant_from)
    if arguments.plot is not None:
        _write(arguments.plot, evaluate.reliability_svg(t, found))
    if arguments.json is not None:
        _write(arguments.json, evaluate.to_json(Path(arguments.truth), truth, found[0], against, differences))
    if arguments.json != "-":
        _print(evaluate.tables(t, found[0], against, differences))
    return 0


def _suite(arguments: argparse.Namespace, settings: Settings, t: Words) -> int:
    from lychee_app import evaluate, terminal
    from lychee_app.engines.local import LocalEngine

    request, *against = _sides(arguments, settings)
    if against or arguments.plot or arguments.images:
        raise UsageError("suite-with")
    with terminal.progress_line(evaluate.suite_looks(request, arguments.pairs), t) as show:
        tell = _teller([request], show, t)
        suite = evaluate.run_suite(request, LocalEngine(settings), tell, arguments.pairs)
    if arguments.json is not None:
        _write(arguments.json, evaluate.suite_to_json(suite))
    if arguments.json != "-":
        _print(evaluate.suite_tables(t, suite))
    return 0


def _sides(arguments: argparse.Namespace, settings: Settings) -> list[Request]:
    """What is evaluated, and what it is compared with, if anything is."""
    first = Request(
        Question("", ""),
        arguments.mode,
        model=arguments.model or settings.model,
        max_image_tokens=arguments.image_tokens,
        precision=arguments.precision,
    )
    given = {
        "model": arguments.against_model,
        "mode": arguments.against_mode,
        "precision": arguments.against_precision,
        "max_image_tokens": arguments.against_image_tokens,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    return [first, replace(first, **changed)] if changed else [first]


def _demo(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import demo

    if arguments.words and arguments.folder is not None:
        raise UsageError("demo-both")
    if arguments.words:
        print(json.dumps([*demo.known_words(), *demo.colours()], ensure_ascii=False, indent=1))
        return 0
    if arguments.folder is None:
        raise UsageError("demo-neither")
    try:
        demo.write_gallery(arguments.folder)
    except OSError as error:
        path, detail = str(arguments.folder), error.strerror or str(error)
        raise LycheeError("gallery", path=path, detail=detail) from error
    command = f'lychee rank "{demo.GALLERY_QUERY}" {shlex.quote(str(arguments.folder))}'
    print(t("terminal.gallery", folder=arguments.folder, command=command))
    return 0


def _app(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import launch

    _check_port(arguments.port)
    command = launch.command(port=arguments.port)
    if os.name == "posix":
        os.execv(command[0], command)  # the page is this process: who ends it ends the page
    return subprocess.call(command)


def _serve(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app.engines.local import LocalEngine
    from lychee_app.model import checkpoints
    from lychee_app.store import Store

    if arguments.token == "":
        raise UsageError("serve-token-empty")
    settings = Settings.from_environment()
    model = str(checkpoints.resolved(arguments.model or settings.model, settings))
    checkpoints.locate(model, settings)
    engine = LocalEngine(settings)
    try:
        if arguments.mcp:
            from lychee_app.serve import mcp

            with Store.open(settings.data_folder) as store:
                mcp.serve(engine, store, model, arguments.allow, t)
            return 0
        from lychee_app.serve import http
    except ImportError as error:
        raise LycheeError("serve-extra") from error
    _check_port(arguments.port)
    token = None if arguments.no_token else arguments.token or secrets.token_urlsafe(24)
    api = http.create(engine, model, http.Allowed(arguments.allow), token)
    folders = ", ".join(arguments.allow) or t("terminal.serving.no_folder")
    address = f"http://127.0.0.1:{arguments.port}/v1/rerank"
    _tell(t("terminal.serving", model=model, address=address, folders=folders))
    if token and arguments.token is None:
        _tell(t("terminal.serving.token", token=token))
    http.run(api, arguments.port)
    return 0


def _check_port(port: int) -> None:
    """The page's own server would say less of a port where somebody listens already."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        if probe.connect_ex(("127.0.0.1", port)):
            return
    other = port + 1 if port < 65535 else port - 1
    raise LycheeError("port", port=port, other=other)


def _download(arguments: argparse.Namespace, t: Words) -> int:
    folder = _fetch(arguments.model, Settings.from_environment())
    print(t("terminal.downloaded", model=arguments.model, folder=folder))
    return 0


def _fetch(model: str, settings: Settings) -> Path:
    from lychee_app.model.download import download
    from lychee_app.terminal import download_line

    with download_line() as show:
        return download(model, settings, show)


def _doctor(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import doctor

    for line in doctor.examine(_settings(arguments), t):
        print(line)
    return 0


def _settings(arguments: argparse.Namespace) -> Settings:
    settings = Settings.from_environment()
    return replace(settings, model=arguments.model or settings.model)


def _write(target: str, text: str) -> None:
    """In UTF-8 whatever the terminal speaks, and with the line ends of the text: it is read by programs."""
    from lychee_app.export import write_atomically

    if target == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    else:
        write_atomically(Path(target), text.encode())


def _nobody_reads() -> int:
    """`lychee rank ... | head -1`: what is left in the buffer goes nowhere, and quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _print(renderable) -> None:
    from rich.console import Console

    Console().print(renderable)


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


def _folder(text: str) -> Path:
    if not text:
        raise argparse.ArgumentTypeError("the name of the folder is empty")
    return Path(text)


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a whole number from 1 to 65535")
    return int(text)


def _tell(text: str) -> None:
    print(f"lychee: {text}", file=sys.stderr)


def _complain(error: LycheeError, t: Words) -> int:
    _tell(t.error(error))
    return 2 if isinstance(error, UsageError) and error.code not in _OF_THIS_MACHINE else 1
