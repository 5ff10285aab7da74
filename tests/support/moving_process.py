"""Moves or copies a whole folder, for a test that kills it.

Run with `python -m tests.support.moving_process`.
"""

import hashlib
import sys
from pathlib import Path
from typing import cast

from lychee_app.decide import Action, carry_out, plan
from lychee_app.records import Source
from tests.support.rows import row, run_of


def main(photos: str, target: str, journal: str, action: str) -> None:
    paths = sorted(Path(photos).iterdir())
    sources = [(index, Source(path.name, path=path)) for index, path in enumerate(paths)]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    run = run_of([row(index, score=1.0, sha256=digest) for index, digest in enumerate(digests)])
    made = plan(run, range(len(paths)), sources, Path(target), cast(Action, action))
    print("begun", flush=True)
    carry_out(made, Path(journal))


if __name__ == "__main__":
    main(*sys.argv[1:])
