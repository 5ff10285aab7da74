"""The flow as one call, for programs: `lychee_app.rank("green sofa", ["photos/"])`."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import get_args

from lychee_app import query, recorder, sources
from lychee_app.engines.local import LocalEngine
from lychee_app.errors import UsageError
from lychee_app.records import Mode, Run, Scorer
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.store import Store


def rank(
    text: str,
    paths: Sequence[str | Path] | str | Path,
    *,
    model: str | Scorer = "auto",
    mode: Mode = "judge",
    not_text: str = "",
    elements: bool = False,
    keep: bool = False,
    exclude: Sequence[str] = (),
    include_hidden: bool = False,
    settings: Settings | None = None,
) -> Run:
    """Ranks images, folders and globs by a sentence.

    `model` is a name (see `lychee download`), a folder, or a scorer from `open_scorer` to keep it loaded.
    `exclude` (globs) and `include_hidden` change what a walk leaves out; the run's `left_out` counts it.
    With `keep` the run stands in the page's history. The run's images are in upload order;
    `ranked(run.images)` puts them in order. Raises UsageError (QueryError), CheckpointError, ModelLost, and
    with `keep` StoreError; an image that cannot be scored is a row with a `reason`.
    """
    settings = settings or Settings.from_environment()
    question = query.ask(text, not_text, parts=None if elements else ())
    if mode not in get_args(Mode):
        raise UsageError("mode", mode=str(mode), modes=", ".join(get_args(Mode)))
    if isinstance(model, str):
        engine = LocalEngine(settings)
        request = engine.prepared(Request(question, mode, model))
    else:
        request = Request(question, mode, model.info.name)
        engine = LocalEngine(settings, lambda name, precision: model)
    rules = sources.Rules(tuple(exclude), include_hidden)
    found = sources.find([paths] if isinstance(paths, str | Path) else paths, rules)
    with Store.open(settings.data_folder) if keep else nullcontext(recorder.Unkept()) as log:
        return recorder.rank(request, found.sources, engine, log, left_out=found.left_out)
