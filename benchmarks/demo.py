"""`python -m benchmarks demo`: how well the embedded checkpoint ranks, on fresh scenes of trained and of
held-out art.

Prints one line per figure with the goal beside it. Knows figures; scenes and truth come from `demo.exam`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lychee_app.demo.gallery import GALLERY_QUERY, write_gallery
from lychee_app.parse import parse
from lychee_app.query import language
from lychee_app.records import Scorer
from recipe.exam import Examiner, Sheet
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens

GOALS = {
    "auc_trained": ">= 0.99",
    "auc_held_out": ">= 0.95",
    "ndcg10": ">= 0.95",
    "spearman": ">= 0.90",
    "wording_points": "<= 0.15",
    "explain_parsed": ">= 0.99",
    "explain_from_judge_points": "<= 1.0",
    "written_points": "< 2",
    "gallery_seconds": "<= 4",
    "gallery_peak_bytes": "< 1.5e9",
}
Pairs = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Amounts:
    scenes: int = 120
    galleries: int = 6
    wordings: int = 20
    explained: int = 60
    written: int = 40


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="demo", help="demo, or a checkpoint folder that knows the same words"
    )
    parser.add_argument("--seed", type=int, default=90210)
    parser.add_argument("--quick", action="store_true", help="a fifth of the scenes")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    amounts = Amounts(24, 2, 4, 12, 8) if arguments.quick else Amounts()
    started = time.perf_counter()
    scorer = open_scorer(arguments.model)
    figures = measure(scorer, amounts, arguments.seed)
    figures |= cold_gallery(arguments.model)
    figures["bench_seconds"] = time.perf_counter() - started
    for name, value in figures.items():
        print(f"{name:28} {value:14.4f}   {GOALS.get(name, '')}", file=sys.stderr)
    return {"bench": "demo", "model": arguments.model, "seed": arguments.seed, **figures}


def measure(scorer: Scorer, amounts: Amounts, seed: int) -> dict[str, float]:
    """Every figure that needs only a scorer."""
    phrases, glyphs = Phrases.known(), load_glyph_specimens()
    trained = Examiner(load_specimens("trained"), glyphs, phrases, seed)
    held_out = Examiner(load_specimens("held-out"), glyphs, phrases, seed + 1)
    sheets = trained.mixed_scenes(amounts.scenes)
    seen, unseen = answered(scorer, sheets), answered(scorer, held_out.mixed_scenes(amounts.scenes))
    written = answered(scorer, trained.written(amounts.written))[0]
    return {
        "auc_trained": auc(seen),
        "auc_held_out": auc(unseen),
        "spearman": spearman(*seen),
        "spearman_held_out": spearman(*unseen),
        "ndcg10": _galleries(scorer, trained, amounts.galleries),
        "ndcg10_held_out": _galleries(scorer, held_out, amounts.galleries),
        "mean_error_points": float(np.mean(np.abs(np.subtract(*seen)))),
        "wording_points": _wordings(scorer, trained, amounts.wordings),
        **_explained(scorer, sheets[: amounts.explained]),
        "written_points": float(np.mean(written)),
        "written_over_2_share": float(np.mean(np.array(written) >= 2)),
    }


def answered(scorer: Scorer, sheets: Sequence[Sheet]) -> Pairs:
    """(scores, truths), both 0 to 10, one per query."""
    scores: list[float] = []
    truths: list[float] = []
    for sheet in sheets:
        scores += [10 * (reply.p_yes or 0.0) for reply in scorer.judge(sheet.candidate, sheet.queries)]
        truths += [10 * truth for truth in sheet.truths]
    return scores, truths


def auc(pairs: Pairs) -> float:
    """Chance that a full match scores above a query of which nothing is there; ties count half."""
    scores, truths = np.array(pairs[0]), np.array(pairs[1])
    full, none = scores[truths == 10], scores[truths == 0]
    above, same = full[:, None] > none[None], full[:, None] == none[None]
    return float((above + 0.5 * same).mean())


def spearman(scores: Sequence[float], truths: Sequence[float]) -> float:
    """Correlation of ranks, ties sharing the mean rank."""
    return float(np.corrcoef(_ranks(scores), _ranks(truths))[0, 1])


def _ranks(values: Sequence[float]) -> np.ndarray:
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(count)
    return (ends - (count - 1) / 2)[place]


def ndcg(scores: Sequence[float], truths: Sequence[float], top: int = 10) -> float:
    """Discounted gain of the first `top` by score over the best there could be; the truth is the gain."""
    discount = 1 / np.log2(np.arange(2, top + 2))
    gains = np.array(truths)[np.argsort(-np.array(scores), kind="stable")][:top]
    best = np.sort(np.array(truths))[::-1][:top]
    return float((gains * discount[: len(gains)]).sum() / max((best * discount[: len(best)]).sum(), 1e-9))


def _galleries(scorer: Scorer, examiner: Examiner, count: int) -> float:
    return float(np.mean([ndcg(*answered(scorer, examiner.gallery())) for _ in range(count)]))


def _wordings(scorer: Scorer, examiner: Examiner, count: int) -> float:
    """Mean distance in points between the three wordings of a query about the same scene."""
    distances: list[float] = []
    for wording in (one for query in examiner.wordings(count) for one in query):
        replies = scorer.judge(wording.candidate, (wording.zh, wording.en, wording.mixed))
        zh, en, mixed = (10 * (reply.p_yes or 0.0) for reply in replies)
        distances += [abs(zh - en), abs(zh - mixed), abs(en - mixed)]
    return float(np.mean(distances))


def _explained(scorer: Scorer, sheets: Sequence[Sheet]) -> dict[str, float]:
    parsed: list[tuple[float, float, float]] = []
    wrong_language = 0
    for sheet in sheets:
        reply = scorer.explain(sheet.candidate, sheet.queries[0])
        wrong_language += language(reply.text) != language(sheet.queries[0])
        score = parse(reply.text).score
        if score is not None:
            judged = scorer.judge(sheet.candidate, sheet.queries[:1])[0]
            parsed.append((score, 10 * (judged.p_yes or 0.0), 10 * sheet.truths[0]))
    found = np.array(parsed or [(np.nan,) * 3])
    return {
        "explain_parsed": len(parsed) / len(sheets),
        "explain_from_judge_points": float(np.abs(found[:, 0] - found[:, 1]).mean()),
        "explain_error_points": float(np.abs(found[:, 0] - found[:, 2]).mean()),
        "explain_other_language": wrong_language / len(sheets),
    }


def cold_gallery(model: str) -> dict[str, float]:
    """The demo gallery through the command line, in a process of its own. `gallery_seconds` includes loading
    torch and the model; `gallery_wall_seconds` also the start of Python and the printing."""
    with tempfile.TemporaryDirectory() as folder:
        write_gallery(Path(folder))
        command = [
            sys.executable,
            "-m",
            "lychee_app",
            "rank",
            GALLERY_QUERY,
            folder,
            "--model",
            model,
            "--fresh",
            "--json",
            "-",
        ]
        started = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        wall = time.perf_counter() - started
        truth = json.loads((Path(folder) / "truth.json").read_text(encoding="utf-8"))["images"]
    report = json.loads(done.stdout)
    rows = [row for row in report["images"] if row["score"] is not None]
    scores, truths = [row["score"] for row in rows], [truth[row["name"]] for row in rows]
    return {
        "gallery_ndcg10": ndcg(scores, truths),
        "gallery_spearman": spearman(scores, truths),
        "gallery_seconds": report["seconds"],
        "gallery_wall_seconds": wall,
        "gallery_peak_bytes": float(report["peak_memory_bytes"]),
    }
