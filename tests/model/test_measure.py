"""The short measurement: rates that a real product of this machine has, at once and only once."""

import time

import torch

from lychee_app.model import measure
from lychee_app.model.projections import Projection


def test_the_rates_are_those_of_products_of_this_machine() -> None:
    found = measure.rates("cpu")
    assert set(found.flops_per_second) == {"float32", "bfloat16", "int8", "int4"}
    assert found.free_bytes > 0
    x, product = torch.randn(384, 2048), Projection(torch.randn(2048, 2048))
    spent = []
    for _ in range(5):
        started = time.perf_counter()
        product(x)
        spent.append(time.perf_counter() - started)
    rate = 2 * 384 * 2048 * 2048 / min(spent)
    assert rate / 30 < found.flops_per_second["float32"] < rate * 30  # the machine may be busy now or then


def test_it_is_measured_once() -> None:
    measure.rates("cpu")
    started = time.perf_counter()
    measure.rates("cpu")
    assert time.perf_counter() - started < 0.01
