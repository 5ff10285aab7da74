"""What torch raises -> what this library raises."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lychee_app.errors import LycheeError, ModelLost, OutOfMemory, ScoringError

_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "ALLOC_FAILED")
_LOST = ("CUDA error", "CUDNN_STATUS", "CUBLAS_STATUS", "device-side assert", "illegal memory access")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns what a pass raises into OutOfMemory, ModelLost or ScoringError; `what` names the pass.

    The frames of the failed pass are cleared first, so that no tensor of theirs outlives it in the traceback.
    """
    try:
        yield
    except LycheeError:
        raise
    except Exception as error:
        traceback.clear_frames(error.__traceback__)
        raise translation(error, what) from error


def translation(error: Exception, what: str) -> LycheeError:
    text = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or _says(error, _NO_MEMORY):
        message = f"Not enough memory for {what}. Lower the image token budget. ({text})"
        return OutOfMemory(message, code="out-of-memory")
    if _is_lost(error):
        message = f"The card was lost during {what}; what is scored is kept. Start again to go on. ({text})"
        return ModelLost(message, code="device-lost")
    return ScoringError(f"The model failed on {what}: {text}", code="model-failed")


def _is_lost(error: Exception) -> bool:
    if isinstance(error, torch.OutOfMemoryError) or _says(error, _NO_MEMORY):
        return False
    return isinstance(error, torch.AcceleratorError | RuntimeError) and (
        isinstance(error, torch.AcceleratorError) or _says(error, _LOST)
    )


def _says(error: Exception, signs: tuple[str, ...]) -> bool:
    return any(sign.lower() in str(error).lower() for sign in signs)
