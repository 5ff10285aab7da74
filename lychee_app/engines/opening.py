"""A model's name -> a Scorer on the machine that this runs on."""

from collections.abc import Callable

from lychee_app.domain import domain_of
from lychee_app.engines.example import require
from lychee_app.engines.judge import as_taught
from lychee_app.errors import CheckpointError
from lychee_app.model import checkpoints
from lychee_app.records import Scorer
from lychee_app.request import Precision, Request
from lychee_app.settings import Settings

OpenScorer = Callable[[str, Precision], Scorer]
"""The seam of every engine: (model name, precision) -> Scorer."""

_SHORT_OF_MEMORY = ("allocate memory", "not enough memory", "out of memory", "start new thread")


def prepared(request: Request, settings: Settings, open_scorer: OpenScorer | None) -> Request:
    """See Engine. open_scorer: what will open the model; None stands for this machine's checkpoints."""
    require(request)
    if open_scorer is not None:
        return as_taught(request, domain_of(request.model))
    name = str(checkpoints.resolved(request.model, settings))
    return as_taught(request, domain_of(name, checkpoints.hash_of(name, settings)))


def opener(settings: Settings, open_scorer: OpenScorer | None) -> OpenScorer:
    """What is given, or what opens this machine's checkpoints."""

    def open_checkpoint(name: str, precision: Precision) -> Scorer:
        try:
            from lychee_app.model.scorer import open_scorer

            return open_scorer(name, settings=settings, precision=precision)
        except Exception as error:
            if not _lacks_memory(error):
                raise
            raise CheckpointError("load-memory", folder=name, detail=str(error)) from error

    return open_scorer or open_checkpoint


def _lacks_memory(error: Exception) -> bool:
    """Where memory is short torch cannot be loaded (ImportError, or OSError of no file), or what it asks the
    system for is refused, of which it tells in words."""
    if isinstance(error, ImportError):
        return not isinstance(error, ModuleNotFoundError)
    if isinstance(error, OSError):
        return error.filename is None
    said = str(error).lower()
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(each in said for each in _SHORT_OF_MEMORY)
    )
