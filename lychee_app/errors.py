"""Every error this library raises on purpose.

    LycheeError
    ├── UsageError            the caller asked for something that cannot be done as asked
    │   ├── QueryError        the query is empty, too long, or says nothing
    │   ├── NothingLeft       files were found, and none of them is one to rank
    │   └── NotAllowed        a program asked for a path outside the folders that it may read
    ├── SidecarError          a sidecar cannot be read: it stays as it is
    ├── ImageError            one image cannot be scored: it costs one row, never the run
    ├── CheckpointError       weights are missing, half there, broken, or of another architecture
    │   └── DownloadError     the weights could not be fetched
    ├── ScoringError          the model failed on one image: it costs one row
    │   └── OutOfMemory       too large for the memory there is; a smaller image may do
    ├── ModelLost             the model can score nothing more: the run ends, what is done is kept
    └── StoreError            the data folder cannot be read or written

An error carries a Reason: a stable code, and the values its sentence speaks of. `str` gives that sentence in
English: what happened, the value, the limit, the next step.
"""

from lychee_app.locale import Words
from lychee_app.reasons import Reason, Value


class LycheeError(Exception):
    """Base of the tree: LycheeError("port", port=8501, other=8502), or with a Reason in hand."""

    def __init__(self, reason: Reason | str, /, **values: Value) -> None:
        self.reason = Reason.of(reason, **values) if isinstance(reason, str) else reason
        super().__init__(self.reason)

    @property
    def code(self) -> str:
        return self.reason.code

    def __str__(self) -> str:
        return str(self.reason)


class UsageError(LycheeError):
    """The caller asked for something that cannot be done as asked."""


class QueryError(UsageError):
    """The query is empty, too long, or says nothing."""


class NothingLeft(UsageError):
    """All that was found is left out. Its reason advises; `left_out` counts what there is, by kind."""

    def __init__(self, reason: Reason | str, left_out: tuple[Reason, ...]) -> None:
        super().__init__(reason)
        self.left_out = left_out

    def __str__(self) -> str:
        return Words().error(self)


class NotAllowed(UsageError):
    """A path outside the folders that a program may read."""


class SidecarError(LycheeError):
    """A sidecar is no XMP, or broken."""


class ImageError(LycheeError):
    """One image cannot be scored."""


class CheckpointError(LycheeError):
    """Weights are missing, half there, broken, or of another architecture."""


class DownloadError(CheckpointError):
    """The weights could not be fetched."""


class ScoringError(LycheeError):
    """The model failed on one image."""


class OutOfMemory(ScoringError):
    """The image is too large for the memory there is."""


class ModelLost(LycheeError):
    """The model can score nothing more: a lost CUDA context, or numbers that are not finite."""


class StoreError(LycheeError):
    """The data folder cannot be read or written."""
