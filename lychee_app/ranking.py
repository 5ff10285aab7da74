"""The order of a run's images, and a score as people see it."""

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from lychee_app.records import Axis, Scored


@dataclass(frozen=True)
class Ranked:
    """One image and its place: 1 is the best; None where there is no score."""

    rank: int | None
    scored: Scored


def ranked(images: Iterable[Scored]) -> list[Ranked]:
    """Best first, places 1 to n without gaps; images without a score last, in upload order.

    The order is that of the margins where every scored image has one (a score is its sigmoid and ties long
    before it), else that of the scores. Ties keep upload order.
    """
    images = sorted(images, key=lambda row: row.upload_index)
    with_score = [row for row in images if is_scored(row)]
    axis = best_axis(with_score)
    with_score.sort(key=lambda row: strength(row, axis), reverse=True)
    places = [Ranked(place, row) for place, row in enumerate(with_score, start=1)]
    return places + [Ranked(None, row) for row in images if not is_scored(row)]


def chosen(images: Iterable[Scored], upload_indexes: Collection[int]) -> list[Ranked]:
    """Some of a run's images, best first, with the places they have among all."""
    wanted = set(upload_indexes)
    return [place for place in ranked(images) if place.scored.upload_index in wanted]


def is_scored(row: Scored) -> bool:
    """A score that is not a number is no score."""
    return row.score is not None and not math.isnan(row.score)


def best_axis(images: Sequence[Scored]) -> Axis:
    """ "margin" where every scored image has one."""
    margins = [row.margin for row in images if is_scored(row)]
    whole = margins and all(margin is not None and not math.isnan(margin) for margin in margins)
    return "margin" if whole else "score"


def strength(row: Scored, axis: Axis) -> float:
    """Where an image lies on an axis. Raises ValueError where it has no place on it."""
    value = row.margin if axis == "margin" else row.score
    if value is None:
        raise ValueError(f"image {row.upload_index} has no {axis}")
    return value


def one_decimal(score: float | None) -> str:
    """9.8, or a dash where there is no score. Rounding happens here and nowhere below."""
    return "–" if score is None or math.isnan(score) else f"{score:.1f}"
