"""Walking a large library: how long until every file is known, and how much memory that takes.

The files are empty: a file with a picture's suffix is not opened by a walk.
"""

import argparse
import gc
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.resident import Watched, resident_bytes
from lychee_app import sources


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--files", type=int, default=100_000, help="files in all (default: 100000)")
    parser.add_argument("--folders", type=int, default=50, help="folders they lie in (default: 50)")
    parser.add_argument("--repeats", type=int, default=5, help="walks of each kind (default: 5)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Seconds of a folder's walk, of a glob's, and of listing and sorting alone (os.walk): medians. Memory of
    the first walk: growth, and the whole process.
    """
    with tempfile.TemporaryDirectory() as name:
        _write(Path(name), arguments.files, arguments.folders)
        before = resident_bytes(os.getpid())
        with Watched(lambda: [os.getpid()]) as memory:
            first = _seconds(name, arguments.files)
        folder = [_seconds(name, arguments.files) for _ in range(arguments.repeats)]
        by_glob = [_seconds(f"{name}/**/*.jpg", arguments.files) for _ in range(arguments.repeats)]
        listing = [_listing_seconds(name) for _ in range(arguments.repeats)]
    return {
        "bench": "walk",
        "files": arguments.files,
        "folders": arguments.folders,
        "first_seconds": round(first, 2),
        "seconds": round(statistics.median(folder), 2),
        "glob_seconds": round(statistics.median(by_glob), 2),
        "listing_seconds": round(statistics.median(listing), 2),
        "growth_mb": round((memory.peak_bytes - before) / 1e6, 1),
        "process_mb": round(memory.peak_bytes / 1e6, 1),
    }


def _write(root: Path, files: int, folders: int) -> None:
    for number in range(folders):
        (root / f"2024-{number:03}").mkdir()
    for number in range(files):
        (root / f"2024-{number % folders:03}" / f"IMG_{number:06}.jpg").touch()


def _seconds(given: str, expected: int) -> float:
    """Of the processor: what else the machine does then does not count."""
    gc.collect()
    started = time.process_time()
    found = sources.find([given])
    seconds = time.process_time() - started
    assert len(found.sources) == expected
    return seconds


def _listing_seconds(root: str) -> float:
    started = time.process_time()
    sorted(Path(here, name) for here, _, names in os.walk(root) for name in names)
    return time.process_time() - started
