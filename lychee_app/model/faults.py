"""What torch raises -> what this library raises."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lychee_app.errors import LycheeError, ModelLost, OutOfMemory, ScoringError

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "ALLOC_FAILED")
_LOST = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "device-side assert", "illegal memory access")


@contextmanager
def translated(name: str, tokens: int) -> Iterator[None]:
    """Turns what a pass about image `name` raises into OutOfMemory, ModelLost or ScoringError.

    The frames of the failed pass are cleared first, so that no tensor of theirs outlives it in the traceback.
    """
    try:
        yield
    except LycheeError:
        raise
    except Exception as error:
        traceback.clear_frames(error.__traceback__)
        raise translation(error, name, tokens) from error


def translation(error: Exception, name: str, tokens: int) -> LycheeError:
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _says(error, _NO_MEMORY):
        return OutOfMemory("out-of-memory", name=name, tokens=tokens, detail=text)
    if _is_lost(error):
        return ModelLost("device-lost", name=name, tokens=tokens, detail=text)
    return ScoringError("model-failed", name=name, tokens=tokens, detail=text)


def _is_lost(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError) or _says(error, _NO_MEMORY):
        return False
    return isinstance(error, torch.AcceleratorError | RuntimeError) and (
        isinstance(error, torch.AcceleratorError) or _says(error, _LOST)
    )


def _says(error: Exception, signs: tuple[str, ...]) -> bool:
    return any(sign.lower() in str(error).lower() for sign in signs)
