"""What each precision costs and saves: time, memory, and how far scores move, one after the other.

Each precision is opened as a user opens it, in a process of its own, with one data folder for all: quantised
ones are opened twice, made and from the copy on disk. On demo, scores are compared over its gallery and fresh
scenes; of any other checkpoint noise is judged, for time and memory. With `--limit-gb`, the card pretends to
be that small, loading included.

FP16 is measured here and offered nowhere: see `largest_number`, beside the most that FP16 holds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from benchmarks import load
from benchmarks.demo import spearman
from benchmarks.memory import limit_card
from lychee_app.demo.gallery import GALLERY_QUERY, write_gallery
from lychee_app.errors import LycheeError
from lychee_app.intake import prepare
from lychee_app.model import checkpoints, loading, weights
from lychee_app.model.fast import checked_forward
from lychee_app.model.forward import Forward
from lychee_app.model.layout import budget
from lychee_app.model.plain import PlainForward
from lychee_app.model.scorer import LocalScorer, Parts, open_scorer
from lychee_app.model.tokens import Codec
from lychee_app.model.weights import Checkpoint
from lychee_app.parse import parse
from lychee_app.records import Candidate, Precision, ScorerInfo, Source
from lychee_app.settings import Settings
from recipe.exam import Examiner
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens

Measured = Precision | Literal["float16"]
PRECISIONS: tuple[Measured, ...] = ("float32", "bfloat16", "float16", "int8", "int4")
Asked = list[tuple[Candidate, tuple[str, ...]]]
_REPEATS = 5
_PASSED_ON = ("model", "device", "images", "scenes", "explain", "explained")
_QUERIES: tuple[str, ...] = (GALLERY_QUERY, "green sofa", "red sofa", "brass lamp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="demo", help="demo, lychee, a hub name or a folder")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS, metavar="NAME")
    parser.add_argument("--device", help="cuda, cpu ... (default: the best there is)")
    parser.add_argument("--limit-gb", type=float, nargs="+", help="of the card, one for each precision")
    parser.add_argument("--image-tokens", type=int, nargs="+", default=[1260], help="of noise images")
    parser.add_argument("--images", type=int, default=12, help="noise images of each size, after two")
    parser.add_argument("--scenes", type=int, default=60, help="fresh scenes, four queries each, on demo")
    parser.add_argument("--explain", type=int, default=0, metavar="N", help="also generate N tokens twice")
    parser.add_argument("--explained", type=int, default=32, help="gallery scenes explained, on demo")
    parser.add_argument("--threads", type=int, help="of the processor")
    parser.add_argument("--data-folder", type=Path, help="where copies are kept (default: a temporary one)")
    parser.add_argument("--one", action="store_true", help="this process measures the first precision alone")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.one:
        return _measured(arguments)
    with tempfile.TemporaryDirectory(prefix="lychee-precision-") as folder:
        home = arguments.data_folder or Path(folder)
        found = [_apart(arguments, home, number) for number in range(len(arguments.precisions))]
    first = found[0].get("scores", [])
    records = [_against(record, first) for record in found]
    result = {"bench": "precision", "model": arguments.model, "torch": torch.__version__, "records": records}
    _show(result)
    return result


def _apart(arguments: argparse.Namespace, home: Path, number: int) -> dict[str, Any]:
    given = {name: getattr(arguments, name) for name in _PASSED_ON}
    given |= {"threads": arguments.threads, "data-folder": home}
    words = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
    words += ["--precisions", arguments.precisions[number], "--one", "--image-tokens"]
    words += map(str, arguments.image_tokens)
    if arguments.limit_gb:
        words += ["--limit-gb", str(arguments.limit_gb[number])]
    command = [sys.executable, "-m", "benchmarks", "precision", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return {"precision": arguments.precisions[number], "error": f"ended with {done.returncode}"}
    record = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps({key: value for key, value in record.items() if key != "scores"}), file=sys.stderr)
    return record


def _measured(arguments: argparse.Namespace) -> dict[str, Any]:
    precision: Measured = arguments.precisions[0]
    record: dict[str, Any] = {"precision": precision, "limit_gb": (arguments.limit_gb or [None])[0]}
    if arguments.limit_gb:
        limit_card(arguments.limit_gb[0])
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    settings = replace(Settings.from_environment(), data_folder=arguments.data_folder)
    opening: list[float] = []
    scorer: LocalScorer | None = None
    for _ in range(2 if precision.startswith("int") else 1):
        scorer = None  # the first one goes before the second comes
        started = time.perf_counter()
        try:
            scorer = opened(arguments.model, precision, arguments.device, settings)
        except LycheeError as error:
            return record | {"error": str(error)}
        opening.append(time.perf_counter() - started)
    assert scorer is not None
    record["open_seconds"] = opening
    try:
        return record | _judged(scorer, arguments, settings)
    except LycheeError as error:  # such as numbers that are none
        return record | {"error": str(error)}


def opened(name: str, precision: Measured, device: str | None, settings: Settings) -> LocalScorer:
    """As a user has it opened; in FP16, which no user can ask for, with the same passes."""
    if precision != "float16":
        return open_scorer(
            name, settings=settings, device=device, precision=precision, self_test=name == "demo"
        )
    checkpoint, device, model = _loaded(name, device, settings)
    for parameter in model.parameters():  # and no buffer: angles are float32 in every precision
        parameter.data = parameter.data.half()
    return _scorer(checkpoint, device, checked_forward(model), precision)


def largest_number(name: str, device: str | None, settings: Settings, asked: Asked) -> float:
    """The largest magnitude that goes into or comes out of any part of the published modules."""
    checkpoint, device, model = _loaded(name, device, settings)
    found = torch.zeros((), device=device)

    def look(module: torch.nn.Module, given: tuple[Any, ...], made: Any) -> None:
        tensors = (each for each in (*given, made) if torch.is_tensor(each) and each.is_floating_point())
        for tensor in tensors:
            found.copy_(torch.maximum(found, tensor.detach().abs().max().float()))

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    scorer = _scorer(checkpoint, device, PlainForward(model), "as stored")
    for candidate, queries in asked:
        scorer.judge(candidate, queries)
    for hook in hooks:
        hook.remove()
    return float(found)


def _loaded(name: str, device: str | None, settings: Settings) -> tuple[Checkpoint, str, Any]:
    """transformers' model in the precision of its files."""
    checkpoint, device = weights.inspect(checkpoints.locate(name, settings)), loading.choose_device(device)
    stored: Precision = "bfloat16" if checkpoint.dtype == "BF16" else "float32"
    loaded = loading.load(checkpoint, device, stored, settings.data_folder / "offload")
    return checkpoint, device, loaded.model


def _scorer(checkpoint: Checkpoint, device: str, forward: Forward, precision: str) -> LocalScorer:
    family, folder = checkpoint.family, checkpoint.folder
    layout = family.pixels.read(folder)
    codec = Codec(folder, checkpoint.config.get("image_token_id", family.image_token_id))
    answers = loading.lm_head_rows(checkpoint, [codec.yes_id, codec.no_id]).to(device)
    parts = Parts(forward, codec, layout, answers, device, weights.stop_ids(checkpoint))
    info = ScorerInfo(str(folder), weights.identity(checkpoint), precision, device, budget(layout))
    return LocalScorer(parts, info)


def _judged(scorer: LocalScorer, arguments: argparse.Namespace, settings: Settings) -> dict[str, Any]:
    record: dict[str, Any] = {
        "device": scorer.info.device,
        "passes": type(scorer.parts.forward).__name__,
        "kernels": type(getattr(scorer.parts.forward, "ops", None)).__name__,
        "warnings": [str(warning) for warning in scorer.info.warnings],
        "open_peak_bytes": scorer.memory().peak_bytes,
        "ms": {tokens: _milliseconds(scorer, tokens, arguments.images) for tokens in arguments.image_tokens}
        if arguments.model != "demo"
        else {},
    }
    if arguments.explain:
        record["ms_per_token"] = _per_token(scorer, arguments)
    if arguments.model == "demo":
        asked = demo_questions(scorer, settings, arguments.scenes)
        started = time.perf_counter()
        record["scores"] = [
            [10 * (reply.p_yes or 0.0) for reply in scorer.judge(candidate, queries)]
            for candidate, queries in asked
        ]
        record["ms"] = {"a scene, four queries": 1e3 * (time.perf_counter() - started) / len(asked)}
        record |= _on_the_gallery(scorer, asked[:32], arguments.explained)
    else:
        token_px = scorer.info.budget.token_px
        asked = [(load.noise_image(tokens, 0, token_px), _QUERIES) for tokens in arguments.image_tokens]
    record["peak_bytes"] = scorer.memory().peak_bytes
    if torch.cuda.is_available() and scorer.info.device.startswith("cuda"):
        record["reserved_bytes"] = torch.cuda.max_memory_reserved()
    if scorer.info.precision == "float16":
        largest = largest_number(arguments.model, arguments.device, settings, asked[:32])
        record |= {"largest_number": largest, "float16_holds": torch.finfo(torch.float16).max}
    return record


def _on_the_gallery(scorer: LocalScorer, gallery: Asked, explained: int) -> dict[str, Any]:
    """The columns of the brief's table: what the gallery's own query gets, five times over, and in words."""
    runs = np.array(
        [
            [10 * (scorer.judge(candidate, queries[:1])[0].p_yes or 0.0) for candidate, queries in gallery]
            for _ in range(_REPEATS)
        ]
    )
    replies = [scorer.explain(candidate, queries[0]) for candidate, queries in gallery[:explained]]
    failed = sum(parse(reply.text).score is None for reply in replies)
    return {
        "top_3_mean": float(np.sort(runs[0])[-3:].mean()),
        "deviation": float(runs[0].std()),
        "repeats_off": float(np.ptp(runs, axis=0).max()),
        "explained": len(replies),
        "explain_failed": failed,
    }


def _milliseconds(scorer: LocalScorer, tokens: int, images: int) -> float:
    times: list[float] = []
    for number in range(images + 2):
        candidate = load.noise_image(tokens, number, scorer.info.budget.token_px)
        started = time.perf_counter()
        scorer.judge(candidate, ["two red cats on a green sofa"])
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times[2:])


def _per_token(scorer: LocalScorer, arguments: argparse.Namespace) -> float:
    """Of a generation's steps: a long one less a short one, each the second of its kind."""
    image = load.noise_image(arguments.image_tokens[-1], 0, scorer.info.budget.token_px)
    seconds, made = [], []
    for count in (2, arguments.explain):
        replies = [scorer.explain(image, "red cats on a green sofa", count) for _ in range(2)]
        seconds.append(replies[-1].seconds)
        made.append(len(replies[-1].generated_ids))
    return 1e3 * (seconds[1] - seconds[0]) / max(1, made[1] - made[0])


def demo_questions(scorer: LocalScorer, settings: Settings, scenes: int) -> Asked:
    """The gallery as a user's files, and scenes of the exam."""
    with tempfile.TemporaryDirectory() as folder:
        write_gallery(Path(folder))
        files = sorted(file for file in Path(folder).iterdir() if file.suffix != ".json")
        sources = enumerate(Source(file.name, path=file) for file in files)
        ready = [one for one in prepare(sources, scorer.info.budget, settings) if isinstance(one, Candidate)]
    examiner = Examiner(load_specimens("trained"), load_glyph_specimens(), Phrases.known(), 4711)
    sheets = [(sheet.candidate, sheet.queries) for sheet in examiner.mixed_scenes(scenes)]
    return [(candidate, _QUERIES) for candidate in ready] + sheets


def _against(record: dict[str, Any], first: Sequence[Sequence[float]]) -> dict[str, Any]:
    """How far the scores are from those of the first precision, in points of 10, where they mean anything."""
    scores = record.pop("scores", None)
    if not scores:
        return record
    found, wanted = (list(chain.from_iterable(each)) for each in (scores, first))
    off = np.abs(np.subtract(found, wanted))
    changes = {"most": float(off.max()), "mean": float(off.mean()), "rank": spearman(found, wanted)}
    return record | {"scores_off": changes}


def _show(result: dict[str, Any]) -> None:
    print(f"{result['model']}, torch {result['torch']}; scores against the first, in points of 10")
    for each in result["records"]:
        if "error" in each:
            print(f"{each['precision']:9} {each['error']}")
            continue
        times = ", ".join(f"{name}: {value:.1f} ms" for name, value in each["ms"].items())
        opening = " and ".join(f"{value:.1f}" for value in each["open_seconds"])
        print(f"{each['precision']:9} {times}; peak {each['peak_bytes'] / 1e9:.2f} GB; opened in {opening} s")
        if "top_3_mean" in each:
            told = f"{'':9} top 3 {each['top_3_mean']:.2f}, deviation {each['deviation']:.2f}; "
            told += f"{_REPEATS} times: off {each['repeats_off']:.1e}; "
            print(told + f"no score in {each['explain_failed']} of {each['explained']} explanations")
        if largest := each.get("largest_number"):
            print(f"{'':9} largest number on the way {largest:.0f}; FP16 holds {each['float16_holds']:.0f}")
        if off := each.get("scores_off"):
            print(
                f"{'':9} off {off['most']:.3f} at most, {off['mean']:.3f} on average; ranks {off['rank']:.4f}"
            )
