"""Matrices in 8 or 4 bits: their format, how they are made, and how they are read back in torch's operations.

Weight-only and symmetric, rounded to the nearest: a row of a matrix shares one scale in 8 bits; in 4 bits,
GROUP neighbouring numbers of a row do, and the largest of them becomes -8 exactly, so that all sixteen values
are in use. Products are computed in the precision of what they multiply: a matrix is unpacked first, in
parts that fit a workspace. `quantised_triton.unpack` does that in one pass over the data; `unpack` here is
its reference.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

Bits = Literal[8, 4]
GROUP = 64
"""Numbers that share a scale in 4 bits: 4.25 bits each in all. Narrower where a width is no multiple."""
_AT_ONCE = 1 << 24
"""Numbers that are quantised at once: bounds what that takes in float32."""


@dataclass(frozen=True)
class QuantisedMatrix:
    """A (rows, width) matrix.

    8 bits: values int8 (rows, width), scale float32 (rows, 1).
    4 bits: values uint8 (rows, width / 2), scale bfloat16 (rows, width / group). Byte c holds column c in its
    lower half and column c + width / 2 in its upper one, each 8 more than it stands for. No group is in both.
    """

    values: Tensor
    scale: Tensor

    @property
    def bits(self) -> Bits:
        return 8 if self.values.dtype == torch.int8 else 4

    @property
    def width(self) -> int:
        return self.values.shape[1] * 8 // self.bits

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        return self.values.nbytes + self.scale.nbytes

    def rows(self, start: int, stop: int) -> "QuantisedMatrix":
        """A view."""
        return QuantisedMatrix(self.values[start:stop], self.scale[start:stop])

    def to(self, device: torch.device) -> "QuantisedMatrix":
        return QuantisedMatrix(self.values.to(device), self.scale.to(device))

    def embeddings(self, ids: Tensor, dtype: torch.dtype) -> Tensor:
        """Some rows of 8 bits, unpacked. ids: (tokens,) -> (tokens, width)."""
        return (self.values.index_select(0, ids) * self.scale.index_select(0, ids)).to(dtype)


@dataclass(frozen=True)
class Stored:
    """The shapes and types that a matrix of this size takes: (values, scale)."""

    values: tuple[tuple[int, int], torch.dtype]
    scale: tuple[tuple[int, int], torch.dtype]

    @classmethod
    def of(cls, rows: int, width: int, bits: Bits) -> "Stored":
        """Raises ValueError for an odd width in 4 bits."""
        if bits == 8:
            return cls(((rows, width), torch.int8), ((rows, 1), torch.float32))
        if width % 2:
            raise ValueError(f"two numbers share a byte, and {width} is odd")
        groups = width // math.gcd(width // 2, GROUP)
        return cls(((rows, width // 2), torch.uint8), ((rows, groups), torch.bfloat16))

    @property
    def bits(self) -> Bits:
        return 8 if self.values[1] == torch.int8 else 4

    def empty(self, device: torch.device | str) -> QuantisedMatrix:
        return QuantisedMatrix(
            *(torch.empty(shape, dtype=dtype, device=device) for shape, dtype in (self.values, self.scale))
        )


@torch.no_grad()
def quantise(weight: Tensor, bits: Bits, device: torch.device | str) -> QuantisedMatrix:
    """weight: (rows, width) of any precision, anywhere; it is sent to `device` in parts."""
    rows, width = weight.shape
    made = Stored.of(rows, width, bits).empty(device)
    step = max(1, _AT_ONCE // width)
    for start in range(0, rows, step):
        part = weight[start : start + step].to(device).float()
        here = made.rows(start, start + len(part))
        (_to_8_bits if bits == 8 else _to_4_bits)(part, here)
    return made


def _to_8_bits(part: Tensor, made: QuantisedMatrix) -> None:
    torch.div(part.abs().amax(1, keepdim=True), 127, out=made.scale)
    made.values.copy_((part / _never_zero(made.scale)).round_().clamp_(-127, 127))


def _to_4_bits(part: Tensor, made: QuantisedMatrix) -> None:
    groups = part.unflatten(1, (made.scale.shape[1], -1))
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True)).squeeze(-1)
    made.scale.copy_(largest / -8)
    numbers = (groups / _never_zero(made.scale)[..., None]).round_().clamp_(-8, 7).add_(8)
    lower, upper = numbers.flatten(1).to(torch.uint8).chunk(2, dim=1)
    made.values.copy_(lower | upper << 4)


def _never_zero(scale: Tensor) -> Tensor:
    scale = scale.float()
    return scale.where(scale != 0, 1.0)


def unpack(matrix: QuantisedMatrix, out: Tensor) -> None:
    """out: (rows, width), contiguous; each number is computed in float32 and rounded to its precision."""
    if matrix.bits == 8:
        out.copy_(matrix.values).mul_(matrix.scale)
        return
    lower, upper = out.chunk(2, dim=1)
    lower.copy_(matrix.values & 15)
    upper.copy_(matrix.values >> 4)
    out.sub_(8).unflatten(1, (matrix.scale.shape[1], -1)).mul_(matrix.scale[..., None])


Unpack = Callable[[QuantisedMatrix, Tensor], None]


class Workspace:
    """Where the matrices of one model are unpacked, one after the other.

    On a card it is one buffer that stays at its address, because recorded passes go on writing there: it
    grows while projections are made and never after. On a processor each product takes its own, small enough
    for the cache, because several threads multiply.
    """

    _MOST_ON_CARD = 140_000_000
    """Numbers, 280 MB in BF16: gate and up of the 7B graph in one. Parts fill a card less well."""
    _MOST_ON_PROCESSOR = 1 << 20

    def __init__(self, device: torch.device | str, dtype: torch.dtype, unpack: Unpack = unpack) -> None:
        self.device, self.dtype, self.unpack = torch.device(device), dtype, unpack
        self._buffer = torch.empty(0, dtype=dtype, device=device)

    def reserve(self, matrix: QuantisedMatrix) -> None:
        """Makes room for this matrix, or for as large a part of it as is unpacked at once."""
        count = self._rows_at_once(matrix) * matrix.width
        if self.device.type != "cpu" and count > self._buffer.numel():
            self._buffer = self._new(0)  # the old one goes before the new one comes
            self._buffer = self._new(count)

    def parts(self, matrix: QuantisedMatrix) -> Iterator[tuple[slice, Tensor]]:
        """Equal runs of rows with their weights, each good until the next one is asked for."""
        step = self._rows_at_once(matrix)
        room = self._buffer if self.device.type != "cpu" else self._new(step * matrix.width)
        for start in range(0, len(matrix), step):
            part = matrix.rows(start, start + step)
            weight = room[: len(part) * matrix.width].view(len(part), matrix.width)
            self.unpack(part, weight)
            yield slice(start, start + len(part)), weight

    def _rows_at_once(self, matrix: QuantisedMatrix) -> int:
        most = self._MOST_ON_PROCESSOR if self.device.type == "cpu" else self._MOST_ON_CARD
        count = -(-len(matrix) * matrix.width // most)
        return max(1, -(-len(matrix) // count))

    def _new(self, count: int) -> Tensor:
        return torch.empty(count, dtype=self.dtype, device=self.device)


class QuantisedLinear(nn.Module):
    """Takes an nn.Linear's place. It has no forward: projections.py makes products of it, and then brings its
    matrix to the workspace's device."""

    def __init__(self, matrix: QuantisedMatrix, bias: Tensor | None, workspace: Workspace) -> None:
        super().__init__()
        self.matrix, self.workspace = matrix, workspace
        self.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
        self.out_features, self.in_features = len(matrix), matrix.width
        self.joined: Joined | None = None


class QuantisedTable(nn.Module):
    """Takes an embedding's place: a matrix of 8 bits, of which single rows are unpacked."""

    def __init__(self, matrix: QuantisedMatrix, dtype: torch.dtype) -> None:
        super().__init__()
        self.matrix, self.dtype = matrix, dtype


@dataclass(frozen=True)
class Joined:
    """The modules whose matrices lie one below the other in `matrix`."""

    linears: tuple[QuantisedLinear, ...]
    matrix: QuantisedMatrix


def joined(linears: Sequence[QuantisedLinear], sizes: Sequence[int]) -> QuantisedMatrix:
    """All rows one below the other, each part filled up with rows of zeros to its size.

    The modules are left with views of it. What was joined before is not joined again.
    """
    first = linears[0]
    if first.joined is not None and first.joined.linears == tuple(linears):
        return first.joined.matrix
    values, scale = (
        torch.zeros(sum(sizes), stored.shape[1], dtype=stored.dtype, device=first.workspace.device)
        for stored in (first.matrix.values, first.matrix.scale)
    )
    made, start = QuantisedMatrix(values, scale), 0
    for linear, size in zip(linears, sizes, strict=True):
        place = made.rows(start, start + linear.out_features)
        place.values.copy_(linear.matrix.values)
        place.scale.copy_(linear.matrix.scale)
        linear.matrix = place
        start += size
    first.joined = Joined(tuple(linears), made)
    return made
