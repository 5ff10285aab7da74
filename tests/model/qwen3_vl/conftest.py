"""A tiny Qwen3-VL checkpoint for the whole session, in place of the Qwen2.5-VL one."""

from pathlib import Path
from typing import Any

import pytest

from lychee_app.model import loading, weights
from lychee_app.model.qwen3_vl import FAMILY
from lychee_app.model.reference import Reference
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.settings import Settings
from tests.support import tiny_qwen3_vl


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen3_vl.build(tmp_path_factory.mktemp("tiny-qwen3"))


@pytest.fixture(scope="session")
def model(tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """transformers' model, float32, on the CPU."""
    return loading.load(weights.inspect(tiny), "cpu", "float32", tmp_path_factory.mktemp("offload")).model


@pytest.fixture(scope="session")
def reference(model: Any, tiny: Path) -> Reference:
    return FAMILY.reference(model, tiny)


@pytest.fixture(scope="session", params=["fast", "plain"])
def scorer(request: pytest.FixtureRequest, tiny: Path, home: Settings) -> LocalScorer:
    return open_scorer(tiny, settings=home, device="cpu", fast=request.param == "fast", self_test=False)
