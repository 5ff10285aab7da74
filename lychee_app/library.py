"""The flow as one call, for programs: `lychee_app.rank("green sofa", ["photos/"])`."""

import weakref
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import get_args

from lychee_app import addresses, query, recorder, sources
from lychee_app.engines.choice import engine_of
from lychee_app.engines.example import example_at
from lychee_app.engines.pools import RayOptions
from lychee_app.errors import StoreError, UsageError
from lychee_app.packed import Rows
from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.records import Mode, Run, Scorer
from lychee_app.request import Bursts, Precision, Request
from lychee_app.settings import LEAST_TOKENS, MOST_TOKENS, EngineName, Settings
from lychee_app.store import Store
from lychee_app.store.store import FILE_NAME


def rank(
    text: str,
    paths: Sequence[str | Path] | str | Path,
    *,
    model: str | Scorer = "auto",
    mode: Mode = "judge",
    not_text: str = "",
    like: str | Path | None = None,
    unlike: str | Path | None = None,
    elements: bool = False,
    precision: Precision = "auto",
    bursts: Bursts = "all",
    max_image_tokens: int | None = None,
    prefilter: int | None = None,
    instruction: str = DEFAULT_INSTRUCTION,
    keep: bool = False,
    engine: EngineName | None = None,
    ray: RayOptions | None = None,
    parts: str | Path | None = None,
    exclude: Sequence[str] = (),
    include_hidden: bool = False,
    settings: Settings | None = None,
) -> Run:
    """Ranks images, folders and globs by a sentence, by an example image, or by both.

    `like` and `unlike` are files; with one of them `text` may be "". Its score is the probability that an
    image shows something of the example, and is multiplied with that of the words.
    `model` is a name (see `lychee download`), a folder, or a scorer from `open_scorer` to keep it loaded.
    `precision` is that of the weights; of a scorer it is its own. `max_image_tokens` is the most an image may
    have, None what suits this machine; `instruction` is judge mode's. With `prefilter` only so many are
    judged in full, the best by a first look at a quarter of the tokens; the others are rows with a `reason`.
    `bursts`: of images that are alike "all" are judged, or "one" of each group, the sharpest; the others have
    a reason that names it, and `curate.groups(run.images)` has all groups.
    `exclude` (globs) and `include_hidden` change what a walk leaves out; the run's `left_out` counts it.
    `engine` "ray" is a Ray cluster, sized by `ray`; None is what the settings say. `parts` is a new folder,
    into which the result goes as Parquet too (store/parts.py).
    With `keep` the run stands in the page's history. The run's images are in upload order;
    `ranked(run.images)` puts them in order. Raises UsageError (QueryError), CheckpointError, ModelLost, and
    with `keep` StoreError; an image that cannot be scored is a row with a `reason`.
    """
    settings = settings or Settings.from_environment()
    if text.strip() or (like is None and unlike is None):
        question = query.ask(text, not_text, parts=None if elements else ())
    else:
        question = query.beside_examples(not_text)
    if mode not in get_args(Mode):
        raise UsageError("mode", mode=str(mode), modes=", ".join(get_args(Mode)))
    if precision not in get_args(Precision):
        raise UsageError("precision-odd", precision=str(precision), precisions=", ".join(get_args(Precision)))
    if bursts not in get_args(Bursts):
        raise UsageError("bursts-odd", bursts=str(bursts), kinds=", ".join(get_args(Bursts)))
    if max_image_tokens is not None and not LEAST_TOKENS <= max_image_tokens <= MOST_TOKENS:
        value, low, high = str(max_image_tokens), LEAST_TOKENS, MOST_TOKENS
        raise UsageError("setting", name="max_image_tokens", value=value, low=low, high=high)
    if prefilter is not None and prefilter < 1:
        raise UsageError("prefilter-odd", value=prefilter)
    if parts is not None and addresses.is_address(str(parts)):
        raise UsageError("folder-address", path=str(parts))
    name = model if isinstance(model, str) else model.info.name
    request = Request(
        question,
        mode,
        name,
        instruction,
        max_image_tokens,
        precision=precision,
        like=None if like is None else example_at(like, settings),
        unlike=None if unlike is None else example_at(unlike, settings),
        prefilter=prefilter,
        bursts=bursts,
    )
    name, open_scorer = engine or settings.engine, None if isinstance(model, str) else lambda *asked: model
    if name == "ray" and open_scorer is not None:
        raise UsageError("ray-scorer")
    chosen = engine_of(name, settings, ray, open_scorer)
    request = chosen.prepared(request)
    rules = sources.Rules(tuple(exclude), include_hidden)
    found = sources.find([paths] if isinstance(paths, str | Path) else paths, rules)
    with Store.open(settings.data_folder) if keep else nullcontext() as store:
        log = store or recorder.Unkept()
        if parts is not None:
            from lychee_app.parquet import InParts

            log = InParts(log, {request: Path(parts)})
        run = recorder.rank(request, found.sources, chosen, log, left_out=found.left_out)
        if store is not None and isinstance(run.images, Rows):
            with suppress(OSError, StoreError):  # erased meanwhile: the scores are there
                run.images.elsewhere = partial(_shelf(store.folder).thumbnail, run.id)
        return run


class _Shelf:
    """A data folder that is open for as long as anybody has rows of a run that is kept there."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreError."""
        self._store = Store.open(folder)
        weakref.finalize(self, self._store.close)

    def thumbnail(self, run_id: str, upload_index: int) -> bytes:
        """Raises what Store.thumbnail raises."""
        return self._store.thumbnail(run_id, upload_index)


_shelves: weakref.WeakValueDictionary[tuple[int, int], _Shelf] = weakref.WeakValueDictionary()


def _shelf(folder: Path) -> _Shelf:
    """One for all runs of a program: it may have thousands, and each that is open takes files. By the file
    itself, for a folder that was erased and made anew is another."""
    status = (folder / FILE_NAME).stat()
    place = status.st_dev, status.st_ino
    return _shelves.get(place) or _shelves.setdefault(place, _Shelf(folder))
