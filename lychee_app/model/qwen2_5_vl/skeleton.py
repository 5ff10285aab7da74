"""The weights of a Qwen2.5-VL checkpoint in modules named as in transformers, and nothing that computes."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from torch import nn

from lychee_app.model.skeleton import angles, holder, norm, swiglu_mlp, table

_VISION_DEFAULTS = {
    "hidden_act": "silu",
    "in_channels": 3,
    "patch_size": 14,
    "spatial_merge_size": 2,
    "temporal_patch_size": 2,
    "window_size": 112,
    "fullatt_block_indexes": [7, 15, 23, 31],
}


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


def skeleton(values: Mapping[str, Any]) -> Any:
    """Rotary frequencies are over a whole head of the text, and over half of one of the vision tower."""
    config = _config(values)
    text, vision = config.text_config, config.vision_config
    visual = holder(
        patch_embed=holder(proj=_patch_embedding(vision)),
        blocks=nn.ModuleList(_vision_block(vision) for _ in range(vision.depth)),
        merger=_merger(vision),
    )
    visual.config = vision
    visual.rotary_pos_emb = angles(10_000.0, vision.hidden_size // vision.num_heads // 2)
    language = holder(
        embed_tokens=table(text.vocab_size, text.hidden_size),
        layers=nn.ModuleList(_text_layer(text) for _ in range(text.num_hidden_layers)),
        norm=norm(text.hidden_size, text.rms_norm_eps),
    )
    language.config = text
    head_width = text.hidden_size // text.num_attention_heads
    language.rotary_emb = angles(text.rope_parameters["rope_theta"], head_width)
    lm_head = nn.Linear(text.hidden_size, text.vocab_size, bias=False)
    root = holder(model=holder(visual=visual, language_model=language), lm_head=lm_head)
    root.config = config
    return root


def _patch_embedding(vision: SimpleNamespace) -> nn.Module:
    size = (vision.temporal_patch_size, vision.patch_size, vision.patch_size)
    return nn.Conv3d(vision.in_channels, vision.hidden_size, size, size, bias=False)


def _vision_block(vision: SimpleNamespace) -> nn.Module:
    size = vision.hidden_size
    return holder(
        norm1=norm(size, 1e-6),
        norm2=norm(size, 1e-6),
        attn=holder(qkv=nn.Linear(size, 3 * size), proj=nn.Linear(size, size)),
        mlp=swiglu_mlp(size, vision.intermediate_size, bias=True),
    )


def _merger(vision: SimpleNamespace) -> nn.Module:
    wide = vision.hidden_size * vision.spatial_merge_size**2
    steps = (nn.Linear(wide, wide), nn.GELU(), nn.Linear(wide, vision.out_hidden_size))
    return holder(ln_q=norm(vision.hidden_size, 1e-6), mlp=nn.Sequential(*steps))


def _text_layer(text: SimpleNamespace) -> nn.Module:
    size = text.hidden_size
    key_size = size // text.num_attention_heads * text.num_key_value_heads
    attention = holder(
        q_proj=nn.Linear(size, size),
        k_proj=nn.Linear(size, key_size),
        v_proj=nn.Linear(size, key_size),
        o_proj=nn.Linear(size, size, bias=False),
    )
    return holder(
        self_attn=attention,
        mlp=swiglu_mlp(size, text.intermediate_size, bias=False),
        input_layernorm=norm(size, text.rms_norm_eps),
        post_attention_layernorm=norm(size, text.rms_norm_eps),
    )
