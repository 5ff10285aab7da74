"""How a checkpoint wants its images: patch sizes, normalisation, limits. Read from its preprocessor file.

Knows the two file layouts transformers writes. Does not know tensors or PIL.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lychee_app.errors import CheckpointError
from lychee_app.records import ImageBudget

FILES = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class PixelLayout:
    """Defaults are those of the published image processor (OpenAI CLIP's mean and deviation)."""

    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    rescale: float = 1 / 255
    patch_px: int = 14
    merge: int = 2
    frames: int = 2
    """A still image is shown to the model as this many equal frames."""
    min_px: int = 4 * 28 * 28
    max_px: int = 16384 * 28 * 28

    @property
    def token_px(self) -> int:
        return self.patch_px * self.merge

    @classmethod
    def read(cls, folder: Path) -> "PixelLayout":
        """Raises CheckpointError when the folder has no readable preprocessor file."""
        for name in FILES:
            if (folder / name).is_file():
                return cls._parse(folder / name)
        message = (
            f"{folder} has no {FILES[0]}, so it is not known how its images are prepared. Fetch it again."
        )
        raise CheckpointError(message, code="preprocessor-missing")

    @classmethod
    def _parse(cls, file: Path) -> "PixelLayout":
        try:
            values = json.loads(file.read_text("utf-8"))
            values = values.get("image_processor", values)
            return _sensible(cls(**_fields(values)))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            message = f"{file} cannot be read as an image processor's settings: {error}. Fetch it again."
            raise CheckpointError(message, code="preprocessor-broken") from error


def budget(layout: PixelLayout) -> ImageBudget:
    """The checkpoint's own limits, in tokens; a user's lower cap is applied by the flow, run by run."""
    token = layout.token_px**2
    least = max(1, layout.min_px // token)
    return ImageBudget(max(least, layout.max_px // token), least, layout.token_px)


def _sensible(layout: PixelLayout) -> PixelLayout:
    """Raises ValueError for numbers no picture can be cut by."""
    whole = (layout.patch_px, layout.merge, layout.frames, layout.min_px, layout.max_px)
    if not all(type(number) is int and 0 < number < 1 << 40 for number in whole):
        raise ValueError(f"sizes must be whole numbers above 0, not {whole}")
    if len(layout.mean) != 3 or len(layout.std) != 3 or not all(layout.std):
        raise ValueError(f"mean {layout.mean} and deviation {layout.std} must be three numbers each")
    return layout


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """preprocessor_config.json -> PixelLayout's arguments; what the file leaves out keeps its default."""
    size = values.get("size") or {}
    found = {
        "mean": _numbers(values.get("image_mean")),
        "std": _numbers(values.get("image_std")),
        "rescale": values.get("rescale_factor"),
        "patch_px": values.get("patch_size"),
        "merge": values.get("merge_size"),
        "frames": values.get("temporal_patch_size"),
        "min_px": values.get("min_pixels") or size.get("shortest_edge"),
        "max_px": values.get("max_pixels") or size.get("longest_edge"),
    }
    return {key: value for key, value in found.items() if value is not None}


def _numbers(values: Any) -> tuple[float, ...] | None:
    return None if values is None else tuple(float(value) for value in values)
