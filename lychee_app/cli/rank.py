"""`lychee rank`: a table, files, and sidecars."""

import argparse
import contextlib
import os
import re
import shlex
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path
from typing import TYPE_CHECKING

from lychee_app.cli.first_steps import fetch
from lychee_app.cli.output import (
    check_goals,
    none_scored,
    print_table,
    say,
    say_all,
    spare_what_is_read,
    teller,
    write,
)
from lychee_app.engines import Engine
from lychee_app.errors import CheckpointError, ModelLost, QueryError, UsageError
from lychee_app.locale import Words
from lychee_app.packed import light
from lychee_app.query import Question
from lychee_app.ranking import ranked
from lychee_app.recorder import Forgiving, Log, Unkept
from lychee_app.records import Run, Source
from lychee_app.request import Request
from lychee_app.settings import Settings

if TYPE_CHECKING:
    from lychee_app import ratings

WORTH_SAVING_SECONDS = 10.0
"""From so many on it is said how they could be saved."""


def rank(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app.engines.example import example_at

    if "-" in (arguments.zip, arguments.sheet):
        raise UsageError("files-stdout")
    goals = arguments.json, arguments.csv, arguments.zip, arguments.sheet
    check_goals(*goals)
    if arguments.fixed_dates and arguments.zip is None:
        raise UsageError("without-zip")
    settings = Settings.from_environment()
    wish = _wish(arguments)
    asked = arguments.like, arguments.unlike
    like, unlike = (None if path is None else example_at(path, settings) for path in asked)
    requests = [
        Request(
            question,
            arguments.mode,
            model=arguments.model or settings.model,
            max_image_tokens=arguments.image_tokens,
            precision=arguments.precision,
            prefilter=arguments.prefilter,
            like=like,
            unlike=unlike,
            bursts=arguments.bursts,
        )
        for question in _questions(arguments, t)
    ]
    read = arguments.queries, arguments.like, arguments.unlike
    with scored(requests, arguments, Files(goals, read), settings, t) as (runs, found):
        _tell(runs, found, arguments, t)
        status = _status(runs[0], t)
        if wish is not None and not _rate(runs[0], found, wish, settings, t):
            return 1
        return status


def _tell(runs: Sequence[Run], found: Sequence[Source], arguments: argparse.Namespace, t: Words) -> None:
    """Files, table and notes."""
    from lychee_app import analysis, export, terminal

    limit = arguments.limit
    if arguments.json is not None:
        is_list = arguments.queries is not None
        pieces = export.json_list_pieces(runs, limit) if is_list else export.json_pieces(runs[0], limit=limit)
        write(arguments.json, pieces)
    if arguments.csv is not None:
        write(arguments.csv, export.csv_pieces(runs[0], limit=limit))
    _write_listed(arguments, runs[0], found, t)
    if "-" not in (arguments.json, arguments.csv):
        for run in runs:
            print_table(terminal.table(run, t, limit))
            print_table(terminal.summary(run, terminal.listed(run, limit), t))
    for run in runs:
        say_all(analysis.of_images(run.images), t)  # of the words it was said before
    _say_alike(runs[0], t)


@dataclass(frozen=True)
class Files:
    """Beside the images: what the command will write, and what it reads."""

    written: tuple[str | None, ...]
    read: tuple[str | None, ...]


@contextlib.contextmanager
def scored(
    requests: Sequence[Request],
    arguments: argparse.Namespace,
    files: Files,
    settings: Settings,
    t: Words,
) -> Iterator[tuple[list[Run], tuple[Source, ...]]]:
    """A run for each request, over the images that are named; where they are kept is open until this ends.

    Raises LycheeError where a file that will be written is one that is read.
    """
    from lychee_app import recorder, sources, terminal

    for request in requests:
        _hint(request.question, t)
    engine = _engine(arguments, settings)
    requests = _prepared(engine, requests, settings, t)
    found = sources.find(arguments.paths, sources.Rules(tuple(arguments.exclude), arguments.include_hidden))
    if found.left_out:
        say(t.left_out(found.left_out))
    for glob in found.unmet:
        say(t("exclude.unmet", glob=glob))
    spare_what_is_read(found.sources, files.written, *files.read)
    with contextlib.ExitStack() as until_told:
        kept = None if arguments.fresh else _kept(settings, until_told, t)
        with _resumable(kept, t), terminal.progress_line(len(found.sources), t) as show:
            runs = recorder.rank_each(
                requests,
                found.sources,
                engine,
                _in_parts(kept or Unkept(), requests, arguments.parts, t),
                teller(requests, show, t),
                left_out=found.left_out,
                going_on=lambda n: say(
                    t("terminal.nothing_left" if n == len(found.sources) else "terminal.going_on", n=n)
                ),
            )
        yield runs, found.sources


def _say_alike(run: Run, t: Words) -> None:
    """What judging one of each group saved, or would have."""
    from lychee_app import curate

    count, seconds = curate.beside(run.images)
    if run.request.bursts == "one":
        say(t("terminal.alike.one", n=count, time=t.span(seconds)) if count else t("terminal.alike.none"))
    elif seconds >= WORTH_SAVING_SECONDS:
        say(t("terminal.alike.all", n=count, time=t.span(seconds)))


def _write_listed(arguments: argparse.Namespace, run: Run, sources: Sequence[Source], t: Words) -> None:
    """The ZIP and the contact sheet of the listed images that have a score."""
    from lychee_app import export

    if arguments.zip is None and arguments.sheet is None:
        return
    shown = ranked(light(run.images))[: arguments.limit]
    listed = [place.scored.upload_index for place in shown if place.scored.score is not None]
    if without := len(shown) - len(listed):
        say(t("terminal.listed.left", n=without))
    if arguments.zip is not None:
        files = enumerate(sources)
        made = export.write_zip(Path(arguments.zip), run, listed, files, fixed_dates=arguments.fixed_dates)
        for one in made.left_out:
            say(t("terminal.zip.left", name=one.name, reason=t.reason(one.reason)))
    if arguments.sheet is not None:
        from lychee_app.export.sheet import to_pdf

        sheet = to_pdf(run, listed, language=t.language)
        export.write_atomically(Path(arguments.sheet), sheet.data)
        if sheet.unshown:
            say(t("sheet.unshown", n=sheet.unshown))


def _engine(arguments: argparse.Namespace, settings: Settings) -> Engine:
    """Raises UsageError for options of an engine that is not chosen."""
    from lychee_app.engines.choice import engine_of
    from lychee_app.engines.pools import RayOptions

    address, decoders, scorers = arguments.ray_address, arguments.decode_workers, arguments.scorers
    options = RayOptions(address, decoders, scorers, arguments.cards or 1)
    name = arguments.engine or settings.engine
    if name != "ray" and options != RayOptions():
        raise UsageError("without-ray")
    return engine_of(name, settings, options)


def _in_parts(log: Log, requests: Sequence[Request], folder: Path | None, t: Words) -> Log:
    """With Parquet parts in a folder, where one is wanted: of several queries each has one below it."""
    if folder is None:
        return log
    from lychee_app.parquet import InParts

    places = [folder / f"query-{number:02}" for number in range(1, len(requests) + 1)]
    folders = dict(zip(requests, places if len(requests) > 1 else [folder], strict=True))
    return InParts(log, folders, lambda file: say(t("terminal.cut_short", path=str(file))))


def _wish(arguments: argparse.Namespace) -> "ratings.Wish | None":
    """What is to be written into sidecars. Raises UsageError."""
    if not arguments.xmp:
        if arguments.stars or arguments.xmp_keyword or arguments.xmp_embed:
            raise UsageError("without-xmp")
        return None
    if arguments.queries is not None:
        raise UsageError("queries-with")
    if arguments.xmp_embed and arguments.parts is not None:
        raise UsageError("embed-parts")
    from lychee_app import ratings

    stars = arguments.stars or ratings.STARS
    return ratings.Wish(stars, keyword=arguments.xmp_keyword, embed=arguments.xmp_embed)


def _rate(run: Run, sources: Sequence[Source], wish: "ratings.Wish", settings: Settings, t: Words) -> bool:
    """Whether any image has its rating now, or keeps that of its owner."""
    from lychee_app import ratings

    planned = ratings.plan(run, enumerate(sources), wish)
    written = write_ratings(planned, settings)
    tally = ratings.Tally.of(written.changes)
    if written.changes:
        inside = sum(change.inside is not None for change in written.changes)
        key = "terminal.rated.inside" if inside else "terminal.rated"
        say(t(key, n=len(tally.stars), inside=inside, stars=t.stars_counted(tally.stars)))
    if tally.replaced:
        say(t("terminal.rated.replaced", n=tally.replaced))
    if planned.kept:
        say(t("stars.kept", n=len(planned.kept)))
    if planned.unstarred:
        say(t("stars.unstarred", n=len(planned.unstarred)))
    if planned.same_images:
        say(t("terminal.rated.same", n=planned.same_images))
    if planned.passed_over:
        say(t("terminal.rated.passed_over", n=planned.passed_over, keep=run.request.prefilter))
    if planned.stood_for:
        say(t("terminal.rated.stood_for", n=planned.stood_for))
    for one in written.left_out[:3]:
        say(t("terminal.rated.left", name=one.name, reason=t.reason(one.reason)))
    if more := len(written.left_out[3:]):
        say(t("terminal.rated.more", n=more))
    return bool(written.changes or planned.same or planned.kept or planned.unstarred)


def write_ratings(planned: "ratings.Plan", settings: Settings) -> "ratings.Written":
    """Where images change themselves, the store is told of it, and of what was cut off before. Raises
    StoreError."""
    from lychee_app import ratings
    from lychee_app.store import Store, moves_folder

    if not planned.images:
        return ratings.write(planned, moves_folder(settings.data_folder))
    with Store.open(settings.data_folder) as store:
        ratings.recover(store)
        return ratings.write(planned, store.moves_folder, store)


def _prepared(engine: Engine, requests: Sequence[Request], settings: Settings, t: Words) -> list[Request]:
    """As their judge will be asked, before an image is read. Somebody who sits there is asked whether a
    missing model is to be downloaded.

    Raises CheckpointError where it is not there afterwards, and UsageError where it knows no word of a query.
    """
    try:
        return [engine.prepared(request) for request in requests]
    except CheckpointError as error:
        asked = sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()
        if error.code != "not-downloaded" or not asked or settings.hub_offline:
            raise
    model = requests[0].model
    print(t("terminal.offer", model=model), end=" ", file=sys.stderr, flush=True)
    if input().strip().lower() in {"y", "yes"}:
        fetch(model, settings)
    return [engine.prepared(request) for request in requests]


def _questions(arguments: argparse.Namespace, t: Words) -> list[Question]:
    """The one question of the command line, or those of its file: blank lines and # comments are none."""
    from lychee_app import query

    parts = None if arguments.elements else ()
    if (
        arguments.queries is None
        and not arguments.query
        and (arguments.like, arguments.unlike) != (None, None)
    ):
        return [query.beside_examples(arguments.typed_not)]
    if arguments.queries is None:
        return [query.ask(arguments.query, arguments.typed_not, parts=parts)]
    first, *more = arguments.paths
    if more and not (os.path.lexists(os.path.expanduser(first)) or has_magic(first)):
        raise UsageError("queries-and-query", path=first)
    if arguments.mode == "explain" or (arguments.csv, arguments.zip, arguments.sheet) != (None,) * 3:
        raise UsageError("queries-with")
    if arguments.prefilter is not None:
        raise UsageError("queries-prefilter")
    try:
        text = Path(arguments.queries).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("queries-no-text", path=arguments.queries) from error
    except OSError as error:
        detail = error.strerror or str(error)
        raise UsageError("queries-unreadable", path=arguments.queries, detail=detail) from error
    if "\0" in text:  # UTF-16, as often as not
        raise UsageError("queries-no-text", path=arguments.queries)
    questions = []
    for number, line in enumerate(re.split("\r\n?|\n", text), start=1):
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
        say(t("terminal.unwanted", kept=kept, unwanted=unwanted))
    else:
        say(t("terminal.unwanted.only", unwanted=unwanted))


@contextlib.contextmanager
def _resumable(kept: Forgiving | None, t: Words) -> Iterator[None]:
    """A run that is cut off goes on where it is kept, here or on the page: that is said."""
    try:
        yield
    except (KeyboardInterrupt, ModelLost):
        if kept and kept.keeps_rows:
            say(t("terminal.kept"))
        raise


def _kept(settings: Settings, until_told: contextlib.ExitStack, t: Words) -> Forgiving | None:
    """Where runs and their replies are kept. None where the data folder cannot be used."""
    from lychee_app.errors import StoreError
    from lychee_app.store import Store

    def not_kept(error: StoreError) -> None:
        say(t("terminal.not_kept", reason=t.error(error)))

    try:
        return Forgiving(until_told.enter_context(Store.open(settings.data_folder)), not_kept)
    except StoreError as error:
        return not_kept(error)


def _status(run: Run, t: Words) -> int:
    rows = light(run.images)
    return 0 if any(row.score is not None for row in rows) else none_scored(rows, t)
