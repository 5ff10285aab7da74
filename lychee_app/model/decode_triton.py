# ruff: noqa: PLR0917 - Triton kernels take positional arguments
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Triton kernels for one step of generation, which must read every weight once and can do little else.

A product with one vector takes the norm before it and the SwiGLU or the sum after it along, so that nothing
but weights crosses the memory. Attention of one query over the past is split over slots, then joined.
Import it only where Triton is installed.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from lychee_app.model.elementwise import Norm
from lychee_app.model.projections import Projection

SLOT_BLOCK = 64


def product(x: Tensor, projection: Projection, norm: Norm | None = None, *, swiglu: bool = False) -> Tensor:
    """x: (1, in) -> (1, out), of `norm(x)` if there is one; with `swiglu`, (1, out / 2)."""
    rows = len(projection.weight) // (2 if swiglu else 1)
    out = x.new_empty(1, rows)
    _product(x, projection, norm, out, swiglu=swiglu, add=False)
    return out


def add_product(x: Tensor, projection: Projection, total: Tensor) -> None:
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
    x: Tensor, projection: Projection, norm: Norm | None, out: Tensor, *, swiglu: bool, add: bool
) -> None:
    weight = projection.weight
    width, rows = weight.shape[1], out.shape[1]
    block = 8 if rows >= 8192 and not swiglu else 4
    product_kernel[(triton.cdiv(rows, block),)](
        x,
        weight,
        weight if projection.bias is None else projection.bias,
        weight if norm is None else norm.weight,
        out,
        rows,
        weight.stride(0),
        0.0 if norm is None else norm.epsilon,
        NORM=norm is not None,
        BIAS=projection.bias is not None,
        SWIGLU=swiglu,
        ADD=add,
        WIDTH=width,
        ROWS=block,
        BLOCK=min(1024, triton.next_power_of_2(width)),
        num_warps=4,
    )


@triton.jit
def product_kernel(
    x,
    weight,
    bias,
    norm,
    out,
    rows,
    stride,
    epsilon,
    NORM: tl.constexpr,
    BIAS: tl.constexpr,
    SWIGLU: tl.constexpr,
    ADD: tl.constexpr,
    WIDTH: tl.constexpr,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """ROWS outputs. With SWIGLU, the rows of the second half of `weight` are the other factor."""
    row = tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS)
    inside = row < rows
    at = tl.arange(0, BLOCK)
    scale = 1.0
    if NORM:
        squares = tl.zeros([BLOCK], tl.float32)
        for start in range(0, WIDTH, BLOCK):
            value = tl.load(x + start + at, mask=start + at < WIDTH, other=0).to(tl.float32)
            squares += value * value
        scale = tl.rsqrt(tl.sum(squares, axis=0) / WIDTH + epsilon)
    first = tl.zeros([ROWS, BLOCK], tl.float32)
    second = tl.zeros([ROWS, BLOCK], tl.float32)
    for start in range(0, WIDTH, BLOCK):
        here = start + at < WIDTH
        value = tl.load(x + start + at, mask=here, other=0).to(tl.float32)
        if NORM:
            value = (value * scale).to(x.dtype.element_ty).to(tl.float32)
            value = value * tl.load(norm + start + at, mask=here, other=0).to(tl.float32)
            value = value.to(x.dtype.element_ty).to(tl.float32)
        address = weight + row[:, None] * stride + (start + at)[None, :]
        mask = inside[:, None] & here[None, :]
        factor = tl.load(address, mask=mask, other=0, eviction_policy="evict_first").to(tl.float32)
        first += factor * value[None, :]
        if SWIGLU:
            address += rows.to(tl.int64) * stride
            factor = tl.load(address, mask=mask, other=0, eviction_policy="evict_first").to(tl.float32)
            second += factor * value[None, :]
    total = tl.sum(first, axis=1)
    if BIAS:
        total += tl.load(bias + row, mask=inside, other=0).to(tl.float32)
    if SWIGLU:
        gate = total.to(out.dtype.element_ty).to(tl.float32)
        up = tl.sum(second, axis=1).to(out.dtype.element_ty).to(tl.float32)
        total = (gate * tl.sigmoid(gate)).to(out.dtype.element_ty).to(tl.float32) * up
    if ADD:
        total += tl.load(out + row, mask=inside, other=0).to(tl.float32)
    tl.store(out + row, total.to(out.dtype.element_ty), mask=inside)


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
