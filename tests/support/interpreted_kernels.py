"""Run by test_fast_kernels.py in a process of its own, in which Triton interprets its kernels."""

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from lychee_app.model import loading, projections, weights
from lychee_app.model.attention import attend_in_batches, packed
from lychee_app.model.decode import Decoder, PlainDecoder, Prefilled
from lychee_app.model.decode_fused import FusedDecoder
from lychee_app.model.decode_triton import SLOT_BLOCK, add_product, attend_one, product
from lychee_app.model.elementwise import Norm, TorchOps
from lychee_app.model.elementwise_triton import TritonOps
from lychee_app.model.parity_check import ops_agree
from lychee_app.model.projections import Projection, joined
from tests.support.tape import Tape

CPU = torch.device("cpu")


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
    lm_head = projections.of(model.lm_head)
    text = checkpoint.family.text(model.model.language_model, TritonOps())
    x, positions = torch.randn(9, len(text.final_norm.weight)), torch.arange(9).expand(3, -1)
    tape = Tape()

    def made(decoder: Decoder, tokens: int, stop: frozenset[int] = frozenset()) -> list[int]:
        kv_cache = decoder.new_cache(13)
        hidden = text(x.clone(), text.plan((0,), (9,), positions), kv_cache)
        return decoder.generate(Prefilled(hidden, kv_cache, 9, 7), tokens, stop)

    wanted = made(PlainDecoder(text, lm_head), 4)
    taped = FusedDecoder(text, lm_head, tape)
    assert made(taped, 3) == wanted[:3]
    assert (tape.recorded, tape.replayed) == (1, 1)
    assert made(taped, 3) == wanted[:3]
    assert (tape.recorded, tape.replayed) == (1, 3)
    assert made(FusedDecoder(text, lm_head), 4, stop=frozenset({wanted[2]})) == wanted[:3]


def one_step(folder: Path) -> None:
    """Two tokens of a checkpoint whose heads are normed before they are rotated."""
    checkpoint = weights.inspect(folder)
    model = loading.load(checkpoint, "cpu", "float32", folder).model
    lm_head = projections.of(model.lm_head)
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
