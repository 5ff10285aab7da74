"""Every way to score with a Qwen3-VL against the published usage: shapes, budgets, languages, precisions."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from lychee_app import intake
from lychee_app.model import loading, weights
from lychee_app.model.elementwise import TorchOps
from lychee_app.model.fast import FastForward, capable, checked_forward
from lychee_app.model.parity_check import passes_agree
from lychee_app.model.plain import PlainForward
from lychee_app.model.qwen3_vl import FAMILY, vision
from lychee_app.model.qwen3_vl.vision import patch_places
from lychee_app.model.reference import Reference
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.records import Candidate, ImageBudget, Reply
from lychee_app.settings import Settings
from tests.model.conftest import QUERIES, candidate
from tests.support import tiny_qwen3_vl
from tests.support.passes import rows_of

SHAPES = [(4000, 3000), (1000, 1000), (3000, 200), (150, 2900), (9000, 90), (60, 40)]
"""Width and height of originals: landscape, square, strips of both kinds, one past 50 : 1, one tiny."""
BUDGETS = [16, 64, 256]


def p_yes(replies: list[Reply]) -> list[float]:
    found = [reply.p_yes for reply in replies]
    assert None not in found
    return [each for each in found if each is not None]


def sized(original: tuple[int, int], tokens: int) -> Candidate:
    """Noise, at the size that intake gives an image of that shape and budget."""
    return candidate(*intake.fit(*original, ImageBudget(32, tokens)))


@pytest.mark.parametrize("tokens", BUDGETS)
@pytest.mark.parametrize("original", SHAPES, ids=str)
def test_judging_agrees_with_the_published_usage(
    original: tuple[int, int], tokens: int, scorer: LocalScorer, reference: Reference
) -> None:
    image = sized(original, tokens)
    found, expected = scorer.judge(image, QUERIES), reference.judge(image, QUERIES)
    assert p_yes(found) == pytest.approx(p_yes(expected), abs=1e-3)
    for ours, theirs in zip(found, expected, strict=True):
        assert (ours.prompt, ours.prompt_tokens, ours.image_tokens, ours.text) == (
            theirs.prompt,
            theirs.prompt_tokens,
            theirs.image_tokens,
            theirs.text,
        )


def test_the_images_of_these_tests_are_not_all_judged_alike(scorer: LocalScorer) -> None:
    """Agreement within 1e-3 says something only where scores differ by far more."""
    found = [p_yes(scorer.judge(sized(shape, 64), ["red cat"]))[0] for shape in SHAPES]
    assert max(found) - min(found) > 0.1


def test_the_published_sigmoid_is_the_softmax_over_both_answers(reference: Reference, model: Any) -> None:
    """The script of the release reads sigmoid(h . (w_yes - w_no)) off the last position's hidden state."""
    kept: list[Tensor] = []
    hook = model.lm_head.register_forward_pre_hook(lambda _, given: kept.append(given[0][0, -1]))
    reply = reference.judge(sized((4000, 3000), 64), ["red cat"])[0]
    hook.remove()
    yes, no = model.lm_head.weight[reply.yes_id], model.lm_head.weight[reply.no_id]
    assert float(torch.sigmoid(kept[0] @ (yes - no)).detach()) == pytest.approx(p_yes([reply])[0], abs=1e-5)


def test_an_image_of_the_full_budget_agrees(scorer: LocalScorer, reference: Reference) -> None:
    image = sized((4000, 3000), 1280)
    assert image.tokens(32) > 1200
    found, expected = scorer.judge(image, QUERIES[:1]), reference.judge(image, QUERIES[:1])
    assert p_yes(found) == pytest.approx(p_yes(expected), abs=1e-3)


@pytest.mark.parametrize("query", QUERIES)
def test_explaining_generates_the_published_ids(
    query: str, scorer: LocalScorer, reference: Reference
) -> None:
    image = sized((3000, 200), 64)
    found, expected = scorer.explain(image, query, 24), reference.explain(image, query, 24)
    assert found.generated_ids == expected.generated_ids
    assert found.prompt == expected.prompt


def test_a_head_tied_to_the_embeddings_is_found(tmp_path: Path, settings: Settings) -> None:
    folder = tiny_qwen3_vl.build(tmp_path / "tied", tied=True, shards=3)
    model = loading.load(weights.inspect(folder), "cpu", "float32", tmp_path).model
    image = sized((1000, 1000), 64)
    expected = p_yes(FAMILY.reference(model, folder).judge(image, QUERIES))
    for fast in (True, False):
        scorer = open_scorer(folder, settings=settings, device="cpu", fast=fast, self_test=False)
        assert p_yes(scorer.judge(image, QUERIES)) == pytest.approx(expected, abs=1e-3)


def test_bfloat16_is_off_by_its_rounding_only(model: Any) -> None:
    grid, rows = (10, 22), rows_of(model, 55, [(9, 5), (14, 5)])
    half = copy.deepcopy(model).to(torch.bfloat16)
    wanted = hidden(PlainForward(model), rows, grid)

    def share_off(passes: Any) -> float:
        return float((hidden(passes, rows, grid).float() - wanted).norm() / wanted.norm())

    by_plain = share_off(PlainForward(half))
    assert share_off(FastForward(half)) < 1.5 * by_plain < 0.15


def test_what_deepstack_adds_counts(model: Any) -> None:
    """Without it the fast pass is another one, so the agreement above covers it."""
    quick, rows = FastForward(copy.deepcopy(model)), rows_of(model, 55, [(9, 5)])
    image = quick.embed_image(noise((10, 22)), (10, 22))
    assert image.shape == (4, 55, 64)
    whole = quick.last_hidden(rows, image, (10, 22))
    for level in (1, 2, 3):
        without = image.clone()
        without[level] = 0
        off = (quick.last_hidden(rows, without, (10, 22)) - whole).norm() / whole.norm()
        assert off > 0.02


def test_an_image_past_the_bound_of_one_mlp_pass_is_read_in_parts(model: Any) -> None:
    grid = (104, 104)
    assert grid[0] * grid[1] > vision.MLP_PATCHES
    found = FastForward(copy.deepcopy(model)).embed_image(noise(grid), grid)
    wanted = PlainForward(model).embed_image(noise(grid), grid)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_every_tensor_of_a_pass_is_on_the_device_of_the_weights(model: Any) -> None:
    """On "meta" nothing is computed, but a tensor left on the processor is an error, as it is on a card."""
    quick = FastForward(copy.deepcopy(model).to("meta"))
    image = quick.embed_image(noise((10, 12)).to("meta"), (10, 12))
    assert quick.last_hidden(rows_of(model, 30, [(9, 5), (14, 5)]), image, (10, 12)).device.type == "meta"


def test_the_passes_agree_as_a_card_would_ask_of_them(model: Any) -> None:
    assert passes_agree(FastForward(copy.deepcopy(model)), PlainForward(model), model)


def test_patches_come_in_blocks() -> None:
    assert patch_places((2, 4), 2).tolist() == [
        [0, 0], [0, 1], [1, 0], [1, 1], [0, 2], [0, 3], [1, 2], [1, 3],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "change", ["gelu", "scaled rope", "sections", "more taps than layers", "head of another width"]
)
def test_what_the_fast_passes_cannot_run_is_known(change: str, model: Any) -> None:
    other = copy.deepcopy(model)
    assert capable(other)
    text, seen = other.config.text_config, other.config.vision_config
    if change == "gelu":
        seen.hidden_act = "gelu"
    elif change == "scaled rope":
        text.rope_parameters = {**text.rope_parameters, "rope_type": "yarn"}
    elif change == "sections":
        text.rope_parameters = {**text.rope_parameters, "mrope_section": [6, 3, 2]}
    elif change == "more taps than layers":
        seen.deepstack_visual_indexes = list(range(text.num_hidden_layers))
    else:
        text.head_dim = 20
    assert not capable(other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA card")
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_on_a_card_recorded_passes_read_as_the_plain_ones(dtype: torch.dtype, model: Any) -> None:
    """What comes a second time is recorded, a third time replayed; also past 256 queries (attention.py).

    The plain modules' patches are a convolution, which cuDNN computes in TF32 unless told otherwise: that
    alone puts them 2.5e-4 off, and the fast pass, a product of matrices, is 1e-6 off float64.
    """
    plain = PlainForward(copy.deepcopy(model).to("cuda", dtype))
    quick = checked_forward(copy.deepcopy(model).to("cuda", dtype))
    assert isinstance(quick, FastForward)
    assert not isinstance(quick.ops, TorchOps)
    for grid in ((10, 12), (2, 60), (48, 40)) * 3:
        tokens = grid[0] * grid[1] // 4
        patches = noise(grid).cuda()
        for lengths in ([(9, 5)], [(9, 5), (14, 5)]):
            rows = rows_of(model, tokens, lengths)
            found = quick.last_hidden(rows, quick.embed_image(patches, grid), grid).float()
            with torch.backends.cudnn.flags(allow_tf32=False):
                wanted = plain.last_hidden(rows, plain.embed_image(patches, grid), grid).float()
            assert float((found - wanted).norm() / wanted.norm()) < (1e-4 if dtype == torch.float32 else 0.1)


def noise(grid: tuple[int, int]) -> Tensor:
    return torch.randn(grid[0] * grid[1], 1536, generator=torch.Generator().manual_seed(0))


def hidden(passes: Any, rows: list[Tensor], grid: tuple[int, int]) -> Tensor:
    return passes.last_hidden(rows, passes.embed_image(noise(grid), grid), grid)
