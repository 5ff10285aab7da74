"""The order of a run's images, and a score as people see it."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from lychee_app.packed import Made, light
from lychee_app.records import Axis, Scored


class Placed(Protocol):
    """What an image is ranked by: Scored is one."""

    @property
    def upload_index(self) -> int: ...

    @property
    def score(self) -> float | None: ...

    @property
    def margin(self) -> float | None: ...


class Mark(NamedTuple):
    """As much of a row. `at`: where it is."""

    upload_index: int
    at: int
    score: float | None
    margin: float | None


@dataclass(frozen=True)
class Ranked:
    """One image and its place: 1 is the best; None where there is no score."""

    rank: int | None
    scored: Scored


class Places(Made[Ranked]):
    """Ranked images, each read when it is looked at: by rank, or where it has none, in upload order."""

    def __init__(self, images: Sequence[Scored], places: Sequence[tuple[int, int, int | None]]) -> None:
        """places: of each its place in `images`, upload index and rank."""
        self._images, self._places = images, places

    def __len__(self) -> int:
        return len(self._places)

    def item(self, place: int) -> Ranked:
        at, _, rank = self._places[place]
        return Ranked(rank, self._images[at])

    def of(self, upload_indexes: Collection[int]) -> "Places":
        """Those alone."""
        return Places(self._images, [each for each in self._places if each[1] in upload_indexes])


def ranked(images: Iterable[Scored]) -> Places:
    """Best first, places 1 to n without gaps; images without a score last, in upload order.

    The order is that of the margins where every scored image has one (a score is its sigmoid and ties long
    before it), else that of the scores. Ties keep upload order.
    """
    images = images if isinstance(images, Sequence) else list(images)
    rows = enumerate(light(images))
    marks = sorted(Mark(row.upload_index, at, row.score, row.margin) for at, row in rows)
    with_score = [mark for mark in marks if is_scored(mark)]
    axis = best_axis(with_score)
    with_score.sort(key=lambda mark: strength(mark, axis), reverse=True)
    places = [(mark.at, mark.upload_index, rank) for rank, mark in enumerate(with_score, start=1)]
    without = [(mark.at, mark.upload_index, None) for mark in marks if not is_scored(mark)]
    return Places(images, places + without)


def chosen(images: Iterable[Scored], upload_indexes: Collection[int]) -> Places:
    """Some of a run's images, best first, with the places they have among all."""
    return ranked(images).of(set(upload_indexes))


def is_scored(row: Placed) -> bool:
    """A score that is not a number is no score."""
    return row.score is not None and not math.isnan(row.score)


def best_axis(images: Sequence[Placed]) -> Axis:
    """ "margin" where every scored image has one."""
    margins = [row.margin for row in images if is_scored(row)]
    whole = margins and all(margin is not None and not math.isnan(margin) for margin in margins)
    return "margin" if whole else "score"


def strength(row: Placed, axis: Axis) -> float:
    """Where an image lies on an axis. Raises ValueError where it has no place on it."""
    value = row.margin if axis == "margin" else row.score
    if value is None:
        raise ValueError(f"image {row.upload_index} has no {axis}")
    return value


def one_decimal(score: float | None) -> str:
    """9.8, or a dash where there is no score. Rounding happens here and nowhere below."""
    return "–" if score is None or math.isnan(score) else f"{score:.1f}"
