"""What runs in a decoder process: takes one file at a time, answers with pixels or a reason.

Started by `workers`; ends with its parent. Where the system cannot limit a process (Windows has no limit of
address space) the parent's wall clock is what is left.
"""

import contextlib
import ctypes
import hashlib
import os
import signal
import stat
import sys
from itertools import accumulate
from typing import BinaryIO

from PIL import Image, PpmImagePlugin  # noqa: F401 (what writes PPM)

from lychee_app.errors import ImageError
from lychee_app.intake import decoders
from lychee_app.intake.decode import Decoded, decode
from lychee_app.intake.pipes import Head, ppm_bytes, receive, refusal, send
from lychee_app.reasons import Reason
from lychee_app.records import ImageBudget

try:
    import resource
except ImportError:  # Windows
    resource = None


_KEPT_BYTES = 200_000_000
"""A process that has come to hold more gives back what it can before it answers."""


def main() -> None:
    """Serves until the pipe from the parent is closed."""
    jobs, answers = _own_pipes()
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        os.putenv(name, "1")  # numpy and LibRaw, should a file need them, reserve memory per thread
    Image.MAX_IMAGE_PIXELS = None  # every size is checked against the job's own limit
    decoders.loaded()
    ready_bytes = baseline = _memory_bytes()[0]
    modules = len(sys.modules)
    _forbid_files_and_dumps()
    send(answers, {"ready": True})
    with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
        while True:
            job, data = receive(jobs)
            _limit(baseline, job)
            _serve(job, data, answers)
            del data
            _alarm(0)
            if len(sys.modules) > modules:
                _trim()
                modules = len(sys.modules)
            # what stays (modules, 74 MB of arenas of HEIF's threads) is no burden of the next
            baseline = max(ready_bytes, _memory_bytes()[0])
            if baseline - ready_bytes > job["memory_bytes"]:
                return  # it leaks; the parent starts another


def _serve(job: Head, data: bytes, answers: BinaryIO) -> None:
    """Two frames: the hash of what was read, then the result. If decoding kills the child, that is left."""
    try:
        data = data if job["path"] is None else _read(job["path"], job["max_bytes"])
        send(answers, {"sha256": hashlib.sha256(data).hexdigest()})
    except (ImageError, MemoryError) as error:
        send(answers, {"sha256": ""})
        return send(answers, _refusal(error))
    try:
        decoded = decode(data, ImageBudget(**job["budget"]), job["max_px"], job["light_bytes"])
    except (ImageError, MemoryError) as error:
        return send(answers, _refusal(error))
    finally:
        _give_memory_back()
    _send_pixels(decoded, answers)


def _send_pixels(decoded: Decoded, answers: BinaryIO) -> None:
    """The body: the thumbnail, the views, then each picture as PPM, which Pillow writes uncopied."""
    pictures = (decoded.image, *decoded.tiles)
    head = {
        "sizes": [picture.size for picture in pictures],
        "original": (decoded.width_px, decoded.height_px),
        "notes": [vars(note) for note in decoded.notes],
        "ends": list(accumulate(map(len, (decoded.thumbnail, decoded.views)))),
        "capture": vars(decoded.capture),
        "sharpness": decoded.sharpness,
    }
    pixels_bytes = sum(ppm_bytes(*picture.size) for picture in pictures)
    send(answers, head, decoded.thumbnail + decoded.views, more_bytes=pixels_bytes)
    for picture in pictures:
        picture.save(answers, "PPM")
    answers.flush()


def _refusal(error: ImageError | MemoryError) -> Head:
    if isinstance(error, MemoryError):
        return refusal(Reason.of("memory"))
    return refusal(error.reason)


def _read(path: str, max_bytes: int) -> bytes:
    """The whole file. Only a regular file is opened: a device or a pipe may never end."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("not-a-file")
        if status.st_size > max_bytes:
            raise ImageError("file-size", megabytes=status.st_size / 1e6, limit=max_bytes / 1e6)
        with open(path, "rb") as file:
            return file.read(max_bytes)
    except (OSError, ValueError) as error:
        detail = getattr(error, "strerror", None) or error
        raise ImageError("unreadable", detail=str(detail)) from error


def _own_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes to the parent, out of reach of libraries that print."""
    answers = os.fdopen(os.dup(1), "wb")
    jobs = os.fdopen(os.dup(0), "rb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for taken in (0, 1, 2):
        os.dup2(nowhere, taken)
    return jobs, answers


def _give_memory_back() -> None:
    """Without this glibc keeps what a large image took, 0.5 GB, while one small object lies above it."""
    if _memory_bytes()[1] > _KEPT_BYTES:
        _trim()


def _trim() -> None:
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _forbid_files_and_dumps() -> None:
    """Nothing a decoder does may write a file, not even a core dump."""
    if resource is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _limit(baseline_bytes: int, job: Head) -> None:
    """Sets this job's memory limit, and an alarm that ends the process if the parent is not there to."""
    if resource is not None and sys.platform == "linux":
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = baseline_bytes + job["memory_bytes"]
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    _alarm(job["seconds"] + 1)


def _alarm(seconds: float) -> None:
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _memory_bytes() -> tuple[int, int]:
    """(address space, resident) of this process; zeros where the system does not say it so."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = [int(field) for field in file.read().split()[:2]]
    except OSError:
        return 0, 0
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return pages[0] * page_bytes, pages[1] * page_bytes
