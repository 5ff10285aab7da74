"""Rows of a run, packed: what very many of them are held as until they are ranked, listed and exported.

A row is some 500 bytes here and is made anew whenever it is looked at; its thumbnail stays where the run is
kept. `light` leaves thumbnails out, for whoever goes over all rows.
"""

import pickle
import tempfile
import threading
import weakref
import zlib
from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, KeysView, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import BinaryIO, TypeVar, overload

from lychee_app.errors import StoreError
from lychee_app.records import Scored

T = TypeVar("T")

IN_MEMORY_BYTES = 32 << 20
"""So much of the thumbnails of rows that nobody keeps; what is more goes into a file without a name."""
MOST_DICTIONARIES = 200
WINDOW_BYTES = 32_768
"""How far deflate looks back."""


class Made(Sequence[T]):
    """Items that are made when they are looked at. Equal to any sequence of the same items; copied or
    pickled they are a tuple."""

    @abstractmethod
    def item(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> "Made[T]": ...

    def __getitem__(self, place: int | slice) -> "T | Made[T]":
        if isinstance(place, slice):
            return Some(self, range(len(self))[place])
        return self.item(range(len(self))[place])

    def __iter__(self) -> Iterator[T]:
        return (self.item(place) for place in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {len(self)}>"

    def __reduce__(self) -> tuple[object, ...]:
        return tuple, (tuple(self),)


class Some(Made[T]):
    """Items of a sequence, by their places in it."""

    def __init__(self, whole: Sequence[T], places: Sequence[int]) -> None:
        self._whole, self._places = whole, places

    def __len__(self) -> int:
        return len(self._places)

    def item(self, place: int) -> T:
        return self._whole[self._places[place]]


class Rows(Made[Scored]):
    """By upload index, ascending. It grows, in one thread at a time. A copy, and what was pickled, has the
    thumbnails with it."""

    def __init__(
        self, rows: Iterable[Scored] = (), thumbnail: Callable[[int], bytes] = lambda index: b""
    ) -> None:
        """thumbnail: reads that of an upload index, of a row that is kept elsewhere too; a row whose
        thumbnail cannot be read there any more (LookupError, StoreError) is one without."""
        self._packed: dict[int, bytes] = {}
        self._dictionaries = [b""]
        self._order: list[int] = []
        self.elsewhere = thumbnail
        self._thumbnails = _Thumbnails()
        for row in rows:
            self.put(row)

    def put(self, row: Scored, *, is_kept: bool = False) -> None:
        """In the place of one of the same index. is_kept: its thumbnail can be read elsewhere."""
        index = row.upload_index
        if index not in self._packed:
            self._order = []
        self._packed[index] = self._squeezed(pickle.dumps(vars(row) | {"thumbnail": b""}, 5))
        self._thumbnails.drop(index)
        if row.thumbnail and not is_kept:
            self._thumbnails.put(index, row.thumbnail)

    def keep(self, wanted: Callable[[Scored], bool]) -> None:
        """Drops the others, of which `wanted` is asked without their thumbnails."""
        for index in [row.upload_index for row in self.light if not wanted(row)]:
            del self._packed[index]
            self._thumbnails.drop(index)
        self._order = []

    @property
    def indices(self) -> KeysView[int]:
        return self._packed.keys()

    @property
    def light(self) -> Sequence[Scored]:
        """The same rows without their thumbnails."""
        return _Light(self)

    def __len__(self) -> int:
        return len(self._packed)

    def of(self, index: int) -> Scored:
        """By upload index. Raises LookupError."""
        return self._whole(self._unpacked(index))

    def item(self, place: int) -> Scored:
        return self._whole(self.lightly(place))

    def __reduce__(self) -> tuple[object, ...]:
        return Rows, (tuple(self),)

    def _whole(self, row: Scored) -> Scored:
        thumbnail = self._thumbnails.get(row.upload_index)
        if thumbnail is None:
            with suppress(LookupError, StoreError):  # deleted by now, or closed
                thumbnail = self.elsewhere(row.upload_index)
        return replace(row, thumbnail=thumbnail or b"")

    def lightly(self, place: int) -> Scored:
        """Without its thumbnail."""
        if len(self._order) != len(self._packed):
            self._order = sorted(self._packed)
        return self._unpacked(self._order[place])

    def _unpacked(self, index: int) -> Scored:
        squeezed = self._packed[index]
        plain = zlib.decompressobj(zdict=self._dictionaries[squeezed[0]]).decompress(memoryview(squeezed)[1:])
        return Scored(**pickle.loads(plain))

    def _squeezed(self, plain: bytes) -> bytes:
        """Rows of a run are much alike: an earlier one is the preset dictionary of deflate for those
        that follow, until one packs badly."""
        last = len(self._dictionaries) - 1
        deflate = zlib.compressobj(1, zdict=self._dictionaries[last])
        squeezed = bytes([last]) + deflate.compress(plain) + deflate.flush()
        if (not last or 2 * len(squeezed) > len(plain)) and last < MOST_DICTIONARIES:
            self._dictionaries.append(plain[-WINDOW_BYTES:])
        return squeezed


@overload
def light(images: Sequence[Scored]) -> Sequence[Scored]: ...


@overload
def light(images: Iterable[Scored]) -> Iterable[Scored]: ...


def light(images: Iterable[Scored]) -> Iterable[Scored]:
    """For whoever goes over all rows of a run and looks at no thumbnail: without them, where they would have
    to be read."""
    return images.light if isinstance(images, Rows) else images


class _Light(Made[Scored]):
    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def item(self, place: int) -> Scored:
        return self._rows.lightly(place)


class _Thumbnails:
    """Of rows that nobody else keeps. May be read from several threads."""

    def __init__(self) -> None:
        self._held: dict[int, bytes] = {}
        self._placed: dict[int, tuple[int, int]] = {}
        """Where in the file, and how many bytes."""
        self._held_bytes, self._end = 0, 0
        self._file: BinaryIO | None = None
        self._lock = threading.Lock()

    def put(self, index: int, thumbnail: bytes) -> None:
        if self._held_bytes + len(thumbnail) > IN_MEMORY_BYTES:
            with suppress(OSError):  # there is no room there either
                return self._write(index, thumbnail)
        self._held[index] = thumbnail
        self._held_bytes += len(thumbnail)
        return None

    def get(self, index: int) -> bytes | None:
        if index not in self._placed or self._file is None:
            return self._held.get(index)
        place, count = self._placed[index]
        with self._lock:
            self._file.seek(place)
            return self._file.read(count)

    def drop(self, index: int) -> None:
        self._placed.pop(index, None)
        self._held_bytes -= len(self._held.pop(index, b""))

    def _write(self, index: int, thumbnail: bytes) -> None:
        """Raises OSError."""
        with self._lock:
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115
                weakref.finalize(self, self._file.close)
            self._file.seek(self._end)
            if self._file.write(thumbnail) < len(thumbnail):
                raise OSError("no room")
        self._placed[index] = self._end, len(thumbnail)
        self._end += len(thumbnail)
