"""Linear modules -> the matrices that the fast passes multiply by.

They are joined side by side where one product can do the work of two or three. `of`, `joined`, `widened` and
`table` are the one place where a module's matrix becomes a product: a `Projection`, or, of a module whose
matrix is quantised (quantised.py), a `QuantisedProjection`.

The modules are left pointing at views of the joined matrix: nothing is held twice, and transformers' model
that they belong to goes on working.

On a processor in float32 a product goes to oneDNN where that runs: MKL, which torch takes by itself, leaves
AVX-512 unused on processors that are not Intel's (on an AMD EPYC, 100 against 205 GFLOP/s a core).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, overload

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lychee_app.model import quantised
from lychee_app.model.elementwise import ElementwiseOps
from lychee_app.model.quantised import QuantisedLinear, QuantisedMatrix, QuantisedTable, Workspace

ALIGNED = 8
"""Widths that are no multiple of this fall off the fast matrix kernels (3420 in the published tower)."""
FEW_ROWS = 4
"""Up to this many rows, oneDNN takes longer to start than it saves."""


@dataclass(frozen=True)
class Projection:
    """x -> x @ weight.T + bias. weight: (out, in)."""

    weight: Tensor
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """x: (rows, in) -> (rows, out)."""
        if (
            x.dtype == torch.float32
            and x.device.type == "cpu"
            and len(x) > FEW_ROWS
            and (product := _onednn())
        ):
            return product(x, self.weight, self.bias)
        return F.linear(x, self.weight, self.bias)

    def add_to(self, total: Tensor, x: Tensor) -> None:
        """total += x @ weight.T + bias."""
        if x.is_cuda and self.bias is None:
            total.addmm_(x, self.weight.t())
        else:
            total.add_(self(x))

    def plus(self, other: Tensor, x: Tensor) -> Tensor:
        """other + x @ weight.T, in a tensor of its own. Without a bias."""
        return torch.addmm(other, x, self.weight.t()) if x.is_cuda else self(x).add_(other)

    def gelu(self, x: Tensor) -> Tensor:
        """GELU of x @ weight.T + bias, by its tanh approximation (arXiv 1606.08415, section 2)."""
        if x.is_cuda and self.bias is not None and _gelu_fuses(x.device, x.dtype):
            return torch.ops.aten._addmm_activation(self.bias, x, self.weight.t(), use_gelu=True)
        return torch.ops.aten.gelu_(self(x), approximate="tanh")

    def rows(self, start: int, stop: int) -> "Projection":
        """The part that computes outputs `start` to `stop`: a view."""
        return Projection(self.weight[start:stop], None if self.bias is None else self.bias[start:stop])


@dataclass(frozen=True)
class QuantisedProjection:
    """The same of a quantised matrix: it is unpacked into the workspace, whole or part by part."""

    matrix: QuantisedMatrix
    workspace: Workspace
    bias: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """x: (rows, in) -> (rows, out)."""
        out: Tensor | None = None
        for at, product in self._parts():
            if at == slice(0, len(self.matrix)):
                return product(x)
            out = x.new_empty(len(x), len(self.matrix)) if out is None else out
            out[:, at] = product(x)
        assert out is not None  # a matrix has rows
        return out

    def add_to(self, total: Tensor, x: Tensor) -> None:
        """total += x @ weight.T + bias."""
        for at, product in self._parts():
            product.add_to(total[:, at], x)

    def rows(self, start: int, stop: int) -> "QuantisedProjection":
        """The part that computes outputs `start` to `stop`: a view."""
        bias = None if self.bias is None else self.bias[start:stop]
        return QuantisedProjection(self.matrix.rows(start, stop), self.workspace, bias)

    def _parts(self) -> Iterator[tuple[slice, Projection]]:
        for at, weight in self.workspace.parts(self.matrix):
            yield at, Projection(weight, None if self.bias is None else self.bias[at])


Linear = nn.Linear | QuantisedLinear
Product = Projection | QuantisedProjection
Table = Callable[[Tensor], Tensor]
"""Ids (tokens,) -> their embeddings (tokens, hidden)."""


@overload
def of(linear: nn.Linear) -> Projection: ...
@overload
def of(linear: QuantisedLinear) -> QuantisedProjection: ...
def of(linear: Linear) -> Product:
    bias = None if linear.bias is None else linear.bias.detach()
    if isinstance(linear, QuantisedLinear):
        linear.matrix = linear.matrix.to(linear.workspace.device)
        return _quantised(linear.matrix, linear, bias)
    return Projection(linear.weight.detach(), bias)


def _quantised(matrix: QuantisedMatrix, linear: QuantisedLinear, bias: Tensor | None) -> QuantisedProjection:
    linear.workspace.reserve(matrix)
    return QuantisedProjection(matrix, linear.workspace, bias)


def table(embeddings: Any) -> Table:
    """`embeddings`: a module with a `weight`, or a QuantisedTable."""
    if isinstance(embeddings, QuantisedTable):
        matrix, dtype = embeddings.matrix, embeddings.dtype
        return lambda ids: matrix.embeddings(ids, dtype)
    weight = embeddings.weight.detach()
    return lambda ids: weight.index_select(0, ids)


@overload
def joined(linears: Sequence[nn.Linear]) -> Projection: ...
@overload
def joined(linears: Sequence[QuantisedLinear]) -> QuantisedProjection: ...
@torch.no_grad()
def joined(linears: Sequence[Linear]) -> Product:
    """All outputs side by side, each part filled up with zero rows to a multiple of ALIGNED.

    What was joined before is taken as it lies."""
    sizes = [aligned(linear.out_features) for linear in linears]
    bias = _joined_biases(linears, sizes)
    packed = [linear for linear in linears if isinstance(linear, QuantisedLinear)]
    if len(packed) == len(linears):
        return _quantised(quantised.joined(packed, sizes), packed[0], bias)
    plain = [linear for linear in linears if isinstance(linear, nn.Linear)]
    weight = _as_it_lies([linear.weight for linear in plain], sizes, plain[0].in_features)
    if weight is None:
        weight = plain[0].weight.new_zeros(sum(sizes), plain[0].in_features)
        for linear, part in zip(plain, weight.split(sizes), strict=True):
            _move(linear.weight, part[: linear.out_features])
    return Projection(weight, bias)


def _joined_biases(linears: Sequence[Linear], sizes: Sequence[int]) -> Tensor | None:
    biases = [linear.bias for linear in linears if linear.bias is not None]
    if not biases:
        return None
    bias = biases[0].new_zeros(sum(sizes))
    for own, part in zip(biases, bias.split(list(sizes)), strict=True):
        _move(own, part[: len(own)])
    return bias


@overload
def widened(linear: nn.Linear) -> Projection: ...
@overload
def widened(linear: QuantisedLinear) -> QuantisedProjection: ...
@torch.no_grad()
def widened(linear: Linear) -> Product:
    """The same with zero columns after its own, up to a multiple of ALIGNED: takes what `joined` padded.

    Raises ValueError where columns would have to be added to a quantised matrix.
    """
    if linear.in_features % ALIGNED == 0:
        return of(linear)
    if isinstance(linear, QuantisedLinear):
        raise ValueError(f"a quantised matrix of {linear.in_features} columns, no multiple of {ALIGNED}")
    width = aligned(linear.in_features)
    weight = _as_it_lies([linear.weight], [linear.out_features], width)
    if weight is None:
        weight = linear.weight.new_zeros(linear.out_features, width)
        _move(linear.weight, weight[:, : linear.in_features])
    return Projection(weight, None if linear.bias is None else linear.bias.detach())


@dataclass(frozen=True)
class Mlp:
    """SwiGLU. `gate_up` gives both halves side by side."""

    gate_up: Product
    down: Product

    def activation(self, x: Tensor, ops: ElementwiseOps) -> Tensor:
        return ops.swiglu(self.gate_up(x))


def swiglu_mlp(module: Any) -> Mlp:
    """`module`: with `gate_proj`, `up_proj` and `down_proj`."""
    return Mlp(joined((module.gate_proj, module.up_proj)), widened(module.down_proj))


def aligned(width: int) -> int:
    return -(-width // ALIGNED) * ALIGNED


def _as_it_lies(weights: Sequence[Tensor], sizes: Sequence[int], width: int) -> Tensor | None:
    """The matrix (sum of sizes, width) whose views these weights are already, one below the other."""
    storage, first = weights[0].untyped_storage(), weights[0].detach()
    starts = [sum(sizes[:index]) * width for index in range(len(sizes))]
    whole = storage.nbytes() == sum(sizes) * width * first.element_size()
    if not whole or any(
        weight.untyped_storage().data_ptr() != storage.data_ptr()
        or (weight.storage_offset(), weight.stride(0)) != (start, width)
        for weight, start in zip(weights, starts, strict=True)
    ):
        return None
    return first.as_strided((sum(sizes), width), (width, 1), 0)


def _move(parameter: Tensor, view: Tensor) -> None:
    view.copy_(parameter)
    parameter.data = view


@cache
def _onednn() -> Callable[[Tensor, Tensor, Tensor | None], Tensor] | None:
    """oneDNN's linear layer, if this build of torch has it and it agrees on a small input."""
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    if not (wide and torch.backends.mkldnn.is_available()):
        return None

    def product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")

    noise = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(*shape, generator=noise) for shape in ((10, 48), (32, 24), (32,)))
    try:
        agreed = torch.allclose(
            product(x[:, :24], weight, bias), F.linear(x[:, :24], weight, bias), atol=1e-4
        )
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return None
    return product if agreed else None


@cache
def _gelu_fuses(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether the product can take the GELU along, and by the same formula: tried once on a small input."""
    noise = torch.Generator().manual_seed(0)
    x, weight, bias = (
        torch.randn(*s, generator=noise).to(device, dtype) for s in ((16, 32), (24, 32), (24,))
    )
    try:
        fused = torch.ops.aten._addmm_activation(bias, x, weight.t(), use_gelu=True)
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    tolerance = 1e-4 if dtype == torch.float32 else 0.02
    plain = F.gelu(F.linear(x, weight, bias), approximate="tanh")
    return torch.allclose(fused, plain, rtol=tolerance, atol=tolerance)
