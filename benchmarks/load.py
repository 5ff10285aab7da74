"""Opens a checkpoint of full shape as a user would, and times it: load, images, memory.

The weights are random (the speed and the memory are those of real ones), written as the published release has
them: four BF16 shards, under the older key names and under the current ones. With `--keep` they stay, for the
other benches' `--model`.
"""

import argparse
import json
import shutil
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks import random_weights, sides
from lychee_app.errors import UsageError
from lychee_app.model.families import family_of
from lychee_app.model.scorer import LocalScorer, open_scorer
from lychee_app.records import Candidate
from lychee_app.settings import Settings

TOKEN_PX = 28
"""Of Qwen2.5-VL."""
_TINY = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}
_TINY_VISION = {
    "depth": 2,
    "hidden_size": 32,
    "num_heads": 2,
    "intermediate_size": 60,
    "out_hidden_size": 64,
    "fullatt_block_indexes": [1],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--files", type=Path, required=True, help="folder with config, template and tokenizer"
    )
    parser.add_argument(
        "--graph",
        choices=("full", "tiny", "qwen3-2b", "qwen3-8b", "qwen3-tiny"),
        default="full",
        help="full: as the config says; tiny shrinks it; the others take only the tokenizer from the files",
    )
    parser.add_argument("--naming", choices=("older", "current", "both"), default="both")
    parser.add_argument(
        "--scratch", type=Path, help="where 16.6 GB may be written (default: a temporary folder)"
    )
    parser.add_argument("--keep", type=Path, help="write into this new folder instead, and leave it there")
    parser.add_argument("--device", help="cuda, cuda:1, cpu ... (default: the best there is)")
    parser.add_argument("--images", type=int, default=12, help="images to time, after two that are not")
    parser.add_argument("--tokens", type=int, default=1260, help="image tokens of each, about")
    parser.add_argument("--queries", type=int, default=1)
    parser.add_argument("--explain", type=int, default=0, metavar="N", help="also generate N tokens once")
    parser.add_argument("--plain", action="store_true", help="without the fast passes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """One record per key naming, with the versions and the machine they were measured on."""
    namings = ("older", "current") if arguments.naming == "both" else (arguments.naming,)
    if arguments.keep and len(namings) > 1:
        raise UsageError("as-told", text="--keep holds one set of weights; say --naming older or current.")
    return {
        "bench": "load",
        "graph": arguments.graph,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "image_tokens": noise_image(arguments.tokens, 0).tokens(TOKEN_PX),
        "namings": {naming: _one(arguments, naming) for naming in namings},
    }


def _one(arguments: argparse.Namespace, naming: random_weights.Naming) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lychee-load-", dir=arguments.scratch) as scratch:
        folder = arguments.keep or Path(scratch) / "checkpoint"
        copy(arguments.files, folder, arguments.graph)
        started = time.perf_counter()
        weight_bytes = random_weights.write(folder, naming)
        written = time.perf_counter() - started
        found = _measured(arguments, folder, Path(scratch))
        return {"weight_bytes": weight_bytes, "write_seconds": written, **found}


def copy(files: Path, folder: Path, graph: str) -> None:
    folder.mkdir()
    for file in files.iterdir():
        if file.suffix in {".json", ".jinja", ".txt"} and "index" not in file.name:
            shutil.copyfile(file, folder / file.name)
    if graph == "tiny":
        config = json.loads((folder / "config.json").read_text("utf-8"))
        config["vision_config"] |= _TINY_VISION
        config |= {**_TINY, "rope_scaling": {**config["rope_scaling"], "mrope_section": [2, 3, 3]}}
        (folder / "config.json").write_text(json.dumps(config), "utf-8")
    if graph.startswith("qwen3"):
        _as_qwen3_vl(folder, graph)


def _as_qwen3_vl(folder: Path, graph: str) -> None:
    """The shape as released, with the special tokens that both families share."""
    given = json.loads((folder / "config.json").read_text("utf-8"))
    config = sides.config_of(graph)
    config |= {name: given[name] for name in config if name.endswith("_token_id")}
    config["text_config"] |= {name: given[name] for name in ("bos_token_id", "eos_token_id")}
    pixels = family_of("qwen3_vl").pixels
    processor = {"image_mean": pixels.mean, "image_std": pixels.std, "patch_size": pixels.patch_px}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(processor), "utf-8")


def _measured(arguments: argparse.Namespace, folder: Path, scratch: Path) -> dict[str, Any]:
    settings = replace(Settings.from_environment(), data_folder=scratch)
    started = time.perf_counter()
    scorer = open_scorer(
        folder, settings=settings, device=arguments.device, fast=not arguments.plain, self_test=False
    )
    loaded = time.perf_counter() - started
    queries = [f"a {number} red cats on a green sofa" for number in range(arguments.queries)]
    noise = [
        noise_image(arguments.tokens, n, scorer.info.budget.token_px) for n in range(arguments.images + 2)
    ]
    seconds = [_timed(scorer, image, queries) for image in noise]
    explained = _explained(scorer, arguments) if arguments.explain else {}
    reading = scorer.memory()
    return {
        "load_seconds": loaded,
        "first_image_seconds": seconds[0],
        "seconds_per_image": statistics.median(seconds[2:]),
        **explained,
        "memory_kind": reading.kind,
        "used_bytes": reading.used_bytes,
        "peak_bytes": reading.peak_bytes,
        "precision": scorer.info.precision,
        "warnings": [str(warning) for warning in scorer.info.warnings],
    }


def _timed(scorer: LocalScorer, candidate: Candidate, queries: list[str]) -> float:
    started = time.perf_counter()
    scorer.judge(candidate, queries)
    scorer.release()
    return time.perf_counter() - started


def _explained(scorer: LocalScorer, arguments: argparse.Namespace) -> dict[str, Any]:
    image = noise_image(arguments.tokens, 0, scorer.info.budget.token_px)
    reply = scorer.explain(image, "red cats on a green sofa", arguments.explain)
    return {"explain_seconds": reply.seconds, "explain_tokens": len(reply.generated_ids)}


def noise_image(tokens: int, number: int, token_px: int = TOKEN_PX) -> Candidate:
    """Noise, about 4 : 3, of nearly `tokens` image tokens."""
    rows = max(1, round((tokens * 3 / 4) ** 0.5))
    width, height = max(1, tokens // rows) * token_px, rows * token_px
    noise = torch.randint(
        0, 255, (height // 14, width // 14, 3), generator=torch.Generator().manual_seed(number)
    )
    image = Image.fromarray(noise.to(torch.uint8).numpy()).resize((width, height), Image.Resampling.BICUBIC)
    return Candidate(number, f"noise {number}", f"noise-{number}", image, width, height)
