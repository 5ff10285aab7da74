"""What would be written into which sidecar. Changes nothing."""

import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lychee_app.errors import LycheeError, SidecarError, UsageError
from lychee_app.export import LeftOut
from lychee_app.ratings.packet import MOST_STARS, REJECTED, Rating, changed
from lychee_app.ratings.sidecars import Folder, read_regular
from lychee_app.reasons import Reason
from lychee_app.records import Decision, Run, Scored, Source

STARS = (1.0, 3.0, 5.0, 7.0, 9.0)
"""The score from which an image gets 1, 2, 3, 4 and 5 stars; below the first it gets none (0)."""
PICKED = "Green"
"""The colour label of a pick, by the name that Lightroom gives it in English."""


@dataclass(frozen=True)
class Wish:
    """What is to be written. stars_from: see STARS. `picks`: a label for picks, -1 for rejects."""

    stars_from: tuple[float, ...] = STARS
    picks: bool = True
    keyword: bool = False
    """The query as a keyword of the images with three stars or more."""
    names: Mapping[int, str] | None = None
    """By upload index: these as keywords and nothing else. Images that are not in it are left as they are."""

    def __post_init__(self) -> None:
        """Raises UsageError."""
        rising = all(low < high for low, high in pairwise(self.stars_from))
        if len(self.stars_from) != MOST_STARS or not rising:
            raise UsageError("stars", given=", ".join(f"{each:g}" for each in self.stars_from))


@dataclass(frozen=True)
class Change:
    """One sidecar. `before` is None where there is none yet."""

    upload_index: int
    sidecar: Path
    before: bytes | None
    after: bytes
    rating: Rating


@dataclass(frozen=True)
class Plan:
    """`same` counts sidecars that say it already. `left_out` tells why an image has no change."""

    run_id: str
    changes: tuple[Change, ...]
    same: int = 0
    left_out: tuple[LeftOut, ...] = ()


def stars_of(score: float, stars_from: Sequence[float] = STARS) -> int:
    """0 to 5."""
    return sum(score >= least for least in stars_from)


def plan(
    run: Run,
    sources: Iterable[tuple[int, Source]],
    wish: Wish,
    decisions: Mapping[int, Decision] | None = None,
) -> Plan:
    """For every image of the run, by its score, and by what was decided on it where that is wished."""
    by_index, left_out = dict(sources), []
    shots: dict[Path, list[tuple[Scored, Source, Rating]]] = defaultdict(list)
    for row in run.images if wish.names is None else _named(run, wish.names):
        rating = _rating(run, row, wish, (decisions or {}).get(row.upload_index))
        source = by_index.get(row.upload_index)
        if isinstance(rating, Reason):
            left_out.append(LeftOut(row.upload_index, row.name, rating))
        elif source is None or source.path is None or source.private:
            left_out.append(LeftOut(row.upload_index, row.name, Reason.of("uploaded-no-sidecar")))
        else:
            shots[Path(os.path.abspath(source.path)).parent].append((row, source, rating))
    changes: dict[Path, Change] = {}
    same = 0
    for place, group in shots.items():
        folder: Folder | None = None
        for row, source, rating in group:
            try:
                folder = folder or Folder(place, [each.path.name for _, each, _ in group if each.path])
                files = [path.name for path in (source.path, *source.companions) if path]
                for sidecar in map(_followed, folder.sidecars(files)):
                    if sidecar in changes:  # the same file is in the run twice
                        continue
                    before = read_regular(sidecar) if sidecar.exists() else None
                    after = changed(before, rating)
                    if after == before:
                        same += 1
                    else:
                        changes[sidecar] = Change(row.upload_index, sidecar, before, after, rating)
            except LycheeError as error:
                left_out.append(LeftOut(row.upload_index, row.name, error.reason))
            except OSError as error:
                detail = error.strerror or str(error)
                left_out.append(LeftOut(row.upload_index, row.name, Reason.of("refused", detail=detail)))
    return Plan(run.id, tuple(changes.values()), same, tuple(left_out))


def _named(run: Run, names: Mapping[int, str]) -> list[Scored]:
    return [row for row in run.images if row.upload_index in names]


def _followed(sidecar: Path) -> Path:
    """Where a link leads to: that is what is changed, and the link stays. Raises SidecarError."""
    real = Path(os.path.realpath(sidecar))
    if sidecar.is_symlink() and not real.exists():
        raise SidecarError("sidecar-nowhere")
    return real


def _rating(run: Run, row: Scored, wish: Wish, decision: Decision | None) -> Rating | Reason:
    if wish.names is not None:
        return Rating(None, "", (wish.names[row.upload_index],))
    if wish.picks and decision == "reject":
        return Rating(REJECTED)
    if row.score is None:
        return row.reason or Reason.of("no-score")
    stars = stars_of(row.score, wish.stars_from)
    keywords = (run.question.typed,) if wish.keyword and stars >= 3 else ()
    return Rating(stars, PICKED if wish.picks and decision == "pick" else "", keywords)
