"""Rank a pile of images by a sentence, with a score from 0 to 10 you can check, offline.

    run = lychee_app.rank("green sofa + lamp", ["photos/"])
    for place in lychee_app.ranked(run.images): ...

The public names are loaded when they are first used, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lychee_app.errors import LycheeError
    from lychee_app.library import rank
    from lychee_app.model.scorer import open_scorer
    from lychee_app.ranking import Ranked, ranked
    from lychee_app.records import Reply, Run, Scored, Scorer
    from lychee_app.settings import Settings

__version__ = "0.1.0"
__all__ = [
    "LycheeError",
    "Ranked",
    "Reply",
    "Run",
    "Scored",
    "Scorer",
    "Settings",
    "open_scorer",
    "rank",
    "ranked",
]

_HOMES = {
    "LycheeError": "errors",
    "Ranked": "ranking",
    "Reply": "records",
    "Run": "records",
    "Scored": "records",
    "Scorer": "records",
    "Settings": "settings",
    "open_scorer": "model.scorer",
    "rank": "library",
    "ranked": "ranking",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
