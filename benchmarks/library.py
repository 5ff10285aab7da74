"""`python -m benchmarks library`: what the page does with a result of 100,000 made-up rows in Parquet parts,
step by step, in seconds of the processor: opened, filtered, turned, picked from, exported.

Without a browser and without Streamlit's own part, which is that of any page (see `page`).
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.made_up import write_result
from lychee_app import analysis, export
from lychee_app.analysis.window import Columns, Wish
from lychee_app.records import Cutoff
from lychee_app.store import Store

PAGE_ROWS, PICKS = 200, 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=5, help="of every step but the first (default 5)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lychee-bench-") as folder:
        result = Path(folder) / "result"
        write_result(result, arguments.images)
        size = sum(file.stat().st_size for file in result.iterdir())
        with Store.open(Path(folder) / "home") as store:
            seconds = _steps(store, result, arguments)
    return {
        "bench": "library",
        "images": arguments.images,
        "result_mb": round(size / 1e6),
        "seconds": seconds,
    }


def _steps(store: Store, result: Path, arguments: argparse.Namespace) -> dict[str, float]:
    opened, run_id = _timed(lambda: store.attach(result), 1)
    ordered, columns = _timed(lambda: Columns(store.table(run_id)), arguments.repeats)
    every = columns.table.indices[columns.order].tolist()
    picks = every[:: max(1, len(every) // PICKS)][:PICKS]
    decided, _ = _timed(lambda: store.decide_all(run_id, dict.fromkeys(picks, "pick")), 1)
    decisions = store.decisions(run_id)

    def shown(wish: Wish) -> Callable[[], Any]:
        return partial(columns.shown, wish, decisions, Cutoff(5.0))

    def picked() -> str:
        run = store.head(run_id)
        rows = [store.row(run_id, index) for index in picks]
        return export.to_csv(replace(run, images=tuple(rows)), decisions)

    steps: dict[str, Callable[[], Any]] = {
        "filter by a name": shown(Wish(text="42")),
        "filter by score": shown(Wish(low=7.0, high=9.0)),
        "filter by the cut-off": shown(Wish("above")),
        "filter by an element": shown(Wish(of=1, low=6.0)),
        "order by name": shown(Wish(sort="name")),
        "order by date": shown(Wish(sort="date")),
        "histogram": lambda: analysis.even_bins(columns.table),
        "suggested cut-off": lambda: analysis.suggest_cut(columns.table),
        "findings": lambda: analysis.findings(store.head(run_id), None, columns.table),
        "a page of 200": lambda: store.some(run_id, every[1000 : 1000 + PAGE_ROWS]),
        "a thumbnail": lambda: store.thumbnail(run_id, every[777]),
        "all of one image": lambda: store.row(run_id, every[-777]),
        f"CSV of {PICKS} picks": picked,
        "CSV of all in few columns": lambda: export.columns_csv(
            zip(every, *columns.of(every), strict=True), decisions
        ),
    }
    timed = {name: _timed(step, arguments.repeats)[0] for name, step in steps.items()}
    return {"open": opened, "order anew": ordered, f"pick {PICKS}": decided, **timed}


def _timed(step: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    seconds, made = [], None
    for _ in range(repeats):
        started = time.process_time()
        made = step()
        seconds.append(time.process_time() - started)
    return round(statistics.median(seconds), 4), made
