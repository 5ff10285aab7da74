"""A tiny checkpoint for the whole session, and what is opened from it. Nothing changes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lychee_app.model import loading, weights
from lychee_app.model.qwen2_5_vl import FAMILY
from lychee_app.model.reference import Reference
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.model.threads import limited
from lychee_app.records import Candidate
from lychee_app.settings import Settings
from tests.support import tiny_checkpoint

ASPECTS = [
    (280, 280),
    (2800, 28),
    (28, 1008),
    (84, 56),
    (252, 140),
    (56, 56),
    (140, 364),
    (1008, 84),
    (196, 448),
]
"""Width and height: squares, strips of both kinds, sizes that fill no window of four tokens."""

QUERIES = ["red cat", "黑猫 in the 沙发", "no", "a green sofa + a lamp, and 3 dogs!", "🍋 柠檬"]


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny matrices: a second thread only makes them wait, the more so on a busy machine."""
    with limited(1):
        yield


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint.build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(data_folder=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The Hugging Face model, float32, on the CPU."""
    return loading.load(weights.inspect(tiny), "cpu", "float32", tmp_path_factory.mktemp("offload")).model


@pytest.fixture(scope="session")
def reference(model: Any, tiny: Path) -> Reference:
    return FAMILY.reference(model, tiny)


@pytest.fixture(scope="session", params=["fast", "plain"])
def scorer(request: pytest.FixtureRequest, tiny: Path, home: Settings) -> LocalScorer:
    return open_scorer(tiny, settings=home, device="cpu", fast=request.param == "fast", self_test=False)


def candidate(width: int = 112, height: int = 84, seed: int = 0) -> Candidate:
    """Blurred noise: every image another, and none of them flat."""
    rng = np.random.default_rng(seed + width * 10_000 + height)
    noise = rng.integers(0, 256, (-(-height // 14), -(-width // 14), 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    return Candidate(seed, f"noise {seed}", f"{seed:064}", image, width, height)
