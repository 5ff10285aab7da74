"""`python -m lychee_app.bench NAME ...`: the benches alone, where only torch and transformers are installed.

The same as `lychee bench NAME ...`, which needs the whole package. The last line on stdout is JSON.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Sequence

from lychee_app.errors import LycheeError

NAMES = ("graph", "throughput", "memory", "load")


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="python -m lychee_app.bench", description=__doc__)
    benches = parser.add_subparsers(required=True, metavar="NAME", dest="name")
    for name in NAMES:
        bench = benches.add_parser(name)
        if given[:1] == [name]:
            importlib.import_module(f"lychee_app.bench.{name}").add_arguments(bench)
    arguments = parser.parse_args(given)
    try:
        result = importlib.import_module(f"lychee_app.bench.{arguments.name}").run(arguments)
    except LycheeError as error:
        print(f"lychee bench: {error}", file=sys.stderr)
        return 1
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
