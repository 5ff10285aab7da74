"""Chosen images as a ZIP: original bytes, named by rank and score."""

import hashlib
import struct
import time
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lychee_app import ranking
from lychee_app.export.files import written_aside
from lychee_app.export.names import MAX_BYTES, clean_name, folded, unique_name
from lychee_app.packed import light
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


UNDATED = (1980, 1, 1, 0, 0, 0)
"""The first moment that ZIP can tell of: that of bytes without a file, and of all where dates are fixed."""
LAST_YEAR = 2107
UNIX_TIMES = 0x5455
"""Info-ZIP's extra field: a file's date in seconds since 1970, which no time zone shifts."""


def write_zip(
    path: Path,
    run: Run,
    chosen: Collection[int],
    sources: Iterable[tuple[int, Source]],
    *,
    fixed_dates: bool = False,
    under: Mapping[int, str] | None = None,
) -> Zipped:
    """Writes the images of those upload indexes to `path`, best first; one of them in memory at a time.

    Each keeps its file's date. fixed_dates: none does, and the same picks give the same bytes. under: by
    upload index, the folder in the archive that an image lies in, with its own name. A file that is gone, or
    is not the one that was scored, is left out and told. Raises StoreError if `path` cannot be written.
    """
    by_index = dict(sources)
    written: list[tuple[int, str]] = []
    left_out: list[LeftOut] = []
    taken: set[str] = set()
    with written_aside(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for place in ranking.chosen(light(run.images), chosen):
            data = _original(place, by_index.get(place.scored.upload_index))
            if isinstance(data, LeftOut):
                left_out.append(data)
                continue
            folder = f"{under[place.scored.upload_index]}/" if under else ""
            own = clean_name(place.scored.name) if under else member_name(place, len(run.images))
            name = unique_name(folder + own, taken)
            taken.add(folded(name))
            source = by_index[place.scored.upload_index]
            archive.writestr(member(name, None if fixed_dates else modified(source)), data)
            written.append((place.scored.upload_index, name))
    return Zipped(tuple(written), tuple(left_out))


def member(name: str, modified: float | None) -> zipfile.ZipInfo:
    """A file in an archive, readable once it is unpacked. modified: in seconds since 1970.

    ZIP's own dates are local, and of 2 seconds.
    """
    date = UNDATED
    if modified is not None:
        local = time.localtime(modified)
        date = max(UNDATED, min(local[:6], (LAST_YEAR, 12, 31, 23, 59, 58)))
    info = zipfile.ZipInfo(name, date)
    info.create_system = 3  # whichever this is: modes are Unix's
    info.external_attr = 0o644 << 16
    if modified is not None and 0 <= modified < 2**31:
        info.extra = struct.pack("<HHBl", UNIX_TIMES, 5, 1, int(modified))
    return info


def modified(source: Source) -> float | None:
    """When the file was last changed, in seconds since 1970; None where it cannot be told."""
    try:
        return source.path.stat().st_mtime if source.path else None
    except OSError:
        return None


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
