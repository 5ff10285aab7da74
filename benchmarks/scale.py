"""`python -m benchmarks scale`: time an image and peak memory at 100, 1,000 and 10,000 images, each engine by
itself, and what 1 M, 100 M and 10 G images would take at the rates of a card.

Each size and engine is a `lychee rank` of its own over generated photographs of 0.3 megapixels, with the demo
model and a data folder of its own: its rows are written down as anybody's. Memory is that of all processes of
the command together (PSS: what they share counts once). docs/scale.md has the projection in words.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import photos
from benchmarks.resident import Watched, family, shared_out_bytes
from lychee_app.errors import UsageError

SIZES = (100, 1_000, 10_000)
LIBRARIES = (1_000_000, 100_000_000, 10_000_000_000)
BEST = 10


@dataclass(frozen=True)
class Rate:
    """What a judge takes on one card, by the README's and docs/figures.md's measurements."""

    name: str
    image_ms: float
    decoding_core_ms: float
    """Of one processor core, for a JPEG of 12 megapixels brought to that size."""


ROW_BYTES = 8_000
"""Of a Parquet row with its thumbnail and replies, as measured here."""


RATES = (
    Rate("7B on Ray, 1,280 tokens, H200", 53.3, 166.0),
    Rate("7B, 324 tokens, H200", 12.7, 120.0),
    Rate("2B of Qwen3-VL, 1,280 tokens, H100", 20.9, 166.0),
    Rate("2B of Qwen3-VL, 324 tokens, H100", 6.3, 120.0),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=SIZES, metavar="N", help="images (default: 100 1000 10000)"
    )
    parser.add_argument("--engines", nargs="*", default=["local", "ray"], choices=["local", "ray"])
    parser.add_argument("--megapixels", type=float, default=0.3)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    engines = [each for each in arguments.engines if each != "ray" or _has_ray()]
    with tempfile.TemporaryDirectory(prefix="lychee-bench-") as folder:
        libraries = [(_library(Path(folder), size, arguments.megapixels), size) for size in arguments.sizes]
        measured = [_measured(engine, *library) for library in libraries for engine in engines]
    projected = [_projected(rate, images) for rate in RATES for images in LIBRARIES]
    for each in projected:
        print(_line(each), file=sys.stderr)
    return {
        "bench": "scale",
        "measured": measured,
        "projected": projected,
        "cores": os.cpu_count(),
        "load_per_core": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
    }


def _has_ray() -> bool:
    if importlib.util.find_spec("ray") is not None:
        return True
    print("ray is not installed: the local engine alone", file=sys.stderr)
    return False


def _library(root: Path, size: int, megapixels: float) -> Path:
    """The larger ones hold the smaller ones' files: nothing is drawn twice."""
    pool, folder = root / "pool", root / f"{size}"
    for made in (pool, folder):
        made.mkdir(exist_ok=True)
    for file in photos.write(pool, size, megapixels):
        os.link(file, folder / file.name)
    return folder


def _measured(engine: str, library: Path, images: int) -> dict[str, Any]:
    """Raises UsageError where the command fails."""
    with tempfile.TemporaryDirectory(prefix="lychee-home-") as home:
        command = [sys.executable, "-m", "lychee_app", "rank", "red cup", str(library), "--model", "demo"]
        parts = Path(home) / "parts"
        command += ["--json", "-", "--limit", str(BEST), "--engine", engine, "--parts", str(parts)]
        started = time.perf_counter()
        child = subprocess.Popen(
            command, env=os.environ | {"LYCHEE_HOME": home}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        with Watched(lambda: family(child.pid), 1.0, shared_out_bytes) as memory:
            told, complaints = child.communicate()
        wall = time.perf_counter() - started
        result_bytes = sum(file.stat().st_size for file in parts.glob("*.parquet"))
    if child.returncode:
        raise UsageError("as-told", text=complaints.decode(errors="replace")[-400:])
    seconds = json.loads(told)["seconds"]
    found = {
        "engine": engine,
        "images": images,
        "seconds": round(wall, 1),
        "run_seconds": round(seconds, 1),
        "ms_an_image": round(1e3 * seconds / images, 1),
        "peak_mb": round(memory.peak_bytes / 1e6),
        "result_bytes_an_image": result_bytes // images,
    }
    print(found, file=sys.stderr)
    return found


def _projected(rate: Rate, images: int) -> dict[str, Any]:
    """Hours of one card and of one core, bytes of the result, and the cards that are done in a day."""
    hours = images * rate.image_ms / 3.6e6
    return {
        "judge": rate.name,
        "images": images,
        "card_hours": hours,
        "core_hours": images * rate.decoding_core_ms / 3.6e6,
        "cores_a_card": rate.decoding_core_ms / rate.image_ms,
        "cards_for_a_day": hours / 24,
        "result_gb": images * ROW_BYTES / 1e9,
    }


def _line(found: dict[str, Any]) -> str:
    return (
        f"{found['judge']:36} {found['images']:14,} images: {found['card_hours']:12,.1f} card hours, "
        f"{found['core_hours']:12,.1f} core hours, {found['result_gb']:10,.0f} GB of rows"
    )
