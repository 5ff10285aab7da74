"""`python -m benchmarks sorting`: which share of the images lands under the right name, on drawn scenes.

A sorting has some names, each with one or two coloured things for a query; every scene shows what one of them
asks for among other things, or nothing that any asks for. Compared: the highest score wins, with no cut-off;
the highest score among those that pass it; and how far above its own cut-off an image is, with the usual
cut-off of 5, or with the one that is suggested for each query by itself.
"""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lychee_app.analysis import suggest_cut
from lychee_app.records import Scored, logit, sigmoid
from recipe.exam import Examiner
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--art", nargs="+", choices=("trained", "held-out"), default=["trained", "held-out"])
    parser.add_argument("--names", type=int, nargs="+", default=[3, 8])
    parser.add_argument("--sortings", type=int, default=6, help="of each kind")
    parser.add_argument("--scenes", type=int, default=60, help="in each sorting")
    parser.add_argument("--seed", type=int, default=90210)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    scorer, figures = open_scorer("demo"), {}
    for art in arguments.art:
        for names in arguments.names:
            seed = arguments.seed + names
            examiner = Examiner(load_specimens(art), load_glyph_specimens(), Phrases.known(), seed)
            found = []
            for _ in range(arguments.sortings):
                queries, scenes = examiner.sorting(names, arguments.scenes)
                margins = np.array(
                    [[reply.margin for reply in scorer.judge(scene, queries)] for scene, _ in scenes], float
                )
                found.append(_shares(margins, np.array([truth for _, truth in scenes])))
            shares = {name: float(np.mean([one[name] for one in found])) for name in found[0]}
            figures[f"{art}, {names} names"] = shares
            for name, share in shares.items():
                print(f"{art:9} {names} names  {share:.3f} right  {name}", file=sys.stderr, flush=True)
    return {"bench": "sorting", "seed": arguments.seed, **figures}


def _shares(margins: NDArray[Any], truths: NDArray[Any]) -> dict[str, float]:
    """margins: (scenes, names). truths: the right name, or -1."""
    suggested = np.array([_suggested(column) for column in margins.T])
    ways = {
        "highest score, no cut-off": margins.argmax(axis=1),
        "above its own cut-off, 5 for each (taken)": _best(margins, np.zeros(margins.shape[1])),
        "above its own cut-off, the suggested one": _best(margins, suggested),
        "highest score of those above the suggested one": _best(margins, suggested, by_score=True),
    }
    return {name: float((found == truths).mean()) for name, found in ways.items()}


def _best(margins: NDArray[Any], cuts: NDArray[Any], *, by_score: bool = False) -> NDArray[Any]:
    above = margins - cuts
    strength = np.where(above >= 0, margins if by_score else above, -np.inf)
    return np.where((above >= 0).any(axis=1), strength.argmax(axis=1), -1)


def _suggested(margins: Sequence[float]) -> float:
    """As a margin; that of a score of 5 where none is suggested."""
    rows = [
        Scored(index, "", "", score=10 * sigmoid(margin), margin=margin, p_yes=sigmoid(margin))
        for index, margin in enumerate(map(float, margins))
    ]
    found = suggest_cut(rows)
    if found is None:
        return 0.0
    cut = found.cutoff
    return cut.value if cut.axis == "margin" else logit(cut.value / 10)
