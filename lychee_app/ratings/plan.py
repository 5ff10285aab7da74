"""What would be written into which sidecar, or image where that is wished. Changes nothing."""

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

from lychee_app.errors import LycheeError, SidecarError, UsageError
from lychee_app.export import LeftOut
from lychee_app.intake.sniff import RAW_SUFFIXES
from lychee_app.packed import light
from lychee_app.ratings import jpeg
from lychee_app.ratings.packet import MOST_STARS, REJECTED, Rating, changed, read
from lychee_app.ratings.sidecars import Folder, read_regular, refuse_protected
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
    embed: bool = False
    """Into the JPEGs themselves, and the sidecars that are there; all else gets sidecars as ever."""

    def __post_init__(self) -> None:
        """Raises UsageError."""
        rising = all(low < high for low, high in pairwise(self.stars_from))
        if len(self.stars_from) != MOST_STARS or not rising:
            raise UsageError("stars", given=", ".join(f"{each:g}" for each in self.stars_from))


@dataclass(frozen=True)
class Inside:
    """The change of an image itself. `sha256`: of the file that was scored, which must be there still."""

    sha256: str
    splices: tuple[jpeg.Splice, ...]


@dataclass(frozen=True)
class Change:
    """One sidecar, or the image itself where `inside` is. `before` and `after` are packets: None where there
    is none yet; `was`: what it said."""

    upload_index: int
    image: Path
    sidecar: Path
    before: bytes | None
    after: bytes
    rating: Rating
    was: Rating = field(default_factory=Rating)
    inside: Inside | None = None

    @property
    def replaces_stars(self) -> bool:
        """Whether somebody's stars, or a rejection, give way."""
        return bool(self.was.stars) and self.rating.stars not in {None, self.was.stars}

    @property
    def replaces_label(self) -> bool:
        return bool(self.was.label and self.rating.label) and self.was.label != self.rating.label


@dataclass(frozen=True)
class Plan:
    """`same`: for each sidecar that says it already, the upload index of its image. `left_out` tells why an
    image has no change.
    """

    run_id: str
    changes: tuple[Change, ...]
    same: tuple[int, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    kept: tuple[int, ...] = ()
    """Images that are rejected, and on which nothing was decided here: they stay so."""
    unstarred: tuple[int, ...] = ()
    """Images that get no star and have none: nothing is written to say so."""
    names: bool = False
    """Whether it is of names as keywords: see Wish."""
    not_judged: tuple[Scored, ...] = ()
    """By the run's own wish, and so without a score to be rated by: those that a first look passed over, and
    those that another image stands for.
    """

    @property
    def passed_over(self) -> int:
        return sum(row.passed_over for row in self.not_judged)

    @property
    def stood_for(self) -> int:
        return sum(row.stood_for for row in self.not_judged)

    @property
    def sidecars(self) -> list[Change]:
        return [change for change in self.changes if change.inside is None]

    @property
    def images(self) -> list[Change]:
        """Those that change themselves."""
        return [change for change in self.changes if change.inside]

    @property
    def same_images(self) -> int:
        """Of which everything says it already."""
        return len(set(self.same) - {change.upload_index for change in self.changes})


@dataclass(frozen=True)
class Tally:
    """Images, however many sidecars each has. `stars`: what each gets; the others count those replaced."""

    stars: tuple[int, ...]
    replaced: int
    relabelled: int

    @classmethod
    def of(cls, changes: Sequence[Change]) -> "Tally":
        stars = {change.upload_index: change.rating.stars or 0 for change in changes}
        replaced = {change.upload_index for change in changes if change.replaces_stars}
        relabelled = {change.upload_index for change in changes if change.replaces_label}
        return cls(tuple(stars.values()), len(replaced), len(relabelled))


@dataclass(frozen=True)
class _Found:
    """A sidecar, or the image itself where `head` is: what it holds, None where there is none yet, and what
    that says."""

    place: Path
    before: bytes | None
    was: Rating
    head: jpeg.Head | None = None


def stars_of(score: float, stars_from: Sequence[float] = STARS) -> int:
    """0 to 5."""
    return sum(score >= least for least in stars_from)


def plan(
    run: Run,
    sources: Iterable[tuple[int, Source]],
    wish: Wish,
    decisions: Mapping[int, Decision] | None = None,
) -> Plan:
    """For every image of the run, by its score, and by what was decided on it where that is wished.

    Stars that are there, in a sidecar or else inside the image, are replaced. A rejection is only where the
    image was picked here; else all of its sidecars stay as they are.
    """
    by_index, left_out = dict(sources), []
    shots: dict[Path, list[tuple[Scored, Source, Rating]]] = defaultdict(list)
    decided: Mapping[int, Decision] = decisions if wish.picks and decisions else {}
    not_judged: list[Scored] = []
    for row in light(run.images) if wish.names is None else _named(run, wish.names):
        rating = _rating(run, row, wish, decided.get(row.upload_index))
        source = by_index.get(row.upload_index)
        if isinstance(rating, Reason) and not row.failed:
            not_judged.append(row)
        elif isinstance(rating, Reason):
            left_out.append(LeftOut(row.upload_index, row.name, rating))
        elif source is None or source.path is None or source.private:
            left_out.append(LeftOut(row.upload_index, row.name, Reason.of("uploaded-no-sidecar")))
        else:
            shots[Path(os.path.abspath(source.path)).parent].append((row, source, rating))
    made: list[Change] = []
    seen: set[Path] = set()
    kept: list[int] = []
    unstarred: list[int] = []
    for place, group in shots.items():
        folder: Folder | None = None
        for row, source, rating in group:
            index = row.upload_index
            try:
                folder = folder or Folder(place, [each.path.name for _, each, _ in group if each.path])
                files = [path.name for path in (source.path, *source.companions) if path]
                image = Path(os.path.realpath(place)) / files[0]
                itself = _itself(row, image) if wish.embed else None
                has_raw = any(Path(file).suffix.lower() in RAW_SUFFIXES for file in files)
                beside = folder.there(files) if itself and not has_raw else folder.sidecars(files)
                places = list(dict.fromkeys(map(_followed, beside)))
                found = _found(
                    [place for place in places if place not in seen],  # a file may be there twice
                    row.capture.rating,
                    itself if itself and itself.place not in seen else None,
                )
                seen.update(places, [itself.place] if itself else [])
                is_kept = rating.stars is not None and index not in decided
                if is_kept and any(one.was.stars == REJECTED for one in found):
                    kept.append(index)
                elif changes := _changes(row, image, found, rating):
                    made += changes
                elif found:
                    unstarred.append(index)
            except LycheeError as error:
                left_out.append(LeftOut(index, row.name, error.reason))
            except OSError as error:
                detail = error.strerror or str(error)
                left_out.append(LeftOut(index, row.name, Reason.of("refused", detail=detail)))
    changes = tuple(change for change in made if change.after != change.before)
    same = tuple(change.upload_index for change in made if change.after == change.before)
    return Plan(
        run.id,
        changes,
        same,
        tuple(left_out),
        tuple(kept),
        tuple(unstarred),
        names=wish.names is not None,
        not_judged=tuple(not_judged),
    )


def _changes(row: Scored, image: Path, found: Iterable[_Found], rating: Rating) -> list[Change]:
    """Of all that an image has, also of what says it already; none where one would have to be made that says
    nothing. Raises SidecarError, OSError."""
    made: list[Change] = []
    for one in found:
        before, was = one.before, one.was
        stars = None if rating.stars == (was.stars or 0) else rating.stars
        wanted = replace(rating, stars=stars)
        if before is None and wanted == Rating():
            continue
        if one.head is None:
            made.append(
                Change(row.upload_index, image, one.place, before, changed(before, wanted), rating, was)
            )
            continue
        with _told_of_the_image():
            after = changed(before, wanted)
        after = jpeg.wrapped(after) if before is None else after
        inside = Inside(row.sha256, jpeg.exchange(one.head, after) if after != before else ())
        made.append(Change(row.upload_index, image, one.place, before, after, rating, was, inside))
    for change in made:
        if change.after != change.before and (change.inside or change.before is not None):
            refuse_protected(change.sidecar)
    return made


def _itself(row: Scored, image: Path) -> _Found | None:
    """The image, where it can hold a packet. Raises SidecarError, OSError."""
    image = Path(os.path.realpath(image))
    head = jpeg.head(image) if row.sha256 else None
    if head is None:
        return None
    with _told_of_the_image():
        return _Found(image, head.packet, Rating() if head.packet is None else read(head.packet), head)


@contextmanager
def _told_of_the_image() -> Iterator[None]:
    """What is wrong with a packet is said of sidecars."""
    try:
        yield
    except SidecarError as error:
        raise SidecarError("jpeg-xmp") from error


def _found(sidecars: Iterable[Path], inside: int | None, itself: _Found | None) -> list[_Found]:
    """With what the image itself holds, where that is to change. Where no sidecar has stars, and the image is
    not looked at now, those count that were read inside it. Raises SidecarError, OSError."""
    held = [(sidecar, read_regular(sidecar) if sidecar.exists() else None) for sidecar in sidecars]
    found = [
        _Found(sidecar, before, Rating() if before is None else read(before)) for sidecar, before in held
    ]
    if itself:
        return [*found, itself]
    if any(one.was.stars is not None for one in found):
        return found
    return [replace(one, was=replace(one.was, stars=inside)) for one in found]


def _named(run: Run, names: Mapping[int, str]) -> list[Scored]:
    return [row for row in light(run.images) if row.upload_index in names]


def _followed(sidecar: Path) -> Path:
    """Where a link leads to: that is what is changed, and the link stays. Raises SidecarError."""
    real = Path(os.path.realpath(sidecar))
    if sidecar.is_symlink() and not real.exists():
        raise SidecarError("sidecar-nowhere")
    return real


def _rating(run: Run, row: Scored, wish: Wish, decision: Decision | None) -> Rating | Reason:
    if wish.names is not None:
        return Rating(None, "", (wish.names[row.upload_index],))
    if decision == "reject":
        return Rating(REJECTED)
    if row.score is None:
        return row.reason or Reason.of("no-score")
    stars = stars_of(row.score, wish.stars_from)
    keywords = (run.question.typed,) if wish.keyword and stars >= 3 else ()
    return Rating(stars, PICKED if decision == "pick" else "", keywords)
