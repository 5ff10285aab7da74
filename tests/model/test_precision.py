"""Which precision "auto" takes, for machines nobody has, and what a precision that is asked for gives."""

from pathlib import Path

import pytest

from lychee_app.errors import CheckpointError, UsageError
from lychee_app.model import loading, weights
from lychee_app.model.precision import Sizes, choose, needed_bytes
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.records import Precision
from lychee_app.settings import Settings
from tests.model.conftest import QUERIES, candidate

GB = 10**9
LYCHEE = Sizes(layers=6_525_000_000, words=1_090_000_000, rest=677_000_000)
SMALL = Sizes(layers=1_410_000_000, words=311_000_000, rest=406_000_000)
"""Qwen3-VL-Reranker-2B: 4.25 GB in BF16."""
DEMO = Sizes(layers=4_000_000, words=1_000_000, rest=5_000_000)


@pytest.mark.parametrize(
    ("sizes", "device", "free_gb", "precision"),
    [
        (LYCHEE, "cuda:0", 80, "bfloat16"),
        (LYCHEE, "cuda:0", 24, "bfloat16"),
        (LYCHEE, "cuda:1", 16, "int8"),
        (LYCHEE, "cuda:0", 12, "int8"),
        (LYCHEE, "cuda:0", 8, "int4"),
        (LYCHEE, "cuda:0", 6, "bfloat16"),
        (SMALL, "cuda:0", 8, "bfloat16"),
        (SMALL, "cuda:0", 6, "int8"),
        (DEMO, "cuda:0", 4, "bfloat16"),
        (LYCHEE, "cpu", 64, "int8"),
        (LYCHEE, "cpu", 10, "int4"),
        (LYCHEE, "cpu", 6, "float32"),
        (SMALL, "cpu", 64, "int8"),
        (SMALL, "cpu", 5, "int8"),
        (DEMO, "cpu", 4, "float32"),
        (DEMO, "mps", 16, "float32"),
    ],
)
def test_auto_takes_the_most_exact_that_fits(
    sizes: Sizes, device: str, free_gb: float, precision: Precision
) -> None:
    """The last of each kind of machine fits nothing: what can be spilled is taken."""
    assert choose(sizes, device, int(free_gb * GB)) == precision


@pytest.mark.parametrize(
    ("sizes", "free_gb", "speed", "precision"),
    [
        (SMALL, 64, 3.0, "bfloat16"),
        (SMALL, 64, 0.1, "int8"),
        (SMALL, 5, 3.0, "int8"),
        (LYCHEE, 64, 2.0, "bfloat16"),
        (LYCHEE, 12, 2.0, "int8"),
        (DEMO, 64, 3.0, "float32"),
    ],
)
def test_a_processor_takes_bfloat16_for_a_large_model_where_that_is_quick(
    sizes: Sizes, free_gb: float, speed: float, precision: Precision
) -> None:
    assert choose(sizes, "cpu", int(free_gb * GB), speed) == precision


def test_fewer_bits_need_less_memory_and_a_card_no_more_than_a_processor() -> None:
    wholes: list[tuple[bool, Precision]] = [(True, "bfloat16"), (False, "float32")]
    for on_card, whole in wholes:
        precisions: tuple[Precision, ...] = (whole, "int8", "int4")
        needs = [needed_bytes(LYCHEE, each, on_card) for each in precisions]
        assert needs == sorted(needs, reverse=True)
    assert needed_bytes(LYCHEE, "int4", on_card=True) < 7.5 * GB
    assert needed_bytes(LYCHEE, "int8", on_card=True) < 11.5 * GB


def test_a_checkpoint_s_numbers_are_counted_by_what_becomes_of_them(tiny: Path) -> None:
    checkpoint = weights.inspect(tiny)
    sizes = Sizes.of(checkpoint)
    assert 4 * sizes.total == checkpoint.weight_bytes
    assert sizes.words == 2 * 320 * 64
    assert sizes.layers == 3 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 128)


def opened(folder: Path, settings: Settings, precision: Precision) -> LocalScorer:
    return open_scorer(folder, settings=settings, device="cpu", precision=precision, self_test=False)


@pytest.mark.parametrize(("precision", "most"), [("int8", 0.1), ("int4", 2.0)])
def test_a_quantised_scorer_says_so_judges_nearly_the_same_and_explains(
    precision: Precision, most: float, tiny: Path, settings: Settings
) -> None:
    exact, found = (opened(tiny, settings, each) for each in ("float32", precision))
    assert (found.info.precision, found.info.warnings) == (precision, ())
    pairs = zip(exact.judge(candidate(), QUERIES), found.judge(candidate(), QUERIES), strict=True)
    differences = [abs((a.margin or 0) - (b.margin or 0)) for a, b in pairs]
    assert 0 < max(differences) < most
    assert len(found.explain(candidate(), "cat", 5).generated_ids) == 5


def test_a_second_start_in_a_precision_judges_the_same(tiny: Path, settings: Settings) -> None:
    first, second = (opened(tiny, settings, "int4").judge(candidate(), QUERIES) for _ in range(2))
    assert [reply.margin for reply in first] == [reply.margin for reply in second]
    assert len(list((settings.data_folder / "quantised").iterdir())) == 1


def test_a_copy_that_cannot_be_kept_is_a_warning(tiny: Path, settings: Settings) -> None:
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    (settings.data_folder / "quantised").write_text("in the way")
    scorer = opened(tiny, settings, "int8")
    assert scorer.info.warnings[0].code == "quantised-not-kept"
    assert len(scorer.judge(candidate(), QUERIES)) == len(QUERIES)


def test_plain_modules_have_no_quantised_weights(tiny: Path, settings: Settings) -> None:
    with pytest.raises(UsageError, match="int8 weights run only in the fast passes"):
        open_scorer(tiny, settings=settings, device="cpu", precision="int8", fast=False)


def test_apple_s_mps_takes_no_quantised_weights(tiny: Path) -> None:
    with pytest.raises(UsageError, match="int4 weights run only in the fast passes"):
        loading.choose_precision(weights.inspect(tiny), "mps", "int4", True)


def test_what_does_not_fit_is_refused_before_it_is_loaded(tiny: Path, tmp_path: Path) -> None:
    checkpoint = weights.inspect(tiny)
    with pytest.raises(CheckpointError, match=r"does not fit in int8: it takes .* Use int4") as refused:
        loading.load_quantised(checkpoint, "cpu", "int8", tmp_path, kernels=True, free_bytes=GB)
    assert refused.value.code == "too-large-int8"
    with pytest.raises(CheckpointError, match="Close other programs, or choose a smaller model"):
        loading.load_quantised(checkpoint, "cpu", "int4", tmp_path, kernels=True, free_bytes=GB)
    assert list(tmp_path.iterdir()) == []
