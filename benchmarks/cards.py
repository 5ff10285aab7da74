"""How much faster several cards of one host are than one: the same images, each card with the whole model.

By the ray engine where Ray is installed; else by a process a card, each ranking its share with the local
engine: that is what the cards can give, without what Ray costs. The rate is that of the time in which all
cards are at it: opening the model and the first images (passes are recorded then) do not count.

With `--split` the model is also laid over all cards by accelerate, as if each held only so many GB, and held
against one card's scores.
"""

import argparse
import gc
import importlib.util
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import load, photos, random_weights
from lychee_app import query, recorder
from lychee_app.engines import Event, Progress
from lychee_app.engines.local import LocalEngine
from lychee_app.engines.pools import RayOptions
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.records import Candidate, Scorer, Source
from lychee_app.request import Precision, Request
from lychee_app.settings import Settings

QUERY = "a red lamp on a green sofa"
WARM = 16
"""Images of each card that do not count."""
SPLIT_IMAGES = 8
DECODERS = 4
"""Of each process, where there is no Ray."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    weights = parser.add_mutually_exclusive_group(required=True)
    weights.add_argument("--model", help="demo, lychee, a hub name or a folder")
    weights.add_argument(
        "--files",
        type=Path,
        help="folder with config and tokenizer: random weights of that shape are written",
    )
    parser.add_argument("--graph", choices=("full", "tiny"), default="full", help="with --files")
    parser.add_argument("--scratch", type=Path, help="where 16.6 GB may be written")
    parser.add_argument("--cards", type=int, nargs="+", default=[1, 2], help="so many, one after the other")
    parser.add_argument("--images", type=int, default=480)
    parser.add_argument("--megapixels", type=float, default=1.3)
    parser.add_argument("--image-tokens", type=int, default=1280, help="the budget of one image")
    parser.add_argument("--how", choices=("auto", "ray", "processes"), default="auto")
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--split", type=float, metavar="GB", help="of each card, for a model laid over all")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    has_ray = importlib.util.find_spec("ray") is not None
    how = arguments.how if arguments.how != "auto" else "ray" if has_ray else "processes"
    with tempfile.TemporaryDirectory(prefix="lychee-cards-", dir=arguments.scratch) as scratch:
        settings = replace(Settings.from_environment(), max_image_tokens=arguments.image_tokens)
        settings = replace(settings, data_folder=Path(scratch))
        model = arguments.model or str(_random(arguments, Path(scratch) / "checkpoint"))
        files = photos.write(Path(scratch), arguments.images, arguments.megapixels)
        sources = [Source(file.name, path=file) for file in files]
        question = Request(query.ask(QUERY, parts=()), model=model, precision=arguments.precision)
        measured = _by_ray if how == "ray" else _by_processes
        rates = [measured(cards, question, sources, settings) for cards in arguments.cards]
        split = {} if arguments.split is None else {"split": _split(arguments, model)}
    return {
        "bench": "cards",
        "how": how if how == "ray" or has_ray else "processes (Ray is not installed)",
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "torch": torch.__version__,
        "processors": os.cpu_count(),
        "graph": arguments.graph if arguments.files else model,
        "images": len(files),
        "megapixels": arguments.megapixels,
        "cards": rates,
        "speed_up": rates[-1]["images_per_second"] / rates[0]["images_per_second"],
        **split,
    }


def _random(arguments: argparse.Namespace, folder: Path) -> Path:
    load.copy(arguments.files, folder, arguments.graph)
    random_weights.write(folder, "older")
    return folder


def opened(settings: Settings, name: str, precision: Precision) -> Scorer:
    """Without the self-test: random weights know nothing."""
    return open_scorer(name, settings=settings, precision=precision, self_test=False)


def _by_ray(cards: int, request: Request, sources: Sequence[Source], settings: Settings) -> dict[str, float]:
    from lychee_app.engines.ray_data import RayEngine

    times: list[float] = []
    engine = RayEngine(settings, RayOptions(scorers=cards), partial(opened, settings))
    started = time.perf_counter()
    run = recorder.rank(request, sources, engine, recorder.Unkept(), _noting(times))
    _check([str(row.reason) for row in run.images if row.reason])
    first = len(sources) // 4  # by then all scorers are there
    rate = (len(times) - 1 - first) / (times[-1] - times[first])
    return {"cards": cards, "images_per_second": rate, "total_seconds": time.perf_counter() - started}


def _by_processes(
    cards: int, request: Request, sources: Sequence[Source], settings: Settings
) -> dict[str, float]:
    """Each begins to count when all have done their first images; the slowest of them ends it."""
    context = multiprocessing.get_context("spawn")
    barrier, told = context.Barrier(cards), context.SimpleQueue()
    started = time.perf_counter()
    processes = []
    for card in range(cards):
        share = Share(card, request, sources[card::cards], settings)
        processes.append(context.Process(target=_one_card, args=(share, barrier, told)))
        processes[-1].start()
    found = [told.get() for _ in processes]
    for process in processes:
        process.join()
    _check([error for _, _, _, error in found if error])
    counted = sum(count for count, _, _, _ in found)
    seconds = max(end for _, _, end, _ in found) - min(begin for _, begin, _, _ in found)
    total = time.perf_counter() - started
    return {"cards": cards, "images_per_second": counted / seconds, "total_seconds": total}


@dataclass(frozen=True)
class Share:
    """What one card has to do."""

    card: int
    request: Request
    sources: Sequence[Source]
    settings: Settings


def _one_card(share: Share, barrier: Any, told: Any) -> None:
    os.environ["CUDA_VISIBLE_DEVICES"] = str(share.card)  # before torch looks for cards
    try:
        settings, sources = replace(share.settings, decode_ahead=DECODERS), share.sources
        engine = LocalEngine(settings, partial(opened, settings))
        warm = min(WARM, len(sources) // 4)
        recorder.rank(share.request, sources[:warm], engine, recorder.Unkept())
        barrier.wait(600)
        begin = time.time()
        run = recorder.rank(share.request, sources[warm:], engine, recorder.Unkept())
        errors = [str(row.reason) for row in run.images if row.reason]
        told.put((len(run.images), begin, time.time(), errors[0] if errors else ""))
    except BaseException as error:
        barrier.abort()
        told.put((0, 0.0, 0.0, f"card {share.card}: {error!r}"))
        raise


def _noting(times: list[float]) -> Callable[[Event], None]:
    def note(event: Event) -> None:
        if isinstance(event, Progress):
            times.append(time.perf_counter())

    return note


def _check(errors: Sequence[str]) -> None:
    if errors:
        raise RuntimeError(f"{len(errors)} were not scored: {errors[0]}")


def _split(arguments: argparse.Namespace, model: str) -> dict[str, Any]:
    """In a process of its own: what a card is limited to stays so."""
    context = multiprocessing.get_context("spawn")
    told = context.SimpleQueue()
    process = context.Process(
        target=_laid_over_cards, args=(model, arguments.split, arguments.image_tokens, told)
    )
    process.start()
    found = told.get()
    process.join()
    return found


def _laid_over_cards(model: str, limit_gb: float, tokens: int, told: Any) -> None:
    """Tells {"error": ...} where it fails."""
    try:
        images = [load.noise_image(tokens, number) for number in range(SPLIT_IMAGES)]
        whole = _margins(open_scorer(model, precision="bfloat16", self_test=False), images)
        gc.collect()
        torch.cuda.empty_cache()
        for card in range(torch.cuda.device_count()):
            total = torch.cuda.get_device_properties(card).total_memory
            torch.cuda.set_per_process_memory_fraction(min(1.0, limit_gb * 1e9 / total), card)
        scorer = open_scorer(model, precision="bfloat16", self_test=False)
        parts = _margins(scorer, images)
        gaps = [abs(one - other) for one, other in zip(whole[0], parts[0], strict=True)]
        told.put(
            {
                "gb_of_each_card": limit_gb,
                "warnings": [str(warning) for warning in scorer.info.warnings],
                "seconds_per_image": parts[1],
                "seconds_per_image_on_one_card": whole[1],
                "largest_gap_of_margins": max(gaps),
            }
        )
    except Exception as error:
        told.put({"error": repr(error)})


def _margins(scorer: LocalScorer, images: Sequence[Candidate]) -> tuple[list[float], float]:
    """Of each image, and the median of the seconds they took but for the first two."""
    margins, seconds = [], []
    for image in images:
        started = time.perf_counter()
        (reply,) = scorer.judge(image, [QUERY])
        seconds.append(time.perf_counter() - started)
        margins.append(reply.margin or 0.0)
    return margins, statistics.median(seconds[2:])
