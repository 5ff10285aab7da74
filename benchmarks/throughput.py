"""Files to ranking, per stage, beside the published usage; and whether many images cost each what few do.

Stages of ours, in seconds of the whole run: `vision` and `text` are the two passes, `prepare` is all else the
scorer does (patches, token ids, the read-out), `wait` is what remains: waiting for the next decoded image,
and rows. `decode` is measured by itself: all files through the intake, with no model.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psutil
import torch
from PIL import Image
from torch import Tensor

from benchmarks import floors, photos
from lychee_app import intake, query, recorder
from lychee_app.engines.local import LocalEngine
from lychee_app.likeness import Tokens
from lychee_app.model import checkpoints, loading, weights
from lychee_app.model.forward import Forward
from lychee_app.model.positions import Grid
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.model.threads import limited
from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.records import Candidate, MemoryReading, Reply, Scored, ScorerInfo, Source
from lychee_app.request import Request
from lychee_app.settings import Settings

QUERY = "a red lamp on a green sofa"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo", help="demo, lychee, a hub name or a folder")
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--megapixels", type=float, default=12.0)
    parser.add_argument(
        "--scale", type=int, nargs="*", default=[], help="also so many images, one after other"
    )
    parser.add_argument("--scale-megapixels", type=float, default=0.3)
    parser.add_argument("--image-tokens", type=int, default=1280, help="the budget of one image")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", help="cuda, cpu ... (default: the best there is)")
    parser.add_argument("--no-published", action="store_true", help="ours alone")


@dataclass
class Clocked:
    """Passes that count their seconds; the device is waited for, so their sum is a little larger."""

    inner: Forward
    device: torch.device
    vision: float = 0.0
    text: float = 0.0

    def embed_image(self, patches: Tensor, grid: Grid) -> Tensor:
        image, taken = _clocked(self.device, lambda: self.inner.embed_image(patches, grid))
        self.vision += taken
        return image

    def last_hidden(self, rows: Sequence[Tensor], image: Tensor, grid: Grid) -> Tensor:
        hidden, taken = _clocked(self.device, lambda: self.inner.last_hidden(rows, image, grid))
        self.text += taken
        return hidden

    def generate(
        self, ids: Tensor, image: Tensor, grid: Grid, max_tokens: int, stop_ids: frozenset[int]
    ) -> list[int]:
        return self.inner.generate(ids, image, grid, max_tokens, stop_ids)

    def forget(self) -> None:
        self.inner.forget()


@dataclass
class ClockedScorer:
    """A Scorer that counts the seconds of its judging."""

    inner: LocalScorer
    device: torch.device
    seconds: float = 0.0

    @property
    def info(self) -> ScorerInfo:
        return self.inner.info

    def judge(
        self, candidate: Candidate, queries: Sequence[str], instruction: str = DEFAULT_INSTRUCTION
    ) -> list[Reply]:
        replies, taken = _clocked(self.device, lambda: self.inner.judge(candidate, queries, instruction))
        self.seconds += taken
        return replies

    def explain(self, candidate: Candidate, query: str, max_tokens: int = 160) -> Reply:
        return self.inner.explain(candidate, query, max_tokens)

    def look(self, candidate: Candidate) -> Tokens:
        return self.inner.look(candidate)

    def memory(self) -> MemoryReading:
        return self.inner.memory()

    def release(self) -> None:
        self.inner.release()


@dataclass(frozen=True)
class Stages:
    """Seconds of one run over all images, and its rows in upload order. All but `total` are sums over the
    images in work at once."""

    at_once: int
    total: float
    judge: float
    vision: float
    text: float
    rows: tuple[Scored, ...]

    def table(self) -> dict[str, float]:
        judge, vision, text = (each / self.at_once for each in (self.judge, self.vision, self.text))
        return {
            "total": self.total,
            "vision": vision,
            "text": text,
            "prepare": judge - vision - text,
            "wait": self.total - judge,
        }


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = replace(Settings.from_environment(), max_image_tokens=arguments.image_tokens)
    with tempfile.TemporaryDirectory(prefix="lychee-bench-") as folder:
        files = photos.write(Path(folder), arguments.images, arguments.megapixels)
        scorer = open_scorer(arguments.model, settings=settings, device=arguments.device, self_test=False)
        result = {
            "bench": "throughput",
            "model": arguments.model,
            "device": scorer.info.device,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "images": len(files),
            "megapixels": arguments.megapixels,
            "bytes_per_image": sum(photos.sizes_bytes(files)) // len(files),
            **_compared(files, scorer, settings, arguments),
            "scale": _scale(Path(folder), scorer, settings, arguments),
        }
    _show(result)
    return result


def _compared(
    files: list[Path], scorer: LocalScorer, settings: Settings, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Ours and the published usage in turns, after one image each that does not count."""
    published = None if arguments.no_published else _published(scorer, settings, arguments)
    decode, ours, theirs, scores = [], [], [], []
    _ranked(files[:1], scorer, settings)
    if published is not None:
        published(files[:1])
    for _ in range(arguments.repeats):
        decode.append(_decoded(files, scorer, settings))
        ours.append(_ranked(files, scorer, settings))
        if published is None:
            continue
        for threads in {None, scorer.parts.threads}:  # on busy cores fewer are faster: the best counts
            with limited(threads):
                started = time.perf_counter()
                scores = published(files)
                theirs.append(time.perf_counter() - started)
    best = min(ours, key=lambda stages: stages.total)
    found = {"ours_ms": 1e3 * best.total, "stages_seconds": best.table(), "decode_alone_seconds": min(decode)}
    if theirs:
        off = [abs((row.p_yes or 0.0) - p) for row, p in zip(best.rows, scores, strict=True)]
        found |= {"published_ms": 1e3 * min(theirs), "ratio": min(theirs) / best.total, "p_yes_off": max(off)}
    return found


def _ranked(files: Sequence[Path], scorer: LocalScorer, settings: Settings) -> Stages:
    """The main job as it is, with clocks in it."""
    passes = Clocked(scorer.parts.forward, torch.device(scorer.parts.device))
    timed = ClockedScorer(LocalScorer(replace(scorer.parts, forward=passes), scorer.info), passes.device)
    sources = [Source(file.name, path=file) for file in files]
    started = time.perf_counter()
    request = Request(query.ask(QUERY, parts=()), model=scorer.info.name)
    engine = LocalEngine(settings, lambda name, precision: timed)
    run = recorder.rank(request, sources, engine, recorder.Unkept())
    total = time.perf_counter() - started
    errors = [str(row.reason) for row in run.images if row.reason]
    if errors:
        raise RuntimeError(f"{len(errors)} of {len(files)} images were not scored: {errors[0]}")
    return Stages(scorer.info.at_once, total, timed.seconds, passes.vision, passes.text, tuple(run.images))


def _decoded(files: Sequence[Path], scorer: LocalScorer, settings: Settings) -> float:
    sources = [(number, Source(file.name, path=file)) for number, file in enumerate(files)]
    started = time.perf_counter()
    for _ in intake.prepare(sources, scorer.info.budget.at_most(settings.max_image_tokens), settings):
        pass
    return time.perf_counter() - started


def _published(
    scorer: LocalScorer, settings: Settings, arguments: argparse.Namespace
) -> Callable[[Sequence[Path]], list[float]]:
    """The published usage on files: PIL, its own resize to the limits, processor, whole pass, one by one."""
    checkpoint = weights.inspect(checkpoints.locate(arguments.model, settings))
    precision = "bfloat16" if scorer.info.precision == "bfloat16" else "float32"
    model = loading.load(checkpoint, scorer.info.device, precision, settings.data_folder / "offload").model
    reference = checkpoint.family.reference(model, checkpoint.folder)
    budget = scorer.info.budget.at_most(settings.max_image_tokens)
    token = budget.token_px**2
    limits = (
        max(reference.least_px, budget.min_tokens * token),
        min(reference.most_px, budget.max_tokens * token),
    )

    def judge(files: Sequence[Path]) -> list[float]:
        replies = [reference.judge(_opened(file, limits, budget.token_px), [QUERY])[0] for file in files]
        return [reply.p_yes or 0.0 for reply in replies]

    return judge


def _opened(file: Path, limits: tuple[int, int], token_px: int) -> Candidate:
    from qwen_vl_utils import smart_resize

    with Image.open(file) as stored:
        image = stored.convert("RGB")
    least, most = limits
    height, width = smart_resize(
        image.height, image.width, factor=token_px, min_pixels=least, max_pixels=most
    )
    return Candidate(0, file.name, "", image.resize((width, height)), image.width, image.height)


def _scale(
    folder: Path, scorer: LocalScorer, settings: Settings, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Runs of several lengths, each over files of its own, in turns: the fastest of each length, and the
    memory after its first."""
    megapixels = arguments.scale_megapixels
    files = {count: photos.write(_made(folder / str(count)), count, megapixels) for count in arguments.scale}
    seconds = dict.fromkeys(files, math.inf)
    memory: dict[int, int] = {}
    for _ in range(arguments.repeats):
        for count, some in files.items():
            seconds[count] = min(seconds[count], _ranked(some, scorer, settings).total)
            memory.setdefault(count, psutil.Process().memory_info().rss)
    return [
        {"images": count, "ms_per_image": 1e3 * taken / count, "process_bytes": memory[count]}
        for count, taken in seconds.items()
    ]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _clocked(device: torch.device, work: Callable[[], Any]) -> tuple[Any, float]:
    found: list[Any] = []
    taken = floors.seconds(lambda: found.append(work()), device)
    return found[0], taken


def _show(result: dict[str, Any]) -> None:
    head = f"{result['images']} JPEGs of {result['megapixels']:g} megapixels"
    print(f"{head}, {result['model']} on {result['device']}, torch {result['torch']}, files to ranking:")
    print(f"  ours       {result['ours_ms'] / 1e3:8.2f} s")
    for name, taken in list(result["stages_seconds"].items())[1:]:
        print(f"    {name:9s}{taken:8.2f} s")
    print(f"  (decoding alone {result['decode_alone_seconds']:.2f} s)")
    if "published_ms" in result:
        print(f"  published  {result['published_ms'] / 1e3:8.2f} s, {result['ratio']:.2f} times ours")
        print(f"  p_yes differs by at most {result['p_yes_off']:.1e}")
    for each in result["scale"]:
        rest = f"{each['ms_per_image']:.1f} ms each, process {each['process_bytes'] / 1e6:.0f} MB"
        print(f"  {each['images']} images: {rest}")
