"""What comes again is recorded and replayed, within bounds, and where it cannot be, it is run as it comes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from lychee_app.model.graphs import REMEMBERED, Capture, GraphCache, Recorded
from tests.support.tape import Tape


class Broken(Tape):
    def __call__(self, work: Callable[[], Tensor]) -> Recorded:
        self.recorded += 1
        raise RuntimeError("operation not permitted when stream is capturing")


def doubled(x: Tensor) -> Tensor:
    return 2 * x


def number(value: float) -> Tensor:
    return torch.tensor([value])


def test_the_second_time_is_recorded_and_every_later_one_replayed() -> None:
    tape = Tape()
    graphs = GraphCache(tape)
    found = [float(graphs("key", doubled, number(value))) for value in range(5)]
    assert found == [0, 2, 4, 6, 8]
    assert (tape.recorded, tape.replayed) == (1, 4)


def test_a_result_outlives_the_next_replay_and_the_inputs_stay_their_owners() -> None:
    graphs = GraphCache(Tape())
    given = [number(value) for value in range(4)]
    found = [graphs("key", doubled, each) for each in given]
    assert [float(each) for each in found] == [0, 2, 4, 6]
    assert [float(each) for each in given] == [0, 1, 2, 3]


def test_keys_do_not_mix() -> None:
    graphs = GraphCache(Tape())
    for value in range(3):
        assert float(graphs("a", doubled, number(value))) == 2 * value
        assert float(graphs("b", torch.neg, number(value))) == -value


def test_only_the_latest_used_are_kept_and_a_dropped_one_comes_twice_again() -> None:
    tape = Tape()
    graphs = GraphCache(tape, capacity=2)
    for key in ("a", "a", "b", "b", "a", "c", "c"):
        graphs(key, doubled, number(1))
    assert (len(graphs), tape.recorded) == (2, 3)
    graphs("a", doubled, number(1))
    assert tape.recorded == 3
    graphs("b", doubled, number(1))
    assert tape.recorded == 3
    assert float(graphs("b", doubled, number(3))) == 6
    assert (len(graphs), tape.recorded) == (2, 4)


def test_what_came_once_long_ago_is_not_waited_for() -> None:
    tape = Tape()
    graphs = GraphCache(tape)
    for key in [*range(REMEMBERED + 1), 0]:
        graphs(key, doubled, number(1))
    assert tape.recorded == 0
    graphs(REMEMBERED, doubled, number(1))
    assert tape.recorded == 1


def test_forgetting_drops_all_recordings_and_then_renews_their_memory() -> None:
    tape = Tape()
    graphs = GraphCache(tape)
    for _ in range(2):
        graphs("key", doubled, number(1))
    graphs.forget()
    assert (len(graphs), tape.renewed) == (0, 1)
    for value in range(3):
        assert float(graphs("key", doubled, number(value))) == 2 * value
    assert tape.recorded == 2


def test_work_that_cannot_be_recorded_is_run_as_it_comes(caplog: pytest.LogCaptureFixture) -> None:
    tape = Broken()
    graphs = GraphCache(tape)
    assert [float(graphs("key", doubled, number(value))) for value in range(4)] == [0, 2, 4, 6]
    assert tape.recorded == 1
    assert ["not recorded here" in message for message in caplog.messages] == [True]


@pytest.mark.parametrize("capture", [None, Tape()], ids=["none", "stopped"])
def test_without_a_capture_nothing_is_kept(capture: Capture | None) -> None:
    graphs = GraphCache(capture)
    graphs.stop()
    assert [float(graphs("key", doubled, number(value))) for value in range(3)] == [0, 2, 4]
    assert len(graphs) == 0
