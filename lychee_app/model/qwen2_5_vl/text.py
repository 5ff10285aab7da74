"""The text model of Qwen2.5-VL: Qwen2.5's layers, with the angles of time, height and width in sections."""

from typing import Any

import torch
from torch import Tensor

from lychee_app.model import projections
from lychee_app.model.elementwise import ElementwiseOps, Norm, Rotary
from lychee_app.model.text import Layer, TextModel


def text_model(language: Any, ops: ElementwiseOps) -> TextModel:
    """`language`: transformers' text module, whose weights are used and joined (projections.py)."""
    config, embedded = language.config, language.rotary_emb
    sections: list[int] = config.rope_parameters["mrope_section"]

    def rotary(positions: Tensor) -> Rotary:
        """positions: (3, tokens); each serves its own run of frequencies (arXiv 2409.12191)."""
        positions = positions.to(embedded.inv_freq.device)
        angles = (positions[:, :, None].float() * embedded.inv_freq.float()).split(sections, dim=-1)
        angle = torch.cat([part[index % 3] for index, part in enumerate(angles)], dim=-1)
        return Rotary(angle.cos() * embedded.attention_scaling, angle.sin() * embedded.attention_scaling)

    heads, key_heads = config.num_attention_heads, config.num_key_value_heads
    return TextModel(
        projections.table(language.embed_tokens),
        [_layer(layer) for layer in language.layers],
        Norm.of(language.norm),
        heads=(heads, key_heads, config.hidden_size // heads),
        rotary=rotary,
        ops=ops,
    )


def _layer(module: Any) -> Layer:
    attention = module.self_attn
    return Layer(
        Norm.of(module.input_layernorm),
        projections.joined((attention.q_proj, attention.k_proj, attention.v_proj)),
        projections.of(attention.o_proj),
        Norm.of(module.post_attention_layernorm),
        projections.swiglu_mlp(module.mlp),
    )
