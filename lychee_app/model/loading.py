"""A checkpoint folder -> a model in memory, on its device, in its precision.

Both key namings are read: the older `visual.*`, `model.layers.*`, `lm_head.*`, and the current one.
"""

import gc
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor

from lychee_app.errors import CheckpointError, UsageError
from lychee_app.model import quantised, quantised_copy, quantised_skeleton, skeleton, weights
from lychee_app.model.fast import capable
from lychee_app.model.graphs import clear_workspaces
from lychee_app.model.memory import largest_card
from lychee_app.model.parity_check import unpacking
from lychee_app.model.placement import Placement, cost, placement_for
from lychee_app.model.precision import BITS, Sizes, choose, is_small, needed_bytes
from lychee_app.model.quantised import Workspace
from lychee_app.model.weights import Checkpoint
from lychee_app.reasons import Reason
from lychee_app.records import Precision
from lychee_app.sizes import memory_gb

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_LARGE_BYTES = 4 << 30


@dataclass(frozen=True)
class Loaded:
    """`model` is transformers' model of the family in eval mode, or a skeleton; inputs go to `device`."""

    model: Any
    device: str
    precision: Precision
    warnings: tuple[Reason, ...]


def choose_device(device: str | None) -> str:
    """None: the largest CUDA card, else MPS, else the processor. Raises CheckpointError."""
    mps = torch.backends.mps.is_available()
    if device is None:
        card = largest_card()
        return f"cuda:{card}" if card is not None else "mps" if mps else "cpu"
    kind, _, index = device.partition(":")
    cards = [str(number) for number in range(torch.cuda.device_count())]
    there = {"cpu": not index, "mps": mps and not index, "cuda": (index or "0") in cards}
    if not there.get(kind, False):
        raise CheckpointError("no-device", device=device)
    return f"cuda:{index or 0}" if kind == "cuda" else kind


def choose_precision(checkpoint: Checkpoint, device: str, precision: Precision, fast: bool) -> Precision:
    """What `precision` means here, never "auto". Raises UsageError for one that does not go with the rest."""
    if precision in BITS and (device == "mps" or not fast):
        raise UsageError("precision-not-here", precision=precision)
    if precision != "auto":
        return precision
    if not fast:
        return "bfloat16" if device.startswith("cuda") else "float32"
    sizes = Sizes.of(checkpoint)
    if device != "cpu" or is_small(sizes):  # measuring would take longer than opening it
        return choose(sizes, device, _free_bytes(device))
    from lychee_app.model import measure

    return choose(sizes, device, _free_bytes(device), measure.rates(device).bfloat16_speed)


def load_quantised(
    checkpoint: Checkpoint,
    device: str,
    precision: Precision,
    data_folder: Path,
    *,
    kernels: bool,
    free_bytes: int | None = None,
) -> Loaded | None:
    """A skeleton with quantised matrices, for the fast passes; None for a checkpoint they do not know.

    `free_bytes` None asks the machine. Raises CheckpointError where the model does not fit in them, before
    anything is loaded, or where memory runs out, and then leaves nothing on the card.
    """
    needed = needed_bytes(Sizes.of(checkpoint), precision, device != "cpu")
    free = _free_bytes(device) if free_bytes is None else free_bytes
    if needed > free:
        raise CheckpointError(
            "too-large-int8" if precision == "int8" else "too-large-int4",
            folder=str(checkpoint.folder),
            needed_gb=memory_gb(needed),
            free_gb=memory_gb(free),
        )
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    place = torch.device(device)
    workspace = Workspace(place, dtype, unpacking(place, dtype) if kernels else quantised.unpack)
    copy = quantised_copy.file_of(data_folder, weights.identity(checkpoint), precision)
    try:
        found = quantised_skeleton.read(checkpoint, BITS[precision], workspace, copy)
    except (torch.OutOfMemoryError, MemoryError) as error:
        traceback.clear_frames(error.__traceback__)
        raise CheckpointError("load-memory", folder=str(checkpoint.folder), detail=str(error)) from error
    if found is None or not capable(found[0]):
        return None
    warnings = () if found[1] is None else (found[1],)
    return Loaded(found[0], device, precision, warnings + _notes(checkpoint, device))


def _free_bytes(device: str) -> int:
    return free_card_bytes(device) if device.startswith("cuda") else psutil.virtual_memory().available


def load(
    checkpoint: Checkpoint,
    device: str,
    precision: Precision,
    scratch: Path,
    placement: Placement | None = None,
) -> Loaded:
    """`scratch` takes what fits neither card nor RAM; `placement` None works out where what goes.

    Raises CheckpointError.
    """
    dtype, name = _dtype(device, precision)
    size, ram = _size(checkpoint, dtype), psutil.virtual_memory().available
    if placement is None:
        others = {number: free_card_bytes(f"cuda:{number}") for number in _other_cards(device)}
        placement = placement_for(size, device, free_card_bytes(device), ram, scratch, others=others)
    model = _read(checkpoint, dtype, placement)
    if placement.map is None and device != "cpu":
        model.to(device)
    warnings = (_spill_warning(model),) if placement.spills else _split_warning(model)
    return Loaded(model, input_device(model, device), name, warnings + _notes(checkpoint, device))


def _other_cards(device: str) -> list[int]:
    """The numbers of this machine's cards but for that one; [] where it is none."""
    if not device.startswith("cuda"):
        return []
    return [number for number in range(torch.cuda.device_count()) if f"cuda:{number}" != device]


def input_device(model: Any, device: str) -> str:
    """Where inputs go: to the card, unless it was so full that accelerate put nothing there."""
    devices = {str(each) for each in getattr(model, "hf_device_map", {}).values()}
    return "cpu" if devices and devices <= {"cpu", "disk"} else device


def load_lean(checkpoint: Checkpoint, device: str, precision: Precision) -> Loaded | None:
    """The weights alone, for the fast passes on a processor, read without transformers; None if unsure.

    `model` of the result has no forward of its own (skeleton.py).
    """
    dtype, name = _dtype(device, precision)
    if device != "cpu" or not _fits(checkpoint, dtype):
        return None
    try:
        model = skeleton.read(checkpoint, dtype)
    except CheckpointError:
        raise
    except Exception:  # whatever it is that it stumbles over: the full loader says what is wrong with it
        return None
    if model is None or not capable(model):
        return None
    return Loaded(model, device, name, _notes(checkpoint, device))


def _notes(checkpoint: Checkpoint, device: str) -> tuple[Reason, ...]:
    if device == "mps":
        return (Reason.of("mps-untested"),)
    large = device == "cpu" and checkpoint.weight_bytes > _LARGE_BYTES
    return (Reason.of("slow-processor"),) if large else ()


def lm_head_rows(checkpoint: Checkpoint, ids: list[int]) -> Tensor:
    """As the checkpoint has them, whatever precision it runs in: (len(ids), hidden) float32 on the CPU."""
    from safetensors import safe_open

    config = checkpoint.config
    tied = config.get("tie_word_embeddings") or (config.get("text_config") or {}).get("tie_word_embeddings")
    wanted = "model.language_model.embed_tokens.weight" if tied else "lm_head.weight"
    shard, name = next(
        (shard, name)
        for shard in checkpoint.shards
        for name in shard.names
        if weights.current_name(name) == wanted
    )
    with safe_open(shard.file, framework="pt") as stored:
        rows = stored.get_slice(name)
        return torch.cat([rows[id : id + 1] for id in ids]).to(torch.float32)


def _read(checkpoint: Checkpoint, dtype: torch.dtype, placement: Placement) -> Any:
    model_class = checkpoint.family.model_class()
    try:
        with _quiet():
            loaded: Any = model_class.from_pretrained(
                checkpoint.folder,
                dtype=dtype,
                attn_implementation="sdpa",
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # so that it is us who say which
                **placement.arguments(),
            )
    except torch.OutOfMemoryError as error:
        raise CheckpointError("load-memory", folder=str(checkpoint.folder), detail=str(error)) from error
    except Exception as error:  # the loader raises whatever its parts raise
        detail = " ".join(str(error).split())
        raise CheckpointError("load-failed", folder=str(checkpoint.folder), detail=detail) from error
    model, report = loaded
    _refuse_gaps(report, checkpoint)
    return model.eval()


def _refuse_gaps(report: dict[str, Any], checkpoint: Checkpoint) -> None:
    """A tensor that is missing would be made up at random: refuse."""
    wrong = sorted([*report.get("missing_keys", ()), *report.get("mismatched_keys", ())], key=_name)
    if wrong:
        folder, example = str(checkpoint.folder), _name(wrong[0])
        raise CheckpointError("tensors-missing", folder=folder, n=len(wrong), example=example)


def _name(key: Any) -> str:
    """A missing key is its name, a mismatched one (name, shape found, shape wanted)."""
    return key if isinstance(key, str) else str(key[0])


@contextmanager
def _quiet() -> Iterator[None]:
    """The loader's bars and reports would go to a terminal that shows our own."""
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()


def _dtype(device: str, precision: Precision) -> tuple[torch.dtype, Precision]:
    """BF16 on CUDA, float32 elsewhere, unless it is said. Raises UsageError for a quantised one."""
    if precision in BITS:
        raise UsageError("precision", precision=precision)
    if precision == "auto":
        precision = "bfloat16" if device.startswith("cuda") else "float32"
    return (torch.bfloat16 if precision == "bfloat16" else torch.float32), precision


def _size(checkpoint: Checkpoint, dtype: torch.dtype) -> int:
    return checkpoint.weight_bytes * dtype.itemsize // _BYTES.get(checkpoint.dtype, 2)


def _fits(checkpoint: Checkpoint, dtype: torch.dtype) -> bool:
    """Twice: on the way to another precision, or into joined matrices, a part is held two times."""
    return 2 * _size(checkpoint, dtype) < psutil.virtual_memory().available


def free_card_bytes(device: str) -> int:
    """What may be taken of it, once all that models left behind is given back; 0 where it is no card."""
    if not device.startswith("cuda"):
        return 0
    gc.collect()  # a model that was let go may wait in a cycle of references
    clear_workspaces()
    torch.cuda.empty_cache()
    free, total = torch.cuda.mem_get_info(device)
    share = torch.cuda.get_per_process_memory_fraction(device)
    return allowed(free, total, share, torch.cuda.memory_reserved(device))


def allowed(free: int, total: int, share: float, held: int) -> int:
    """Bytes of a card that may still be taken: those free, within the share this process may hold."""
    return max(0, min(free, int(total * share) - held))


def _split_warning(model: Any) -> tuple[Reason, ...]:
    cards = {str(each) for each in getattr(model, "hf_device_map", {}).values()} - {"cpu", "disk"}
    return (Reason.of("split-over-cards", cards=len(cards)),) if len(cards) > 1 else ()


def _spill_warning(model: Any) -> Reason:
    """Counts what accelerate put where: parameters that are not resident are on "meta"."""
    devices = {name: str(each) for name, each in getattr(model, "hf_device_map", {}).items()}
    sizes = {"cpu": 0, "disk": 0}
    for name, parameter in model.named_parameters():
        where = next((each for part, each in devices.items() if name.startswith(f"{part}.")), "")
        if where in sizes and parameter.device.type == "meta":
            sizes[where] += parameter.numel() * parameter.element_size()
    return cost(sizes["cpu"], sizes["disk"])
