"""How fast this machine multiplies and reads, measured for a moment: what `advice` reckons with."""

import time
from collections.abc import Callable
from functools import cache

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor

from lychee_app.model import quantised
from lychee_app.model.advice import Rates
from lychee_app.model.loading import choose_device
from lychee_app.model.precision import BITS
from lychee_app.model.projections import Product, Projection, QuantisedProjection
from lychee_app.records import Precision

TOKENS, WIDTH = 384, 2048
"""A product of a text layer of the 2B shape, for an image of about 256 tokens: (384, 2048) @ (2048, 2048)."""
CARD_TIMES = 4
"""On a card the product is so many times as wide and as long: a small one measures the launch."""
FEW = 8
"""Tokens for a first try of what may be very slow."""
SECONDS = 0.15
"""For each precision."""
SHARE = 0.6
"""Of the rate of one product that a whole pass reaches: norms, attention and launches take the rest (0.60 to
0.73 on an H100 at 1,260 tokens with 7B and 8B shapes: README)."""


@cache
def rates(device: str | None = None) -> Rates:
    """Of the device that would be chosen. Takes under a second, once a process. Raises CheckpointError."""
    device = choose_device(device)
    card = device.startswith("cuda")
    whole: Precision = "bfloat16" if card else "float32"
    dtype = torch.bfloat16 if card else torch.float32
    times = CARD_TIMES if card else 1
    x = torch.randn(TOKENS * times, WIDTH * times, dtype=dtype, device=device)
    weight = torch.randn(WIDTH * times, WIDTH * times, dtype=dtype, device=device)
    flops = 2 * len(x) * weight.numel()
    found: dict[Precision, float] = {}
    for precision in (whole, "int8", "int4"):
        product = _product(weight, precision)
        found[precision] = SHARE * flops / _seconds(lambda product=product: product(x), card)
    if card:
        found["float32"] = found[whole] / 8
    else:
        found["bfloat16"] = found[whole] * _bfloat16_speed(x, weight)
    copied = torch.empty(1 << 26, dtype=torch.uint8, device=device)
    target = torch.empty_like(copied)
    reads = 2 * copied.nbytes / _seconds(lambda: target.copy_(copied), card)
    return Rates(device, found, reads, _free_bytes(device))


def _bfloat16_speed(x: Tensor, weight: Tensor) -> float:
    """Times that of float32. A few rows are tried first: without instructions for it, all take seconds."""
    speed = 1.0
    for some in (x[:FEW], x):
        pairs = ((some, weight), (some.bfloat16(), weight.bfloat16()))
        exact, rounded = (_seconds(lambda pair=pair: F.linear(*pair), False) for pair in pairs)
        speed = exact / rounded
        if speed < 1:
            break
    return speed


def _product(weight: Tensor, precision: Precision) -> Product:
    if precision not in BITS:
        return Projection(weight)
    matrix = quantised.quantise(weight, BITS[precision], weight.device)
    workspace = quantised.Workspace(weight.device, weight.dtype)
    workspace.reserve(matrix)
    return QuantisedProjection(matrix, workspace)


def _seconds(work: Callable[[], Tensor], card: bool) -> float:
    """The best of several: what else the machine does only adds."""
    work()
    best, end = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        if card:
            torch.cuda.synchronize()
        started = time.perf_counter()
        work()
        if card:
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - started)
    return best


def _free_bytes(device: str) -> int:
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available
