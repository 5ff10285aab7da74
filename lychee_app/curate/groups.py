"""Which images of a run are one picture, taken or saved several times.

Each group has an image that all others of it are like: what is like only what is like it begins another. So
no chain of small steps leads from one scene into the next.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lychee_app import ranking
from lychee_app.curate.fingerprint import Codes, code_of
from lychee_app.packed import light
from lychee_app.records import Scored

ALIKE_BITS, ALIKE_TINTS = 10, 31.0
"""Images that are no further apart than that are alike: see fingerprint.Codes."""
BURST_BITS, BURST_TINTS = 14, 40.0
"""The same for a burst, where few images are compared, and things and light move."""
BURST_SECONDS = 15.0
"""Taken so near to each other they may be a burst."""
MOST_COMPARED = 20_000
"""So many images are compared with each other; of more, each with those that are likely."""
MOST_A_SECOND = 60
"""A clock that showed one second for more images than a camera takes in it stood still, and tells nothing."""


@dataclass(frozen=True)
class Group:
    """Upload indices of two images or more, the best first: by score, then those of full size, then by
    sharpness."""

    members: tuple[int, ...]

    @property
    def best(self) -> int:
        return self.members[0]


def groups(images: Iterable[Scored]) -> tuple[Group, ...]:
    """Of images that are alike, or of the same bytes; in the order of their first images. Blank ones, and
    those that could not be read, only where their bytes are the same. Scores change the order within a
    group, never the groups.
    """
    images = images if isinstance(images, Sequence) else list(images)
    looks = starmap(_Look.of, enumerate(light(images)))
    rows = sorted(looks, key=lambda row: (-row.sharpness, row.upload_index))
    firsts: dict[str, int] = {}
    for place, row in enumerate(rows):
        firsts.setdefault(row.sha256 or f"#{row.upload_index}", place)
    of_place = _alike([rows[place] for place in firsts.values()], images)
    leader = dict(zip(firsts, of_place, strict=True))
    found: dict[int, list[_Look]] = {}
    for row in rows:
        found.setdefault(leader[row.sha256 or f"#{row.upload_index}"], []).append(row)
    several = [Group(_best_first(members)) for members in found.values() if len(members) > 1]
    return tuple(sorted(several, key=lambda group: min(group.members)))


def beside(images: Sequence[Scored]) -> tuple[int, float]:
    """How many images are in a group and not its best, and the seconds that judging them takes, or would."""
    count = sum(len(group.members) - 1 for group in groups(images))
    judged = [row.seconds for row in light(images) if row.score is not None]
    return count, count * sum(judged) / max(1, len(judged))


class _Look(NamedTuple):
    """As much of a row as tells."""

    at: int
    upload_index: int
    score: float | None
    margin: float | None
    sha256: str
    sharpness: float
    seconds: float | None
    """What the clock showed."""
    pixels: int
    is_told: bool
    """Whether there is a reason why it has no score."""

    @classmethod
    def of(cls, at: int, row: Scored) -> "_Look":
        return cls(
            at,
            row.upload_index,
            row.score,
            row.margin,
            row.sha256,
            row.sharpness,
            row.capture.clock_seconds,
            row.width_px * row.height_px,
            row.reason is not None,
        )


def _alike(rows: Sequence[_Look], images: Sequence[Scored]) -> list[int]:
    """For each the place of the image that it belongs to, itself or a sharper one. images: what was looked
    at, for the fingerprints, which would be much to hold twice."""
    places = {row.at: place for place, row in enumerate(rows)}
    told = ((places[at], code_of(row.fingerprint)) for at, row in enumerate(light(images)) if at in places)
    codes, clocks = Codes(told, len(rows)), _clocks(rows)
    leader, is_left = np.arange(len(rows)), codes.known.copy()
    neighbours = _Neighbours(codes, clocks) if len(rows) > MOST_COMPARED else None
    for first in np.flatnonzero(codes.known).tolist():
        if not is_left[first]:
            continue
        is_left[first] = False
        others = neighbours.of(first) if neighbours else np.arange(first + 1, len(rows))
        others = others[is_left[others]]
        if not len(others):
            continue
        near = np.abs(clocks[others] - clocks[first]) <= BURST_SECONDS
        alike = np.flatnonzero(codes.bits(first, others) <= np.where(near, BURST_BITS, ALIKE_BITS))
        if not len(alike):
            continue
        others, near = others[alike], near[alike]
        others = others[codes.tints(first, others) <= np.where(near, BURST_TINTS, ALIKE_TINTS)]
        leader[others], is_left[others] = first, False
    return leader.tolist()


class _Neighbours:
    """Of a whole library each image is compared with those of its time, and with those of which a quarter of
    the hash is the same: all that differ in three bits, and most copies."""

    def __init__(self, codes: Codes, clocks: NDArray[np.float64]) -> None:
        quarters = np.ascontiguousarray(codes.hashes[0]).view(np.uint16).reshape(-1, 4)
        keys = [*quarters.T.astype(np.float64), clocks]
        self._reach = [*[0.0] * 4, BURST_SECONDS]
        self._keys = keys
        self._orders = [np.argsort(key, kind="stable") for key in keys]
        self._sorted = [key[order] for key, order in zip(keys, self._orders, strict=True)]

    def of(self, one: int) -> NDArray[np.intp]:
        found = []
        for key, order, ranked, reach in zip(
            self._keys, self._orders, self._sorted, self._reach, strict=True
        ):
            low = np.searchsorted(ranked, key[one] - reach, "left")
            high = np.searchsorted(ranked, key[one] + reach, "right")
            found.append(order[low:high] if not np.isnan(key[one]) else order[:0])
        return np.unique(np.concatenate(found))


def _clocks(rows: Sequence[_Look]) -> NDArray[np.float64]:
    """Seconds; NaN where there is no time that tells anything."""
    seconds = [row.seconds for row in rows]
    count = Counter(int(moment) for moment in seconds if moment is not None)
    stood_still = {moment for moment, images in count.items() if images > MOST_A_SECOND}
    told = [None if moment is None or int(moment) in stood_still else moment for moment in seconds]
    return np.array(told, np.float64)


def _best_first(members: Sequence[_Look]) -> tuple[int, ...]:
    axis = ranking.best_axis(members)
    largest_px = max(row.pixels for row in members)

    def quality(row: _Look) -> tuple[float, ...]:
        strength = ranking.strength(row, axis) if ranking.is_scored(row) else float("-inf")
        is_reduced = 2 * row.pixels < largest_px  # as sharp on a thumbnail
        return -strength, row.is_told, is_reduced, -row.sharpness, row.upload_index

    return tuple(row.upload_index for row in sorted(members, key=quality))
