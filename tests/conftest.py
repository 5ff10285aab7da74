"""Fixtures for all tests: a data folder of their own, and no way out to a hub."""

from pathlib import Path

import hypothesis
import pytest

from lychee_app.settings import Settings

# A busy machine is no failure: examples have no deadline, and may be slow to make.
hypothesis.settings.register_profile(
    "lychee", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("lychee")


@pytest.fixture(autouse=True)
def _no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("LYCHEE_HOME", str(tmp_path / "home"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_folder=tmp_path / "home")
