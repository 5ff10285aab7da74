"""Packed attention against one sequence at a time."""

import pytest
import torch
from torch import Tensor

from lychee_app.model.attention import attend, attend_squared, packed

CPU = torch.device("cpu")


def one_by_one(
    query: Tensor, key: Tensor, value: Tensor, lengths: list[tuple[int, int]], causal: bool
) -> Tensor:
    """Softmax written out, sequence after sequence; heads of a group share a key head."""
    outs, q_start, k_start = [], 0, 0
    group = query.shape[1] // key.shape[1]
    for q_length, k_length in lengths:
        q = query[q_start : q_start + q_length].transpose(0, 1)
        k, v = (
            part[k_start : k_start + k_length].transpose(0, 1).repeat_interleave(group, 0)
            for part in (key, value)
        )
        scores = q @ k.transpose(1, 2) / query.shape[-1] ** 0.5
        if causal:
            position = torch.arange(q_length)[:, None] + k_length - q_length
            scores = scores.masked_fill(torch.arange(k_length)[None] > position, float("-inf"))
        outs.append((scores.softmax(-1) @ v).transpose(0, 1))
        q_start, k_start = q_start + q_length, k_start + k_length
    return torch.cat(outs)


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(
    "lengths",
    [
        [(5, 5)],
        [(3, 7), (3, 7), (2, 9)],
        [(1, 4), (1, 6)],
        [(4, 4)] * 5 + [(2, 2)],
        [(1, 1), (8, 20), (1, 1)],
    ],
    ids=str,
)
def test_packed_sequences_see_themselves_only(lengths: list[tuple[int, int]], causal: bool) -> None:
    noise = torch.Generator().manual_seed(0)
    tokens = [sum(pair[side] for pair in lengths) for side in (0, 1)]
    query = torch.randn(tokens[0], 6, 16, generator=noise)
    buffer = torch.randn(tokens[1], 2, 2, 16, generator=noise)
    key, value = buffer[:, 0], buffer[:, 1]  # strided, as they lie in the key-value buffer
    queries, keys = zip(*lengths, strict=True)
    found = attend(query, key, value, packed(queries, keys, CPU, causal=causal))
    torch.testing.assert_close(found, one_by_one(query, key, value, lengths, causal))


@pytest.mark.parametrize("lengths", [(5, 5), (5, 7), (1, 4), (9, 40)], ids=str)
def test_zeros_in_place_of_the_first_queries_change_nothing(lengths: tuple[int, int]) -> None:
    noise = torch.Generator().manual_seed(0)
    query = torch.randn(lengths[0], 6, 16, generator=noise)
    key, value = (torch.randn(lengths[1], 2, 16, generator=noise) for _ in range(2))
    wanted = one_by_one(query, key, value, [lengths], causal=True)
    torch.testing.assert_close(attend_squared(query, key, value), wanted)


def test_neighbours_of_equal_length_are_one_call() -> None:
    windows = [64] * 30 + [32] * 6 + [16]
    assert [batch.count for batch in packed(windows, windows, CPU).batches] == [30, 6, 1]


def test_one_mask_serves_queries_that_follow_known_keys() -> None:
    (batch,) = packed((2,), (4,), CPU, causal=True).batches
    assert batch.mask is not None
    assert batch.mask.tolist() == [[True, True, True, False], [True, True, True, True]]
