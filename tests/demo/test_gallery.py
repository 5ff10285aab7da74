"""The committed gallery: 32 scenes and the truth about them."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from lychee_app import demo
from recipe.build_gallery import PLANS, named_plans, truth_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    demo.write_gallery(tmp_path / "new" / "gallery")
    return tmp_path / "new" / "gallery"


def test_it_is_32_scenes_under_three_megabytes_with_a_truth_each(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    scenes = sorted(path.name for path in folder.glob("*.webp"))
    assert truth["query"] == demo.GALLERY_QUERY
    assert sorted(truth["images"]) == scenes
    assert len(scenes) == 32
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000


def test_truth_reaches_from_nothing_to_all(folder: Path) -> None:
    values = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["images"].values()
    assert min(values) == 0
    assert max(values) == 1
    assert len(set(values)) >= 5


def test_truth_is_what_the_plans_hold(folder: Path) -> None:
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["images"]
    assert truth == {name: truth_of(plan) for name, plan in named_plans().items()}


def test_a_scene_of_words_alone_has_no_truth() -> None:
    assert all(truth_of(plan) == 0 for plan in PLANS if plan.lines)


def test_sizes_and_shapes_vary_and_some_are_stored_turned(folder: Path) -> None:
    sizes, turned = set(), 0
    for path in folder.glob("*.webp"):
        with Image.open(path) as image:
            turned += image.getexif().get(0x0112, 1) != 1
            sizes.add(ImageOps.exif_transpose(image).size)
    assert turned >= 3
    assert len(sizes) >= 20
    assert min(width / height for width, height in sizes) < 0.8
    assert max(width / height for width, height in sizes) > 1.5


def test_writing_twice_changes_nothing(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    demo.write_gallery(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
