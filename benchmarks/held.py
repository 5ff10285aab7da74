"""`python -m benchmarks held`: memory of the process that asks for a ranking, by the number of images.

The engine is a double: it makes rows up at once, each with a prompt and a thumbnail of its own, as rows that
come from other processes have. All else is what `lychee rank` does: rows are written down, ranked, grouped,
counted, and told as JSON and CSV. Each size is a process of its own. Memory is how far its resident size
grows from before the first row: at the end of the run, and at most until everything is told.
"""

import argparse
import multiprocessing
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made_up import CAMERAS, QUERY, THUMBNAILS, margins_of, name_of, row_of
from benchmarks.resident import Watched, resident_bytes
from lychee_app import analysis, curate, export, query, recorder
from lychee_app.engines import Event, Opened, Progress
from lychee_app.parquet import InParts
from lychee_app.records import ImageBudget, MemoryReading, ScorerInfo, Source, sigmoid
from lychee_app.request import Request
from lychee_app.store import Store

KEPT = ("history", "parts", "nowhere")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000], metavar="N", help="images")
    parser.add_argument("--kept", nargs="*", choices=KEPT, default=KEPT, help="where (default: all)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    cases = [(kept, size) for kept in arguments.kept for size in arguments.sizes]
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as one_by_one:
        measured = one_by_one.starmap(_measured, cases, chunksize=1)
    return {"bench": "held", "measured": measured}


class _Engine:
    """Rows that nobody scored, in no order."""

    def prepared(self, request: Request) -> Request:
        return request

    def run(
        self, request: Request, sources: Sequence[tuple[int, Source]], *, cache: Any = None
    ) -> Generator[Event, None, None]:
        budget, memory = ImageBudget(28), MemoryReading("RAM", 1, 2, 1)
        yield Opened(ScorerInfo("demo", "0" * 64, "float32", "cpu", budget), budget, request)
        patterns = [pickle.dumps(row_of(index)) for index in range(len(CAMERAS) * THUMBNAILS)]
        for done, (index, source) in enumerate(sources, start=1):
            row = pickle.loads(patterns[index % len(patterns)])
            margin = float(margins_of(np.array(index)))
            own = replace(
                row,
                upload_index=index,
                name=source.name,
                path=str(source.path),
                sha256=os.urandom(32).hex(),
                fingerprint=os.urandom(len(row.fingerprint) // 2).hex(),
                thumbnail=row.thumbnail[:-8] + os.urandom(8),
                margin=margin,
                p_yes=sigmoid(margin),
                score=10 * sigmoid(margin),
            )
            yield Progress(own, done, len(sources), float(done), memory)

    def explain(self, *arguments: Any, **more: Any) -> Any:
        raise NotImplementedError


def _measured(kept: str, images: int) -> dict[str, Any]:
    sources = [Source(name_of(index), path=Path("/photos", name_of(index))) for index in range(images)]
    request = Request(query.ask(QUERY, parts=None), model="demo")
    with tempfile.TemporaryDirectory(prefix="lychee-held-") as folder, Store.open(Path(folder)) as store:
        log = store if kept == "history" else recorder.Unkept()
        if kept == "parts":
            log = InParts(log, {request: Path(folder, "parts")})
        _tell(recorder.rank(request, sources[:200], _Engine(), recorder.Unkept()))  # all is imported
        before = resident_bytes(os.getpid())
        with Watched(lambda: [os.getpid()], 0.05) as memory:
            started = time.process_time()
            ranked = recorder.rank(request, sources, _Engine(), log)
            scored, scored_bytes = time.process_time(), resident_bytes(os.getpid())
            _tell(ranked)
            told = time.process_time()
    found = {
        "kept": kept,
        "images": images,
        "bytes_a_row": round((scored_bytes - before) / images),
        "bytes_a_row_at_most": round((memory.peak_bytes - before) / images),
        "growth_mb": round((memory.peak_bytes - before) / 1e6),
        "us_a_row": round(1e6 * (scored - started) / images),
        "us_a_row_told": round(1e6 * (told - scored) / images),
    }
    print(found, file=sys.stderr, flush=True)
    return found


def _tell(run: Any) -> None:
    """What the command makes of it, but for the table."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:
        nowhere.writelines(export.json_pieces(run))
        nowhere.writelines(export.csv_pieces(run))
    analysis.of_images(run.images)
    curate.beside(run.images)
