"""`python -m benchmarks NAME ...`: every figure the README quotes, measured again. Run it in a checkout.

The last line on stdout is JSON. Exit status: 0 measured, 1 could not be done, 2 wrong usage.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence

from lychee_app.errors import LycheeError

BENCHES = {
    "demo": "how well the embedded model ranks, on scenes it never saw",
    "example": "an example image as query: which way ranks best, and what its score means",
    "sorting": "several queries as one sorting: which share lands under the right name",
    "unlike": "how often the demo tells photographs from its drawn world",
    "calibration": "what 16 picks and rejects are worth",
    "prefilter": "how often a cheap first look keeps the best",
    "graph": "the published path and ours side by side",
    "throughput": "files to ranking, per stage",
    "memory": "used memory over many images",
    "precision": "what each precision costs and saves",
    "same": "how far a score is from itself: again, and on another device",
    "load": "a full-size checkpoint through the loading path",
    "cards": "several cards of one host beside one",
    "intake": "hostile files: tried, survived, lost",
    "walk": "100,000 files found: time and memory",
    "bursts": "images that are alike, told from others: how often rightly, how fast",
    "ratings": "XMP sidecars written and taken back",
    "reuse": "what keeping pixels or features would save a second query",
    "library": "a result of 100,000 rows: opened, filtered, exported",
    "scale": "100 to 10,000 images by each engine, and what millions would take",
    "held": "memory of the process that asks, by the number of images",
    "page": "how fast the page answers with 1,000 images",
}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure; the last line is JSON."
    )
    parser.add_argument(
        "name",
        metavar="NAME",
        choices=BENCHES,
        help="; ".join(f"{name}: {text}" for name, text in BENCHES.items()),
    )
    parser.add_argument(
        "rest", nargs=argparse.REMAINDER, metavar="...", help="options of that bench: NAME --help"
    )
    chosen = parser.parse_args(argv)
    bench = importlib.import_module(f"benchmarks.{chosen.name}")  # only this one: most load torch
    options = argparse.ArgumentParser(prog=f"python -m benchmarks {chosen.name}", description=bench.__doc__)
    bench.add_arguments(options)
    try:
        print(json.dumps(bench.run(options.parse_args(chosen.rest))))
    except LycheeError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
