"""What of an image tells whether another shows the same: hashes of it and its parts, and its tints.

`imagehash.phash`, the signs of the lowest waves of a small grey picture, does not change with light, size or
compression; the hashes of parts are there for what was cropped, or held a little otherwise. Grey alone would
take a red shirt for the blue one, hence the tints. `python -m benchmarks bursts` holds it against the vision
tower's own features.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 8
"""Of a hash: SIDE x SIDE bits."""
_HASHED_PX, _KEPT_PX = 4 * SIDE, 128
_TINTS = 8
"""Cells a side."""
_GAINS = (0.6, 0.8, 1.0, 1.25, 1.6)
"""Light and shade stretch tints; by so much they may be stretched."""
_WORST = 3
"""Cells: one thing of another colour is enough."""
VIEWS = 12
CODE_BYTES = VIEWS * SIDE * SIDE // 8 + 2 * _TINTS**2

Hashes = NDArray[np.uint64]
Tints = NDArray[np.float32]


def fingerprint(image: Image.Image) -> str:
    """CODE_BYTES in hexadecimal: of each view its hash, then the tints. Of RGB, of any size."""
    import imagehash

    small = image.resize((_KEPT_PX, _KEPT_PX), Image.Resampling.BOX)
    grey = small.convert("L")
    views = (grey.resize((_HASHED_PX, _HASHED_PX), Image.Resampling.BOX, box=box) for box in _boxes())
    hashes = np.stack([imagehash.phash(view, SIDE).hash.ravel() for view in views])
    tints = np.asarray(small.convert("YCbCr").resize((_TINTS, _TINTS), Image.Resampling.BOX))[..., 1:]
    return (np.packbits(hashes).tobytes() + tints.tobytes()).hex()


@cache
def _boxes() -> tuple[tuple[float, float, float, float], ...]:
    """The whole; 0.9 of a side from the middle; 0.8 and 0.7 of it, from the corners and the middle."""
    corners = ((0.5, 0.5), (0, 0), (1, 0), (0, 1), (1, 1))
    parts = [(1.0, 0, 0), (0.9, 0.5, 0.5), *((share, *at) for share in (0.8, 0.7) for at in corners)]
    found = []
    for share, across, down in parts:
        side, left, top = share * _KEPT_PX, across * (1 - share) * _KEPT_PX, down * (1 - share) * _KEPT_PX
        found.append((left, top, left + side, top + side))
    return tuple(found)


class Codes:
    """Many fingerprints, to be compared. `known`: those that are of this version."""

    def __init__(self, codes: list[str]) -> None:
        known = [len(code) == 2 * CODE_BYTES for code in codes]
        blank = bytes(CODE_BYTES)
        data = b"".join(bytes.fromhex(code) if ok else blank for code, ok in zip(codes, known, strict=True))
        table = np.frombuffer(data, np.uint8).reshape(len(codes), CODE_BYTES)
        split = CODE_BYTES - 2 * _TINTS**2
        self.known = np.array(known, bool)
        views = np.ascontiguousarray(table[:, :split]).view(np.uint64).reshape(-1, VIEWS)
        self.hashes: Hashes = np.ascontiguousarray(views.T)
        """(VIEWS, images); the first view is the whole."""
        self._tints = table[:, split:].reshape(-1, _TINTS, _TINTS, 2)

    def bits(self, one: int, others: NDArray[np.intp]) -> NDArray[np.uint8]:
        """In how many of SIDE * SIDE bits each differs from this one: the whole of either, or a part of it,
        from the whole of the other."""
        own, theirs = self.hashes[:, one], self.hashes[:, others]
        parts = np.bitwise_count(theirs ^ own[0]).min(axis=0)
        return np.minimum(parts, np.bitwise_count(theirs[:1] ^ own[1:, None]).min(axis=0))

    def whole(self, one: int, others: NDArray[np.intp]) -> NDArray[np.uint8]:
        """As `bits`, without the parts."""
        return np.bitwise_count(self.hashes[0, others] ^ self.hashes[0, one])

    def tints(self, one: int, others: NDArray[np.intp]) -> Tints:
        """How far the tints are apart where they are most apart, on a scale of 255, in the light that makes
        them most alike. Cells may have moved by one."""
        own = self._tints[one][None].astype(np.float32) - 128
        theirs = self._tints[others].astype(np.float32) - 128
        return np.maximum(_apart(own, theirs), _apart(theirs, own))


def _apart(some: Tints, others: Tints) -> Tints:
    """Both (images or 1, _TINTS, _TINTS, 2). Of each cell of `some` the nearest of nine of `others`; of the
    cells the worst."""
    room = np.pad(others, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    shifts = [room[:, y : y + _TINTS, x : x + _TINTS] for y in range(3) for x in range(3)]
    found = []
    for gain in _GAINS:
        nearest = np.min([np.abs(gain * some - shift).sum(axis=-1) for shift in shifts], axis=0)
        cells = np.sort(nearest.reshape(len(nearest), -1), axis=1)
        found.append(cells[:, -_WORST:].mean(axis=1))
    return np.min(found, axis=0)
