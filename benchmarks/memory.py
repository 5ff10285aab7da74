"""Used memory over many images, which must be flat; and what a smaller card costs.

Rounds of 32 images, then one long run, all through the flow behind the command and the page. Memory is this
process's (resident), its decoders', and on a card what its allocator holds. With `--limit-gb` the same
happens on a card that pretends to be that small, in a process of its own for each size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import torch

from benchmarks import photos
from lychee_app import query
from lychee_app.engines import Progress
from lychee_app.engines.local import LocalEngine
from lychee_app.errors import LycheeError, UsageError
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.records import Source
from lychee_app.request import Request
from lychee_app.settings import Settings

QUERY = "a red lamp on a green sofa"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo", help="demo, lychee, a hub name or a folder")
    parser.add_argument("--rounds", type=int, default=5, help="runs of their own before the long one")
    parser.add_argument("--round-images", type=int, default=32, help="images of each of these")
    parser.add_argument("--images", type=int, default=500, help="images of the long run after them")
    parser.add_argument("--megapixels", type=float, default=0.3)
    parser.add_argument("--image-tokens", type=int, default=1280, help="the budget of one image")
    parser.add_argument("--device", help="cuda, cpu ... (default: the best there is)")
    parser.add_argument("--limit-gb", type=float, nargs="+", help="pretend the card is so small (10^9 bytes)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if not arguments.limit_gb:
        return _measured(arguments)
    if not torch.cuda.is_available():
        raise UsageError("as-told", text="--limit-gb limits a CUDA card, and this machine has none.")
    if len(arguments.limit_gb) == 1:
        limit_card(arguments.limit_gb[0])
        return {"limit_gb": arguments.limit_gb[0], **_held_or_not(arguments)}
    return {"bench": "memory", "limits": [_apart(limit, arguments) for limit in arguments.limit_gb]}


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    settings = replace(Settings.from_environment(), max_image_tokens=arguments.image_tokens)
    with tempfile.TemporaryDirectory(prefix="lychee-bench-") as folder:
        count = max(arguments.round_images, arguments.images)
        files = photos.write(Path(folder), count, arguments.megapixels)
        started = time.perf_counter()
        scorer = open_scorer(arguments.model, settings=settings, device=arguments.device, self_test=False)
        opened = time.perf_counter() - started
        readings = [
            _after(files[: arguments.round_images], scorer, settings) for _ in range(arguments.rounds)
        ]
        long = _long_run(files[: arguments.images], scorer, settings)
    result = {
        "bench": "memory",
        "model": arguments.model,
        "device": scorer.info.device,
        "torch": torch.__version__,
        "passes": type(scorer.parts.forward).__name__,
        "warnings": [str(warning) for warning in scorer.info.warnings],
        "open_seconds": opened,
        "rounds": readings,
        "long_run": long,
        "growth_bytes": long[-1]["used_bytes"] - long[0]["used_bytes"] if long else 0,
    }
    _show(result)
    return result


def _after(files: Sequence[Path], scorer: LocalScorer, settings: Settings) -> dict[str, Any]:
    """One run of its own, then what is used."""
    started = time.perf_counter()
    errors = [str(one.scored.reason) for one in _rows(files, scorer, settings) if one.scored.reason]
    return _reading(len(files), time.perf_counter() - started, errors)


def _long_run(files: Sequence[Path], scorer: LocalScorer, settings: Settings) -> list[dict[str, Any]]:
    """One run; read after every tenth of it. The images are different files, so none comes from a cache."""
    step, readings, errors = max(1, len(files) // 10), [], []
    for progress in _rows(files, scorer, settings):
        errors += [str(progress.scored.reason)] if progress.scored.reason else []
        if progress.done % step == 0:
            readings.append(_reading(progress.done, progress.seconds, errors))
    return readings


def _rows(files: Sequence[Path], scorer: LocalScorer, settings: Settings) -> Iterator[Progress]:
    sources = [(number, Source(file.name, path=file)) for number, file in enumerate(files)]
    engine = LocalEngine(settings, lambda name, precision: scorer)
    request = Request(query.ask(QUERY, parts=()), model=scorer.info.name)
    return (event for event in engine.run(request, sources) if isinstance(event, Progress))


def _reading(images: int, seconds: float, errors: Sequence[str]) -> dict[str, Any]:
    process = psutil.Process()
    children = sum(child.memory_info().rss for child in process.children(recursive=True))
    card = torch.cuda.memory_reserved() if torch.cuda.is_available() else 0
    used = process.memory_info().rss
    return {
        "images": images,
        "ms_per_image": 1e3 * seconds / max(1, images),
        "process_bytes": used,
        "decoder_bytes": children,
        "card_bytes": card,
        "card_peak_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0,
        "used_bytes": used + card,
        "failed": len(errors),
        "error": errors[0] if errors else None,
    }


def limit_card(gigabytes: float) -> None:
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, gigabytes * 1e9 / total))


def _held_or_not(arguments: argparse.Namespace) -> dict[str, Any]:
    """It held when every image was scored."""
    try:
        result = _measured(arguments)
    except LycheeError as error:
        return {"held": False, "error": str(error)}
    readings = [*result["rounds"], *result["long_run"]]
    return {"held": not any(each["failed"] for each in readings), **result}


def _apart(limit: float, arguments: argparse.Namespace) -> dict[str, Any]:
    """The same with this limit alone, in a new process: a limit cannot be taken back."""
    names = ("model", "rounds", "round_images", "images", "megapixels", "image_tokens", "device")
    values = {name: getattr(arguments, name) for name in names} | {"limit_gb": limit}
    given = [
        word
        for name, value in values.items()
        if value is not None
        for word in (f"--{name.replace('_', '-')}", str(value))
    ]
    command = [sys.executable, "-m", "benchmarks", "memory", *given]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    *table, last = done.stdout.splitlines() or [""]
    print("\n".join([f"A card of {limit:g} GB:", *table]), flush=True)
    return json.loads(last) if done.returncode == 0 else {"limit_gb": limit, "held": False}


def _show(result: dict[str, Any]) -> None:
    print(f"{result['model']} on {result['device']}, torch {result['torch']}, {result['passes']}")
    for warning in result["warnings"]:
        print(f"  {warning}")
    for each in [*result["rounds"], *result["long_run"]]:
        print(
            f"{each['images']:6d} images {each['ms_per_image']:8.1f} ms each, "
            f"process {each['process_bytes'] / 1e6:8.1f} MB, decoders {each['decoder_bytes'] / 1e6:7.1f} MB, "
            f"card {each['card_bytes'] / 1e9:6.2f} GB (peak {each['card_peak_bytes'] / 1e9:.2f})"
            f"{', ' + str(each['failed']) + ' failed: ' + each['error'] if each['failed'] else ''}"
        )
    print(f"growth over the long run: {result['growth_bytes'] / 1e6:.1f} MB")
