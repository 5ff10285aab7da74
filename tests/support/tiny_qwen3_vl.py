"""Builds a tiny Qwen3-VL checkpoint with random weights, laid out as released; see tiny_checkpoint.

DeepStack takes three blocks along, a head is not hidden size / heads wide, and the learned positions are
fewer than some images have patches and more than others have.
"""

import json
from pathlib import Path
from typing import Any

import torch

from tests.support.tiny_checkpoint import save_tensors, save_tokenizer

_IMAGE = "<|vision_start|><|image_pad|><|vision_end|>"
TEMPLATE = (
    "{%- if tools %}{{- '<|im_start|>system\\n' + (tools | tojson) + '<|im_end|>\\n' }}"
    "{%- elif messages[0].role == 'system' %}{{- '<|im_start|>system\\n' }}"
    "{%- if messages[0].content is string %}{{- messages[0].content }}{%- else %}"
    "{%- for part in messages[0].content %}{%- if 'text' in part %}{{- part.text }}{%- endif %}{%- endfor %}"
    "{%- endif %}{{- '<|im_end|>\\n' }}{%- endif %}"
    "{%- set images = namespace(count=0) %}"
    "{%- for message in messages %}{%- if message.role == 'user' %}{{- '<|im_start|>user\\n' }}"
    "{%- if message.content is string %}{{- message.content }}{%- else %}"
    "{%- for part in message.content %}{%- if part.type == 'image' or 'image' in part %}"
    "{%- set images.count = images.count + 1 %}"
    "{%- if add_vision_id %}Picture {{ images.count }}: {% endif -%}" + _IMAGE + "{%- elif 'text' in part %}"
    "{{- part.text }}{%- endif %}{%- endfor %}{%- endif %}{{- '<|im_end|>\\n' }}"
    "{%- elif message.role == 'assistant' %}"
    "{{- '<|im_start|>assistant\\n' + message.content + '<|im_end|>\\n' }}"
    "{%- endif %}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"
)
"""Does what the released template does: the system message first, parts in order, images counted if asked."""


def build(
    folder: Path, *, shards: int = 1, dtype: torch.dtype = torch.float32, tied: bool = False, **changes: Any
) -> Path:
    """tied: no head of its own, as the 2B. `changes` are made to the config."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = save_tokenizer(folder)
    save_settings(folder, config(ids, tie_word_embeddings=tied, **changes))
    tensors = random_tensors(folder)
    if tied:
        del tensors["lm_head.weight"]
    save_tensors(folder, {key: tensor.to(dtype) for key, tensor in tensors.items()}, shards)
    return folder


def config(ids: dict[str, int], **changes: Any) -> dict[str, Any]:
    """Nested as released, shrunk."""
    values: dict[str, Any] = {
        "architectures": ["Qwen3VLForConditionalGeneration"],
        "model_type": "qwen3_vl",
        "image_token_id": ids["<|image_pad|>"],
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "tie_word_embeddings": False,
        "text_config": {
            "attention_bias": False,
            "attention_dropout": 0.0,
            "bos_token_id": ids["<|endoftext|>"],
            "eos_token_id": ids["<|im_end|>"],
            "dtype": "bfloat16",
            "head_dim": 24,
            "hidden_act": "silu",
            "hidden_size": 64,
            "initializer_range": 0.02,
            "intermediate_size": 128,
            "max_position_embeddings": 262144,
            "model_type": "qwen3_vl_text",
            "num_attention_heads": 4,
            "num_hidden_layers": 4,
            "num_key_value_heads": 2,
            "rms_norm_eps": 1e-6,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [6, 3, 3], "rope_type": "default"},
            "rope_theta": 5000000,
            "use_cache": True,
            "vocab_size": 320,
        },
        "vision_config": {
            "deepstack_visual_indexes": [0, 2, 3],
            "depth": 5,
            "hidden_act": "gelu_pytorch_tanh",
            "hidden_size": 48,
            "in_channels": 3,
            "initializer_range": 0.02,
            "intermediate_size": 88,
            "model_type": "qwen3_vl",
            "num_heads": 2,
            "num_position_embeddings": 64,
            "out_hidden_size": 64,
            "patch_size": 16,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
    }
    return {**values, **changes}


def save_settings(folder: Path, values: dict[str, Any]) -> None:
    _write(folder / "config.json", values)
    text = values["text_config"]
    generation = {"do_sample": True, "temperature": 0.7, "top_k": 20, "top_p": 0.8, "repetition_penalty": 1.0}
    stops = [text["eos_token_id"], text["bos_token_id"]]
    _write(
        folder / "generation_config.json",
        {**generation, "eos_token_id": stops, "pad_token_id": text["bos_token_id"]},
    )
    _write(folder / "chat_template.json", {"chat_template": TEMPLATE})
    _write(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "Qwen2VLImageProcessorFast",
            "processor_class": "Qwen3VLProcessor",
            "image_mean": [0.5, 0.5, 0.5],
            "image_std": [0.5, 0.5, 0.5],
            "size": {"shortest_edge": 65536, "longest_edge": 16777216},
            "patch_size": 16,
            "merge_size": 2,
            "temporal_patch_size": 2,
        },
    )


def random_tensors(folder: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    """The model's tensors, drawn wide enough for margins of a nat or so; norms about 1."""
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    model = Qwen3VLForConditionalGeneration(Qwen3VLConfig.from_pretrained(folder))
    generator = torch.Generator().manual_seed(seed)

    def draw(key: str, shape: torch.Size) -> torch.Tensor:
        noise = torch.randn(shape, generator=generator)
        return (
            1 + 0.1 * noise
            if key.endswith("norm.weight") or "norm1.w" in key or "norm2.w" in key
            else (noise * (0.16 if len(shape) > 1 else 0.05))
        )

    return {key: draw(key, tensor.shape) for key, tensor in model.state_dict().items()}


def _write(file: Path, values: Any) -> None:
    file.write_text(json.dumps(values, indent=1), "utf-8")
