"""JPEG files the size of a camera's, each another picture. For benches."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

SIZES_PX = {12.0: (4000, 3000), 0.3: (640, 480)}


def write(folder: Path, count: int, megapixels: float = 12.0) -> list[Path]:
    """Files of about 3 bits a pixel, as photos have; a file that is there already is kept."""
    files = [folder / f"photo-{number:05}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        if not file.exists():
            photo(number, megapixels).save(file, "JPEG", quality=85)
    return files


def photo(number: int, megapixels: float) -> Image.Image:
    """Blurred shapes with grain on them: what a picture's DCT looks like, coarse and fine."""
    width, height = SIZES_PX.get(megapixels) or (round((megapixels * 1e6 * 4 / 3) ** 0.5), 0)
    height = height or round(width * 3 / 4)
    random = np.random.default_rng(number)
    shapes = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    image = np.asarray(shapes.resize((width, height), Image.Resampling.BICUBIC)).astype(np.int16)
    tile = random.integers(-24, 25, (256, 256, 1), dtype=np.int16)
    grain = np.tile(tile, (height // 256 + 1, width // 256 + 1, 1))[:height, :width]
    return Image.fromarray(np.clip(image + grain, 0, 255).astype(np.uint8))


def sizes_bytes(files: list[Path]) -> Iterator[int]:
    return (file.stat().st_size for file in files)
