"""What the soak counts: a row that is lost is seen, and memory that grows is told."""

import pytest

from benchmarks import soak
from lychee_app.records import Scored
from tests.support.rows import failed, row, run_of

MEGABYTE = 1_000_000


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(0, 2.0), failed(1), row(2, -1.0)], {"scored": 2, "refused": 1, "rows_lost": 0}),
        ([row(0, 2.0), row(2, -1.0)], {"scored": 2, "refused": 0, "rows_lost": 1}),
        ([row(0, 2.0), Scored(1, "1.jpg", ""), row(2, 1.0)], {"scored": 2, "refused": 1, "rows_lost": 1}),
        ([row(0, 2.0), row(1, 2.0), row(7, 2.0)], {"scored": 3, "refused": 0, "rows_lost": 1}),
        ([], {"scored": 0, "refused": 0, "rows_lost": 3}),
    ],
    ids=["all there", "one missing", "one without a word", "one of another place", "none"],
)
def test_a_row_that_is_missing_or_silent_is_lost(rows: list[Scored], expected: dict[str, int]) -> None:
    assert soak.counted(run_of(rows), 3) == expected


def test_memory_is_told_from_start_to_after_and_by_how_much_it_grew() -> None:
    samples = [megabytes * MEGABYTE for megabytes in (*range(100, 200), 500, 200)]
    told = soak.told(samples, over=100)
    assert (told["start"], told["middle"], told["end"]) == (100, 150, 199)
    assert (told["peak"], told["after"], told["second_half_grew"]) == (500, 200, 49)
    assert told["course"][0] == 100
    assert told["course"][-1] == 199
    assert len(told["course"]) == 13
