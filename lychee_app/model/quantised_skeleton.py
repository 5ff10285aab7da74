"""A skeleton (skeleton.py) whose language model is quantised: from the copy on disk, which is made first.

The matrices of the text layers take the bits that are asked for. The embedding table and the output head
always take 8: of the one only single rows are used, and what the other picks among are whole words. The rows
of "yes" and "no" that scores are made of are read from the checkpoint as they are, and so are vision tower,
norms and biases. No more than a part of one matrix is ever on the device in the checkpoint's own precision.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lychee_app.model import quantised_copy, skeleton, weights
from lychee_app.model.projections import ALIGNED
from lychee_app.model.quantised import (
    Bits,
    QuantisedLinear,
    QuantisedMatrix,
    QuantisedTable,
    Stored,
    Workspace,
    quantise,
)
from lychee_app.model.weights import Checkpoint
from lychee_app.reasons import Reason

_LAYERS, _TABLE, _HEAD = "model.language_model.layers", "model.language_model.embed_tokens", "lm_head"


def read(
    checkpoint: Checkpoint, bits: Bits, workspace: Workspace, copy: Path
) -> tuple[Any, Reason | None] | None:
    """A tree as `skeleton.read` makes it, on the workspace's device but for the matrices of the layers, which
    projections.py brings there; and a warning where the copy could not be kept.

    None for a checkpoint that is not exactly as expected.
    """
    root = skeleton.empty(checkpoint)
    if root is None or not _as_expected(root, checkpoint):
        return None
    wanted = _wanted(root, bits)
    matrices, warning = _matrices(checkpoint, wanted, workspace, copy)
    rest = {
        name: tensor.to(workspace.device, workspace.dtype)
        for name, tensor in skeleton.tensors(checkpoint)
        if name not in wanted and not (_is_tied(root) and name == f"{_HEAD}.weight")
    }
    _replace(root, matrices, rest, workspace)
    root.load_state_dict(rest, assign=True, strict=False)  # _as_expected saw that all are there
    root.requires_grad_(False)
    for module in root.modules():
        if hasattr(module, "inv_freq"):
            module.inv_freq = module.inv_freq.to(workspace.device)
    return root, warning


def _as_expected(root: Any, checkpoint: Checkpoint) -> bool:
    """Whether the files hold every tensor in its shape and no other, and the fast passes can join them."""
    found = weights.tensor_shapes(checkpoint)
    needed = {name: tuple(tensor.shape) for name, tensor in root.state_dict().items()}
    if _is_tied(root):
        found.pop(f"{_HEAD}.weight", None)
        del needed[f"{_HEAD}.weight"]
    inputs = [each.in_features for each in root.model.language_model.modules() if isinstance(each, nn.Linear)]
    return found == needed and not any(width % ALIGNED for width in inputs)


def _is_tied(root: Any) -> bool:
    return bool(root.config.tie_word_embeddings)


def _wanted(root: Any, bits: Bits) -> dict[str, Stored]:
    """What is quantised and how, by its name in the checkpoint. A tied head is the table's."""
    layers = root.get_submodule(_LAYERS).named_modules()
    linears: dict[str, Bits] = {
        f"{_LAYERS}.{name}": bits for name, module in layers if isinstance(module, nn.Linear)
    }
    ends: dict[str, Bits] = {_TABLE: 8} if _is_tied(root) else {_TABLE: 8, _HEAD: 8}
    found: dict[str, Stored] = {}
    for name, each in (linears | ends).items():
        rows, width = root.get_submodule(name).weight.shape
        found[f"{name}.weight"] = Stored.of(rows, width, each)
    return found


def _matrices(
    checkpoint: Checkpoint, wanted: Mapping[str, Stored], workspace: Workspace, copy: Path
) -> tuple[dict[str, QuantisedMatrix], Reason | None]:
    """On the processor, read from the copy: mapped into memory, so that what is not used takes none."""
    warning = None
    kept = quantised_copy.opened(copy, wanted)
    if kept is None:
        with quantised_copy.Writer(copy, wanted) as writer:
            for name, matrix in _made(checkpoint, wanted, workspace.device):
                writer.write(name, matrix)
                if writer.warning:
                    break
        warning, kept = writer.warning, quantised_copy.opened(copy, wanted)
    if kept is None:
        return dict(_made(checkpoint, wanted, workspace.device)), warning
    return {name: kept.matrix(name) for name in wanted}, warning


def _made(
    checkpoint: Checkpoint, wanted: Mapping[str, Stored], device: torch.device
) -> Iterator[tuple[str, QuantisedMatrix]]:
    """Quantised on the device, which is many times faster on a card, and taken from there at once."""
    for name, tensor in skeleton.tensors(checkpoint):
        if name in wanted:
            yield name, quantise(tensor, wanted[name].bits, device).to(torch.device("cpu"))


def _replace(
    root: Any, matrices: Mapping[str, QuantisedMatrix], rest: Mapping[str, Tensor], workspace: Workspace
) -> None:
    """The layers' matrices stay where they are until they are joined: a card is given each of them once."""
    for name, matrix in matrices.items():
        path, _, _ = name.rpartition(".")
        root.set_submodule(path, QuantisedLinear(matrix, rest.get(f"{path}.bias"), workspace))
    table = matrices[f"{_TABLE}.weight"].to(workspace.device)
    root.set_submodule(_TABLE, QuantisedTable(table, workspace.dtype))
    if _is_tied(root):
        root.set_submodule(_HEAD, QuantisedLinear(table, None, workspace))
