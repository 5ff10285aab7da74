# ruff: noqa: PLR0917 - Triton kernels take positional arguments
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Triton kernels for one step of generation, which must read every weight once and can do little else.

A product with one vector takes the norm before it and the SwiGLU or the sum after it along, so that nothing
but weights crosses the memory; quantised ones cross it packed (quantised.py). Attention of one query over the
past is split over slots, then joined. Import it only where Triton is installed.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from lychee_app.model.elementwise import Norm
from lychee_app.model.projections import Product, Projection

SLOT_BLOCK = 64


def product(x: Tensor, projection: Product, norm: Norm | None = None, *, swiglu: bool = False) -> Tensor:
    """x: (1, in) -> (1, out), of `norm(x)` if there is one; with `swiglu`, (1, out / 2)."""
    stored = projection.weight if isinstance(projection, Projection) else projection.matrix
    out = x.new_empty(1, len(stored) // (2 if swiglu else 1))
    _product(x, projection, norm, out, swiglu=swiglu, add=False)
    return out


def add_product(x: Tensor, projection: Product, total: Tensor) -> None:
    """total (1, out) += projection(x)."""
    _product(x, projection, None, total, swiglu=False, add=True)


def attend_one(query: Tensor, kv_cache: Tensor, slot: Tensor) -> Tensor:
    """query: (1, heads, width) looks at slots 0 to `slot` (one int64 on the device) of `kv_cache`.

    kv_cache: (slots, 2, key heads, width), slots a multiple of SLOT_BLOCK. Returns (1, heads * width).
    """
    _, heads, width = query.shape
    slots, _, key_heads, _ = kv_cache.shape
    splits = slots // SLOT_BLOCK
    sums = query.new_empty(heads, splits, width, dtype=torch.float32)
    peaks, totals = (query.new_empty(heads, splits, dtype=torch.float32) for _ in range(2))
    out = query.new_empty(1, heads * width)
    group = heads // key_heads
    split_kernel[(key_heads, splits)](
        query,
        kv_cache,
        slot,
        sums,
        peaks,
        totals,
        width**-0.5,
        key_heads,
        splits,
        GROUP=group,
        GROUP_BLOCK=max(16, triton.next_power_of_2(group)),
        WIDTH=width,
        WIDTH_BLOCK=max(16, triton.next_power_of_2(width)),
        SLOTS=SLOT_BLOCK,
        num_warps=4,
    )
    join_kernel[(heads,)](
        sums,
        peaks,
        totals,
        out,
        splits,
        WIDTH=width,
        WIDTH_BLOCK=triton.next_power_of_2(width),
        SPLITS=triton.next_power_of_2(splits),
        num_warps=4,
    )
    return out


def _product(
    x: Tensor, projection: Product, norm: Norm | None, out: Tensor, *, swiglu: bool, add: bool
) -> None:
    if isinstance(projection, Projection):
        weight = scale = projection.weight
        bits, width = 16, weight.shape[1]
    else:
        weight, scale = projection.matrix.values, projection.matrix.scale
        bits, width = projection.matrix.bits, projection.matrix.width
    rows = out.shape[1]
    block = 8 if rows >= 8192 and not swiglu else 4
    product_kernel[(triton.cdiv(rows, block),)](
        x,
        weight,
        scale,
        weight if projection.bias is None else projection.bias,
        weight if norm is None else norm.weight,
        out,
        rows,
        weight.stride(0),
        scale.stride(0),
        0.0 if norm is None else norm.epsilon,
        NORM=norm is not None,
        BIAS=projection.bias is not None,
        SWIGLU=swiglu,
        ADD=add,
        BITS=bits,
        GROUP=width // scale.shape[1],
        WIDTH=width,
        STORED=weight.shape[1],
        ROWS=block,
        BLOCK=min(1024, triton.next_power_of_2(weight.shape[1])),
        num_warps=4,
    )


@triton.jit
def product_kernel(
    x,
    weight,
    scale,
    bias,
    norm,
    out,
    rows,
    stride,
    scale_stride,
    epsilon,
    NORM: tl.constexpr,
    BIAS: tl.constexpr,
    SWIGLU: tl.constexpr,
    ADD: tl.constexpr,
    BITS: tl.constexpr,
    GROUP: tl.constexpr,
    WIDTH: tl.constexpr,
    STORED: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """ROWS outputs. With SWIGLU, the rows of the second half of `weight` are the other factor. STORED: the
    columns of `weight`, half of WIDTH in 4 bits."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    inside = row < rows
    at = tl.arange(0, BLOCK)
    inverse = 1.0
    if NORM:
        squares = tl.zeros([BLOCK], tl.float32)
        for start in range(0, WIDTH, BLOCK):
            value = tl.load(x + start + at, mask=start + at < WIDTH, other=0).to(tl.float32)
            squares += value * value
        inverse = tl.rsqrt(tl.sum(squares, axis=0) / WIDTH + epsilon)
    sums: tl.constexpr = BLOCK // GROUP if BITS == 4 else BLOCK
    first = tl.zeros([ROWS, sums], tl.float32)
    second = tl.zeros([ROWS, sums], tl.float32)
    for start in range(0, STORED, BLOCK):
        column = start + at
        here = column < STORED
        value = factor(x, norm, column, here, inverse, NORM)
        upper = value
        if BITS == 4:
            upper = factor(x, norm, column + STORED, here, inverse, NORM)
        first += multiplied(
            weight,
            scale,
            row,
            start,
            inside,
            here,
            value,
            upper,
            stride,
            scale_stride,
            STORED,
            BITS,
            GROUP,
            ROWS,
            BLOCK,
        )
        if SWIGLU:
            other = row + rows
            second += multiplied(
                weight,
                scale,
                other,
                start,
                inside,
                here,
                value,
                upper,
                stride,
                scale_stride,
                STORED,
                BITS,
                GROUP,
                ROWS,
                BLOCK,
            )
    total = tl.sum(first, axis=1)
    if BITS == 8:
        total *= tl.load(scale + row, mask=inside, other=0)
    if BIAS:
        total += tl.load(bias + row, mask=inside, other=0).to(tl.float32)
    if SWIGLU:
        up = tl.sum(second, axis=1)
        if BITS == 8:
            up *= tl.load(scale + row + rows, mask=inside, other=0)
        gate = total.to(out.dtype.element_ty).to(tl.float32)
        up = up.to(out.dtype.element_ty).to(tl.float32)
        total = (gate * tl.sigmoid(gate)).to(out.dtype.element_ty).to(tl.float32) * up
    if ADD:
        total += tl.load(out + row, mask=inside, other=0).to(tl.float32)
    tl.store(out + row, total.to(out.dtype.element_ty), mask=inside)


@triton.jit
def factor(x, norm, column, here, inverse, NORM: tl.constexpr):
    """Numbers of the vector, after its norm where there is one."""
    value = tl.load(x + column, mask=here, other=0).to(tl.float32)
    if NORM:
        value = (value * inverse).to(x.dtype.element_ty).to(tl.float32)
        value = value * tl.load(norm + column, mask=here, other=0).to(tl.float32)
        value = value.to(x.dtype.element_ty).to(tl.float32)
    return value


@triton.jit
def multiplied(
    weight,
    scale,
    row,
    start,
    inside,
    here,
    value,
    upper,
    stride,
    scale_stride,
    STORED: tl.constexpr,
    BITS: tl.constexpr,
    GROUP: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Weights times numbers: (ROWS, BLOCK), or in 4 bits their sums over each group, (ROWS, BLOCK / GROUP).

    In 4 bits a byte is two weights, and `upper` the numbers of the second.
    """
    place = weight + row[:, None] * stride + start + tl.arange(0, BLOCK)[None, :]
    number = tl.load(place, mask=inside[:, None] & here[None, :], other=0, eviction_policy="evict_first")
    if BITS == 4:
        group = start // GROUP + tl.arange(0, BLOCK // GROUP)
        scales = scale + row[:, None] * scale_stride + group[None, :]
        there = inside[:, None] & (group < STORED // GROUP)[None, :]
        low = tl.load(scales, mask=there, other=0).to(tl.float32)
        high = tl.load(scales + STORED // GROUP, mask=there, other=0).to(tl.float32)
        lower = ((number & 15).to(tl.float32) - 8) * value[None, :]
        higher = ((number >> 4).to(tl.float32) - 8) * upper[None, :]
        lower = tl.sum(tl.reshape(lower, (ROWS, BLOCK // GROUP, GROUP)), axis=2) * low
        found = lower + tl.sum(tl.reshape(higher, (ROWS, BLOCK // GROUP, GROUP)), axis=2) * high
    else:
        found = number.to(tl.float32) * value[None, :]
    return found


@triton.jit
def split_kernel(
    query,
    kv_cache,
    slot,
    sums,
    peaks,
    totals,
    scale,
    key_heads,
    splits,
    GROUP: tl.constexpr,
    GROUP_BLOCK: tl.constexpr,
    WIDTH: tl.constexpr,
    WIDTH_BLOCK: tl.constexpr,
    SLOTS: tl.constexpr,
):
    """The heads of one key head over one block of slots: sum, peak and total of the softmax so far."""
    key_head, split = tl.program_id(0), tl.program_id(1)
    length = tl.load(slot) + 1
    member = tl.arange(0, GROUP_BLOCK)
    head = key_head * GROUP + member
    at = tl.arange(0, WIDTH_BLOCK)
    position = split * SLOTS + tl.arange(0, SLOTS)
    here = position < length
    asked = (member < GROUP)[:, None] & (at < WIDTH)[None, :]
    q = tl.load(query + head[:, None] * WIDTH + at[None, :], mask=asked, other=0)
    start = (
        kv_cache + position[:, None].to(tl.int64) * (2 * key_heads * WIDTH) + key_head * WIDTH + at[None, :]
    )
    stored = here[:, None] & (at < WIDTH)[None, :]
    k = tl.load(start, mask=stored, other=0)
    v = tl.load(start + key_heads * WIDTH, mask=stored, other=0)
    scores = tl.dot(q, tl.trans(k), input_precision="ieee") * scale
    scores = tl.where(here[None, :], scores, float("-inf"))
    peak = tl.max(scores, axis=1)
    highest = tl.where(peak == float("-inf"), 0.0, peak)  # a block past the last slot has no peak
    weights = tl.exp(scores - highest[:, None])
    total = tl.sum(weights, axis=1)
    found = tl.dot(weights.to(v.dtype), v, input_precision="ieee")
    tl.store(sums + (head[:, None] * splits + split) * WIDTH + at[None, :], found, mask=asked)
    tl.store(peaks + head * splits + split, peak, mask=member < GROUP)
    tl.store(totals + head * splits + split, total, mask=member < GROUP)


@triton.jit
def join_kernel(
    sums, peaks, totals, out, splits, WIDTH: tl.constexpr, WIDTH_BLOCK: tl.constexpr, SPLITS: tl.constexpr
):
    """One head: the splits' softmaxes put on one scale and added."""
    head = tl.program_id(0)
    split = tl.arange(0, SPLITS)
    at = tl.arange(0, WIDTH_BLOCK)
    real = split < splits
    peak = tl.load(peaks + head * splits + split, mask=real, other=float("-inf"))
    weight = tl.exp(peak - tl.max(peak, axis=0))
    total = tl.sum(weight * tl.load(totals + head * splits + split, mask=real, other=0), axis=0)
    address = sums + (head * splits + split)[:, None] * WIDTH + at[None, :]
    parts = tl.load(address, mask=real[:, None] & (at < WIDTH)[None, :], other=0)
    found = tl.sum(parts * weight[:, None], axis=0) / total
    tl.store(out + head * WIDTH + at, found.to(out.dtype.element_ty), mask=at < WIDTH)
