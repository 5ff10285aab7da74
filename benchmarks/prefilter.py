"""`python -m benchmarks prefilter`: how often a first look at fewer tokens keeps the true best, and what time
it saves, on the demo checkpoint and scenes that it never saw.

The true best are those of the full look, and those drawn to be. A library is scenes at random, with a few of
what is asked for among them; queries have one, two and three elements. Tokens of the first look: what
`--prefilter` takes on this checkpoint, whose images have 49 tokens at most and 16 at least, and the true
quarter of 12, which it never was taught. Times are of the whole flow from files, without the model's loading;
processor seconds hold beside other work.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from PIL import Image

from lychee_app import query, recorder
from lychee_app.engines.first_look import first_budget
from lychee_app.engines.local import LocalEngine
from lychee_app.intake import fit
from lychee_app.records import ImageBudget, Scorer, Source
from lychee_app.request import Request
from lychee_app.settings import Settings
from recipe.exam import Examiner, Sheet
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens

FOUND_MARGIN = math.log(0.6 / 0.4)
"""Of 6 points."""
SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
WANTED = 16
"""Scenes drawn for each query: they show all, some or none of it."""
TRUE_QUARTER = 12


@dataclass(frozen=True)
class Library:
    """Scenes, and what is asked of them: (number of elements, query). `shelves`: of each query, where the
    scenes begin that were drawn for it."""

    sheets: Sequence[Sheet]
    queries: Sequence[tuple[int, str]]
    shelves: Sequence[int]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=500, help="scenes of the library (default 500)")
    parser.add_argument("--queries", type=int, default=4, help="of each length (default 4)")
    parser.add_argument("--seed", type=int, default=90210)
    parser.add_argument("--only", choices=["kept", "times"], help="how often they are kept, or times, alone")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    from lychee_app.model.scorer import open_scorer  # torch, only when it is run

    scorer = open_scorer("demo", self_test=False)
    library = _library(arguments)
    full = scorer.info.budget
    kept = {} if arguments.only == "times" else _shares_kept(scorer, library)
    times = {} if arguments.only == "kept" else _times(scorer, library)
    _show(kept, times)
    return {
        "bench": "prefilter",
        "images": len(library.sheets),
        "queries": len(library.queries),
        "full_tokens": full.max_tokens,
        "kept": kept,
        "times": times,
        "load_per_core": round(os.getloadavg()[0] / (os.cpu_count() or 1), 1),
    }


def _shares_kept(scorer: Scorer, library: Library) -> dict[int, list[dict[str, Any]]]:
    """By the tokens of the first look."""
    full = scorer.info.budget
    margins = {tokens: _margins(scorer, library, _at_most(full, tokens)) for tokens in _looks(full)}
    whole = margins.pop(full.max_tokens)
    return {tokens: _kept(library, whole, found) for tokens, found in margins.items()}


def _looks(full: ImageBudget) -> list[int]:
    """Tokens: in full, as `--prefilter` looks, and a true quarter."""
    return [full.max_tokens, first_budget(full).max_tokens, TRUE_QUARTER]


def _at_most(full: ImageBudget, tokens: int) -> ImageBudget:
    """Also below what the checkpoint takes by itself."""
    return replace(full, max_tokens=tokens, min_tokens=min(full.min_tokens, tokens))


def _library(arguments: argparse.Namespace) -> Library:
    examiner = Examiner(load_specimens("trained"), load_glyph_specimens(), Phrases.known(), arguments.seed)
    shelves = [examiner.gallery(WANTED) for _ in range(arguments.queries)]
    rest = examiner.mixed_scenes(max(0, arguments.images - WANTED * arguments.queries), queries=1)
    queries = []
    for shelf in shelves:
        parts = shelf[0].queries[0].split(" + ")
        queries += [(count, " + ".join(parts[:count])) for count in (1, 2, 3)]
    places = [WANTED * number for number in range(len(shelves)) for _ in range(3)]
    return Library([*(sheet for shelf in shelves for sheet in shelf), *rest], queries, places)


def _margins(scorer: Scorer, library: Library, budget: ImageBudget) -> NDArray[np.float64]:
    """(queries, images)"""
    texts = [text for _, text in library.queries]

    def judged(sheet: Sheet) -> list[float]:
        image = sheet.candidate.image
        size = fit(image.width, image.height, budget)
        small = image if size == image.size else image.resize(size, Image.Resampling.BICUBIC)
        return [reply.margin or 0.0 for reply in scorer.judge(replace(sheet.candidate, image=small), texts)]

    with ThreadPoolExecutor(scorer.info.at_once) as crew:
        rows = list(crew.map(judged, library.sheets))
    return np.array(rows).T


def _kept(library: Library, full: NDArray[np.float64], first: NDArray[np.float64]) -> list[dict[str, Any]]:
    """How many of the wanted are in the share that the first look keeps: mean over the queries, and the worst
    of them."""
    found, images = [], full.shape[1]
    for name, wanted in _wanted(library, full).items():
        for share in SHARES:
            keep = max(1, round(share * images))
            kept = [
                len(each & set(_best(first[at], keep))) / len(each) for at, each in enumerate(wanted) if each
            ]
            mean, worst = round(float(np.mean(kept)), 3), round(min(kept), 3)
            found.append({"wanted": name, "keep_share": share, "kept": mean, "worst_query": worst})
    return found


def _wanted(library: Library, full: NDArray[np.float64]) -> dict[str, list[set[int]]]:
    """Images per query: the first of the full look, its first ten, those that it gives 6 points and more, and
    those that were drawn to show all that is asked for."""
    drawn = [
        {at for at in range(first, first + WANTED) if library.sheets[at].truths == (1.0,)}
        if count == 3
        else set()
        for (count, _), first in zip(library.queries, library.shelves, strict=True)
    ]
    return {
        "best": [set(_best(row, 1)) for row in full],
        "best ten": [set(_best(row, 10)) for row in full],
        "6 points and more": [set(np.flatnonzero(row >= FOUND_MARGIN).tolist()) for row in full],
        "drawn to match": drawn,
    }


def _best(margins: NDArray[np.float64], count: int) -> list[int]:
    return np.argsort(-margins, kind="stable")[:count].tolist()


def _times(scorer: Scorer, library: Library) -> dict[str, dict[str, float]]:
    """Of one query over the library, from files: all in full, and with each share kept."""
    count = len(library.sheets)
    with tempfile.TemporaryDirectory(prefix="lychee-bench-") as folder:
        files = []
        for number, sheet in enumerate(library.sheets):
            files.append(Path(folder) / f"{number:06d}.png")
            image = sheet.candidate.image
            image.resize((2 * image.width, 2 * image.height)).save(files[-1])
        sources = [Source(file.name, path=file) for file in files]
        engine = LocalEngine(Settings(Path(folder) / "home"), lambda name, precision: scorer)
        text = library.queries[-1][1]
        asked = {"all": None} | {f"{share:g}": max(1, round(share * count)) for share in SHARES}
        recorder.rank(Request(query.ask(text)), sources[:8], engine, recorder.Unkept())  # decoders begun
        return {name: _timed(engine, sources, text, keep) for name, keep in asked.items()}


def _timed(engine: LocalEngine, sources: Sequence[Source], text: str, keep: int | None) -> dict[str, float]:
    wall, busy = time.perf_counter(), _processor_seconds()
    recorder.rank(Request(query.ask(text), prefilter=keep), sources, engine, recorder.Unkept())
    taken = {"wall_ms": time.perf_counter() - wall, "processor_ms": _processor_seconds() - busy}
    return {name: round(1e3 * seconds / len(sources), 2) for name, seconds in taken.items()}


def _processor_seconds() -> float:
    """Of this process and the decoders that it started."""
    own = psutil.Process()
    times = [each.cpu_times() for each in (own, *own.children(recursive=True))]
    return sum(each.user + each.system for each in times)


def _show(kept: dict[int, list[dict[str, Any]]], times: dict[str, dict[str, float]]) -> None:
    for tokens, rows in kept.items():
        for row in rows:
            print(
                f"first look {tokens:3} tokens: of {row['wanted']:18} "
                f"{100 * row['kept']:5.1f} % among the first {100 * row['keep_share']:3.0f} % "
                f"(worst query {100 * row['worst_query']:3.0f} %)",
                file=sys.stderr,
            )
    for name, taken in times.items():
        print(f"kept {name:4}: {taken['processor_ms']} ms of a core an image", file=sys.stderr)
