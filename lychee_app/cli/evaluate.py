"""`lychee eval`: how good a judge is, on images of one's own or on the built-in suite."""

import argparse
from dataclasses import replace
from pathlib import Path

from lychee_app.cli.output import (
    check_goals,
    none_scored,
    print_table,
    say_all,
    spare_what_is_read,
    teller,
    write,
)
from lychee_app.errors import UsageError
from lychee_app.locale import Words
from lychee_app.query import Question
from lychee_app.records import Source
from lychee_app.request import Request
from lychee_app.settings import Settings


def evaluate(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import evaluate, terminal
    from lychee_app.engines.local import LocalEngine
    from lychee_app.model import checkpoints

    if arguments.plot == "-":
        raise UsageError("plot-stdout")
    check_goals(arguments.json, arguments.plot)
    settings, images = Settings.from_environment(), arguments.images
    if (arguments.truth is None) == (arguments.suite is None):
        raise UsageError("eval-what")
    if arguments.pairs is not None and arguments.suite is None:
        raise UsageError("pairs-without")
    evaluate.library()
    if arguments.suite is not None:
        return _suite(arguments, settings, t)
    truth = evaluate.read(Path(arguments.truth), images and Path(images), arguments.relevant_from)
    judged = [Source(name, path=truth.folder / name) for name in truth.images]
    spare_what_is_read(judged, (arguments.json, arguments.plot), arguments.truth)
    engine, found = LocalEngine(settings), []
    requests = _sides(arguments, settings)
    for request in requests[1:]:  # the first is opened at once; the second only after all its images
        checkpoints.hash_of(request.model, settings)
    for request in requests:
        total = evaluate.looks(truth, request)
        with terminal.progress_line(total, t) as show:
            answers = evaluate.ask(truth, request, engine, teller([request], show, t))
        if all(len(one.unscored) == len(one.rows) for one in answers.each):
            return none_scored(answers.each[0].rows, t)
        say_all(answers.caveats, t)
        found.append(evaluate.evaluate(answers, truth.relevant_from))
    against = found[1] if found[1:] else None
    differences = against and evaluate.compare(found[0].answers, against.answers, truth.relevant_from)
    if arguments.plot is not None:
        write(arguments.plot, [evaluate.reliability_svg(t, found)])
    if arguments.json is not None:
        as_json = evaluate.to_json(Path(arguments.truth), truth, found[0], against, differences)
        write(arguments.json, [as_json])
    if arguments.json != "-":
        print_table(evaluate.tables(t, found[0], against, differences))
    return 0


def _suite(arguments: argparse.Namespace, settings: Settings, t: Words) -> int:
    from lychee_app import evaluate, terminal
    from lychee_app.engines.local import LocalEngine

    request, *against = _sides(arguments, settings)
    if against or arguments.plot or arguments.images:
        raise UsageError("suite-with")
    with terminal.progress_line(evaluate.suite_looks(request, arguments.pairs), t) as show:
        tell = teller([request], show, t)
        suite = evaluate.run_suite(request, LocalEngine(settings), tell, arguments.pairs)
    if arguments.json is not None:
        write(arguments.json, [evaluate.suite_to_json(suite)])
    if arguments.json != "-":
        print_table(evaluate.suite_tables(t, suite))
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
