"""Builds a tiny Qwen2.5-VL checkpoint with random weights and a small tokenizer, laid out as published.

It loads through the published classes (AutoProcessor, Qwen2_5_VLForConditionalGeneration), in either key
naming, in one file or in shards. Its weights are drawn wide, so that margins differ between images.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
NOT_SPECIAL = ("<tool_call>", "</tool_call>", "<|fim_prefix|>")
MERGES: tuple[str, ...] = (
    "y e",
    "ye s",
    "n o",
    "c a",
    "ca t",
    "Ġ cat",
    "r e",
    "re d",
    "Ġ red",
    "i n",
    "Ġ t",
    "t h",
)
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEMPLATE = (
    "{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\n"
    "You are a helpful assistant.<|im_end|>\n{% endif %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}<|im_end|>\n{% else %}"
    "{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in content %}"
    "<|vision_start|><|image_pad|><|vision_end|>{% elif 'text' in content %}{{ content['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def build(
    folder: Path,
    *,
    naming: str = "current",
    shards: int = 1,
    dtype: torch.dtype = torch.float32,
    tied: bool = False,
    **changes: Any,
) -> Path:
    """naming: "current" or "older" (`visual.*`, `model.layers.*`). tied: no head of its own.

    `changes` are made to the config.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ids = save_tokenizer(folder)
    save_settings(folder, config(ids, tie_word_embeddings=tied, **changes))
    tensors = random_tensors(folder)
    if tied:
        del tensors["lm_head.weight"]
    save_tensors(folder, {key: tensor.to(dtype) for key, tensor in rename(tensors, naming).items()}, shards)
    return folder


def save_tokenizer(folder: Path) -> dict[str, int]:
    """A byte-level BPE with Qwen's pre-tokenizer and a dozen merges. Returns the ids of its added tokens."""
    words = [*sorted(pre_tokenizers.ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
    vocabulary = {word: id for id, word in enumerate(words)}
    tokenizer = Tokenizer(
        models.BPE(vocabulary, [(merge.split(" ")[0], merge.split(" ")[1]) for merge in MERGES])
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, normalized=False, special=False) for token in NOT_SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    added = tokenizer.get_added_tokens_decoder()
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "Qwen2Tokenizer",
            "eos_token": "<|im_end|>",
            "pad_token": "<|endoftext|>",
            "bos_token": None,
            "unk_token": None,
            "model_max_length": 131072,
            "clean_up_tokenization_spaces": False,
            "chat_template": "{% for m in messages %}{{ m.content + '' }}{% endfor %}",
            "additional_special_tokens": list(SPECIAL[1:]),
            "added_tokens_decoder": {
                str(id): {"content": token.content, "special": token.special, "normalized": False}
                for id, token in added.items()
            },
        },
    )
    return {token.content: id for id, token in added.items()}


def config(ids: dict[str, int], **changes: Any) -> dict[str, Any]:
    """A flat config as the published one, shrunk. Odd sizes on purpose: 60 is no multiple of 8."""
    values: dict[str, Any] = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"],
        "model_type": "qwen2_5_vl",
        "attention_dropout": 0.0,
        "bos_token_id": ids["<|endoftext|>"],
        "eos_token_id": ids["<|im_end|>"],
        "hidden_act": "silu",
        "hidden_size": 64,
        "image_token_id": ids["<|image_pad|>"],
        "initializer_range": 0.02,
        "intermediate_size": 128,
        "max_position_embeddings": 32768,
        "max_window_layers": 2,
        "num_attention_heads": 4,
        "num_hidden_layers": 3,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-6,
        "rope_scaling": {"mrope_section": [2, 3, 3], "rope_type": "default", "type": "default"},
        "rope_theta": 1000000.0,
        "sliding_window": 32768,
        "tie_word_embeddings": False,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "use_sliding_window": False,
        "video_token_id": ids["<|video_pad|>"],
        "vision_start_token_id": ids["<|vision_start|>"],
        "vision_end_token_id": ids["<|vision_end|>"],
        "vision_token_id": ids["<|vision_pad|>"],
        "vocab_size": 320,
        "vision_config": {
            "depth": 4,
            "fullatt_block_indexes": [1, 3],
            "hidden_act": "silu",
            "hidden_size": 32,
            "in_channels": 3,
            "in_chans": 3,
            "intermediate_size": 60,
            "model_type": "qwen2_5_vl",
            "num_heads": 2,
            "out_hidden_size": 64,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "spatial_patch_size": 14,
            "temporal_patch_size": 2,
            "tokens_per_second": 2,
            "window_size": 112,
        },
    }
    return {**values, **changes}


def save_settings(folder: Path, values: dict[str, Any]) -> None:
    _write(folder / "config.json", values)
    stops = [values["eos_token_id"], values["bos_token_id"]]
    generation = {"do_sample": True, "eos_token_id": stops, "repetition_penalty": 1.05, "temperature": 1e-6}
    _write(folder / "generation_config.json", {**generation, "pad_token_id": values["bos_token_id"]})
    _write(folder / "chat_template.json", {"chat_template": TEMPLATE})
    _write(
        folder / "preprocessor_config.json",
        {
            "image_processor_type": "Qwen2VLImageProcessor",
            "processor_class": "Qwen2_5_VLProcessor",
            "image_mean": [0.48145466, 0.4578275, 0.40821073],
            "image_std": [0.26862954, 0.26130258, 0.27577711],
            "rescale_factor": 1 / 255,
            "min_pixels": 3136,
            "max_pixels": 12845056,
            "size": {"shortest_edge": 3136, "longest_edge": 12845056},
            "patch_size": 14,
            "merge_size": 2,
            "temporal_patch_size": 2,
            "resample": 3,
        },
    )


def random_tensors(folder: Path, seed: int = 0) -> dict[str, torch.Tensor]:
    """The model's tensors under their current names, drawn wide enough for margins of a nat or so."""
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig.from_pretrained(folder))
    generator = torch.Generator().manual_seed(seed)
    return {
        key: torch.ones_like(tensor)
        if tensor.ndim == 1 and key.endswith("weight")
        else torch.randn(tensor.shape, generator=generator) * (0.12 if tensor.ndim > 1 else 0.05)
        for key, tensor in model.state_dict().items()
    }


def rename(tensors: dict[str, torch.Tensor], naming: str) -> dict[str, torch.Tensor]:
    """Current names -> the older ones, as the published shards have them."""
    if naming == "current":
        return tensors
    steps = ((r"^model\.visual\.", "visual."), (r"^model\.language_model\.", "model."))
    for pattern, replacement in steps:
        tensors = {re.sub(pattern, replacement, key): tensor for key, tensor in tensors.items()}
    return tensors


def save_tensors(folder: Path, tensors: dict[str, torch.Tensor], shards: int) -> None:
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    keys, places = sorted(tensors), {}
    for number in range(shards):
        name = f"model-{number + 1:05}-of-{shards:05}.safetensors"
        part = {key: tensors[key] for key in keys[number::shards]}
        save_file(part, folder / name, metadata={"format": "pt"})
        places |= dict.fromkeys(part, name)
    total = sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())
    _write(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": places})


def changed(folder: Path, to: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> Path:
    """A copy of a checkpoint in one file, under `to`, its tensors changed."""
    copy = Path(shutil.copytree(folder, to / "changed"))
    tensors = load_file(copy / "model.safetensors")
    change(tensors)
    save_file(tensors, copy / "model.safetensors")
    return copy


def _write(file: Path, values: Any) -> None:
    file.write_text(json.dumps(values, indent=1), "utf-8")
