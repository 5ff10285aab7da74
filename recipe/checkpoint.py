"""Writes a trained demo in the standard Hugging Face layout, BF16."""

import json
import math
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from tokenizers import Tokenizer

from recipe.network import IMAGE_MEAN, IMAGE_STD
from recipe.probe import write_probe
from recipe.scenes import MAX_TOKENS, MIN_TOKENS, TOKEN_PX
from recipe.tokens import save_tokenizer


def save_checkpoint(model: Any, tokenizer: Tokenizer, folder: Path) -> None:
    """`model` is left as it is; a BF16 copy is written."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().to("cpu", torch.bfloat16) for name, tensor in model.state_dict().items()}
    kind, config = type(model), model.config
    config.dtype = torch.bfloat16
    with torch.device("cpu"):
        copy = kind(config).to(torch.bfloat16)
    copy.load_state_dict(weights)
    copy.generation_config.do_sample = False
    copy.generation_config.eos_token_id = [config.text_config.eos_token_id, config.text_config.pad_token_id]
    copy.generation_config.pad_token_id = config.text_config.pad_token_id
    copy.save_pretrained(folder)
    save_tokenizer(tokenizer, folder)
    write_probe(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(preprocessor(), indent=2) + "\n")


def written(folder: Path) -> dict[str, torch.Tensor]:
    """The weights of a checkpoint in float32, under the names that its class gives them now."""
    from transformers import Qwen2_5_VLForConditionalGeneration

    return Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict()


def preprocessor() -> dict[str, Any]:
    low, high = MIN_TOKENS * TOKEN_PX**2, MAX_TOKENS * TOKEN_PX**2
    return {
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(IMAGE_MEAN),
        "image_processor_type": "Qwen2VLImageProcessor",
        "image_std": list(IMAGE_STD),
        "max_pixels": high,
        "merge_size": 2,
        "min_pixels": low,
        "patch_size": 14,
        "processor_class": "Qwen2_5_VLProcessor",
        "resample": 3,
        "rescale_factor": 1 / 255,
        "size": {"longest_edge": high, "shortest_edge": low},
        "temporal_patch_size": 2,
    }


def parameters(folder: Path) -> int:
    """How many numbers the checkpoint's weights hold."""
    with safe_open(folder / "model.safetensors", "pt") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118
    return sum(math.prod(shape) for shape in shapes)
