"""Every error this library raises on purpose.

    LycheeError
    ├── UsageError            the caller asked for something that cannot be done as asked
    │   └── QueryError        the query is empty, too long, or says nothing
    ├── ImageError            one image cannot be scored: it costs one row, never the run
    ├── CheckpointError       weights are missing, half there, broken, or of another architecture
    │   └── DownloadError     the weights could not be fetched
    ├── ScoringError          the model failed on one image: it costs one row
    │   └── OutOfMemory       too large for the memory there is; a smaller image may do
    ├── ModelLost             the model can score nothing more: the run ends, what is done is kept
    └── StoreError            the data folder cannot be read or written

A message says what happened, the value, the limit, and the next step. `code` is a short stable word for
the kind of failure, for tests, counters and translations.
"""


class LycheeError(Exception):
    """Base of the tree. `code` is stable across releases; the message is for people."""

    def __init__(self, message: str, *, code: str = "error") -> None:
        super().__init__(message)
        self.code = code


class UsageError(LycheeError):
    """The caller asked for something that cannot be done as asked."""


class QueryError(UsageError):
    """The query is empty, too long, or says nothing."""


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
