"""Hostile files through the real intake: how many were tried, what they did, and that no row was lost.

Every figure is of this machine. Four parts: files made to hurt, mutated files, decoders killed while they
work, many 100-megapixel files at once; then what a decoder process costs beside decoding in place.
"""

import argparse
import io
import os
import random
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
from PIL import Image

from benchmarks.resident import Watched
from lychee_app import intake, sources
from lychee_app.intake import decoders, workers
from lychee_app.intake.decode import decode
from lychee_app.intake.sniff import RAW
from lychee_app.records import Candidate, ImageBudget, Refused, Source
from lychee_app.settings import Settings
from tests.support import hostile, pictures, raws

BUDGET = ImageBudget(28)
LARGEST_BYTES = 2_000_000
"""Larger real files are not mutated: it is the parsers that are tried, not the disk."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--mutants", type=int, default=3000, help="mutated files to try (default: 3000)")
    parser.add_argument(
        "--kills", type=int, default=20, help="decoders to kill while they work (default: 20)"
    )
    parser.add_argument("--large", type=int, default=24, help="100-megapixel files (default: 24)")
    parser.add_argument("--files", type=Path, help="a folder of real pictures to mutate beside the made ones")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = Settings(data_folder=Path(tempfile.gettempdir()))
    parts = {
        "made_to_hurt": _tried(_hurtful(), settings),
        "mutated": _tried(_mutated(_files(arguments.files), arguments.mutants, arguments.seed), settings),
        "decoders_killed": _killed(arguments.kills, arguments.seed, settings),
        "100_megapixels": _tried(_large(arguments.large), settings),
    }
    return {
        "tried": sum(part["tried"] for part in parts.values()),
        "faults_survived": sum(part["refused"] for part in parts.values()),
        "rows_lost": sum(part["rows_lost"] for part in parts.values()),
        **parts,
        "cost": _cost(settings),
    }


def _hurtful() -> Iterator[bytes]:
    yield from hostile.FOREIGN.values()
    yield from hostile.EMPTY.values()
    yield from hostile.bombs().values()
    yield from hostile.broken_metadata().values()
    yield from (b"", b"hello", bytes(1000), hostile.HEIC_HEADER)
    yield pictures.encoded(Image.new("RGB", (1, 30_000)), "PNG")
    for seed in pictures.seeds().values():
        yield from (seed[: len(seed) * share // 10] for share in range(10))


def _files(folder: Path | None) -> list[bytes]:
    """What is mutated: a file of every kind made here, and the real pictures of a folder."""
    found = sources.find([folder]).sources if folder else ()
    real = [source.path for source in found if source.path and source.path.stat().st_size < LARGEST_BYTES]
    sensor = [raws.dng(pictures.scene()), raws.dng(pictures.scene(), preview=pictures.scene(80, 60))]
    made = [*pictures.seeds().values(), *(sensor if RAW in decoders.loaded() else [])]
    return [*made, *(path.read_bytes() for path in real)]


def _mutated(files: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    for number, data in enumerate(files):
        share = count * (number + 1) // len(files) - count * number // len(files)
        yield from hostile.mutants(data, seed * 1000 + number, share)


def _large(count: int) -> Iterator[bytes]:
    colour, line = pictures.png_black(10_000, 10_000, bits=24), pictures.png_black(10_900, 10_900)
    yield from (colour if index % 2 else line for index in range(count))


def _tried(files: Iterator[bytes], settings: Settings) -> dict[str, Any]:
    """Counts over one run of the intake. A row is lost if it is missing, out of order or without a reason."""
    with Watched(workers.shared(1).processes, every_seconds=0.01) as memory:
        drawn = _Drawn(files)
        rows, seconds = [], []
        started = time.perf_counter()
        for item in intake.prepare(drawn, BUDGET, settings):
            rows.append((item.upload_index, item.code if isinstance(item, Refused) else ""))
            seconds.append(time.perf_counter() - started)
            started = time.perf_counter()
    codes = Counter(code for _, code in rows)
    scored = codes.pop("", 0)
    return {
        "tried": drawn.count,
        "scored": scored,
        "refused": sum(codes.values()),
        "rows_lost": drawn.count - sum(index == place for place, (index, _) in enumerate(rows)),
        "codes": dict(sorted(codes.items())),
        "seconds": round(sum(seconds), 1),
        "slowest_seconds": round(max(seconds, default=0.0), 2),
        "peak_memory_mb": round(memory.peak_bytes / 1e6),
    }


class _Drawn:
    """Numbers the files as they are drawn."""

    def __init__(self, files: Iterator[bytes]) -> None:
        self.count = 0
        self._files = files

    def __iter__(self) -> Iterator[tuple[int, Source]]:
        for data in self._files:
            self.count += 1
            yield self.count - 1, Source(f"{self.count - 1}", data)


def _killed(count: int, seed: int, settings: Settings) -> dict[str, Any]:
    """Good files while decoders are killed at random moments. Two at one file give its row a reason."""
    chance = random.Random(seed)
    over = threading.Event()
    kills: list[int] = []

    def kill() -> None:
        while len(kills) < count and not over.wait(chance.uniform(0.2, 0.8)):
            if alive := workers.shared(1).processes():
                kills.append(chance.choice(alive))
                os.kill(kills[-1], signal.SIGKILL)

    def files() -> Iterator[bytes]:
        while len(kills) < count:
            yield good

    good = pictures.encoded(pictures.scene(3000, 2000), "PNG")
    _warm(settings)
    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    result = _tried(files(), settings)
    over.set()
    killer.join()
    return {"kills": len(kills), **result}


def _cost(settings: Settings) -> dict[str, Any]:
    """Milliseconds: a decoder process beside decoding in place, its start, and 12 megapixels in a row."""
    small, large = _photo(1280, 960), _photo(4000, 3000)
    alone = replace(settings, decode_ahead=1)
    started = time.perf_counter()
    process = workers.start()
    start_ms = 1e3 * (time.perf_counter() - started)
    process.kill()
    process.communicate()
    in_place, in_process = _medians_ms(
        lambda: decode(small, BUDGET, settings.max_image_px),
        lambda: list(intake.prepare([(0, Source("x", small))], BUDGET, alone)),
    )
    count = 40
    started = time.perf_counter()
    done = sum(isinstance(item, Candidate) for item in intake.prepare(_same(large, count), BUDGET, settings))
    return {
        "small_file_bytes": len(small),
        "in_place_ms": round(in_place, 1),
        "in_process_ms": round(in_process, 1),
        "overhead_ms": round(in_process - in_place, 1),
        "overhead_cpu_ms": round(_overhead_cpu_ms(small, settings), 1),
        "start_ms": round(start_ms),
        "12_megapixels_ms": round(1e3 * (time.perf_counter() - started) / done, 1),
        "decoders": len(workers.shared(1).processes()),
        "cores": os.cpu_count(),
    }


def _overhead_cpu_ms(data: bytes, settings: Settings, times: int = 60) -> float:
    """Processor time of both processes over that of decoding in place, per image: load hardly moves it."""
    alone = replace(settings, decode_ahead=1)
    ids = [os.getpid(), *workers.shared(1).processes()]

    def spent(call: Callable[[], object]) -> float:
        before = _cpu_seconds(ids)
        for _ in range(times):
            call()
        return _cpu_seconds(ids) - before

    in_place = spent(lambda: decode(data, BUDGET, settings.max_image_px))
    in_process = spent(lambda: list(intake.prepare([(0, Source("x", data))], BUDGET, alone)))
    return 1e3 * (in_process - in_place) / times


def _cpu_seconds(ids: list[int]) -> float:
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in ids)


def _photo(width_px: int, height_px: int) -> bytes:
    """A JPEG with as much detail as a photo has: some 300 KB for 1.2 megapixels."""
    noise = Image.effect_noise((width_px // 2, height_px // 2), 24).resize((width_px, height_px))
    scene = pictures.scene(width_px, height_px)
    file = io.BytesIO()
    Image.blend(scene, noise.convert("RGB"), 0.35).save(file, "JPEG", quality=92)
    return file.getvalue()


def _same(data: bytes, count: int) -> Iterator[tuple[int, Source]]:
    return ((index, Source(f"{index}.jpg", data)) for index in range(count))


def _medians_ms(*calls: Callable[[], object], times: int = 61) -> list[float]:
    """Medians of calls made in turn, so that whatever else the machine does meets all alike."""
    seconds: list[list[float]] = [[] for _ in calls]
    for _ in range(times):
        for call, taken in zip(calls, seconds, strict=True):
            started = time.perf_counter()
            call()
            taken.append(time.perf_counter() - started)
    return [1e3 * statistics.median(taken) for taken in seconds]


def _warm(settings: Settings) -> None:
    list(intake.prepare(_same(pictures.good("PNG"), settings.decode_ahead), BUDGET, settings))
