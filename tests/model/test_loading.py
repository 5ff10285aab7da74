"""Loading: what may be missing, what may spill, and two ways to read one checkpoint."""

import json
import math
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lychee_app.errors import CheckpointError
from lychee_app.model import loading, weights
from lychee_app.model.loading import choose_device, input_device, lm_head_rows
from lychee_app.model.placement import Placement, cost, placement_for
from lychee_app.model.plain import PlainForward
from lychee_app.model.scorer import LocalScorer, Parts, open_scorer
from lychee_app.model.tokens import Codec
from lychee_app.records import ImageBudget, ScorerInfo
from lychee_app.settings import Settings
from tests.model.conftest import QUERIES, candidate
from tests.support import tiny_checkpoint

GB = 1 << 30


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
@pytest.mark.parametrize("lost", ["model.visual.blocks.1.attn.qkv.bias", "lm_head.weight"])
def test_a_missing_tensor_is_refused_not_made_up(
    lost: str, fast: bool, tiny: Path, tmp_path: Path, settings: Settings
) -> None:
    folder = tiny_checkpoint.changed(tiny, tmp_path, lambda tensors: tensors.pop(lost))
    with pytest.raises(CheckpointError, match="lacks 1 tensor "):
        open_scorer(folder, settings=settings, device="cpu", fast=fast, self_test=False)


@pytest.mark.parametrize(
    ("name", "value"), [("intermediate_size", -1), ("hidden_size", 0), ("num_attention_heads", 1.5)]
)
def test_a_config_of_nonsense_is_refused_and_never_a_traceback(
    name: str, value: float, tiny: Path, tmp_path: Path, settings: Settings
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "odd"))
    config = json.loads((folder / "config.json").read_text())
    (config.get("text_config") or config)[name] = value
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError):
        open_scorer(folder, settings=settings, device="cpu")


def test_a_config_that_leaves_out_the_image_token_means_the_released_one(
    tiny: Path, tmp_path: Path, settings: Settings
) -> None:
    """Which the tokenizer of this checkpoint does not have."""
    folder = Path(shutil.copytree(tiny, tmp_path / "odd"))
    config = json.loads((folder / "config.json").read_text())
    del config["image_token_id"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match="does not place one image"):
        open_scorer(folder, settings=settings, device="cpu")


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
def test_a_tensor_of_another_shape_is_refused(
    fast: bool, tiny: Path, tmp_path: Path, settings: Settings
) -> None:
    folder = tiny_checkpoint.changed(
        tiny, tmp_path, lambda tensors: tensors.update({"lm_head.weight": torch.zeros(320, 32)})
    )
    with pytest.raises(CheckpointError, match="lm_head"):
        open_scorer(folder, settings=settings, device="cpu", fast=fast, self_test=False)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "plain"])
def test_weights_that_are_not_numbers_are_refused_at_load(
    fast: bool, tiny: Path, tmp_path: Path, settings: Settings
) -> None:
    name = "model.language_model.layers.0.mlp.up_proj.weight"
    folder = tiny_checkpoint.changed(tiny, tmp_path, lambda tensors: tensors[name].fill_(math.nan))
    with pytest.raises(CheckpointError, match="self-test"):
        open_scorer(folder, settings=settings, device="cpu", fast=fast)


@pytest.mark.parametrize("size", [{"hidden_size": 72}, {"num_hidden_layers": 5}, {"num_attention_heads": 3}])
def test_a_config_that_does_not_fit_its_weights_is_refused(
    size: dict[str, int], tiny: Path, tmp_path: Path, settings: Settings
) -> None:
    folder = Path(shutil.copytree(tiny, tmp_path / "copy"))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **size}))
    with pytest.raises(CheckpointError, match="Fetch the checkpoint again"):
        open_scorer(folder, settings=settings, device="cpu", self_test=False)


def test_a_model_spilled_to_disk_scores_the_same(tiny: Path, tmp_path: Path, model: Any) -> None:
    """As accelerate does it where neither card nor RAM holds a model: some layers, and the head, in files."""
    parts = {"model.visual": "cpu", "model.language_model.embed_tokens": "cpu", "lm_head": "disk"}
    layers = {f"model.language_model.layers.{index}": "disk" if index else "cpu" for index in range(3)}
    rest = {"model.language_model.norm": "cpu", "model.language_model.rotary_emb": "cpu"}
    placement = Placement({**parts, **layers, **rest}, None, tmp_path / "offload", spills=True)
    spilled = loading.load(weights.inspect(tiny), "cpu", "float32", tmp_path, placement)
    assert any(parameter.device.type == "meta" for parameter in spilled.model.parameters())
    assert "must be copied for every pass" in str(spilled.warnings[0])
    image = candidate(140, 112)
    whole, parted = plain_scorer(model, tiny), plain_scorer(spilled.model, tiny)
    found, expected = parted.judge(image, QUERIES), whole.judge(image, QUERIES)
    assert [reply.margin for reply in found] == pytest.approx([reply.margin for reply in expected], abs=1e-5)
    assert parted.explain(image, "cat", 12).generated_ids == whole.explain(image, "cat", 12).generated_ids


def plain_scorer(model: Any, folder: Path) -> LocalScorer:
    codec = Codec(folder, model.config.image_token_id)
    head = lm_head_rows(weights.inspect(folder), [codec.yes_id, codec.no_id])
    parts = Parts(PlainForward(model), codec, weights.pixels_of(folder), head, "cpu", frozenset())
    return LocalScorer(parts, ScorerInfo("plain", "", "float32", "cpu", ImageBudget(28)))


def test_a_card_that_holds_the_weights_gets_them_all() -> None:
    found = placement_for(16 * GB, "cuda:1", 24 * GB, 64 * GB, Path("scratch"))
    assert (found.map, found.spills, found.arguments()) == (
        {"": "cuda:1"},
        False,
        {"device_map": {"": "cuda:1"}},
    )


def test_a_card_too_small_spills_into_ram_and_files() -> None:
    found = placement_for(16 * GB, "cuda:0", 12 * GB, 64 * GB, Path("scratch"))
    assert found.spills
    assert found.arguments() == {
        "device_map": "auto",
        "max_memory": {0: 10 * GB, "cpu": int(57.6 * GB)},
        "offload_folder": Path("scratch"),
    }


def test_a_model_larger_than_one_card_is_split_over_all_before_anything_goes_into_ram() -> None:
    found = placement_for(16 * GB, "cuda:1", 12 * GB, 64 * GB, Path("scratch"), others={0: 12 * GB})
    assert not found.spills
    assert found.arguments() == {"device_map": "auto", "max_memory": {1: 10 * GB, 0: 10 * GB}}


def test_what_all_cards_together_do_not_hold_goes_into_ram() -> None:
    found = placement_for(19 * GB, "cuda:0", 12 * GB, 64 * GB, Path("scratch"), others={1: 12 * GB})
    assert found.spills
    assert found.max_memory == {0: 10 * GB, 1: 10 * GB, "cpu": int(57.6 * GB)}


def test_a_model_that_one_card_holds_is_not_split() -> None:
    found = placement_for(16 * GB, "cuda:0", 24 * GB, 64 * GB, Path("scratch"), others={1: 80 * GB})
    assert found.map == {"": "cuda:0"}


def test_a_card_without_any_room_is_not_asked_for_less_than_nothing() -> None:
    limits = placement_for(16 * GB, "cuda:0", 1 * GB, 64 * GB, Path("scratch")).max_memory
    assert limits is not None
    assert limits[0] == 0


def test_a_processor_loads_without_accelerate_unless_ram_is_short() -> None:
    assert placement_for(3 * GB, "cpu", 0, 16 * GB, Path("scratch")).arguments() == {}
    assert placement_for(33 * GB, "cpu", 0, 16 * GB, Path("scratch")).arguments()["device_map"] == "auto"


@pytest.mark.parametrize(("ram", "disk", "said"), [(6 * GB, 0, "6.0 GB in RAM"), (0, 3e9, "3.0 GB in files")])
def test_the_cost_of_a_spill_is_said(ram: float, disk: float, said: str) -> None:
    text = str(cost(int(ram), int(disk)))
    assert said in text
    assert "0.0 GB" not in text


def test_a_card_too_full_for_anything_is_said_and_not_used() -> None:
    assert "runs on the processor" in str(cost(0, 0))
    full = SimpleNamespace(hf_device_map={"model": "cpu", "lm_head": "disk"})
    assert input_device(full, "cuda:0") == "cpu"
    assert input_device(SimpleNamespace(hf_device_map={"model": 0, "lm_head": "cpu"}), "cuda:0") == "cuda:0"
    assert input_device(SimpleNamespace(), "mps") == "mps"


@pytest.mark.parametrize("device", ["cuda:99", "tpu", "cuda:x", ""])
def test_a_device_that_is_not_there_is_refused(device: str) -> None:
    with pytest.raises(CheckpointError, match="no device"):
        choose_device(device)


def test_the_share_of_a_card_that_a_process_may_hold_bounds_what_is_free() -> None:
    assert loading.allowed(free=130 * GB, total=140 * GB, share=1.0, held=0) == 130 * GB
    assert loading.allowed(free=130 * GB, total=140 * GB, share=0.1, held=2 * GB) == 12 * GB
    assert loading.allowed(free=9 * GB, total=140 * GB, share=0.1, held=0) == 9 * GB
    assert loading.allowed(free=9 * GB, total=140 * GB, share=0.1, held=20 * GB) == 0
