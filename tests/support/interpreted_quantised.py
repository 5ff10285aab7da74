"""Run by test_fast_kernels.py in a process of its own, in which Triton interprets the kernels for quantised
matrices."""

import sys
import tempfile
from dataclasses import replace
from itertools import product as product_of
from pathlib import Path

import torch

from lychee_app.model import projections, quantised, quantised_skeleton, quantised_triton, weights
from lychee_app.model.decode import PlainDecoder, Prefilled
from lychee_app.model.decode_fused import FusedDecoder
from lychee_app.model.decode_triton import add_product, product
from lychee_app.model.elementwise import Norm, TorchOps
from lychee_app.model.parity_check import unpacked_alike
from lychee_app.model.projections import Projection, QuantisedProjection
from lychee_app.model.quantised import Workspace, quantise

CPU = torch.device("cpu")


def quantised_products() -> None:
    """Both widths of numbers, unpacked by the kernel, and multiplied as they are stored."""
    for dtype in (torch.float32, torch.bfloat16):
        assert unpacked_alike(quantised_triton.unpack, CPU, dtype), dtype
    workspace = Workspace(CPU, torch.float32)
    for bits, (width, rows) in product_of((8, 4), ((104, 24), (1024, 7), (4352, 12))):
        matrix = quantise(torch.randn(rows, width), bits, CPU)
        weight = torch.empty(rows, width)
        quantised.unpack(matrix, weight)
        x, norm, bias = torch.randn(1, width), Norm(torch.randn(width), 1e-6), torch.randn(rows)
        for swiglu in (False, True) if rows % 2 == 0 else (False,):
            plain, packed_ = Projection(weight, bias), QuantisedProjection(matrix, workspace, bias)
            if swiglu:
                plain, packed_ = replace(plain, bias=None), replace(packed_, bias=None)
            wanted = product(x, plain, norm, swiglu=swiglu)
            found = product(x, packed_, norm, swiglu=swiglu)
            torch.testing.assert_close(found, wanted, atol=2e-3, rtol=1e-4)
        totals = [torch.ones(1, rows), torch.ones(1, rows)]
        add_product(x, Projection(weight), totals[0])
        add_product(x, QuantisedProjection(matrix, workspace), totals[1])
        torch.testing.assert_close(totals[1], totals[0], atol=2e-3, rtol=1e-4)


def quantised_generation(folder: Path) -> None:
    """The same of a quantised model: layers in 4 bits, the ends in 8. A step reads the packed numbers."""
    checkpoint = weights.inspect(folder)
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "copy.safetensors"
        read = quantised_skeleton.read(checkpoint, 4, Workspace(CPU, torch.float32), copy)
    assert read is not None
    model, _ = read
    text = checkpoint.family.text(model.model.language_model, TorchOps())
    lm_head = projections.of(model.lm_head)
    x, positions = torch.randn(9, len(text.final_norm.weight)), torch.arange(9).expand(3, -1)
    made = []
    for decoder in (PlainDecoder(text, lm_head), FusedDecoder(text, lm_head)):
        kv_cache = decoder.new_cache(13)
        hidden = text(x.clone(), text.plan((0,), (9,), positions), kv_cache)
        made.append(decoder.generate(Prefilled(hidden, kv_cache, 9, 7), 3, frozenset()))
    assert made[0] == made[1], made


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.no_grad():
        quantised_products()
        quantised_generation(Path(sys.argv[1]))
