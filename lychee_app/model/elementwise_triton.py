# ruff: noqa: PLR0917 - Triton kernels take positional arguments
# pyright: reportArgumentType=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportAttributeAccessIssue=false, reportCallIssue=false
"""Triton kernels for the ops between the matrix products, one pass over the data each.

Import it only where Triton is installed. Sums are float32 and rounded where transformers' modules round.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from lychee_app.model.elementwise import HeadNorms, Norm, Rotary


class TritonOps:
    """`elementwise.ElementwiseOps` in Triton."""

    def norm(self, x: Tensor, norm: Norm) -> Tensor:
        return _norm(x, x, norm, add=False)

    def add_norm(self, x: Tensor, delta: Tensor, norm: Norm) -> Tensor:
        return _norm(x, delta, norm, add=True)

    def rotate(self, heads: Tensor, count: int, rotary: Rotary, norm: Norm | None = None) -> None:
        norms = None if norm is None else HeadNorms(norm, norm)
        _rotate(heads, count, count, rotary, heads, rotary.cos, norms)

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
        _rotate(heads, queries, (heads.shape[1] + queries) // 2, rotary, kv_cache, slot_mapping, norms)
        return heads[:, :queries]

    def swiglu(self, gate_up: Tensor) -> Tensor:
        tokens, width = gate_up.shape[0], gate_up.shape[1] // 2
        grid = (tokens, triton.cdiv(width, 2048))
        swiglu_kernel[grid](gate_up, width, BLOCK=2048, num_warps=8)
        return gate_up[:, :width]


def _norm(x: Tensor, delta: Tensor, norm: Norm, add: bool) -> Tensor:
    out, width = torch.empty_like(x), x.shape[-1]
    block = triton.next_power_of_2(width)
    warps = 8 if block > 2048 else 4
    norm_kernel[(len(x),)](
        x,
        delta,
        norm.weight,
        norm.weight if norm.bias is None else norm.bias,
        out,
        norm.epsilon,
        width,
        BLOCK=block,
        ADD=add,
        CENTRED=norm.bias is not None,
        num_warps=warps,
    )
    return out


def _rotate(
    heads: Tensor,
    queries: int,
    rotated: int,
    rotary: Rotary,
    kv_cache: Tensor,
    slot_mapping: Tensor,
    norms: HeadNorms | None,
) -> None:
    tokens, count, width = heads.shape
    rotate_kernel[(tokens,)](
        heads,
        rotary.cos,
        rotary.sin,
        kv_cache,
        slot_mapping,
        heads if norms is None else norms.query.weight,
        heads if norms is None else norms.key.weight,
        0.0 if norms is None else norms.query.epsilon,
        heads.stride(0),
        kv_cache.stride(0),
        QUERIES=queries,
        ROTATED=rotated,
        HEADS=count,
        WIDTH=width,
        HEAD_BLOCK=triton.next_power_of_2(rotated),
        KEY_BLOCK=triton.next_power_of_2(max(count - rotated, 1)),
        HALF_BLOCK=triton.next_power_of_2(width // 2),
        CACHE=rotated > queries,
        NORM=norms is not None,
        num_warps=4,
    )


@triton.jit
def norm_kernel(
    x, delta, weight, bias, out, epsilon, width, BLOCK: tl.constexpr, ADD: tl.constexpr, CENTRED: tl.constexpr
):
    """One row. With CENTRED, layer norm, which rounds once, at its end."""
    row = tl.program_id(0).to(tl.int64) * width
    at = tl.arange(0, BLOCK)
    inside = at < width
    value = tl.load(x + row + at, mask=inside, other=0).to(tl.float32)
    if ADD:
        value += tl.load(delta + row + at, mask=inside, other=0).to(tl.float32)
        rounded = value.to(x.dtype.element_ty)
        tl.store(x + row + at, rounded, mask=inside)
        value = rounded.to(tl.float32)
    weights = tl.load(weight + at, mask=inside, other=0).to(tl.float32)
    if CENTRED:
        value = tl.where(inside, value - tl.sum(value, axis=0) / width, 0.0)
    scale = tl.rsqrt(tl.sum(value * value, axis=0) / width + epsilon)
    normed = value * scale
    if CENTRED:
        normed = normed * weights + tl.load(bias + at, mask=inside, other=0).to(tl.float32)
    else:
        normed = normed.to(out.dtype.element_ty).to(tl.float32) * weights
    tl.store(out + row + at, normed.to(out.dtype.element_ty), mask=inside)


@triton.jit
def rotate_kernel(
    heads,
    cos,
    sin,
    kv_cache,
    slot_mapping,
    query_norm,
    key_norm,
    epsilon,
    stride,
    cache_stride,
    QUERIES: tl.constexpr,
    ROTATED: tl.constexpr,
    HEADS: tl.constexpr,
    WIDTH: tl.constexpr,
    HEAD_BLOCK: tl.constexpr,
    KEY_BLOCK: tl.constexpr,
    HALF_BLOCK: tl.constexpr,
    CACHE: tl.constexpr,
    NORM: tl.constexpr,
):
    """One token: rotates its first ROTATED heads; with CACHE, keys and values go to `kv_cache`."""
    token = tl.program_id(0).to(tl.int64)
    half: tl.constexpr = WIDTH // 2
    head = tl.arange(0, HEAD_BLOCK)[:, None]
    at = tl.arange(0, HALF_BLOCK)[None, :]
    inside = (head < ROTATED) & (at < half)
    source = heads + token * stride + head * WIDTH + at
    first = tl.load(source, mask=inside, other=0).to(tl.float32)
    second = tl.load(source + half, mask=inside, other=0).to(tl.float32)
    if NORM:
        kind = heads.dtype.element_ty
        squares = tl.sum(first * first + second * second, axis=1)
        scale = tl.rsqrt(squares / WIDTH + epsilon)[:, None]
        of_query = inside & (head < QUERIES)
        of_key = inside & (head >= QUERIES)
        weight = tl.load(query_norm + at, mask=of_query, other=0).to(tl.float32)
        weight += tl.load(key_norm + at, mask=of_key, other=0).to(tl.float32)
        first = ((first * scale).to(kind).to(tl.float32) * weight).to(kind).to(tl.float32)
        weight = tl.load(query_norm + half + at, mask=of_query, other=0).to(tl.float32)
        weight += tl.load(key_norm + half + at, mask=of_key, other=0).to(tl.float32)
        second = ((second * scale).to(kind).to(tl.float32) * weight).to(kind).to(tl.float32)
    c = tl.load(cos + token * half + at, mask=at < half, other=0)
    s = tl.load(sin + token * half + at, mask=at < half, other=0)
    turned_first = (first * c - second * s).to(heads.dtype.element_ty)
    turned_second = (second * c + first * s).to(heads.dtype.element_ty)
    queries = inside & (head < QUERIES)
    tl.store(source, turned_first, mask=queries)
    tl.store(source + half, turned_second, mask=queries)
    if CACHE:
        slot = kv_cache + tl.load(slot_mapping + token).to(tl.int64) * cache_stride
        keys = inside & (head >= QUERIES)
        key = slot + (head - QUERIES) * WIDTH + at
        tl.store(key, turned_first, mask=keys)
        tl.store(key + half, turned_second, mask=keys)
        row = tl.arange(0, KEY_BLOCK)[:, None]
        column = tl.arange(0, 2 * HALF_BLOCK)[None, :]
        here = (row < HEADS - ROTATED) & (column < WIDTH)
        values = tl.load(heads + token * stride + (ROTATED + row) * WIDTH + column, mask=here)
        tl.store(slot + (HEADS - ROTATED + row) * WIDTH + column, values, mask=here)


@triton.jit
def swiglu_kernel(gate_up, width, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64) * 2 * width
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = at < width
    gate = tl.load(gate_up + row + at, mask=inside, other=0).to(tl.float32)
    up = tl.load(gate_up + row + width + at, mask=inside, other=0).to(tl.float32)
    gate = (gate * tl.sigmoid(gate)).to(gate_up.dtype.element_ty).to(tl.float32)
    tl.store(gate_up + row + at, (gate * up).to(gate_up.dtype.element_ty), mask=inside)
