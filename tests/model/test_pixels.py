"""Patches against the published image processor."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from lychee_app.errors import CheckpointError, ScoringError
from lychee_app.model.layout import budget
from lychee_app.model.pixels import patchify
from lychee_app.model.qwen2_5_vl import FAMILY
from tests.model.conftest import ASPECTS, candidate


@pytest.mark.parametrize(("width", "height"), ASPECTS)
def test_patches_are_those_of_the_published_processor(width: int, height: int, tiny: Path) -> None:
    image = candidate(width, height).image
    patches, grid = patchify(image, FAMILY.pixels.read(tiny), "cpu")
    published = AutoImageProcessor.from_pretrained(tiny)(image, return_tensors="pt")
    assert published["image_grid_thw"].tolist() == [[1, *grid]]
    assert patches.shape == published["pixel_values"].shape
    torch.testing.assert_close(patches, published["pixel_values"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("mode", "size"), [("RGB", (29, 28)), ("RGB", (28, 30)), ("RGBA", (28, 28)), ("L", (56, 56))]
)
def test_an_image_that_is_not_prepared_is_refused_not_resized(mode: str, size: tuple[int, int]) -> None:
    with pytest.raises(ScoringError, match="multiples of 28"):
        patchify(Image.new(mode, size), FAMILY.pixels, "cpu")


def test_the_budget_is_the_checkpoints_own(tiny: Path) -> None:
    found = budget(FAMILY.pixels.read(tiny))
    assert (found.max_tokens, found.min_tokens, found.token_px) == (16384, 4, 28)


def test_both_layouts_of_the_preprocessor_file_are_read(tmp_path: Path) -> None:
    values = '{"image_mean": [0.5, 0.5, 0.5], "size": {"shortest_edge": 784, "longest_edge": 78400}}'
    (tmp_path / "processor_config.json").write_text(f'{{"image_processor": {values}}}')
    nested = FAMILY.pixels.read(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(values)
    assert FAMILY.pixels.read(tmp_path) == nested
    assert (nested.mean, nested.max_px, nested.std) == ((0.5, 0.5, 0.5), 78400, FAMILY.pixels.std)


@pytest.mark.parametrize("text", ["", "[]", '{"image_mean": 3}', "\x00"])
def test_a_broken_preprocessor_file_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "preprocessor_config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"preprocessor_config\.json"):
        FAMILY.pixels.read(tmp_path)


def test_a_folder_without_a_preprocessor_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no preprocessor_config\.json"):
        FAMILY.pixels.read(tmp_path)
