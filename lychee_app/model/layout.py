"""How a checkpoint wants its images: patch sizes, normalisation, limits. Read from its preprocessor file, in
either of the two layouts that transformers writes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lychee_app.errors import CheckpointError
from lychee_app.records import ImageBudget

FILES = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class PixelLayout:
    """`merge` x `merge` patches make one image token; a still image is shown as `frames` equal frames."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    patch_px: int
    min_px: int
    max_px: int
    limits_from_file: bool = True
    """Whether a preprocessor file's limits come before these."""
    rescale: float = 1 / 255
    merge: int = 2
    frames: int = 2

    @property
    def token_px(self) -> int:
        return self.patch_px * self.merge

    def read(self, folder: Path) -> "PixelLayout":
        """This one with what the folder's preprocessor file says; raises CheckpointError if it has none that
        can be read."""
        for name in FILES:
            if (folder / name).is_file():
                return self._parse(folder / name)
        raise CheckpointError("preprocessor-missing", folder=str(folder), file=FILES[0])

    def _parse(self, file: Path) -> "PixelLayout":
        try:
            values = json.loads(file.read_text("utf-8"))
            values = values.get("image_processor", values)
            fields = _fields(values)
            if not self.limits_from_file:
                fields |= {"min_px": self.min_px, "max_px": self.max_px}
            return _sensible(replace(self, **fields))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CheckpointError("preprocessor-broken", file=str(file), detail=str(error)) from error


def budget(layout: PixelLayout) -> ImageBudget:
    """The checkpoint's own limits, in tokens; a user's lower cap is applied by the flow, run by run."""
    token = layout.token_px**2
    least = max(1, layout.min_px // token)
    return ImageBudget(layout.token_px, max(least, layout.max_px // token), least)


def _sensible(layout: PixelLayout) -> PixelLayout:
    """Raises ValueError for numbers no picture can be cut by."""
    whole = (layout.patch_px, layout.merge, layout.frames, layout.min_px, layout.max_px)
    if not all(type(number) is int and 0 < number < 1 << 40 for number in whole):
        raise ValueError(f"sizes must be whole numbers above 0, not {whole}")
    if len(layout.mean) != 3 or len(layout.std) != 3 or not all(layout.std):
        raise ValueError(f"mean {layout.mean} and deviation {layout.std} must be three numbers each")
    return layout


def _fields(values: Mapping[str, Any]) -> dict[str, Any]:
    """preprocessor_config.json -> PixelLayout's arguments, those that the file gives."""
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
