"""Qwen2.5-VL (arXiv 2502.13923): what is this family's alone, as `families.Family` asks for it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lychee_app.model.families import Release
from lychee_app.model.layout import PixelLayout

if TYPE_CHECKING:
    from lychee_app.model.elementwise import ElementwiseOps
    from lychee_app.model.qwen2_5_vl.vision import VisionTower
    from lychee_app.model.reference import Reference
    from lychee_app.model.text import TextModel


class Qwen25VL:
    label = "Qwen2.5-VL"
    releases = (
        Release(
            "vec-ai/lychee-rerank-mm",
            16_584_333_312,
            (6_525_288_448, 1_089_994_752, 676_883_456),
            alias="lychee",
        ),
        Release(
            "Qwen/Qwen2.5-VL-3B-Instruct",
            7_509_245_952,
            (2_774_532_096, 311_164_928, 668_925_952),
            is_reranker=False,
        ),
    )
    image_token_id = 151_655
    pixels = PixelLayout(  # OpenAI CLIP's mean and deviation
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        patch_px=14,
        min_px=4 * 28 * 28,
        max_px=16384 * 28 * 28,
    )

    def model_class(self) -> Any:
        from transformers import Qwen2_5_VLForConditionalGeneration

        return Qwen2_5_VLForConditionalGeneration

    def runs_fast(self, config: Any) -> bool:
        text, vision = config.text_config, config.vision_config
        return (
            text.rope_parameters.get("rope_type", "default") == "default"
            and "mrope_section" in text.rope_parameters
            and not getattr(text, "use_sliding_window", False)
            and text.hidden_act == vision.hidden_act == "silu"
        )

    def vision(self, visual: Any, ops: "ElementwiseOps") -> "VisionTower":
        from lychee_app.model.qwen2_5_vl.vision import VisionTower

        return VisionTower(visual, ops)

    def text(self, language: Any, ops: "ElementwiseOps") -> "TextModel":
        from lychee_app.model.qwen2_5_vl.text import text_model

        return text_model(language, ops)

    def skeleton(self, config: Mapping[str, Any]) -> Any:
        from lychee_app.model.qwen2_5_vl.skeleton import skeleton

        return skeleton(config)

    def reference(self, model: Any, folder: Path) -> "Reference":
        """The model card's: AutoProcessor with left padding, 4 to 1280 tokens of 28 x 28 px."""
        from transformers import AutoProcessor

        from lychee_app.model.reference import Reference

        processor = AutoProcessor.from_pretrained(folder, padding_side="left")
        return Reference(model, processor, patch_px=14, tokens=(4, 1280))


FAMILY = Qwen25VL()
