"""What tells whether two images show the same: hashes of an image and its parts, and its tints.

A hash, the signs of the lowest waves of a small grey picture (bit for bit that of `imagehash.phash`), does
not change with light, size or compression; those of parts are there for what was cropped, or held a little
otherwise. Grey alone would take a red shirt for the blue one, hence the tints. `python -m benchmarks bursts`
holds it against the vision tower's own features.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from lychee_app import views

SIDE = 8
"""Of a hash: SIDE x SIDE bits."""
_HASHES_BYTES = views.COUNT * SIDE * SIDE // 8
CODE_BYTES = _HASHES_BYTES + views.TINTS_BYTES
_GAINS = (0.6, 0.8, 1.0, 1.25, 1.6)
"""Light and shade stretch tints; by so much they may be stretched."""
_AT_ONCE = 256
"""So many images are compared in their tints at once: 10 MB."""
_REACH = 2
"""By so many cells things may have moved."""
_WAVES = np.cos(np.pi / 2 / views.SIDE_PX * np.outer(np.arange(SIDE), np.arange(1, 2 * views.SIDE_PX, 2)))
"""(SIDE, views.SIDE_PX): the first rows of the discrete cosine transform, type II."""

Hashes = NDArray[np.uint64]
Tints = NDArray[np.float32]


def fingerprint(seen: bytes) -> str:
    """CODE_BYTES in hexadecimal, of `views.views` of an image: of each view its hash, then the tints."""
    pixels = np.frombuffer(seen, np.uint8, views.COUNT * views.SIDE_PX**2)
    waves = _WAVES @ pixels.reshape(-1, views.SIDE_PX, views.SIDE_PX) @ _WAVES.T
    waves = waves.reshape(views.COUNT, -1)
    half = waves.shape[1] // 2
    lower, upper = np.partition(waves, (half - 1, half), axis=1)[:, half - 1 : half + 1].T
    hashes = np.packbits(waves > ((lower + upper) / 2)[:, None])
    return hashes.tobytes().hex() + seen[-views.TINTS_BYTES :].hex()


def code_of(fingerprint: str) -> bytes:
    """b"" of one of another version, or of none."""
    return bytes.fromhex(fingerprint) if len(fingerprint) == 2 * CODE_BYTES else b""


class Codes:
    """Many fingerprints, to be compared. `known`: those that are of this version."""

    def __init__(self, codes: Iterable[tuple[int, bytes]], count: int) -> None:
        """codes: of so many the place and the code, see `code_of`."""
        table, self.known = np.zeros((count, CODE_BYTES), np.uint8), np.zeros(count, bool)
        for place, code in codes:
            if code:
                table[place], self.known[place] = np.frombuffer(code, np.uint8), True
        hashes = np.ascontiguousarray(table[:, :_HASHES_BYTES]).view(np.uint64)
        self.hashes: Hashes = np.ascontiguousarray(hashes.T)
        """(views.COUNT, images); the first view is the whole."""
        self._tints = table[:, _HASHES_BYTES:].reshape(-1, views.TINTS, views.TINTS, 2)

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
        them most alike. Cells may have moved by _REACH."""
        own, found = _squares(self._tints[one][None]), [np.empty(0, np.float32)]
        for first in range(0, len(others), _AT_ONCE):
            theirs = _squares(self._tints[others[first : first + _AT_ONCE]])
            found.append(np.maximum(_apart(own, theirs), _apart(theirs, own)))
        return np.concatenate(found)


def _squares(cells: NDArray[np.uint8]) -> Tints:
    """(images, TINTS - 1, TINTS - 1, 2): the mean of every four cells that touch, about 0. So a small thing
    lies whole in one of them, wherever it is."""
    tints: Tints = cells.astype(np.float32)
    tints -= 128
    rows: Tints = tints[:, :-1] + tints[:, 1:]
    squares: Tints = rows[:, :, :-1] + rows[:, :, 1:]
    squares /= 4
    return squares


def _apart(some: Tints, others: Tints) -> Tints:
    """Both as `_squares` gives them, of one image or as many. Of each square of `some` the nearest of those
    around it in `others`; of the squares the worst: one thing of another colour is enough."""
    room = np.pad(others, ((0, 0), (_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="edge")
    size, reach = some.shape[1], range(2 * _REACH + 1)
    shifts = [room[:, y : y + size, x : x + size] for y in reach for x in reach]
    found = []
    for gain in _GAINS:
        lit, nearest = gain * some, None
        for shift in shifts:
            apart = np.abs(lit - shift)
            apart = apart[..., 0] + apart[..., 1]
            nearest = apart if nearest is None else np.minimum(nearest, apart, out=nearest)
        assert nearest is not None
        found.append(nearest.reshape(len(nearest), -1).max(axis=1))
    return np.min(found, axis=0)
