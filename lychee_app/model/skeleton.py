"""The weights of a Qwen2.5-VL checkpoint in modules named as in transformers, and nothing that computes.

Importing transformers takes longer than ranking 32 images with a small model on a processor. The fast passes
need its weights, their names and the config only, so on a processor these are read here instead.
A checkpoint that is not exactly as expected gives None, and transformers reads it. The tests compare both.
"""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from lychee_app.model.weights import Checkpoint

_TABLE = "model.language_model.embed_tokens.weight"
_VISION_DEFAULTS = {
    "hidden_act": "silu",
    "in_channels": 3,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}


def read(checkpoint: Checkpoint, dtype: torch.dtype) -> Any | None:
    """A tree with `config`, `model.visual`, `model.language_model` and `lm_head`, on the CPU; or None."""
    try:
        config = _config(checkpoint.config)
        with torch.device("meta"):
            root = _root(config)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    wanted = set(root.state_dict())
    tensors = {name: tensor.to(dtype) for name, tensor in _tensors(checkpoint)}
    if config.tie_word_embeddings and _TABLE in tensors:
        tensors.setdefault("lm_head.weight", tensors[_TABLE])
    if set(tensors) != wanted or not _same_shapes(root, tensors):
        return None
    root.load_state_dict(tensors, assign=True)
    root.requires_grad_(False)
    _add_angles(root, config)
    return root


def current_name(name: str) -> str:
    """A tensor's older name -> its current one; current names stay."""
    if name.startswith("visual."):
        return f"model.{name}"
    if name.startswith("model.") and not name.startswith(("model.visual.", "model.language_model.")):
        return name.replace("model.", "model.language_model.", 1)
    return name


def _tensors(checkpoint: Checkpoint) -> Iterator[tuple[str, Tensor]]:
    from safetensors import safe_open

    for shard in checkpoint.shards:
        with safe_open(shard.file, framework="pt") as stored:
            for name in stored.keys():  # noqa: SIM118 - not a dict
                yield current_name(name), stored.get_tensor(name)


def _same_shapes(root: nn.Module, tensors: Mapping[str, Tensor]) -> bool:
    return all(tensors[name].shape == tensor.shape for name, tensor in root.state_dict().items())


def _config(values: Mapping[str, Any]) -> SimpleNamespace:
    """config.json, flat as released or nested as transformers 5 writes it -> what its config class has."""
    text = {**values, **(values.get("text_config") or {})}
    rope = {**(text.get("rope_parameters") or text.get("rope_scaling") or {})}
    rope.setdefault("rope_theta", text.get("rope_theta", 1_000_000.0))
    rope.setdefault("rope_type", rope.get("type", "default"))
    rope["rope_type"] = "default" if rope["rope_type"] == "mrope" else rope["rope_type"]
    text["rope_parameters"] = rope
    tied = bool(values.get("tie_word_embeddings") or text.get("tie_word_embeddings"))
    return SimpleNamespace(
        model_type=values["model_type"],
        image_token_id=values["image_token_id"],
        tie_word_embeddings=tied,
        text_config=SimpleNamespace(**text),
        vision_config=SimpleNamespace(**{**_VISION_DEFAULTS, **values["vision_config"]}),
    )


def _root(config: SimpleNamespace) -> Any:
    text, vision = config.text_config, config.vision_config
    visual = _holder(
        patch_embed=_holder(proj=_patch_embedding(vision)),
        blocks=nn.ModuleList(_vision_block(vision) for _ in range(vision.depth)),
        merger=_merger(vision),
    )
    visual.config = vision
    language = _holder(
        embed_tokens=_table(text.vocab_size, text.hidden_size),
        layers=nn.ModuleList(_text_layer(text) for _ in range(text.num_hidden_layers)),
        norm=_norm(text.hidden_size, text.rms_norm_eps),
    )
    language.config = text
    head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
    root = _holder(model=_holder(visual=visual, language_model=language), lm_head=head)
    root.config = config
    return root


def _patch_embedding(vision: SimpleNamespace) -> nn.Module:
    size = (vision.temporal_patch_size, vision.patch_size, vision.patch_size)
    return nn.Conv3d(vision.in_channels, vision.hidden_size, size, size, bias=False)


def _vision_block(vision: SimpleNamespace) -> nn.Module:
    size = vision.hidden_size
    return _holder(
        norm1=_norm(size, 1e-6),
        norm2=_norm(size, 1e-6),
        attn=_holder(qkv=nn.Linear(size, 3 * size), proj=nn.Linear(size, size)),
        mlp=_mlp(size, vision.intermediate_size, bias=True),
    )


def _merger(vision: SimpleNamespace) -> nn.Module:
    wide = vision.hidden_size * vision.spatial_merge_size**2
    steps = (nn.Linear(wide, wide), nn.GELU(), nn.Linear(wide, vision.out_hidden_size))
    return _holder(ln_q=_norm(vision.hidden_size, 1e-6), mlp=nn.Sequential(*steps))


def _text_layer(text: SimpleNamespace) -> nn.Module:
    size = text.hidden_size
    key_size = size // text.num_attention_heads * text.num_key_value_heads
    attention = _holder(
        q_proj=nn.Linear(size, size),
        k_proj=nn.Linear(size, key_size),
        v_proj=nn.Linear(size, key_size),
        o_proj=nn.Linear(size, size, bias=False),
    )
    return _holder(
        self_attn=attention,
        mlp=_mlp(size, text.intermediate_size, bias=False),
        input_layernorm=_norm(size, text.rms_norm_eps),
        post_attention_layernorm=_norm(size, text.rms_norm_eps),
    )


def _mlp(size: int, wide: int, bias: bool) -> nn.Module:
    return _holder(
        gate_proj=nn.Linear(size, wide, bias=bias),
        up_proj=nn.Linear(size, wide, bias=bias),
        down_proj=nn.Linear(wide, size, bias=bias),
    )


def _norm(size: int, epsilon: float) -> nn.Module:
    norm: Any = nn.Module()
    norm.weight = nn.Parameter(torch.empty(size))
    norm.variance_epsilon = epsilon
    return norm


def _table(rows: int, size: int) -> nn.Module:
    """Not an nn.Embedding: its initialisation on "meta" imports torch's compiler, a second of work."""
    table: Any = nn.Module()
    table.weight = nn.Parameter(torch.empty(rows, size))
    return table


def _holder(**children: nn.Module) -> Any:
    module: Any = nn.Module()
    for name, child in children.items():
        module.add_module(name, child)
    return module


def _add_angles(root: Any, config: SimpleNamespace) -> None:
    """Rotary frequencies, which no checkpoint stores: text over a whole head, vision over half of one."""
    text, vision = config.text_config, config.vision_config
    width, theta = text.hidden_size // text.num_attention_heads, text.rope_parameters["rope_theta"]
    root.model.language_model.rotary_emb = _angles(theta, width)
    root.model.visual.rotary_pos_emb = _angles(10_000.0, vision.hidden_size // vision.num_heads // 2)


def _angles(theta: float, width: int) -> Any:
    module: Any = nn.Module()
    module.inv_freq = 1.0 / (theta ** (torch.arange(0, width, 2, dtype=torch.float) / width))
    module.attention_scaling = 1.0
    return module
