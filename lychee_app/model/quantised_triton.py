# ruff: noqa: PLR0917 - Triton kernels take positional arguments
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""A Triton kernel that unpacks a quantised matrix in one pass over the data.

Import it only where Triton is installed. One-row products read the packed numbers themselves
(decode_triton.py).
"""

import triton
import triton.language as tl
from torch import Tensor

from lychee_app.model.quantised import QuantisedMatrix

_BLOCK = 2048


def unpack(matrix: QuantisedMatrix, out: Tensor) -> None:
    """See `quantised.unpack`."""
    stored = matrix.values.shape[1]
    unpack_kernel[(len(matrix), triton.cdiv(stored, _BLOCK))](
        matrix.values,
        matrix.scale,
        out,
        stored,
        matrix.scale.shape[1],
        BITS=matrix.bits,
        GROUP=matrix.width // matrix.scale.shape[1],
        BLOCK=_BLOCK,
        num_warps=4,
    )


@triton.jit
def unpack_kernel(
    values, scale, out, stored, groups, BITS: tl.constexpr, GROUP: tl.constexpr, BLOCK: tl.constexpr
):
    """BLOCK bytes of one row, of which `stored` are the whole."""
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    here = column < stored
    number = tl.load(values + row * stored + column, mask=here, other=0, eviction_policy="evict_first")
    if BITS == 8:
        found = number.to(tl.float32) * tl.load(scale + row)
        tl.store(out + row * stored + column, found.to(out.dtype.element_ty), mask=here)
    else:
        place, into = scale + row * groups, out + row * 2 * stored + column
        low = tl.load(place + column // GROUP, mask=here, other=0).to(tl.float32)
        lower = ((number & 15).to(tl.float32) - 8) * low
        tl.store(into, lower.to(out.dtype.element_ty), mask=here)
        high = tl.load(place + (column + stored) // GROUP, mask=here, other=0).to(tl.float32)
        upper = ((number >> 4).to(tl.float32) - 8) * high
        tl.store(into + stored, upper.to(out.dtype.element_ty), mask=here)
