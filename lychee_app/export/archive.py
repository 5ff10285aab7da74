"""Chosen images as a ZIP: original bytes, named by rank and score."""

import hashlib
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from lychee_app import ranking
from lychee_app.export.files import written_aside
from lychee_app.export.names import MAX_BYTES, clean_name, folded, unique_name
from lychee_app.ranking import Ranked
from lychee_app.reasons import Reason
from lychee_app.records import Run, Source


@dataclass(frozen=True)
class LeftOut:
    """An image that could not be put in, copied or moved."""

    upload_index: int
    name: str
    reason: Reason

    @property
    def code(self) -> str:
        return self.reason.code


@dataclass(frozen=True)
class Zipped:
    """What went in, as (upload index, name in the archive), and what did not."""

    written: tuple[tuple[int, str], ...]
    left_out: tuple[LeftOut, ...]


def write_zip(path: Path, run: Run, chosen: Collection[int], sources: Iterable[tuple[int, Source]]) -> Zipped:
    """Writes the images of those upload indexes to `path`, best first; one of them in memory at a time.

    A file that is gone, or is not the one that was scored, is left out and told. Raises StoreError if `path`
    cannot be written.
    """
    by_index = dict(sources)
    written: list[tuple[int, str]] = []
    left_out: list[LeftOut] = []
    taken: set[str] = set()
    with written_aside(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for place in ranking.chosen(run.images, chosen):
            data = _original(place, by_index.get(place.scored.upload_index))
            if isinstance(data, LeftOut):
                left_out.append(data)
                continue
            name = unique_name(member_name(place, len(run.images)), taken)
            taken.add(folded(name))
            archive.writestr(_member(name), data)
            written.append((place.scored.upload_index, name))
    return Zipped(tuple(written), tuple(left_out))


def _member(name: str) -> zipfile.ZipInfo:
    """Of a fixed date (the same picks give the same archive), and readable once it is unpacked."""
    member = zipfile.ZipInfo(name)
    member.external_attr = 0o644 << 16
    return member


def member_name(place: Ranked, total: int) -> str:
    """01_9.8_name.jpg; the rank is wide enough to sort by. Images without a score: unscored_name.jpg."""
    prefix = "unscored_"
    if place.rank is not None and place.scored.score is not None:
        prefix = f"{place.rank:0{max(2, len(str(total)))}d}_{place.scored.score:.1f}_"
    return prefix + clean_name(place.scored.name, max_bytes=MAX_BYTES - len(prefix))


def _original(place: Ranked, source: Source | None) -> bytes | LeftOut:
    row = place.scored

    def left_out(reason: Reason) -> LeftOut:
        return LeftOut(row.upload_index, row.name, reason)

    if source is None:
        return left_out(Reason.of("origin-unknown"))
    try:
        data = source.read()
    except FileNotFoundError:
        return left_out(Reason.of("missing"))
    except OSError as error:
        return left_out(Reason.of("unreadable", detail=error.strerror or str(error)))
    if row.sha256 and hashlib.sha256(data).hexdigest() != row.sha256:
        return left_out(Reason.of("changed-since"))
    return data
