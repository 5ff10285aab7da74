"""Which sidecar an image has, and what it is to be called where it has none: IMG_1.xmp, as Lightroom, Capture
One and Bridge have it, or IMG_1.jpg.xmp, as darktable and digiKam do. The style that is there is followed.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SUFFIX = ".xmp"


@dataclass
class Folder:
    """The names in one folder. `images`: of those that are rated, so that two never share a sidecar."""

    path: Path
    images: Iterable[str] = ()
    names: dict[str, str] = field(default_factory=dict)
    """By their folded form: case does not count."""

    def __post_init__(self) -> None:
        self.names = self.names or {name.casefold(): name for name in os.listdir(self.path)}
        stems = [Path(name).stem.casefold() for name in self.images]
        self._shared = {stem for stem in stems if stems.count(stem) > 1}
        sidecars = [Path(name).stem for name in self.names if name.endswith(SUFFIX)]
        long = sum(stem in self.names for stem in sidecars)
        self._is_long = 2 * long > len(sidecars)

    def sidecars(self, files: Sequence[str]) -> list[Path]:
        """Of a shot of these files, the image first: those that are there, or the one that is to be made."""
        image = files[0]
        is_shared = Path(image).stem.casefold() in self._shared
        short = [] if is_shared else [Path(image).stem + SUFFIX]
        names = [*(file + SUFFIX for file in files), *short]
        if there := [found for name in names if (found := self.names.get(name.casefold()))]:
            return [self.path / name for name in dict.fromkeys(there)]
        return [self.path / (names[0] if is_shared or self._is_long else short[0])]
