"""How like one image is to another, by what the vision tower makes of them.

An image is its tokens, one for each patch of the model's grid. Tokens are compared after what is usual has
been taken out of them (`Usual`): raw ones all lie close together. Each token of the example looks for its
best match in the other image (ColBERT's late interaction, arXiv 2004.12832, as ColPali uses it on images,
arXiv 2407.01449), and unusual tokens count for more: a thing for more than the wall behind it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.float32]
"""(tokens, hidden)"""

KEPT = 256
"""Directions that are kept of what is usual, at most."""
RIDGE = 0.05
"""Of the largest spread: directions that hardly vary are not blown up beyond it."""


@dataclass(frozen=True)
class Usual:
    """Mean and spread of the tokens of pictures of many things. basis: (hidden, kept)."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    @classmethod
    def of(cls, pictures: Sequence[Tokens]) -> "Usual":
        tokens = np.concatenate(pictures)
        mean = tokens.mean(axis=0)
        _, spread, directions = np.linalg.svd(tokens - mean, full_matrices=False)
        spread = spread[:KEPT] / np.sqrt(len(tokens))
        return cls(mean, (directions[:KEPT] / (spread + RIDGE * spread[0])[:, None]).T)

    def seen(self, tokens: Tokens) -> "Seen":
        whitened = (tokens - self.mean) @ self.basis
        lengths = np.linalg.norm(whitened, axis=1)
        return Seen(
            whitened / np.maximum(lengths, 1e-9)[:, None], lengths**2 / np.maximum((lengths**2).sum(), 1e-9)
        )


@dataclass(frozen=True)
class Seen:
    """One image without what is usual: unit rows (tokens, kept), and how much each counts; that adds to 1."""

    directions: NDArray[np.float32]
    weights: NDArray[np.float32]

    def found_in(self, other: "Seen") -> float:
        """Which share of this image is found again in the other: 1 for the same image, near 0 for another."""
        best = (self.directions @ other.directions.T).max(axis=1)
        return float(np.clip((best * self.weights).sum(), 0.0, 1.0))
