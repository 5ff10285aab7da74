"""What lies between the matrix products: norms, rotary positions, SwiGLU. Each in one pass where that can be.

`TorchOps` says it in torch and runs everywhere; `kernels.TritonOps` has the same signatures and reads and
writes the data once, through Triton. `fused_ops` tries the latter on a small input and compares before it
hands them out. Each overwrites its first argument where the docstring says so, to save memory.
Knows shapes. Does not know layers or weights.
"""

import logging
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Norm:
    """Root mean square norm: x / rms(x) * weight (arXiv 1910.07467)."""

    weight: Tensor
    epsilon: float


@dataclass(frozen=True)
class Rotary:
    """Rotary angles of each position: `cos` and `sin` are float32 (positions, head width / 2)."""

    cos: Tensor
    sin: Tensor


class ElementwiseOps(Protocol):
    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        """x: (tokens, hidden), contiguous."""
        ...

    def add_norm(self, x: Tensor, delta: Tensor, norm: Norm) -> Tensor:
        """Adds `delta` to `x` in place and returns the norm of the sum."""
        ...

    def rotate(self, heads: Tensor, count: int, rotary: Rotary) -> None:
        """Rotates the first `count` heads of (tokens, heads, width) in place."""
        ...

    def rotate_and_keep(
        self, heads: Tensor, queries: int, rotary: Rotary, kept: Tensor, places: Tensor
    ) -> Tensor:
        """heads: `queries` query heads, then key heads, then as many value heads. Returns rotated queries.

        Rotated keys, and values, go to `kept` (places, 2, key heads, width) at `places` (tokens,).
        """
        ...

    def swiglu(self, gate_up: Tensor) -> Tensor:
        """(tokens, 2 * width) -> silu(first half) * second half, in the place of the first half."""
        ...


class TorchOps:
    """`ElementwiseOps` in torch."""

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], norm.weight, norm.epsilon)

    def add_norm(self, x: Tensor, delta: Tensor, norm: Norm) -> Tensor:
        return self.norm(x.add_(delta), norm)

    def rotate(self, heads: Tensor, count: int, rotary: Rotary) -> None:
        rotating = heads[:, :count]
        rotating.copy_(_rotated(rotating, rotary))

    def rotate_and_keep(
        self, heads: Tensor, queries: int, rotary: Rotary, kept: Tensor, places: Tensor
    ) -> Tensor:
        keys = (heads.shape[1] - queries) // 2
        rotated = _rotated(heads[:, : queries + keys], rotary)
        pairs = torch.stack((rotated[:, queries:], heads[:, queries + keys :]), dim=1)
        kept.index_copy_(0, places, pairs)
        return rotated[:, :queries]

    def swiglu(self, gate_up: Tensor) -> Tensor:
        gate, up = gate_up.chunk(2, dim=-1)
        return F.silu(gate, inplace=True).mul_(up)


def _rotated(heads: Tensor, rotary: Rotary) -> Tensor:
    """Each pair (i, i + width / 2) rotated by its angle, in float32. (tokens, heads, width), any strides."""
    cos, sin = rotary.cos[:, None], rotary.sin[:, None]
    first, second = heads.float().chunk(2, dim=-1)
    out = torch.empty(heads.shape, dtype=heads.dtype, device=heads.device)
    out_first, out_second = out.chunk(2, dim=-1)
    out_first.copy_(torch.addcmul(first * cos, second, sin, value=-1))
    out_second.copy_(torch.addcmul(second * cos, first, sin))
    return out


def fused_ops(device: torch.device, dtype: torch.dtype, widths: tuple[int, ...]) -> ElementwiseOps | None:
    """The Triton ops where they run and agree with the plain ones; `widths` are the heads' in use."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < (8, 0):
        return None
    try:
        from lychee_app.model.kernels import TritonOps  # Triton is not on every platform

        fused = TritonOps()
        with torch.cuda.device(device):
            agreed = all(agree(fused, device, dtype, width) for width in widths)
    except Exception as error:  # a missing compiler, an old Triton, a card it does not know
        log.warning("Triton kernels are not used here: %s", error)
        return None
    if not agreed:
        log.warning("Triton kernels are not used here: they disagree with the plain ops.")
    return fused if agreed else None


def agree(ops: ElementwiseOps, device: torch.device, dtype: torch.dtype, width: int) -> bool:
    """Whether `ops` do what the plain ones do to the same random input, for heads of this width."""
    found, wanted = (_sample(each, device, dtype, width) for each in (ops, TorchOps()))
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    return all(
        torch.allclose(a, b, rtol=tolerance, atol=tolerance) for a, b in zip(found, wanted, strict=True)
    )


def _sample(ops: ElementwiseOps, device: torch.device, dtype: torch.dtype, width: int) -> list[Tensor]:
    """What every operation makes of the same noise."""
    noise = torch.Generator(device).manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=noise, device=device, dtype=torch.float32).to(dtype)

    norm, x = Norm(draw(12 * width), 1e-6), draw(3, 12 * width)
    angles = draw(3, width // 2).float()
    rotary = Rotary(angles.cos(), angles.sin())
    heads, other = draw(3, 12, width), draw(3, 12, width)
    kept = torch.zeros(4, 2, 2, width, device=device, dtype=dtype)
    places = torch.tensor([2, 0, 3], device=device)
    found = [ops.norm(x, norm), ops.add_norm(x, draw(3, 12 * width), norm), x]
    found += [ops.rotate_and_keep(heads, 8, rotary, kept, places), kept]
    ops.rotate(other, 10, rotary)
    return [*found, other, ops.swiglu(draw(3, 24 * width))]
