"""`lychee sort`: images under names, each with a query; shown, copied into folders, or named in sidecars."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lychee_app.cli.output import check_goals, none_scored, print_table, say, write
from lychee_app.cli.rank import Files, scored, write_ratings
from lychee_app.errors import UsageError
from lychee_app.locale import Words
from lychee_app.packed import light
from lychee_app.records import Run, Source
from lychee_app.request import Request
from lychee_app.settings import Settings

if TYPE_CHECKING:
    from lychee_app import decide, ratings
    from lychee_app.export import LeftOut


def sort(arguments: argparse.Namespace, t: Words) -> int:
    from lychee_app import decide, export, sorting, terminal

    check_goals(arguments.json)
    if arguments.xmp_embed and not arguments.xmp_keyword:
        raise UsageError("without-keyword")
    if arguments.copy_to is not None and arguments.move_to is not None:
        raise UsageError("sorting-both")
    folder = arguments.copy_to or arguments.move_to
    if folder is not None and decide.make(folder := decide.usable(folder)):
        folder.rmdir()  # it can be made; whether it will be needed is not known before all is judged
    settings, columns = Settings.from_environment(), sorting.read(Path(arguments.names))
    request = Request(
        sorting.question(columns),
        model=arguments.model or settings.model,
        max_image_tokens=arguments.image_tokens,
        precision=arguments.precision,
        columns=columns,
    )
    files = Files((arguments.json,), (arguments.names,))
    with scored([request], arguments, files, settings, t) as ((run,), found):
        pass
    places = sorting.placed(run)
    groups = sorting.listed(run, places)
    if arguments.json is not None:
        names = {index: None if place is None else columns[place].name for index, place in places.items()}
        write(arguments.json, export.json_pieces(run, columns=names))
    if arguments.json != "-":
        print_table(terminal.sorting_table(run, groups, t))
        print_table(terminal.summary(run, len(run.images), t))
    rows = light(run.images)
    if all(row.score is None for row in rows):
        return none_scored(rows, t)
    if (folder is not None or arguments.xmp_keyword) and not any(
        place is not None for place in places.values()
    ):
        say(t("sorting.nothing"))
        return 0
    done, sorted_ = True, _Sorted(run, places, found, settings)
    if arguments.xmp_keyword:  # first, so that the sidecars go along
        written = _named(sorted_, arguments.xmp_embed, t)
        done, sorted_ = written is not None, replace(sorted_, run=written.of(run) if written else run)
    if folder is not None:
        action: decide.Action = "copy" if arguments.copy_to is not None else "move"
        done = _carried(sorted_, folder, action, t) and done
    return 0 if done else 1


@dataclass(frozen=True)
class _Sorted:
    """places: see sorting.placed."""

    run: Run
    places: Mapping[int, int | None]
    found: Sequence[Source]
    settings: Settings


def _carried(done: _Sorted, folder: Path, action: "decide.Action", t: Words) -> bool:
    """Into a folder for each name. Whether any file is there now."""
    from lychee_app import decide, sorting, sources
    from lychee_app.store import Store

    files = sources.with_new_sidecars(enumerate(done.found))
    planned = sorting.plan(done.run, done.places, files, folder, action)
    there = sum(one.code == decide.THERE for one in planned.left_out)
    if there:
        say(t("files.there", n=there))
    if not planned.steps:
        _say_left(planned.left_out, t)
        return there > 0
    with Store.open(done.settings.data_folder) as store:
        made = decide.carry_out(planned, store.moves_folder)
        if action == "move":
            store.relocate(made.moved)
    for goal in (planned.folder / column.name for column in done.run.request.columns):
        if count := sum(step.target.parent == goal for step in made.steps):
            say(t(f"terminal.sorted.{action}", n=count, name=goal.name, folder=str(goal)))
    if made.steps:
        say(t("terminal.sorted.back"))
    _say_left(made.left_out, t)
    return bool(made.steps) or there > 0


def _say_left(left_out: Sequence["LeftOut"], t: Words) -> None:
    """The first of those that were not passed over because they are there."""
    from lychee_app import decide

    for one in [one for one in left_out if one.code != decide.THERE][:3]:
        say(t("terminal.sorted.left", name=one.name, reason=t.reason(one.reason)))


def _named(done: _Sorted, embed: bool, t: Words) -> "ratings.Written | None":
    """Each name as a keyword into the sidecars of its images, or into these. None where none has it now."""
    from lychee_app import ratings

    columns = done.run.request.columns
    names = {index: columns[place].name for index, place in done.places.items() if place is not None}
    planned = ratings.plan(done.run, enumerate(done.found), ratings.Wish(names=names, embed=embed))
    written = write_ratings(planned, done.settings)
    inside = sum(change.inside is not None for change in written.changes)
    key = "terminal.sorted.named.inside" if inside else "terminal.sorted.named"
    say(t(key, n=len(ratings.Tally.of(written.changes).stars), inside=inside))
    for one in written.left_out[:3]:
        say(t("terminal.rated.left", name=one.name, reason=t.reason(one.reason)))
    return written if written.changes or planned.same else None
