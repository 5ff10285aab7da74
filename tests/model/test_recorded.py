"""On a CUDA card: recorded passes beside the plain ones, on the tiny model in BF16. Skipped without one."""

import copy
import threading
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from benchmarks.load import noise_image
from lychee_app.model import fast, loading
from lychee_app.model.fast import FastForward, checked_forward
from lychee_app.model.graphs import CudaCapture, Recorded
from lychee_app.model.parity_check import passes_agree
from lychee_app.model.plain import PlainForward
from lychee_app.model.scorer import open_scorer
from lychee_app.settings import Settings
from tests.support.passes import patches_of, rows_of

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
GRIDS = [(10, 12), (4, 4), (10, 12), (16, 24), (4, 4), (10, 12)]


@pytest.fixture(scope="module")
def on_card(model: Any) -> Any:
    return copy.deepcopy(model).to("cuda", torch.bfloat16)


@pytest.fixture(scope="module")
def plain(on_card: Any) -> PlainForward:
    return PlainForward(copy.deepcopy(on_card))


class Counted(CudaCapture):
    """Counts what was recorded since the memory of all recordings was last given back."""

    def __call__(self, work: Callable[[], Tensor]) -> Recorded:
        self.count += 1
        return super().__call__(work)

    def renew(self) -> None:
        self.count = 0
        super().renew()


@pytest.fixture
def capture() -> Counted:
    return Counted(torch.device("cuda"))


@pytest.fixture
def quick(on_card: Any, capture: Counted) -> FastForward:
    return FastForward(copy.deepcopy(on_card), capture=capture)


def off(passes: Any, plain: PlainForward, model: Any, grid: tuple[int, int], seed: int) -> float:
    """How far the rows of one image are from the plain pass, as a share of their length."""
    patches = patches_of(grid, seed).cuda()
    rows = rows_of(model, grid[0] * grid[1] // 4, [(9, 5), (14, 5)], seed % 2)
    found = passes.last_hidden(rows, passes.embed_image(patches, grid), grid).float()
    wanted = plain.last_hidden(rows, plain.embed_image(patches, grid), grid).float()
    return float((found - wanted).norm() / wanted.norm())


def test_recorded_passes_of_several_sizes_read_as_the_plain_ones(
    on_card: Any, plain: PlainForward, quick: FastForward, capture: Counted
) -> None:
    for seed, grid in enumerate(GRIDS * 2):
        assert off(quick, plain, on_card, grid, seed) < 0.2
    assert capture.count == 6
    quick.forget()
    assert capture.count == 0
    for seed in range(3):
        assert off(quick, plain, on_card, (10, 12), seed) < 0.2


def test_a_replay_gives_what_single_launches_give(on_card: Any, quick: FastForward) -> None:
    single = FastForward(copy.deepcopy(on_card))
    for seed in range(4):
        patches = patches_of((10, 12), seed).cuda()
        image = quick.embed_image(patches, (10, 12))
        torch.testing.assert_close(image, single.embed_image(patches, (10, 12)), atol=0.02, rtol=0.02)
        rows = rows_of(on_card, 30, [(9, 5)], seed)
        found = quick.last_hidden(rows, image, (10, 12))
        torch.testing.assert_close(found, single.last_hidden(rows, image, (10, 12)), atol=0.02, rtol=0.02)


def test_recorded_steps_generate_what_single_launches_do(on_card: Any, quick: FastForward) -> None:
    single = FastForward(copy.deepcopy(on_card))
    for seed, grid in enumerate(GRIDS):
        image = single.embed_image(patches_of(grid, seed).cuda(), grid)
        (ids,) = rows_of(on_card, image.shape[1], [(6, 8)], seed)
        made = quick.generate(ids, image, grid, 20, frozenset())
        assert made == single.generate(ids, image, grid, 20, frozenset())


def test_recording_works_from_another_thread(
    on_card: Any, plain: PlainForward, quick: FastForward, capture: Counted
) -> None:
    found: list[float] = []

    def work() -> None:
        found.extend(off(quick, plain, on_card, (10, 12), seed) for seed in range(3))

    worker = threading.Thread(target=work)
    worker.start()
    worker.join()
    assert len(found) == 3
    assert max(found) < 0.2
    assert capture.count == 2


def test_forgetting_gives_the_memory_back(on_card: Any, plain: PlainForward, quick: FastForward) -> None:
    def held() -> int:
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        return torch.cuda.memory_reserved()

    off(quick, plain, on_card, (16, 24), 0)
    before = held()
    for seed in range(3):
        off(quick, plain, on_card, (16, 24), seed)
    assert held() > before
    quick.forget()
    assert held() - before <= 64 << 20  # the workspaces of a second stream


def test_a_model_that_was_let_go_keeps_nothing_of_the_card() -> None:
    settings = Settings.from_environment()
    before = loading.free_card_bytes("cuda:0")
    for _ in range(2):
        scorer = open_scorer(
            "demo", settings=settings, device="cuda:0", precision="bfloat16", self_test=False
        )
        for _ in range(3):
            scorer.judge(noise_image(64, 0), ["a lamp"])
        assert before - loading.free_card_bytes("cuda:0") > 64 << 20
        del scorer
        assert before - loading.free_card_bytes("cuda:0") < 8 << 20


def test_large_passes_are_not_recorded(
    on_card: Any, plain: PlainForward, quick: FastForward, capture: Counted
) -> None:
    grid = (150, 150)
    assert grid[0] * grid[1] // 4 > fast.PACKED_TOKENS
    for seed in range(3):
        assert off(quick, plain, on_card, grid, seed) < 0.2
    assert capture.count == 0


def test_the_fast_passes_are_trusted_here(on_card: Any, caplog: pytest.LogCaptureFixture) -> None:
    own = copy.deepcopy(on_card)
    assert isinstance(checked_forward(own), FastForward)
    assert passes_agree(FastForward(own, capture=CudaCapture(torch.device("cuda"))), PlainForward(own), own)
    assert not caplog.records
