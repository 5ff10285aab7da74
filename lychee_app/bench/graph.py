"""The published path and ours on one graph in one process: milliseconds, memory, agreement, and the floor.

On a processor both run on copies of the same weights and take turns, so that what else the machine does falls
on both. On a card the published path is measured first, because joining its matrices would change it.
"""

import argparse
import copy
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lychee_app.bench import floors, sides
from lychee_app.bench.sides import Case, Ours, Published, Side
from lychee_app.model import fast

TOKENS = {"7b": (1260, 676, 324), "tiny": (64, 16)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--graph", choices=sides.GRAPHS, default="tiny", help="random weights of this shape")
    parser.add_argument("--model", type=Path, help="a checkpoint folder, or demo, instead of random weights")
    parser.add_argument("--image-tokens", type=int, nargs="+", help="image sizes to measure")
    parser.add_argument("--rows", type=int, nargs="+", default=[1, 4], help="queries per image")
    parser.add_argument("--explain", type=int, default=64, metavar="N", help="tokens to generate; 0: none")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--device", help="cuda, cpu ... (default: the best there is)")
    parser.add_argument("--kernels", action="store_true", help="with Triton kernels (on a card)")


@dataclass
class Measured:
    """What one side did in one case. `peak_bytes` is over all weights; None where it cannot be read."""

    first_ms: float = 0.0
    times_ms: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    result: Any = None

    @property
    def ms(self) -> float:
        return statistics.median(self.times_ms)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    device = torch.device(arguments.device or ("cuda" if torch.cuda.is_available() else "cpu"))
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    model = _model(arguments, device, dtype)
    tokens = arguments.image_tokens or TOKENS[arguments.graph]
    cases = [sides.new_case(model, count, rows) for count in tokens for rows in arguments.rows]
    ceilings = floors.ceilings(device, dtype)
    jobs = _jobs(cases, arguments.explain)
    found, passes = (_in_turns if device.type == "cpu" else _apart)(model, jobs, arguments)
    judged = [_judged(model, case, ceilings, *pair) for case, pair in zip(cases, found, strict=False)]
    result = {
        "bench": "graph",
        "graph": str(arguments.model or arguments.graph),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "passes": passes,
        "threads": torch.get_num_threads(),
        "matmul_tflops": ceilings.flops_per_second / 1e12,
        "copy_gb_per_second": ceilings.bytes_per_second / 1e9,
        "weight_bytes": _weight_bytes(model),
        "judge": judged,
        "rows": _shared(judged),
        "explain": _explained(model, cases[0], ceilings, arguments.explain, found[len(cases) :]),
    }
    _show(result)
    return result


Job = Callable[[Side], Any]


def _jobs(cases: Sequence[Case], explain: int) -> list[Job]:
    """All cases judged; then one token and `explain` tokens of the first."""
    jobs: list[Job] = [lambda side, case=case: side.judge(case) for case in cases]
    lengths = (1, explain) if explain else ()
    return jobs + [lambda side, length=length: side.explain(cases[0], length) for length in lengths]


Found = tuple[list[tuple[Measured, Measured]], str]
"""Published and ours for each job, and which passes ours were."""


def _in_turns(model: Any, jobs: Sequence[Job], arguments: argparse.Namespace) -> Found:
    published, ours = Published(copy.deepcopy(model)), _ours(model, arguments)
    device = model.lm_head.weight.device
    found = [(Measured(), Measured()) for _ in jobs]
    for _ in range(arguments.repeats + 1):
        for job, pair in zip(jobs, found, strict=True):
            for side, measured in zip((published, ours), pair, strict=True):
                _measure(side, job, measured, device)
    return found, _passes(ours)


def _apart(model: Any, jobs: Sequence[Job], arguments: argparse.Namespace) -> Found:
    published = _column(Published(model), jobs, arguments.repeats)
    ours = _ours(model, arguments)
    return list(zip(published, _column(ours, jobs, arguments.repeats), strict=True)), _passes(ours)


def _column(side: Side, jobs: Sequence[Job], repeats: int) -> list[Measured]:
    column = [Measured() for _ in jobs]
    for job, measured in zip(jobs, column, strict=True):
        for _ in range(repeats + 1):
            _measure(side, job, measured, torch.device("cuda"))
    torch.cuda.empty_cache()
    return column


def _passes(ours: Ours) -> str:
    """FastForward, or the plain passes where it is not trusted; and whether with Triton kernels."""
    steps = getattr(ours.forward, "steps", None)
    return " + ".join(type(each).__name__ for each in (ours.forward, steps) if each is not None)


def _ours(model: Any, arguments: argparse.Namespace) -> Ours:
    return Ours(fast.best(model, kernels=arguments.kernels), model)


def _measure(side: Side, job: Job, measured: Measured, device: torch.device) -> None:
    """The first run of a case is told apart: it may compile, plan, or fill a cache."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)

    def work() -> None:
        measured.result = job(side)

    taken = 1e3 * floors.seconds(work, device)
    if not measured.first_ms:
        measured.first_ms = taken
        return
    measured.times_ms.append(taken)
    if device.type == "cuda":
        measured.peak_bytes = max(measured.peak_bytes or 0, torch.cuda.max_memory_allocated(device))


def _judged(
    model: Any, case: Case, ceilings: floors.Ceilings, published: Measured, ours: Measured
) -> dict[str, Any]:
    item_bytes = model.lm_head.weight.element_size()
    new = case.image_tokens + sides.AFTER
    rows = [(len(row) - new, new) for row in case.rows]
    counted = floors.judge(model.config, case.image_tokens, rows, item_bytes)
    floor = ceilings.milliseconds(counted.flops, counted.weight_bytes)
    weights = _weight_bytes(model)
    over = [None if side.peak_bytes is None else side.peak_bytes - weights for side in (published, ours)]
    logits: list[Tensor] = [published.result, ours.result]
    return {
        "image_tokens": case.image_tokens,
        "rows": len(case.rows),
        "published_ms": published.ms,
        "ours_ms": ours.ms,
        "ratio": published.ms / ours.ms,
        "first_ms": ours.first_ms,
        "floor_ms": floor,
        "share_of_floor": floor / ours.ms,
        "published_peak_bytes_over_weights": over[0],
        "peak_bytes_over_weights": over[1],
        "p_yes_off": sides.largest_difference([sides.p_yes(logits[0])], [sides.p_yes(logits[1])]),
        "margin_off": sides.largest_difference(
            [logits[0][:, 0] - logits[0][:, 1]], [logits[1][:, 0] - logits[1][:, 1]]
        ),
    }


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
        "startup_ms": max(0.0, one[1].first_ms - one[1].ms) + max(0.0, many[1].first_ms - many[1].ms),
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
    for each in result["rows"]:
        others = f"{each['published_times_one_row']:.2f} x, by arithmetic {each['floor_times_one_row']:.2f} x"
        head = f"{each['rows']} rows of {each['image_tokens']} tokens"
        print(f"{head}: {each['times_one_row']:.2f} x one row (published {others})")
    if explained := result["explain"]:
        print(
            f"explain: {explained['published_ms_per_token']:.2f} ms a token published, "
            f"{explained['ours_ms_per_token']:.2f} ours, floor {explained['floor_ms_per_token']:.2f}; "
            f"{explained['same_tokens']} of {explained['tokens']} tokens equal"
        )
