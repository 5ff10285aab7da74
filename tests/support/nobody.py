"""An ordinary user: root may write even what nobody may."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

NOBODY = 65_534


@contextmanager
def as_nobody() -> Iterator[None]:
    """What runs in here has no more rights than an ordinary user."""
    mine = os.geteuid()
    if mine == 0:
        try:
            os.seteuid(NOBODY)
        except OSError:
            pytest.skip("there is no ordinary user here")
    try:
        yield
    finally:
        os.seteuid(mine)
