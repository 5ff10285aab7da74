"""Run by test_fast_kernels.py in a process of its own, in which Triton interprets its kernels.

What the interpreter takes grows with the programs launched, whatever is in them: few rows, layers and steps.
"""

import sys
from dataclasses import replace
from itertools import product as product_of
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from lychee_app.model import loading, projections, quantised, quantised_skeleton, quantised_triton, weights
from lychee_app.model.attention import attend_in_batches, packed
from lychee_app.model.decode import Decoder, PlainDecoder, Prefilled
from lychee_app.model.decode_fused import FusedDecoder
from lychee_app.model.decode_triton import SLOT_BLOCK, add_product, attend_one, product
from lychee_app.model.elementwise import Norm, TorchOps
from lychee_app.model.elementwise_triton import TritonOps
from lychee_app.model.parity_check import ops_agree, unpacked_alike
from lychee_app.model.projections import Projection, QuantisedProjection, joined
from lychee_app.model.quantised import Workspace, quantise
from tests.support.tape import Tape

CPU = torch.device("cpu")
WORDS = 48
"""Of the vocabulary, that a token is chosen among."""
ROWS = 3
"""Of a prompt."""


def ops() -> None:
    """Head widths that are no power of two, as in the published vision tower, and one that is."""
    for width in (40, 128):
        for dtype in (torch.float32, torch.bfloat16):
            assert ops_agree(TritonOps(), CPU, dtype, width), (width, dtype)


def products() -> None:
    """With and without norm, bias, SwiGLU and sum; widths within a block, past one, and past several."""
    for width, rows in ((104, 24), (1024, 7), (2184, 12)):
        x, norm = torch.randn(1, width), Norm(torch.randn(width), 1e-6)
        normed = F.rms_norm(x, (width,), norm.weight, norm.epsilon)
        plain = Projection(torch.randn(rows, width), torch.randn(rows))
        torch.testing.assert_close(product(x, plain, norm), plain(normed), atol=2e-4, rtol=1e-4)
        total = torch.randn(1, rows)
        wanted = total + x @ plain.weight.t()
        add_product(x, Projection(plain.weight), total)
        torch.testing.assert_close(total, wanted, atol=2e-4, rtol=1e-4)
        both = joined([nn.Linear(width, 13, bias=False) for _ in range(2)])
        wanted = TorchOps().swiglu(both(normed))
        torch.testing.assert_close(product(x, both, norm, swiglu=True), wanted, atol=2e-4, rtol=1e-4)


def one_query() -> None:
    """Slots past the query's own hold what no one may read."""
    for heads, key_heads, width in ((14, 2, 16), (4, 4, 40)):
        kv_cache = torch.randn(3 * SLOT_BLOCK, 2, key_heads, width)
        query = torch.randn(1, heads, width)
        for slot in (0, SLOT_BLOCK - 1, SLOT_BLOCK, 2 * SLOT_BLOCK + 5):
            known = kv_cache[: slot + 1]
            wanted = attend_in_batches(query, known[:, 0], known[:, 1], packed((1,), (slot + 1,), CPU))
            kv_cache[slot + 1 :] = float("nan")
            found = attend_one(query, kv_cache, torch.tensor([slot]))
            torch.testing.assert_close(found, wanted.flatten(1), atol=1e-4, rtol=1e-4)
            kv_cache[slot + 1 :] = torch.randn_like(kv_cache[slot + 1 :])


def generation(folder: Path) -> None:
    """The first tokens of a tiny checkpoint, by both ways to make a step, recorded and not."""
    checkpoint = weights.inspect(folder)
    model = loading.load(checkpoint, "cpu", "float32", folder).model
    lm_head = projections.of(model.lm_head).rows(0, WORDS)
    text = checkpoint.family.text(model.model.language_model, TritonOps())
    x, positions = torch.randn(ROWS, len(text.final_norm.weight)), torch.arange(ROWS).expand(3, -1)
    tape = Tape()

    def made(decoder: Decoder, tokens: int, stop: frozenset[int] = frozenset()) -> list[int]:
        kv_cache = decoder.new_cache(ROWS + 4)
        hidden = text(x.clone(), text.plan((0,), (ROWS,), positions), kv_cache)
        return decoder.generate(Prefilled(hidden, kv_cache, ROWS, ROWS - 1), tokens, stop)

    wanted = made(PlainDecoder(text, lm_head), 4)
    taped = FusedDecoder(text, lm_head, tape)
    assert made(taped, 3) == wanted[:3]
    assert (tape.recorded, tape.replayed) == (1, 1)
    assert made(taped, 4, stop=frozenset({wanted[2]})) == wanted[:3]
    assert (tape.recorded, tape.replayed) == (1, 3)


def one_step(folder: Path) -> None:
    """Two tokens, not recorded, of a checkpoint whose heads are normed before they are rotated."""
    checkpoint = weights.inspect(folder)
    model = loading.load(checkpoint, "cpu", "float32", folder).model
    lm_head = projections.of(model.lm_head).rows(0, WORDS)
    x, positions = torch.randn(3, model.lm_head.in_features), torch.arange(3).expand(3, -1)
    made = []
    for ops, kind in ((TorchOps(), PlainDecoder), (TritonOps(), FusedDecoder)):
        text = checkpoint.family.text(model.model.language_model, ops)
        decoder = kind(text, lm_head)
        kv_cache = decoder.new_cache(5)
        hidden = text(x.clone(), text.plan((0,), (3,), positions), kv_cache)
        made.append((decoder.generate(Prefilled(hidden, kv_cache, 3, 3), 2, frozenset()), hidden))
    assert made[0][0] == made[1][0], made
    torch.testing.assert_close(made[0][1], made[1][1], atol=1e-4, rtol=1e-4)


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
    copy = folder / "copy.safetensors"
    read = quantised_skeleton.read(checkpoint, 4, Workspace(CPU, torch.float32), copy)
    assert read is not None
    model, _ = read
    text = checkpoint.family.text(model.model.language_model, TorchOps())
    lm_head = projections.of(model.lm_head).rows(0, WORDS)
    x, positions = torch.randn(ROWS, len(text.final_norm.weight)), torch.arange(ROWS).expand(3, -1)
    made = []
    for decoder in (PlainDecoder(text, lm_head), FusedDecoder(text, lm_head)):
        kv_cache = decoder.new_cache(ROWS + 4)
        hidden = text(x.clone(), text.plan((0,), (ROWS,), positions), kv_cache)
        made.append(decoder.generate(Prefilled(hidden, kv_cache, ROWS, ROWS - 1), 3, frozenset()))
    assert made[0] == made[1], made


if __name__ == "__main__":
    torch.manual_seed(0)
    torch.set_num_threads(1)
    with torch.inference_mode():
        ops()
        products()
        one_query()
    with torch.no_grad():
        generation(Path(sys.argv[1]))
        one_step(Path(sys.argv[2]))
        quantised_products()
        quantised_generation(Path(sys.argv[1]))
