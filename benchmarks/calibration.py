"""`python -m benchmarks calibration`: what 16 picks and rejects are worth on scenes that nobody decided on.

Somebody looks for the scenes of one query and decides on some of them: wanted is what shows at least a share
of its elements (`--wanted`), and now and then a decision is a slip (`--slips`). From those decisions a curve
is fitted; on the other scenes it is compared with the judge's own probability, and its cut-off with a score
of 5 and with the largest gap. Held-out art is art that the demo was never taught from.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lychee_app.analysis import Calibration, calibrate, suggest_cut
from lychee_app.records import Cutoff, Scored, Scorer, sigmoid
from recipe.exam import Examiner
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", default="demo", help="demo, or a checkpoint folder that knows the same words"
    )
    parser.add_argument("--art", choices=("trained", "held-out"), default="held-out")
    parser.add_argument("--queries", type=int, default=24)
    parser.add_argument("--scenes", type=int, default=96, help="of each query")
    parser.add_argument("--decided", type=int, nargs="+", default=[16, 32, 64])
    parser.add_argument("--wanted", type=float, nargs="+", default=[0.3, 0.6, 0.95], help="share of elements")
    parser.add_argument("--slips", type=float, default=0.05, help="share of decisions that are wrong")
    parser.add_argument("--seed", type=int, default=314)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    scorer = open_scorer(arguments.model)
    examiner = Examiner(
        load_specimens(arguments.art), load_glyph_specimens(), Phrases.known(), arguments.seed
    )
    galleries = [_answered(scorer, examiner, arguments.scenes) for _ in range(arguments.queries)]
    random = np.random.default_rng(arguments.seed)
    records = []
    for wanted in arguments.wanted:
        for count in arguments.decided:
            found = [_tried(each, wanted, count, arguments.slips, random) for each in galleries]
            fitted = [one for one in found if one]
            record = {"wanted": wanted, "decided": count, "fitted": len(fitted), "of": len(found)}
            record |= {name: float(np.mean([one[name] for one in fitted])) for name in (fitted or [{}])[0]}
            records.append(record)
    _show(records)
    return {"bench": "calibration", "model": arguments.model, "art": arguments.art, "records": records}


@dataclass(frozen=True)
class _Gallery:
    """The scenes of one query: margins, and shares of the elements that are there."""

    margins: NDArray[Any]
    truths: NDArray[Any]


def _answered(scorer: Scorer, examiner: Examiner, scenes: int) -> _Gallery:
    sheets = examiner.gallery(scenes)
    replies = [scorer.judge(sheet.candidate, sheet.queries)[0] for sheet in sheets]
    margins, truths = [reply.margin for reply in replies], [sheet.truths[0] for sheet in sheets]
    return _Gallery(np.array(margins, float), np.array(truths))


def _tried(
    gallery: _Gallery, least: float, count: int, slips: float, random: np.random.Generator
) -> dict[str, float] | None:
    """None where too little of one kind was decided on. Figures are of the scenes that nobody decided on."""
    margins, wanted = gallery.margins, gallery.truths >= least
    decided = np.zeros(len(margins), bool)
    decided[random.permutation(len(margins))[:count]] = True
    told = wanted ^ (random.random(len(margins)) < slips)
    fitted = calibrate(margins[decided & told], margins[decided & ~told])
    if not isinstance(fitted, Calibration):
        return None
    margins, wanted = margins[~decided], wanted[~decided]
    own, ours = (np.array([each(float(margin)) for margin in margins]) for each in (sigmoid, fitted.chance))
    gap = suggest_cut(_rows(margins))
    return {
        "brier_own": _brier(own, wanted),
        "brier_fitted": _brier(ours, wanted),
        "ece_own": _ece(own, wanted),
        "ece_fitted": _ece(ours, wanted),
        "wrong_at_5": float(((margins >= 0) != wanted).mean()),
        "wrong_at_gap": float(((margins >= _on_margins(gap.cutoff if gap else None)) != wanted).mean()),
        "wrong_fitted": float(((margins >= fitted.cutoff.value) != wanted).mean()),
    }


def _rows(margins: Sequence[float] | NDArray[Any]) -> list[Scored]:
    return [
        Scored(at, f"{at}", "", 10 * sigmoid(float(margin)), float(margin), sigmoid(float(margin)))
        for at, margin in enumerate(margins)
    ]


def _on_margins(cutoff: Cutoff | None) -> float:
    """Without a suggestion: a score of 5."""
    if cutoff is None:
        return 0.0
    if cutoff.axis == "margin":
        return cutoff.value
    share = min(max(cutoff.value / 10, 1e-12), 1 - 1e-12)
    return float(np.log(share / (1 - share)))


def _brier(chance: NDArray[Any], wanted: NDArray[np.bool_]) -> float:
    return float(((chance - wanted) ** 2).mean())


def _ece(chance: NDArray[Any], wanted: NDArray[np.bool_]) -> float:
    place = np.minimum((chance * 10).astype(int), 9)
    return float(np.abs(np.bincount(place, chance - wanted, 10)).sum() / len(chance))


def _show(records: Sequence[dict[str, Any]]) -> None:
    for one in records:
        told = f"wanted from {one['wanted']:.2f}, {one['decided']} decided: "
        told += f"fitted {one['fitted']} of {one['of']}"
        if one["fitted"]:
            told += f"; Brier {one['brier_own']:.3f} -> {one['brier_fitted']:.3f}"
            told += f"; ECE {one['ece_own']:.3f} -> {one['ece_fitted']:.3f}; on the wrong side"
            told += f" {one['wrong_at_5']:.1%} at 5, {one['wrong_at_gap']:.1%} at the gap"
            told += f", {one['wrong_fitted']:.1%} fitted"
        print(told, file=sys.stderr)
