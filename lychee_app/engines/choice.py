"""Which engine does the work, by name."""

from lychee_app.engines import Engine
from lychee_app.engines.local import LocalEngine
from lychee_app.engines.opening import OpenScorer
from lychee_app.engines.pools import RayOptions
from lychee_app.errors import LycheeError
from lychee_app.settings import EngineName, Settings


def engine_of(
    name: EngineName,
    settings: Settings,
    options: RayOptions | None = None,
    open_scorer: OpenScorer | None = None,
) -> Engine:
    """`options` are Ray's. Raises LycheeError where that is not installed."""
    if name == "local":
        return LocalEngine(settings, open_scorer)
    try:
        from lychee_app.engines.ray_data import RayEngine
    except ImportError as error:
        raise LycheeError("ray-extra") from error
    return RayEngine(settings, options, open_scorer)
