"""The lean reader against transformers' loader, on one checkpoint."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from lychee_app.model import loading, skeleton, weights
from tests.support import tiny_checkpoint


@pytest.mark.parametrize("stored", [("current", 1, False), ("older", 4, False), ("older", 1, True)])
def test_the_skeleton_reads_what_transformers_reads(stored: tuple[str, int, bool], tmp_path: Path) -> None:
    naming, shards, tied = stored
    folder = tiny_checkpoint.build(tmp_path / "it", naming=naming, shards=shards, tied=tied)
    checkpoint = weights.inspect(folder)
    lean = skeleton.read(checkpoint, torch.float32)
    whole = loading.load(checkpoint, "cpu", "float32", tmp_path).model
    assert lean is not None
    tensors = lean.state_dict()
    assert tensors.keys() == whole.state_dict().keys()
    assert all(torch.equal(tensors[name], tensor) for name, tensor in whole.state_dict().items())
    assert same_numbers(lean, whole)


def test_the_skeleton_reads_the_config_transformers_writes(tiny: Path, tmp_path: Path, model: Any) -> None:
    model.save_pretrained(tmp_path / "saved")
    (tmp_path / "saved" / "tokenizer.json").write_bytes((tiny / "tokenizer.json").read_bytes())
    checkpoint = weights.inspect(tmp_path / "saved")
    assert "text_config" in checkpoint.config
    lean = skeleton.read(checkpoint, torch.float32)
    assert lean is not None
    assert same_numbers(lean, model)


def same_numbers(lean: Any, whole: Any) -> bool:
    """Every attribute of the configs that a pass reads, and the rotary frequencies."""
    text = ["hidden_size", "num_attention_heads", "num_key_value_heads", "rms_norm_eps", "hidden_act"]
    text += ["rope_parameters", "vocab_size", "num_hidden_layers", "intermediate_size"]
    vision = [
        "depth",
        "hidden_size",
        "num_heads",
        "window_size",
        "patch_size",
        "spatial_merge_size",
        "hidden_act",
    ]
    vision += ["fullatt_block_indexes", "intermediate_size", "out_hidden_size"]
    pairs = [(lean.config.text_config, whole.config.text_config, text)]
    pairs += [(lean.config.vision_config, whole.config.vision_config, vision)]
    for ours, theirs, names in pairs:
        for name in names:
            found, expected = getattr(ours, name), getattr(theirs, name)
            if name == "rope_parameters":
                keys = ("rope_theta", "rope_type", "mrope_section")
                found, expected = ([values[key] for key in keys] for values in (found, expected))
            assert found == expected, name
    assert lean.config.image_token_id == whole.config.image_token_id
    angles = [model.model.language_model.rotary_emb.inv_freq for model in (lean, whole)]
    angles += [model.model.visual.rotary_pos_emb.inv_freq for model in (lean, whole)]
    return torch.equal(angles[0], angles[1]) and torch.equal(angles[2], angles[3])


def test_a_checkpoint_the_skeleton_does_not_know_is_left_to_transformers(tiny: Path, tmp_path: Path) -> None:
    folder = tiny_checkpoint.changed(tiny, tmp_path, lambda tensors: tensors.update(extra=torch.zeros(1)))
    assert skeleton.read(weights.inspect(folder), torch.float32) is None
    odd = weights.inspect(tiny)
    assert skeleton.read(replace(odd, config={**odd.config, "vision_config": {}}), torch.float32) is None
