"""Batches made ahead by worker processes, and what happens when those die."""

from collections.abc import Callable

import pytest

from recipe import feeding
from recipe.feeding import feeder


def numbers(worker: int) -> Callable[[], int]:
    return lambda: worker


def broken(worker: int) -> Callable[[], int]:
    raise SystemExit(3)


@pytest.mark.parametrize("workers", [0, 2])
def test_batches_come_from_the_workers(workers: int) -> None:
    with feeder(numbers, workers) as following:
        assert {following() for _ in range(4)} <= {0, 1}


def test_workers_that_died_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "PATIENCE_SECONDS", 0.2)
    with feeder(broken, 2) as following, pytest.raises(RuntimeError, match="died"):
        following()
