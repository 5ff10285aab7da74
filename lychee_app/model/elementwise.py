"""What lies between the matrix products: norms, rotary positions, SwiGLU.

`TorchOps` runs everywhere and is the reference; `elementwise_triton.TritonOps` has the same signatures and
reads and writes the data once. Each overwrites its first argument where the docstring says so, which saves
memory.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Norm:
    """Root mean square norm: x / rms(x) * weight (arXiv 1910.07467). With a bias, layer norm (1607.06450)."""

    weight: Tensor
    epsilon: float
    bias: Tensor | None = None

    @classmethod
    def of(cls, module: Any) -> "Norm":
        """`module`: one of transformers', whose weight is shared."""
        return cls(module.weight.detach(), module.variance_epsilon)


@dataclass(frozen=True)
class HeadNorms:
    """Norms over each query head and each key head, before these are rotated (arXiv 2302.05442)."""

    query: Norm
    key: Norm


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

    def rotate(self, heads: Tensor, count: int, rotary: Rotary, norm: Norm | None = None) -> None:
        """Rotates the first `count` heads of (tokens, heads, width) in place, after `norm` over each."""
        ...

    def rotate_into_cache(
        self,
        heads: Tensor,
        queries: int,
        rotary: Rotary,
        kv_cache: Tensor,
        slot_mapping: Tensor,
        *,
        norms: HeadNorms | None = None,
    ) -> Tensor:
        """heads: `queries` query heads, then key heads, then as many value heads. Returns rotated queries.

        Rotated keys, and values, go to `kv_cache` (slots, 2, key heads, width) at `slot_mapping` (tokens,).
        """
        ...

    def swiglu(self, gate_up: Tensor) -> Tensor:
        """(tokens, 2 * width) -> silu(first half) * second half, written over the first half."""
        ...


class TorchOps:
    """`ElementwiseOps` in torch."""

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        if norm.bias is not None:
            return F.layer_norm(x, x.shape[-1:], norm.weight, norm.bias, norm.epsilon)
        return F.rms_norm(x, x.shape[-1:], norm.weight, norm.epsilon)

    def add_norm(self, x: Tensor, delta: Tensor, norm: Norm) -> Tensor:
        return self.norm(x.add_(delta), norm)

    def rotate(self, heads: Tensor, count: int, rotary: Rotary, norm: Norm | None = None) -> None:
        rotating = heads[:, :count]
        rotating.copy_(_rotated(rotating if norm is None else self.norm(rotating, norm), rotary))

    def rotate_into_cache(
        self,
        heads: Tensor,
        queries: int,
        rotary: Rotary,
        kv_cache: Tensor,
        slot_mapping: Tensor,
        *,
        norms: HeadNorms | None = None,
    ) -> Tensor:
        keys = (heads.shape[1] - queries) // 2
        rotating = heads[:, : queries + keys]
        if norms is not None:
            parts = self.norm(rotating[:, :queries], norms.query), self.norm(rotating[:, queries:], norms.key)
            rotating = torch.cat(parts, dim=1)
        rotated = _rotated(rotating, rotary)
        pairs = torch.stack((rotated[:, queries:], heads[:, queries + keys :]), dim=1)
        kv_cache.index_copy_(0, slot_mapping, pairs)
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
