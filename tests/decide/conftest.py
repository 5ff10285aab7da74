import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = Path(os.path.realpath(tmp_path)) / "photos"
    folder.mkdir()
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return Path(os.path.realpath(tmp_path)) / "target"


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def other_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on another file system than the temporary one."""
    shared = Path("/dev/shm")
    if not shared.is_dir() or shared.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is only one disk here")
    folder = shared / f"lychee-test-{os.urandom(6).hex()}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)
