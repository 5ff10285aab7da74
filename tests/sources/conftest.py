"""Folders to walk, written down as the names in them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import pictures

Lay = Callable[..., Path]


@pytest.fixture
def lay(tmp_path: Path) -> Lay:
    """Makes files by their paths below a folder: pictures that differ, whatever the suffix says."""

    def make(*names: str, root: str = "photos") -> Path:
        folder = tmp_path / root
        folder.mkdir(exist_ok=True)
        for number, name in enumerate(names):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(pictures.good("PNG") + bytes([number]))
        return folder

    return make
