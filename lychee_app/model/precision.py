"""Which precision a checkpoint runs in: what each takes of memory, and what "auto" stands for.

Arithmetic only, on what it is told is free, so that it can be tested for machines nobody has.
"""

from dataclasses import dataclass
from math import prod
from typing import Literal

from lychee_app.model.placement import ROOM_BYTES
from lychee_app.model.weights import Checkpoint, tensor_shapes
from lychee_app.records import Precision

BITS: dict[str, Literal[8, 4]] = {"int8": 8, "int4": 4}
"""Of one number in the matrices of the text layers, in the precisions that are quantised."""
_QUANTISED_ROOM_BYTES = 5 << 28
"""Kept free beside quantised weights: the workspace (0.28 GB on a card), activations at 1280 image tokens."""
_SMALL_BYTES = 4_000_000_000
"""Up to so many bytes in BF16, a processor takes float32. Larger ones take a third of that in 8 bits."""
_PAYS = 1.3
"""From so many times the speed of float32 on, a processor has instructions for BF16."""
_SCALED = {"int8": 1.0, "int4": 0.5 + 2 / 64}
"""Bytes of one number with its share of the scales (quantised.py)."""


@dataclass(frozen=True)
class Sizes:
    """How many numbers a checkpoint holds: in the matrices of the text layers, in embedding table and output
    head, and in the rest, which is never quantised."""

    layers: int
    words: int
    rest: int

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "Sizes":
        shapes = tensor_shapes(checkpoint)
        words = {"model.language_model.embed_tokens.weight", "lm_head.weight"}
        layers = {
            name
            for name, shape in shapes.items()
            if name.startswith("model.language_model.layers.") and len(shape) == 2
        }
        rest = shapes.keys() - words - layers
        counts = (
            sum(prod(shapes[name]) for name in names & shapes.keys()) for names in (layers, words, rest)
        )
        return cls(*counts)

    @property
    def total(self) -> int:
        return self.layers + self.words + self.rest


def needed_bytes(sizes: Sizes, precision: Precision, on_card: bool) -> int:
    """To run: the weights, and room for what is computed of one image. `precision` is none of "auto"."""
    if precision in BITS:
        rest = sizes.rest * (2 if on_card else 4)
        return int(sizes.layers * _SCALED[precision]) + sizes.words + rest + _QUANTISED_ROOM_BYTES
    return sizes.total * (2 if precision == "bfloat16" else 4) + ROOM_BYTES


def is_small(sizes: Sizes) -> bool:
    """Whether a processor runs it in float32 without a thought."""
    return 2 * sizes.total <= _SMALL_BYTES


def choose(sizes: Sizes, device: str, free_bytes: int, bfloat16_speed: float = 1.0) -> Precision:
    """What "auto" stands for. `free_bytes`: of the card, or of RAM where `device` is the processor;
    `bfloat16_speed`: there, times the speed of float32.

    The most exact that fits. On a processor, float32 is for small models only: a large one takes BF16 where
    that is quick, and else int8, which takes as long as float32 in half the memory. Where nothing fits it is
    what can be spilled (placement.py): BF16 on a card, float32 elsewhere.
    """
    if device == "mps":
        return "float32"
    on_card = device.startswith("cuda")
    whole: Precision = "bfloat16" if on_card else "float32"
    first: tuple[Precision, ...] = (whole,) if on_card or is_small(sizes) else ()
    if not first and bfloat16_speed >= _PAYS:
        first = ("bfloat16",)
    quantised: tuple[Precision, ...] = ("int8", "int4")
    for precision in (*first, *quantised):
        if needed_bytes(sizes, precision, on_card) <= free_bytes:
            return precision
    return whole
