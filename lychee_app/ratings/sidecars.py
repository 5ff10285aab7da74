"""Which sidecar an image has, and what it is to be called where it has none. The style that is there is
followed; without one it is IMG_1.xmp for a camera's raw file, as Lightroom and Bridge look for it, and
IMG_1.jpg.xmp for all else, as darktable and digiKam do. And what those that are there say.
"""

import errno
import os
import stat
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from lychee_app.errors import SidecarError
from lychee_app.intake.sniff import RAW_SUFFIXES
from lychee_app.ratings.packet import Rating, read
from lychee_app.records import Scored, Source

SUFFIX = ".xmp"


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file to be read; no pipe of that name is waited for. Raises SidecarError and OSError."""
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise SidecarError("sidecar-no-file")
        yield file


def read_regular(path: Path) -> bytes:
    """All bytes of it. Raises SidecarError and OSError."""
    with opened(path) as file:
        return file.read()


def refuse_protected(path: Path) -> None:
    """Raises OSError where it may not be written; what nobody may write stays for root too."""
    if not path.stat().st_mode & 0o222 or not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


@dataclass
class Folder:
    """The names in one folder. `images`: of those that are rated, so that two never share a sidecar."""

    path: Path
    images: Iterable[str] = ()
    names: dict[str, str] = field(default_factory=dict)
    """By their folded form: case does not count."""

    def __post_init__(self) -> None:
        self.names = self.names or {name.casefold(): name for name in os.listdir(self.path)}
        stems = Counter(Path(name).stem.casefold() for name in self.images)
        self._shared = {stem for stem, count in stems.items() if count > 1}
        sidecars = [Path(name).stem for name in self.names if name.endswith(SUFFIX)]
        long = sum(stem in self.names for stem in sidecars)
        self._is_long = 2 * long > len(sidecars) if sidecars else None

    def sidecars(self, files: Sequence[str]) -> list[Path]:
        """Of a shot of these files, the image first: those that are there, or the one that is to be made."""
        if there := self.there(files):
            return there
        image = Path(files[0])
        has_raw = any(Path(file).suffix.lower() in RAW_SUFFIXES for file in files)
        by_style = not has_raw if self._is_long is None else self._is_long
        is_long = by_style or image.stem.casefold() in self._shared
        return [self.path / ((image.name if is_long else image.stem) + SUFFIX)]

    def there(self, files: Sequence[str]) -> list[Path]:
        """Those that are there."""
        stem = Path(files[0]).stem
        names = [file + SUFFIX for file in files]
        if stem.casefold() not in self._shared:
            names.append(stem + SUFFIX)
        for file in files:  # of a raw file or an original that has another stem
            if file.casefold().endswith(SUFFIX) and Path(file).stem.casefold() not in self._shared:
                names.append(file)
        found = (self.names.get(name.casefold()) for name in names)
        return [self.path / name for name in dict.fromkeys(found) if name]


def found(sources: Iterable[tuple[int, Source]]) -> dict[int, Rating]:
    """What the sidecars beside the images say, by upload index. Broken ones say nothing."""
    shots: dict[str, list[tuple[int, list[str]]]] = defaultdict(list)
    for index, source in sources:
        if source.path and not source.private:
            files = [path.name for path in (source.path, *source.companions)]
            shots[os.path.dirname(os.path.abspath(source.path))].append((index, files))
    said: dict[int, Rating] = {}
    for place, group in shots.items():
        with suppress(OSError):
            folder = Folder(Path(place), [files[0] for _, files in group])
            for index, files in group:
                if told := [rating for sidecar in folder.there(files) if (rating := _said(sidecar))]:
                    said[index] = next((one for one in told if one.stars is not None), told[0])
    return said


def inside(rows: Iterable[Scored]) -> dict[int, Rating]:
    """What the XMP inside the images says, by upload index: what counts where no sidecar does."""
    return {row.upload_index: Rating(row.capture.rating) for row in rows if row.capture.rating is not None}


def _said(sidecar: Path) -> Rating | None:
    with suppress(OSError, SidecarError):
        return read(read_regular(sidecar))
    return None
