"""Linear modules -> the matrices that the fast passes multiply by.

They are joined side by side where one product can do the work of two or three. `of`, `joined` and `widened`
are the one place where a module's matrix becomes a `Projection`.

The modules are left pointing at views of the joined matrix: nothing is held twice, and transformers' model
that they belong to goes on working.

On a processor in float32 a product goes to oneDNN where that runs: MKL, which torch takes by itself, leaves
AVX-512 unused on processors that are not Intel's (on an AMD EPYC, 100 against 205 GFLOP/s a core).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lychee_app.model.elementwise import ElementwiseOps

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


def of(linear: nn.Linear) -> Projection:
    return Projection(linear.weight.detach(), None if linear.bias is None else linear.bias.detach())


@torch.no_grad()
def joined(linears: Sequence[nn.Linear]) -> Projection:
    """All outputs side by side, each part filled up with zero rows to a multiple of ALIGNED."""
    sizes = [aligned(linear.out_features) for linear in linears]
    weight = linears[0].weight.new_zeros(sum(sizes), linears[0].in_features)
    has_bias = linears[0].bias is not None
    bias = linears[0].weight.new_zeros(sum(sizes)) if has_bias else None
    start = 0
    for linear, size in zip(linears, sizes, strict=True):
        _move(linear.weight, weight[start : start + linear.out_features])
        if bias is not None:
            _move(linear.bias, bias[start : start + linear.out_features])
        start += size
    return Projection(weight, bias)


@torch.no_grad()
def widened(linear: nn.Linear) -> Projection:
    """The same with zero columns after its own, up to a multiple of ALIGNED: takes what `joined` padded."""
    own = of(linear)
    if linear.in_features % ALIGNED == 0:
        return own
    weight = own.weight.new_zeros(linear.out_features, aligned(linear.in_features))
    _move(linear.weight, weight[:, : linear.in_features])
    return Projection(weight, own.bias)


@dataclass(frozen=True)
class Mlp:
    """SwiGLU. `gate_up` gives both halves side by side."""

    gate_up: Projection
    down: Projection

    def activation(self, x: Tensor, ops: ElementwiseOps) -> Tensor:
        return ops.swiglu(self.gate_up(x))


def swiglu_mlp(module: Any) -> Mlp:
    """`module`: with `gate_proj`, `up_proj` and `down_proj`."""
    return Mlp(joined((module.gate_proj, module.up_proj)), widened(module.down_proj))


def aligned(width: int) -> int:
    return -(-width // ALIGNED) * ALIGNED


def _move(parameter: Tensor, view: Tensor) -> None:
    view.copy_(parameter)
    parameter.data = view


Product = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@cache
def _onednn() -> Product | None:
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
