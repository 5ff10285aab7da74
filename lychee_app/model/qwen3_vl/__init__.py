"""Qwen3-VL (arXiv 2511.21631): what is this family's alone. `families.Family` says what is asked of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lychee_app.model.families import Release
from lychee_app.model.layout import PixelLayout

if TYPE_CHECKING:
    from lychee_app.model.elementwise import ElementwiseOps
    from lychee_app.model.qwen3_vl.vision import VisionTower
    from lychee_app.model.reference import Reference
    from lychee_app.model.text import TextModel


class Qwen3VL:
    label = "Qwen3-VL"
    releases = (
        Release("Qwen/Qwen3-VL-Reranker-2B", 4_255_064_064, (1_409_286_144, 311_164_928, 407_080_960)),
        Release("Qwen/Qwen3-VL-Reranker-8B", 17_534_247_392, (6_945_767_424, 1_244_659_712, 576_696_560)),
    )
    image_token_id = 151_655
    pixels = PixelLayout(
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        patch_px=16,
        min_px=4 * 32 * 32,
        max_px=1800 * 32 * 32,
        limits_from_file=False,  # the script of the release sets these; its file says 64 to 16384 tokens
    )

    def model_class(self) -> Any:
        from transformers import Qwen3VLForConditionalGeneration

        return Qwen3VLForConditionalGeneration

    def runs_fast(self, config: Any) -> bool:
        text, vision = config.text_config, config.vision_config
        sections = text.rope_parameters.get("mrope_section", ())
        return (
            text.rope_parameters.get("rope_type", "default") == "default"
            and len(sections) == 3
            and 2 * sum(sections) == text.head_dim
            and text.hidden_act == "silu"
            and vision.hidden_act == "gelu_pytorch_tanh"
            and len(vision.deepstack_visual_indexes) < text.num_hidden_layers
        )

    def vision(self, visual: Any, ops: "ElementwiseOps") -> "VisionTower":
        from lychee_app.model.qwen3_vl.vision import VisionTower

        return VisionTower(visual, ops)

    def text(self, language: Any, ops: "ElementwiseOps") -> "TextModel":
        from lychee_app.model.qwen3_vl.text import text_model

        return text_model(language, ops)

    def skeleton(self, config: Mapping[str, Any]) -> Any:
        from lychee_app.model.qwen3_vl.skeleton import skeleton

        return skeleton(config)

    def reference(self, model: Any, folder: Path) -> "Reference":
        from lychee_app.model.qwen3_vl.reference import reference

        return reference(model, folder)


FAMILY = Qwen3VL()
