"""The text model of Qwen3-VL: Qwen3's layers, with the angles of time, height and width interleaved."""

from typing import Any

from torch import Tensor

from lychee_app.model import projections
from lychee_app.model.elementwise import ElementwiseOps, HeadNorms, Norm, Rotary
from lychee_app.model.text import Layer, TextModel


def text_model(language: Any, ops: ElementwiseOps) -> TextModel:
    """`language`: transformers' text module, whose weights are used and joined (projections.py)."""
    config, embedded = language.config, language.rotary_emb
    _, height, width = config.rope_parameters["mrope_section"]

    def rotary(positions: Tensor) -> Rotary:
        """positions: (3, tokens). Frequencies go to time, height and width in turn; the last ones to time."""
        positions = positions.to(embedded.inv_freq.device)
        of_time, of_height, of_width = positions[:, :, None].float() * embedded.inv_freq.float()
        of_time[:, 1 : 3 * height : 3] = of_height[:, 1 : 3 * height : 3]
        of_time[:, 2 : 3 * width : 3] = of_width[:, 2 : 3 * width : 3]
        cos, sin = of_time.cos(), of_time.sin()
        return Rotary(cos * embedded.attention_scaling, sin * embedded.attention_scaling)

    return TextModel(
        projections.table(language.embed_tokens),
        [_layer(layer) for layer in language.layers],
        Norm.of(language.norm),
        heads=(config.num_attention_heads, config.num_key_value_heads, config.head_dim),
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
        HeadNorms(Norm.of(attention.q_norm), Norm.of(attention.k_norm)),
    )
