"""The published path and ours on one graph in one process: milliseconds, memory, agreement, and the floor.

On a processor both run on copies of the same weights and take turns, so that what else the machine does falls
on both. On a card the published path is measured first, because joining its matrices would change it.

Memory is told twice, each over the weights: the most that was allocated at once, and what the allocator held
of the card after the pass. Recorded passes keep their working memory, which only the second shows.
With `--exact` both sides are also compared with the plain modules in a higher precision, since the published
path has rounding of its own.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import floors, profiling, sides
from benchmarks.measured import Measured, apart, in_turns, jobs_of
from benchmarks.sides import Case, Ours

TOKENS = {
    "7b": (1260, 676, 324),
    "qwen3-2b": (1280, 324),
    "qwen3-8b": (1280, 324),
    "tiny": (64, 16),
    "qwen3-tiny": (64, 16),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--graph", choices=sides.GRAPHS, default="tiny", help="random weights of this shape")
    parser.add_argument("--model", type=Path, help="a checkpoint folder, or demo, instead of random weights")
    parser.add_argument("--image-tokens", type=int, nargs="+", help="image sizes to measure")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4], help="queries per image")
    parser.add_argument("--explain", type=int, default=64, metavar="N", help="tokens to generate; 0: none")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--device", help="cuda, cpu ... (default: the best there is)")
    parser.add_argument("--float32", action="store_true", help="both in float32 on a card too")
    parser.add_argument("--exact", action="store_true", help="also compare with a higher precision")
    parser.add_argument("--profile", action="store_true", help="also say what the device does in a pass")
    parser.add_argument("--no-kernels", action="store_true", help="without Triton kernels")
    parser.add_argument("--no-graphs", action="store_true", help="without recorded passes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    dtype = torch.bfloat16 if device.type == "cuda" and not arguments.float32 else torch.float32
    model = _model(arguments, device, dtype)
    tokens = arguments.image_tokens or TOKENS[arguments.graph]
    cases = [sides.new_case(model, count, rows) for count in tokens for rows in arguments.rows]
    ceilings = floors.ceilings(device, dtype)
    jobs = jobs_of(cases, arguments.explain)
    compared = (in_turns if device.type == "cpu" else apart)(model, jobs, cases, arguments)
    judged = [
        _judged(model, case, ceilings, *pair) for case, pair in zip(cases, compared.pairs, strict=False)
    ]
    for record, pair, truth in zip(judged, compared.pairs, compared.exact, strict=False):
        record["off_exact"] = _off_exact(truth, *(side.result for side in pair))
    result = {
        "bench": "graph",
        "graph": str(arguments.model or arguments.graph),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "passes": compared.passes,
        "threads": torch.get_num_threads(),
        "matmul_tflops": ceilings.flops_per_second / 1e12,
        "copy_gb_per_second": ceilings.bytes_per_second / 1e9,
        "weight_bytes": _weight_bytes(model),
        "judge": judged,
        "rows": _shared(judged),
        "explain": _explained(model, cases[0], ceilings, arguments.explain, compared.pairs[len(cases) :]),
        "profiles": _profiles(compared.ours, cases, arguments, device) if arguments.profile else {},
    }
    _show(result)
    return result


def _judged(
    model: Any, case: Case, ceilings: floors.Ceilings, published: Measured, ours: Measured
) -> dict[str, Any]:
    item_bytes = model.lm_head.weight.element_size()
    new = case.image_tokens + sides.AFTER
    rows = [(len(row) - new, new) for row in case.rows]
    counted = floors.judge(model.config, case.image_tokens, rows, item_bytes)
    floor = ceilings.milliseconds(counted.flops, counted.weight_bytes)
    weights = _weight_bytes(model)
    logits: list[Tensor] = [published.result, ours.result]
    return {
        "image_tokens": case.image_tokens,
        "rows": len(case.rows),
        "published_ms": published.ms,
        "ours_ms": ours.ms,
        "ratio": published.ms / ours.ms,
        "first_ms": ours.first_ms[0],
        "floor_ms": floor,
        "share_of_floor": floor / ours.ms,
        "published_bytes_over_weights": published.over(weights),
        "bytes_over_weights": ours.over(weights),
        "p_yes_off": sides.largest_difference([sides.p_yes(logits[0])], [sides.p_yes(logits[1])]),
        "margin_off": sides.largest_difference(
            [logits[0][:, 0] - logits[0][:, 1]], [logits[1][:, 0] - logits[1][:, 1]]
        ),
    }


def _off_exact(truth: Tensor, published: Tensor, ours: Tensor) -> dict[str, float]:
    """The largest errors of p_yes and of the margin, of each side."""

    def margin(logits: Tensor) -> Tensor:
        return logits[:, 0] - logits[:, 1]

    found: dict[str, float] = {}
    for name, logits in (("published", published), ("ours", ours)):
        found[f"{name}_p_yes"] = sides.largest_difference([sides.p_yes(truth)], [sides.p_yes(logits)])
        found[f"{name}_margin"] = sides.largest_difference([margin(truth)], [margin(logits)])
    return found


def _profiles(
    ours: Ours, cases: Sequence[Case], arguments: argparse.Namespace, device: torch.device
) -> dict[str, Any]:
    """Of each case judged, and of eight tokens generated."""
    works: dict[str, Callable[[], Any]] = {
        f"judge {case.image_tokens} tokens, {len(case.rows)} rows": lambda case=case: ours.judge(case)
        for case in cases
    }
    if arguments.explain:
        works["explain, 8 tokens"] = lambda: ours.explain(cases[0], 8)
    return {name: asdict(profiling.profiled(work, device)) for name, work in works.items()}


def _shared(judged: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """What several rows of one image cost against one row of it, measured and by arithmetic."""
    single = {each["image_tokens"]: each for each in judged if each["rows"] == 1}
    return [
        {
            "image_tokens": each["image_tokens"],
            "rows": each["rows"],
            "times_one_row": each["ours_ms"] / one["ours_ms"],
            "published_times_one_row": each["published_ms"] / one["published_ms"],
            "floor_times_one_row": each["floor_ms"] / one["floor_ms"],
        }
        for each in judged
        if each["rows"] > 1 and (one := single.get(each["image_tokens"]))
    ]


def _explained(
    model: Any,
    case: Case,
    ceilings: floors.Ceilings,
    tokens: int,
    found: Sequence[tuple[Measured, Measured]],
) -> dict[str, Any] | None:
    if not found:
        return None
    one, many = found
    past = len(case.rows[0]) + tokens // 2
    counted = floors.step(model.config, past, model.lm_head.weight.element_size())
    each = [(late.ms - early.ms) / max(1, tokens - 1) for early, late in zip(one, many, strict=True)]
    same = sum(a == b for a, b in zip(many[0].result, many[1].result, strict=True))
    return {
        "tokens": tokens,
        "published_ms_per_token": each[0],
        "ours_ms_per_token": each[1],
        "ratio": each[0] / each[1],
        "floor_ms_per_token": ceilings.milliseconds(counted.flops, counted.weight_bytes),
        "startup_ms": sum(max(0.0, first - ours.ms) for ours in (one[1], many[1]) for first in ours.first_ms),
        "same_tokens": same,
    }


def _model(arguments: argparse.Namespace, device: torch.device, dtype: torch.dtype) -> Any:
    if arguments.model is None:
        return sides.random_model(arguments.graph, device, dtype)
    from lychee_app.model import checkpoints, loading, weights
    from lychee_app.settings import Settings

    settings = Settings.from_environment()
    checkpoint = weights.inspect(checkpoints.locate(str(arguments.model), settings))
    precision = "bfloat16" if dtype == torch.bfloat16 else "float32"
    return loading.load(checkpoint, str(device), precision, settings.data_folder / "offload").model


def _weight_bytes(model: Any) -> int:
    stores = {each.untyped_storage()._cdata: each.untyped_storage().nbytes() for each in model.parameters()}
    return sum(stores.values())


def _show(result: dict[str, Any]) -> None:
    speeds = f"{result['matmul_tflops']:.2f} TFLOP/s, {result['copy_gb_per_second']:.0f} GB/s"
    print(f"{result['graph']} on {result['device']}, torch {result['torch']}: {speeds}; {result['passes']}")
    print("image tokens  rows  published ms   ours ms  ratio  floor ms  share   p_yes off")
    for each in result["judge"]:
        print(
            f"{each['image_tokens']:12d} {each['rows']:5d} {each['published_ms']:13.1f} "
            f"{each['ours_ms']:9.1f} {each['ratio']:6.2f} {each['floor_ms']:9.2f} "
            f"{each['share_of_floor']:6.2f} {each['p_yes_off']:11.1e}"
        )
        _show_more(each)
    for each in result["rows"]:
        others = f"{each['published_times_one_row']:.2f} x, by arithmetic {each['floor_times_one_row']:.2f} x"
        head = f"{each['rows']} rows of {each['image_tokens']} tokens"
        print(f"{head}: {each['times_one_row']:.2f} x one row (published {others})")
    if explained := result["explain"]:
        print(
            f"explain: {explained['published_ms_per_token']:.2f} ms a token published, "
            f"{explained['ours_ms_per_token']:.2f} ours, floor {explained['floor_ms_per_token']:.2f}; "
            f"{explained['same_tokens']} of {explained['tokens']} tokens equal, "
            f"start-up {explained['startup_ms'] / 1e3:.2f} s"
        )
    for name, values in result["profiles"].items():
        print("\n  ".join([name, *profiling.Profile(**values).lines()]))


def _show_more(each: dict[str, Any]) -> None:
    if off := each.get("off_exact"):
        print(
            f"{'':18s}off the exact: p_yes {off['ours_p_yes']:.1e} (published {off['published_p_yes']:.1e}), "
            f"margin {off['ours_margin']:.1e} ({off['published_margin']:.1e})"
        )
    if each["bytes_over_weights"]:
        (a, b), (c, d) = (each[f"{name}bytes_over_weights"].values() for name in ("published_", ""))
        print(
            f"{'':18s}over the weights: {c / 1e9:.3f} GB at most, {d / 1e9:.3f} held after it "
            f"(published {a / 1e9:.3f}, {b / 1e9:.3f})"
        )
