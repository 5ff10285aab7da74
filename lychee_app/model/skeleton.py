"""The weights of a checkpoint in modules named as in transformers, and nothing that computes.

Importing transformers takes longer than ranking 32 images with a small model on a processor. The fast passes
need its weights, their names and the config only, so on a processor these are read here instead, into the
modules that the family builds of the parts below. A checkpoint that is not exactly as expected gives None,
and transformers reads it. The tests compare both.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from lychee_app.model.weights import Checkpoint, current_name

_TABLE = "model.language_model.embed_tokens.weight"


def read(checkpoint: Checkpoint, dtype: torch.dtype) -> Any | None:
    """A tree with `config`, `model.visual`, `model.language_model` and `lm_head`, on the CPU; or None."""
    root = empty(checkpoint)
    if root is None:
        return None
    found = {name: tensor.to(dtype) for name, tensor in tensors(checkpoint)}
    if root.config.tie_word_embeddings and _TABLE in found:
        found.setdefault("lm_head.weight", found[_TABLE])
    if set(found) != set(root.state_dict()) or not _same_shapes(root, found):
        return None
    root.load_state_dict(found, assign=True)
    root.requires_grad_(False)
    return root


def empty(checkpoint: Checkpoint) -> Any | None:
    """The tree on "meta"; None for a config that the family does not know."""
    try:
        with torch.device("meta"):
            return checkpoint.family.skeleton(checkpoint.config)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def tensors(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    """By current name, mapped into memory: what is not looked at is not read."""
    from safetensors import safe_open

    for shard in checkpoint.shards:
        with safe_open(shard.file, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - not a dict
                yield current_name(name), stored.get_tensor(name)


def _same_shapes(root: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    return all(tensors[name].shape == tensor.shape for name, tensor in root.state_dict().items())


def swiglu_mlp(size: int, wide: int, bias: bool) -> nn.Module:
    return holder(
        gate_proj=nn.Linear(size, wide, bias=bias),
        up_proj=nn.Linear(size, wide, bias=bias),
        down_proj=nn.Linear(wide, size, bias=bias),
    )


def norm(size: int, epsilon: float) -> nn.Module:
    norm: Any = nn.Module()
    norm.weight = nn.Parameter(torch.empty(size))
    norm.variance_epsilon = epsilon
    return norm


def table(rows: int, size: int) -> nn.Module:
    """Not an nn.Embedding: its initialisation on "meta" imports torch's compiler, a second of work."""
    table: Any = nn.Module()
    table.weight = nn.Parameter(torch.empty(rows, size))
    return table


def holder(**children: nn.Module) -> Any:
    module: Any = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module


def angles(theta: float, width: int) -> Any:
    """Rotary frequencies, which no checkpoint stores, for `width` numbers of a head: (width / 2,)."""
    module: Any = nn.Module()
    module.inv_freq = 1.0 / (theta ** (torch.arange(0, width, 2, dtype=torch.float, device="cpu") / width))
    module.attention_scaling = 1.0
    return module
