"""The weights of a Qwen3-VL checkpoint in modules named as in transformers, and nothing that computes."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn

from lychee_app.model.skeleton import angles, holder, norm, swiglu_mlp, table

_TEXT_DEFAULTS = {"attention_bias": False, "head_dim": 128, "hidden_act": "silu", "rms_norm_eps": 1e-6}
_VISION_DEFAULTS = {
    "deepstack_visual_indexes": [8, 16, 24],
    "hidden_act": "gelu_pytorch_tanh",
    "in_channels": 3,
    "num_position_embeddings": 2304,
    "patch_size": 16,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
}
"""What transformers' configuration classes take where config.json says nothing."""


def skeleton(values: Mapping[str, Any]) -> Any:
    """Rotary frequencies are over a whole head of the text, and over half of one of the vision tower."""
    config = _config(values)
    text, vision = config.text_config, config.vision_config
    visual = holder(
        patch_embed=holder(proj=_patch_embedding(vision)),
        pos_embed=table(vision.num_position_embeddings, vision.hidden_size),
        blocks=nn.ModuleList(_vision_block(vision) for _ in range(vision.depth)),
        merger=_merger(vision, after=False),
        deepstack_merger_list=nn.ModuleList(
            _merger(vision, after=True) for _ in vision.deepstack_visual_indexes
        ),
    )
    visual.config = vision
    visual.rotary_pos_emb = angles(vision.rope_theta, vision.hidden_size // vision.num_heads // 2)
    language = holder(
        embed_tokens=table(text.vocab_size, text.hidden_size),
        layers=nn.ModuleList(_text_layer(text) for _ in range(text.num_hidden_layers)),
        norm=norm(text.hidden_size, text.rms_norm_eps),
    )
    language.config = text
    language.rotary_emb = angles(text.rope_parameters["rope_theta"], text.head_dim)
    lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
    root = holder(model=holder(visual=visual, language_model=language), lm_head=lm_head)
    root.config = config
    return root


def _config(values: Mapping[str, Any]) -> SimpleNamespace:
    """config.json as released, or as transformers 5 writes it -> what its config class has."""
    text = {**_TEXT_DEFAULTS, **values["text_config"]}
    rope = {**(text.get("rope_parameters") or text.get("rope_scaling") or {})}
    rope.setdefault("rope_theta", text.get("rope_theta", 500_000.0))
    rope.setdefault("mrope_section", [24, 20, 20])
    text["rope_parameters"] = rope
    vision = {**_VISION_DEFAULTS, **values["vision_config"]}
    vision["rope_theta"] = (vision.get("rope_parameters") or {}).get("rope_theta", 10_000.0)
    return SimpleNamespace(
        model_type=values["model_type"],
        image_token_id=values["image_token_id"],
        tie_word_embeddings=bool(values.get("tie_word_embeddings")),
        text_config=SimpleNamespace(**text),
        vision_config=SimpleNamespace(**vision),
    )


def _patch_embedding(vision: SimpleNamespace) -> nn.Module:
    size = (vision.temporal_patch_size, vision.patch_size, vision.patch_size)
    return nn.Conv3d(vision.in_channels, vision.hidden_size, size, size)


def _vision_block(vision: SimpleNamespace) -> nn.Module:
    size = vision.hidden_size
    return holder(
        norm1=_layer_norm(size),
        norm2=_layer_norm(size),
        attn=holder(qkv=nn.Linear(size, 3 * size), proj=nn.Linear(size, size)),
        mlp=holder(
            linear_fc1=nn.Linear(size, vision.intermediate_size),
            linear_fc2=nn.Linear(vision.intermediate_size, size),
        ),
    )


def _merger(vision: SimpleNamespace, *, after: bool) -> nn.Module:
    wide = vision.hidden_size * vision.spatial_merge_size**2
    return holder(
        norm=_layer_norm(wide if after else vision.hidden_size),
        linear_fc1=nn.Linear(wide, wide),
        linear_fc2=nn.Linear(wide, vision.out_hidden_size),
    )


def _text_layer(text: SimpleNamespace) -> nn.Module:
    size, width, bias = text.hidden_size, text.head_dim, text.attention_bias
    heads, key_heads = text.num_attention_heads, text.num_key_value_heads
    attention = holder(
        q_proj=nn.Linear(size, heads * width, bias=bias),
        k_proj=nn.Linear(size, key_heads * width, bias=bias),
        v_proj=nn.Linear(size, key_heads * width, bias=bias),
        o_proj=nn.Linear(heads * width, size, bias=bias),
        q_norm=norm(width, text.rms_norm_eps),
        k_norm=norm(width, text.rms_norm_eps),
    )
    return holder(
        self_attn=attention,
        mlp=swiglu_mlp(size, text.intermediate_size, bias=False),
        input_layernorm=norm(size, text.rms_norm_eps),
        post_attention_layernorm=norm(size, text.rms_norm_eps),
    )


def _layer_norm(size: int) -> nn.Module:
    module: Any = nn.Module()
    module.weight, module.bias = (nn.Parameter(torch.empty(size)) for _ in range(2))
    return module
