"""The published usage of the Qwen3-VL rerankers, on transformers' model: for tests and benches."""

from pathlib import Path
from typing import Any

from lychee_app.model.reference import Reference
from lychee_app.model.tokens import chat_template


def reference(model: Any, folder: Path) -> Reference:
    """A processor with left padding, 4 to 1800 tokens of 32 x 32 px, as in the script of the release.

    The processor is put together from its parts, since AutoProcessor fails on the 2B as released (mteb,
    pull request 5057). The script's sigmoid(h . (w_yes - w_no)) is the softmax over the two logits.
    """
    from transformers import AutoImageProcessor, AutoTokenizer
    from transformers.models.qwen3_vl import Qwen3VLProcessor, Qwen3VLVideoProcessor

    processor = Qwen3VLProcessor(
        AutoImageProcessor.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder, padding_side="left"),
        Qwen3VLVideoProcessor(),
        chat_template=chat_template(folder),
    )
    return Reference(model, processor, patch_px=16, tokens=(4, 1800))
