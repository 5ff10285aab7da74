"""Attention over several sequences packed into one tensor, without padding and without a loop over them.

One signature, two ways: flash attention for sequences of mixed length where torch, the card and the precision
have it; else torch's own attention, one batch per run of neighbours of equal length.
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """`count` neighbouring sequences of equal length. `mask`: (queries, keys), True where one may look."""

    first_query: int
    first_key: int
    count: int
    queries: int
    keys: int
    mask: Tensor | None


@dataclass(frozen=True)
class CuSeqlens:
    """Where each packed sequence begins and ends: ends of queries and of keys, int32 (sequences + 1).

    `causal` aligns the last query with the last key, so that queries may follow keys already known.
    """

    cu_seqlens_q: Tensor
    cu_seqlens_k: Tensor
    max_seqlen_q: int
    max_seqlen_k: int
    causal: bool
    batches: tuple[Batch, ...]


def packed(
    queries: Sequence[int], keys: Sequence[int], device: torch.device, *, causal: bool = False
) -> CuSeqlens:
    """From the lengths of the sequences, in the order they are packed."""
    return CuSeqlens(
        _ends(queries, device),
        _ends(keys, device),
        max(queries),
        max(keys),
        causal,
        tuple(_batches(queries, keys, device, causal)),
    )


def attend(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: CuSeqlens) -> Tensor:
    """query: (queries, heads, width); key, value: (keys, key heads, width) -> (queries, heads, width)."""
    flash = _flash(query.device, query.dtype, query.shape[-1])
    if flash is None:
        return attend_in_batches(query, key, value, cu_seqlens)
    (batch, *more) = cu_seqlens.batches
    if not more and batch.mask is None and query.shape[1] == key.shape[1]:
        # for one batch torch takes the best kernel of the card: cuDNN's on an H100 makes 476 TFLOP/s of one
        # image of 5,120 patches, `flash` 253
        return attend_in_batches(query, key, value, cu_seqlens)
    few_known = 4 * (batch.keys - batch.queries) <= batch.queries
    if not more and cu_seqlens.causal and batch.count == 1 and few_known and batch.queries >= 256:
        return attend_squared(query, key, value)
    return flash(query, key, value, cu_seqlens)


def attend_squared(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """One causal sequence of fewer queries than keys: zeros stand in for the first ones.

    For as many queries as keys torch has the better kernel: 41 against 74 us for 1,286 queries after 85 on an
    H100, 16 heads of 128.
    """
    known = len(key) - len(query)
    square = F.pad(query, (0, 0, 0, 0, known, 0))
    q, k, v = (part.transpose(0, 1)[None] for part in (square, key, value))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
    return out[0].transpose(0, 1)[known:]


def attend_in_batches(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: CuSeqlens) -> Tensor:
    """The same with `scaled_dot_product_attention`: one call for each run of equal lengths."""
    if len(cu_seqlens.batches) == 1:
        return _attend_batch(query, key, value, cu_seqlens.batches[0])
    return torch.cat([_attend_batch(query, key, value, batch) for batch in cu_seqlens.batches])


def _attend_batch(query: Tensor, key: Tensor, value: Tensor, batch: Batch) -> Tensor:
    def heads_first(packed: Tensor, first: int, length: int) -> Tensor:  # (count, heads, length, width)
        part = packed[first : first + batch.count * length]
        return part.unflatten(0, (batch.count, length)).transpose(1, 2)

    groups = query.shape[1] // key.shape[1]
    q = heads_first(query, batch.first_query, batch.queries)
    k = heads_first(key, batch.first_key, batch.keys)
    v = heads_first(value, batch.first_key, batch.keys)
    if groups > 1:
        k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=batch.mask)
    return out.transpose(1, 2).flatten(0, 1)


def _ends(lengths: Sequence[int], device: torch.device) -> Tensor:
    return torch.tensor([0, *accumulate(lengths)], dtype=torch.int32).to(device)


def _batches(queries: Sequence[int], keys: Sequence[int], device: torch.device, causal: bool) -> list[Batch]:
    found: list[Batch] = []
    first_query = first_key = 0
    for (query, key), run in groupby(zip(queries, keys, strict=True)):
        count = len(list(run))
        mask = _mask(query, key, device) if causal and query > 1 else None
        found.append(Batch(first_query, first_key, count, query, key, mask))
        first_query, first_key = first_query + count * query, first_key + count * key
    return found


def _mask(queries: int, keys: int, device: torch.device) -> Tensor:
    """True at and below the diagonal that ends in the lower right corner."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


Attend = Callable[[Tensor, Tensor, Tensor, CuSeqlens], Tensor]


@cache
def _flash(device: torch.device, dtype: torch.dtype, width: int) -> Attend | None:
    """Flash attention for mixed lengths, if it runs here and agrees: tried once on a small input."""
    if device.type != "cuda" or dtype not in (torch.float16, torch.bfloat16):
        return None
    try:
        from torch.nn.attention.varlen import varlen_attn  # torch before 2.10 has none

        attend = _with_flash(varlen_attn)
        agreed = all(_agrees(attend, device, dtype, width, causal) for causal in (True, False))
        return attend if agreed else None
    except (ImportError, RuntimeError, NotImplementedError, TypeError, ValueError):
        return None


def _agrees(attend: Attend, device: torch.device, dtype: torch.dtype, width: int, causal: bool) -> bool:
    """With the other way, on grouped heads, mixed lengths, and queries that follow keys already known."""
    noise = torch.Generator().manual_seed(0)
    query, key, value = (
        torch.randn(tokens, heads, width, generator=noise).to(device, dtype)
        for tokens, heads in ((24, 4), (34, 2), (34, 2))
    )
    sample = packed((8, 16), (11, 23), device, causal=causal)
    found, wanted = attend(query, key, value, sample), attend_in_batches(query, key, value, sample)
    return torch.allclose(found, wanted, rtol=0.05, atol=0.05)


def _with_flash(varlen: Callable[..., Any]) -> Attend:
    grouped = {"enable_gqa": True} if "enable_gqa" in inspect.signature(varlen).parameters else {}

    def attend(query: Tensor, key: Tensor, value: Tensor, cu_seqlens: CuSeqlens) -> Tensor:
        window = (-1, 0) if cu_seqlens.causal else (-1, -1)
        lengths = (
            cu_seqlens.cu_seqlens_q,
            cu_seqlens.cu_seqlens_k,
            cu_seqlens.max_seqlen_q,
            cu_seqlens.max_seqlen_k,
        )
        return varlen(query, key, value, *lengths, window_size=window, **grouped)

    return attend
