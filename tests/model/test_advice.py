"""What a machine is advised to take: arithmetic on measured rates, for machines that nobody here has."""

from dataclasses import replace
from typing import get_args

import pytest

from lychee_app.model import advice, families
from lychee_app.model.advice import KnownJudge, Rates
from lychee_app.model.precision import Sizes
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget, Precision

GB = 1 << 30
RELEASES = {release.name: release for family in families.families() for release in family.releases}
LYCHEE, SMALL, LARGE = (
    KnownJudge(name, Sizes(*RELEASES[name].numbers), RELEASES[name].weight_bytes)
    for name in ("lychee", "Qwen/Qwen3-VL-Reranker-2B", "Qwen/Qwen3-VL-Reranker-8B")
)
JUDGES = (LYCHEE, LARGE, SMALL)


def card(free_gb: float, teraflops: float = 80) -> Rates:
    rates: dict[Precision, float] = {
        "bfloat16": teraflops * 1e12,
        "int8": teraflops * 8e11,
        "int4": teraflops * 7e11,
        "float32": teraflops * 1e11,
    }
    return Rates("cuda:0", rates, 800e9, int(free_gb * GB))


def processor(free_gb: float, gigaflops: float = 300) -> Rates:
    rates: dict[Precision, float] = dict.fromkeys(get_args(Precision), gigaflops * 1e9)
    return Rates("cpu", rates, 20e9, int(free_gb * GB))


def test_a_pass_of_the_published_shape_has_the_operations_that_were_counted() -> None:
    assert advice.flops(LYCHEE.sizes, 1260) == pytest.approx(24.5e12, rel=0.03)


@pytest.mark.parametrize(
    ("free_gb", "name", "precision"),
    [
        (23.5, "lychee", "bfloat16"),
        (15.5, "lychee", "int8"),
        (11.5, "lychee", "int8"),
        (7.5, "Qwen/Qwen3-VL-Reranker-2B", "bfloat16"),
        (5.5, "Qwen/Qwen3-VL-Reranker-2B", "int8"),
    ],
)
def test_the_best_judge_that_fits_the_card_is_advised(free_gb: float, name: str, precision: str) -> None:
    found = advice.recommended(JUDGES, card(free_gb))
    assert found is not None
    assert (found.judge.name, found.precision) == (name, precision)
    assert found.fits


def test_a_laptop_gets_the_small_judge_and_an_honest_time() -> None:
    found = advice.recommended(JUDGES, processor(14))
    assert found is not None
    assert found.judge is SMALL
    assert found.seconds_per_image * advice.IMAGES <= advice.PATIENCE_SECONDS
    assert found.advised.values["download_gb"] == "4.3"


def test_a_processor_with_instructions_for_bfloat16_looks_more_closely() -> None:
    plain = processor(14, gigaflops=100)
    quick = replace(plain, flops_per_second={**plain.flops_per_second, "bfloat16": 300e9})
    slow, fast = advice.for_machine(SMALL, plain), advice.for_machine(SMALL, quick)
    assert (slow.precision, fast.precision) == ("int8", "bfloat16")
    assert fast.image_tokens > slow.image_tokens


def test_where_all_are_slow_the_quickest_is_advised_with_its_time() -> None:
    found = advice.recommended(JUDGES, processor(30, gigaflops=5))
    assert found is not None
    assert found.judge is SMALL
    assert found.image_tokens == advice.BUDGETS[-1]
    assert found.seconds_per_image * advice.IMAGES > advice.PATIENCE_SECONDS
    assert found.looks_from_afar == Reason.of("advised-afar", least=advice.LEAST_LOOK)


def test_a_machine_without_the_memory_is_advised_nothing() -> None:
    assert advice.recommended(JUDGES, processor(2)) is None


def test_a_faster_machine_looks_more_closely_and_never_less() -> None:
    budgets = [advice.for_machine(SMALL, processor(16, speed)).image_tokens for speed in (20, 100, 500, 4000)]
    assert budgets == sorted(budgets)
    assert budgets[-1] == 1280
    assert budgets[0] < 1280


def test_what_is_here_is_not_to_be_downloaded() -> None:
    here = KnownJudge(SMALL.name, SMALL.sizes, 0)
    found = advice.recommended([here], card(20))
    assert found is not None
    assert found.advised.code == "advised-here"
    assert found.looks_from_afar is None


def test_the_time_is_told_of_an_image_in_tiles_too() -> None:
    found = advice.for_machine(SMALL, processor(30, gigaflops=5))
    parts = 1 + ImageBudget.most_tiles
    for reason in (found.advised, found.reason):
        assert float(reason.values["longest"]) == pytest.approx(parts * found.seconds_per_image, rel=0.01)
        assert f"up to {reason.values['longest']} s" in str(reason)
