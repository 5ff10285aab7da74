"""A small model leaves cores to the decoders, and what it changes it puts back."""

import threading

import pytest
import torch

from lychee_app.model.threads import SMALL_BYTES, limited, threads_for


@pytest.mark.parametrize(("there", "small"), [(1, 1), (2, 1), (4, 1), (6, 3), (16, 4), (64, 4)])
def test_a_small_model_leaves_cores_and_a_large_one_takes_all(there: int, small: int) -> None:
    assert threads_for(10_000_000, there) == small
    assert threads_for(SMALL_BYTES, there) == there


def test_the_limit_holds_within_and_in_a_new_thread_and_is_lifted_after() -> None:
    before, seen = torch.get_num_threads(), []

    def work() -> None:
        with limited(1):
            seen.append(torch.get_num_threads())

    with limited(before + 1):
        assert torch.get_num_threads() == before + 1
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        with limited(None):
            assert torch.get_num_threads() == before + 1
    assert seen == [1]
    assert torch.get_num_threads() == before
