"""How cores are shared, and that what is changed is put back."""

import threading

import pytest
import torch

from lychee_app.model.threads import SMALL_BYTES, images_at_once, limited, threads_for


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
