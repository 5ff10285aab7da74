"""`python -m benchmarks reuse`: what a second query over the same images could save if something of the first
were kept, and what keeping it takes on the disk.

Measured on the demo: processor time of an image's decoding, of the vision tower and of the language model,
and the bytes of its pixels (as the model is shown them) and of its features (what the tower makes of them, in
the precision of the passes: fewer bits would be other scores). For a 7B on a card the same by arithmetic,
from the times that `graph` measures.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks import photos
from lychee_app import intake
from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.records import Candidate, Source
from lychee_app.settings import Settings

QUERIES = ("a red lamp on a green sofa", "a cup of coffee")
LIBRARY = 100_000
READS_BYTES_A_SECOND = 2e9
"""Of a solid-state disk, in files of some megabytes."""


@dataclass(frozen=True)
class Judge:
    """A judge on a card, by the README's table: an image with one query, and with four."""

    name: str
    tokens: int
    hidden: int
    levels: int
    one_ms: float
    four_ms: float

    @property
    def feature_bytes(self) -> int:
        """In BF16."""
        return self.levels * self.tokens * self.hidden * 2

    @property
    def query_ms(self) -> float:
        """What each further query of an image takes."""
        return (self.four_ms - self.one_ms) / 3

    @property
    def looking_ms(self) -> float:
        """What a stored feature would save."""
        return self.one_ms - self.query_ms


CARDS = (
    Judge("7B, 1,260 tokens, H200", 1260, 3584, 1, 43.4, 124.0),
    Judge("7B, 324 tokens, H200", 324, 3584, 1, 12.7, 32.7),
    Judge("2B of Qwen3-VL, 1,280 tokens, H100", 1280, 2048, 4, 20.9, 42.3),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--megapixels", type=float, default=0.6)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    scorer = open_scorer("demo", device="cpu", self_test=False)
    with tempfile.TemporaryDirectory(prefix="lychee-bench-") as folder:
        files = photos.write(Path(folder), arguments.images, arguments.megapixels)
        demo = _measured(scorer, files, Settings(Path(folder) / "home"))
    cards = [_by_arithmetic(judge) for judge in CARDS]
    for line in (_line("demo, measured", demo), *(_line(each["judge"], each) for each in cards)):
        print(line, file=sys.stderr)
    return {
        "bench": "reuse",
        "images": arguments.images,
        "megapixels": arguments.megapixels,
        "demo": demo,
        "by_arithmetic": cards,
        "load_per_core": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
    }


def _measured(scorer: Any, files: Sequence[Path], settings: Settings) -> dict[str, float]:
    """Milliseconds of a processor core an image."""
    from lychee_app.model.pixels import patchify
    from lychee_app.model.threads import limited

    parts, budget = scorer.parts, scorer.info.budget
    sources = [(number, Source(file.name, path=file)) for number, file in enumerate(files)]
    list(intake.prepare(sources[:4], budget, settings))  # the decoders are begun
    decoding, items = _processor_ms(lambda: list(intake.prepare(sources, budget, settings)))
    candidates = [item for item in items if isinstance(item, Candidate)]

    def looked() -> list[Any]:
        found = [patchify(one.image, parts.layout, parts.device) for one in candidates]
        return [(parts.forward.embed_image(patches, grid), grid) for patches, grid in found]

    def judged(queries: Sequence[str]) -> float:
        return _processor_ms(lambda: [scorer.judge(one, queries, DEFAULT_INSTRUCTION) for one in candidates])[
            0
        ]

    with limited(1):
        judged(QUERIES)  # plans and prefixes are made
        looking, features = _processor_ms(looked)
        one, two = judged(QUERIES[:1]), judged(QUERIES)
    count = len(candidates)
    return {
        "decoding_ms": decoding / count,
        "looking_ms": looking / count,
        "one_query_ms": one / count,
        "further_query_ms": (two - one) / count,
        "pixel_bytes": sum(one.image.width * one.image.height * 3 for one in candidates) / count,
        "feature_bytes": sum(each.nbytes for each, _ in features) / count,
    }


def _by_arithmetic(judge: Judge) -> dict[str, Any]:
    return {
        "judge": judge.name,
        "looking_ms": judge.looking_ms,
        "one_query_ms": judge.one_ms,
        "further_query_ms": judge.query_ms,
        "pixel_bytes": judge.tokens * 28 * 28 * 3,
        "feature_bytes": judge.feature_bytes,
        "reading_ms": 1e3 * judge.feature_bytes / READS_BYTES_A_SECOND,
    }


def _line(name: str, found: dict[str, Any]) -> str:
    gigabytes = LIBRARY * found["feature_bytes"] / 1e9
    minutes = LIBRARY * found["looking_ms"] / 60e3
    return (
        f"{name:36} one query {found['one_query_ms']:5.1f} ms, a further {found['further_query_ms']:5.1f}, "
        f"looking {found['looking_ms']:5.1f}; features of {LIBRARY:,} images {gigabytes:7.1f} GB save "
        f"{minutes:5.1f} min a query"
    )


def _processor_ms(work: Callable[[], Any]) -> tuple[float, Any]:
    """Of this process and the decoders that it started."""
    before, _ = _processor_seconds(), time.perf_counter()
    result = work()
    return 1e3 * (_processor_seconds() - before), result


def _processor_seconds() -> float:
    own = psutil.Process()
    times = [each.cpu_times() for each in (own, *own.children(recursive=True))]
    return sum(each.user + each.system for each in times)
