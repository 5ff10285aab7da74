"""Window order against what a window is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from lychee_app.model.qwen2_5_vl.vision import window_order


@settings(max_examples=60, deadline=None)
@given(rows=st.integers(1, 23), columns=st.integers(1, 23), side=st.integers(1, 5))
def test_tokens_are_ordered_by_window(rows: int, columns: int, side: int) -> None:
    order, lengths = window_order(rows, columns, side)
    assert sorted(order.tolist()) == list(range(rows * columns))
    assert lengths == sorted(lengths, reverse=True)
    start = 0
    for length in lengths:
        tokens = order[start : start + length].tolist()
        assert len({(token // columns // side, token % columns // side) for token in tokens}) == 1
        start += length
    assert start == rows * columns
    assert len(lengths) == -(-rows // side) * -(-columns // side)
