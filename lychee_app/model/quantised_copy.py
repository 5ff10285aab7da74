"""The quantised matrices of a checkpoint on disk, so that the next start need not make them again.

One safetensors file for each checkpoint and precision. It is written while the matrices are made, each at its
place, under a name of its own, and takes its name when it is whole: whoever finds it finds all of it, and of
two processes that make it at once the later one replaces an equal file. One that was cut short, or is of
another layout, is made again.
"""

import json
import os
import secrets
import shutil
import struct
from collections.abc import Mapping
from io import BufferedWriter
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import torch

from lychee_app.errors import CheckpointError
from lychee_app.model import weights
from lychee_app.model.quantised import QuantisedMatrix, Stored
from lychee_app.reasons import Reason
from lychee_app.sizes import disk_gb

_SCHEME = 1
"""Goes up when the format or the way to quantise changes (quantised.py)."""
_PART = ".part"
_TYPES = {torch.int8: "I8", torch.uint8: "U8", torch.float32: "F32", torch.bfloat16: "BF16"}

Wanted = Mapping[str, Stored]
"""By the name that a matrix has in the checkpoint."""


def file_of(data_folder: Path, identity: str, precision: str) -> Path:
    """`identity`: weights.identity of the checkpoint."""
    return data_folder / "quantised" / f"{identity}-{precision}-{_SCHEME}.safetensors"


class Reader:
    def __init__(self, file: Path) -> None:
        from safetensors import safe_open

        self._stored = safe_open(file, framework="pt")

    def matrix(self, name: str) -> QuantisedMatrix:
        return QuantisedMatrix(*(self._stored.get_tensor(f"{name}.{part}") for part in ("values", "scale")))


def opened(file: Path, wanted: Wanted) -> Reader | None:
    """None where there is no file, or one that is not whole, cannot be read, or holds something else."""
    try:
        header = json.loads(weights.read_shard(file).header)
        return Reader(file) if header == _layout(wanted)[0] else None
    except (CheckpointError, OSError, ValueError):
        return None


class Writer:
    """Within `with`, takes matrices as they are made. It never stops who makes them: where a file cannot be
    written, `warning` says so and nothing is left of it. So it is where an exception passes through."""

    def __init__(self, file: Path, wanted: Wanted) -> None:
        self.warning: Reason | None = None
        self._file, (self._header, self._bytes) = file, _layout(wanted)
        self._part = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}{_PART}")
        self._stream: BufferedWriter | None = None
        self._start, self._left = 0, set(wanted)

    def __enter__(self) -> "Writer":
        try:
            self._begin()
        except OSError as error:
            self._give_up(error)
        return self

    def write(self, name: str, matrix: QuantisedMatrix) -> None:
        try:
            self._put(f"{name}.values", matrix.values)
            self._put(f"{name}.scale", matrix.scale)
        except OSError as error:
            self._give_up(error)
        self._left.remove(name)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None or self._left:
            self._abandon()
            return
        try:
            self._finish()
        except OSError as failure:
            self._give_up(failure)

    def _begin(self) -> None:
        folder = self._file.parent
        folder.mkdir(parents=True, exist_ok=True)
        _remove_orphans(folder)
        _remove_outdated(self._file)
        if shutil.disk_usage(folder).free < self._bytes:
            raise OSError("there is too little room on the disk")
        text = json.dumps(self._header).encode()
        text += b" " * (-len(text) % 8)
        self._start = 8 + len(text)
        self._stream = self._part.open("xb")
        self._stream.write(struct.pack("<Q", len(text)) + text)

    def _put(self, name: str, tensor: torch.Tensor) -> None:
        if self._stream is None:
            return
        self._stream.seek(self._start + self._header[name]["data_offsets"][0])
        stored: Any = tensor.contiguous().cpu().view(torch.uint8).numpy()
        self._stream.write(stored)

    def _finish(self) -> None:
        if self._stream is None:
            return
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._stream.close()
        os.replace(self._part, self._file)

    def _give_up(self, error: OSError) -> None:
        self._abandon()
        folder, why = str(self._file.parent), error.strerror or str(error)
        size = disk_gb(self._bytes)
        self.warning = Reason.of("quantised-not-kept", size_gb=size, folder=folder, detail=why)

    def _abandon(self) -> None:
        if self._stream is None:
            return
        for step in (self._stream.close, lambda: self._part.unlink(missing_ok=True)):
            try:
                step()
            except OSError:  # closing writes what is buffered
                continue
        self._stream = None


def _remove_orphans(folder: Path) -> None:
    """What processes that are gone left unfinished."""
    for part in folder.glob(f"*{_PART}"):
        owner = part.name.split(".")[-3]
        if owner.isdecimal() and not psutil.pid_exists(int(owner)):
            part.unlink(missing_ok=True)


def _remove_outdated(file: Path) -> None:
    """What an earlier version of Lychee made of the same checkpoint: 5 to 8 GB that no version reads."""
    stem = file.stem.rpartition("-")[0]
    for copy in file.parent.glob(f"{stem}-*{file.suffix}"):
        scheme = copy.stem.removeprefix(f"{stem}-")
        if scheme.isdecimal() and int(scheme) < _SCHEME:
            copy.unlink(missing_ok=True)


def _layout(wanted: Wanted) -> tuple[dict[str, Any], int]:
    """The header, and the bytes of all tensors. Wider types come first, so that all of them are aligned."""
    parts = {
        f"{name}.{part}": described
        for name, stored in wanted.items()
        for part, described in (("values", stored.values), ("scale", stored.scale))
    }
    header: dict[str, Any] = {}
    end = 0
    for name, (shape, dtype) in sorted(parts.items(), key=lambda item: (-item[1][1].itemsize, item[0])):
        start, end = end, end + shape[0] * shape[1] * dtype.itemsize
        header[name] = {"dtype": _TYPES[dtype], "shape": list(shape), "data_offsets": [start, end]}
    return header, end
