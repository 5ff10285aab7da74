"""Many images through the page at once, two tabs looking on: rows lost, and what the server's memory does.

    python -m benchmarks page --soak 2000

A folder of small pictures, one in fifty of them cut short, is ranked by the demo model from the first tab;
the second is opened on the same run while it is scored. Memory is that of the server and of the decoders it
starts, looked at twice a second until some time after the run is over.
"""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import visit
from benchmarks.resident import Watched, family
from lychee_app.records import Run
from lychee_app.store import Store

BROKEN_EVERY = 50
AFTER_SECONDS = 20
LIMIT_SECONDS = 3600


def soaked(count: int, executable: str) -> dict[str, Any]:
    """{"rows_lost", "scored", "refused", "memory_mb": {...}, "share": {...}, ...}"""
    with tempfile.TemporaryDirectory() as name:
        home, folder = Path(name) / "home", Path(name) / "pictures"
        broken = _cut_short(visit.write_pictures(folder, count))
        with visit.served(home) as page, visit.browser(executable) as browser:
            seen = _seen(page, browser, folder, count)
        with Store.open(home) as store:
            run = store.load(seen.pop("run"))
    return {"bench": "soak", "images": count, "cut_short": broken, **counted(run, count), **seen}


def _cut_short(folder: Path) -> int:
    """Cuts every fiftieth file in half; returns how many."""
    files = sorted(folder.iterdir())[BROKEN_EVERY - 1 :: BROKEN_EVERY]
    for file in files:
        whole = file.read_bytes()
        file.write_bytes(whole[: len(whole) // 2])
    return len(files)


def _seen(page: visit.Served, browser: Any, folder: Path, count: int) -> dict[str, Any]:
    first, second = visit.tab_of(browser), visit.tab_of(browser)
    complaints: list[str] = []
    for tab in (first, second):
        tab.on("console", lambda one: complaints.append(one.text) if one.type == "error" else None)
        tab.on("pageerror", lambda one: complaints.append(str(one)))
    with Watched(lambda: family(page.pid), 0.5) as everything, Watched(lambda: [page.pid], 0.5) as server:
        run_id = visit.rank_folder(first, page.address, folder, "red cup")
        second.goto(f"{page.address}/?run={run_id}&lang=en")
        second.locator(".st-key-stop").wait_for(timeout=60_000)
        joined_at = int(second.locator(".ly-run").get_attribute("aria-valuenow") or "0")
        for tab in (first, second):
            visit.wait_until_over(tab, LIMIT_SECONDS)
        for tab in (first, second):
            tab.locator(".filters .all").get_by_text(f"All {count}", exact=True).wait_for(timeout=60_000)
        over = len(server.samples)
        time.sleep(AFTER_SECONDS)
    return {
        "run": run_id,
        "second_tab_joined_at": joined_at,
        "complaints_of_tabs": complaints,
        "share": visit.share(first),
        "memory_mb": {
            "server": told(server.samples, over),
            "with_decoders": told(everything.samples, over),
        },
    }


def counted(run: Run, count: int) -> dict[str, int]:
    """A row is lost if it is missing, or has neither a score nor a reason."""
    answered = {row.upload_index for row in run.images if row.score is not None or row.reason}
    scored = sum(row.score is not None for row in run.images)
    return {
        "scored": scored,
        "refused": len(run.images) - scored,
        "rows_lost": count - len(answered & set(range(count))),
    }


def told(samples: Sequence[int], over: int) -> dict[str, Any]:
    """Megabytes. `over`: how many samples were taken by the end of the run. The course has 13 points."""
    run = samples[:over]
    middle, last = run[len(run) // 2], run[-1]
    return {
        "start": _megabytes(run[0]),
        "middle": _megabytes(middle),
        "end": _megabytes(last),
        "peak": _megabytes(max(samples)),
        "after": _megabytes(samples[-1]),
        "second_half_grew": _megabytes(last - middle),
        "course": [_megabytes(run[step * (len(run) - 1) // 12]) for step in range(13)],
    }


def _megabytes(count_bytes: int) -> int:
    return round(count_bytes / 1e6)
