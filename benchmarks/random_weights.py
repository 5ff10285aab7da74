"""Writes a checkpoint of random weights in the shape its config tells: same speed and memory, no sense.

Knows shapes, both key namings, and shards. A block of normal noise is drawn once and read at moving offsets:
drawing 8 billion numbers would take longer than everything that is measured.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from lychee_app.model import weights
from lychee_app.model.families import family_of

Naming = Literal["current", "older"]
_BLOCK = (1 << 24) + 7
"""Numbers drawn. Odd, so that no row of a matrix repeats the one above it."""


def write(
    folder: Path, naming: Naming = "current", shards: int = 4, dtype: torch.dtype = torch.bfloat16
) -> int:
    """Adds safetensors to a folder that holds a config.json. Returns the bytes of all tensors."""
    return save(folder, _random(shapes(folder), dtype), naming, shards)


def shapes(folder: Path) -> dict[str, torch.Size]:
    """Current tensor name -> shape, without making the model."""
    model_class = family_of(weights.config_of(folder)["model_type"]).model_class()
    with torch.device("meta"):
        model = model_class(model_class.config_class.from_pretrained(folder))
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def save(folder: Path, tensors: Iterator[tuple[str, Tensor]], naming: Naming, shards: int) -> int:
    """Tensors under current names -> numbered shards and their index, or one file; holds one shard."""
    shape_bytes = {name: shape.numel() for name, shape in shapes(folder).items()}
    share = sum(shape_bytes.values()) / shards
    places: dict[str, str] = {}
    part: dict[str, Tensor] = {}
    total = held = 0
    for name, tensor in tensors:
        part[older_name(name) if naming == "older" else name] = tensor
        held += shape_bytes[name]
        total += tensor.numel() * tensor.element_size()
        if held >= share * (1 + len(set(places.values()))) - 1:
            _save_part(folder, part, places, shards)
            part = {}
    if part:
        _save_part(folder, part, places, shards)
    if shards > 1:
        index = {"metadata": {"total_size": total}, "weight_map": places}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index), "utf-8")
    return total


def older_name(name: str) -> str:
    """As the published shards have it: `visual.*`, `model.layers.*`, `lm_head.*`."""
    return re.sub(r"^model\.language_model\.", "model.", re.sub(r"^model\.visual\.", "visual.", name))


def _save_part(folder: Path, part: Mapping[str, Tensor], places: dict[str, str], shards: int) -> None:
    number = len(set(places.values())) + 1
    file = f"model-{number:05}-of-{shards:05}.safetensors" if shards > 1 else "model.safetensors"
    save_file(dict(part), folder / file, metadata={"format": "pt"})
    places.update(dict.fromkeys(part, file))


def _random(wanted: Mapping[str, torch.Size], dtype: torch.dtype) -> Iterator[tuple[str, Tensor]]:
    """Norms' weights are 1, all else normal with deviation 0.02, as such a model is initialised."""
    noise = (torch.randn(_BLOCK, generator=torch.Generator().manual_seed(0)) * 0.02).to(dtype)
    offset = 0
    for name, shape in wanted.items():
        if name.endswith("weight") and ("norm" in name or "ln_q" in name):
            yield name, torch.ones(shape, dtype=dtype)
            continue
        count = shape.numel()
        repeats = -(-(offset + count) // _BLOCK)
        yield name, noise.repeat(repeats)[offset : offset + count].reshape(shape).clone()
        offset = (offset + count) % _BLOCK
