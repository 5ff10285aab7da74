"""The flow as one call, for programs: `lychee_app.rank("green sofa", ["photos/"])`."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from lychee_app import pipeline, query
from lychee_app.errors import UsageError
from lychee_app.model.scorer import open_scorer
from lychee_app.records import Mode, Run, Scorer
from lychee_app.settings import Settings


def rank(
    text: str,
    paths: Sequence[str | Path] | str | Path,
    *,
    model: str | Scorer = "auto",
    mode: Mode = "judge",
    not_text: str = "",
    elements: bool = False,
    settings: Settings | None = None,
) -> Run:
    """Ranks images, folders and globs by a sentence.

    `model` is a name (see `lychee download`), a folder, or a scorer from `open_scorer` to keep it loaded. The
    run's images are in upload order; `ranked(run.images)` puts them in order. Raises UsageError (QueryError),
    CheckpointError, ModelLost; an image that cannot be scored is a row with `error`.
    """
    settings = settings or Settings.from_environment()
    question = query.ask(text, not_text, steps=settings.steps, parts=None if elements else ())
    if mode not in get_args(Mode):
        raise UsageError(f"There is no mode {mode!r}. Use one of {', '.join(get_args(Mode))}.", code="mode")
    sources = pipeline.sources_of([paths] if isinstance(paths, str | Path) else paths)
    started = time.perf_counter()
    pipeline.get_ready(len(sources), settings)
    scorer = open_scorer(model, settings=settings) if isinstance(model, str) else model
    run = pipeline.rank(question, sources, scorer, settings, mode=mode)
    return replace(run, seconds=time.perf_counter() - started)
