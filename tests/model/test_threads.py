"""How cores are shared, and that what is changed is put back."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from lychee_app.model.threads import SMALL_BYTES, images_at_once, limited, threads_for, unlimited


@pytest.mark.parametrize(("there", "images"), [(1, 1), (2, 2), (4, 4), (64, 4)])
def test_an_image_of_a_small_model_gets_one_core_of_a_large_one_all(there: int, images: int) -> None:
    assert threads_for(10_000_000, there) == 1
    assert images_at_once(10_000_000, there) == images
    assert threads_for(SMALL_BYTES, there) == there
    assert images_at_once(SMALL_BYTES, there) == 1


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


def test_limits_that_overlap_leave_no_trace_in_any_thread() -> None:
    """The second to enter has never computed, and leaves last."""
    before, free = torch.get_num_threads(), unlimited()
    second_in, first_out = threading.Event(), threading.Event()

    def second() -> None:
        with limited(before + 1):
            second_in.set()
            first_out.wait(30)

    thread = threading.Thread(target=second)
    with limited(before + 2):
        thread.start()
        assert second_in.wait(30)
        assert in_a_new_thread(unlimited) == free
    first_out.set()
    thread.join()
    assert torch.get_num_threads() == before
    assert in_a_new_thread(torch.get_num_threads) == free


def in_a_new_thread(work: Callable[[], int]) -> int:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()
