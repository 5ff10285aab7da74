"""How long it takes to write ratings into sidecars, half of them new, to read them, and to take them back."""

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from lychee_app import ratings
from lychee_app.query import Question
from lychee_app.records import Run, Scored, Source
from lychee_app.request import Request

OLD = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5">
<!--%s--></rdf:Description>
</rdf:RDF></x:xmpmeta>"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=1000)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="lychee-ratings-") as place:
        folder = Path(place)
        names = [f"image-{number:05}.jpg" for number in range(arguments.images)]
        for number, name in enumerate(names):
            (folder / name).write_bytes(b"")
            if number % 2:
                (folder / name).with_suffix(".xmp").write_bytes(OLD % (b"develop settings " * 400))
        rows = tuple(Scored(index, name, "", score=1 + index % 9) for index, name in enumerate(names))
        question = Question("green sofa", "green sofa")
        judged = Run("run", "", Request(question, model="demo"), len(rows), "demo", images=rows)
        sources = [(index, Source(name, path=folder / name)) for index, name in enumerate(names)]
        started = time.perf_counter()
        planned = ratings.plan(judged, sources, ratings.Wish(keyword=True))
        written = ratings.write(planned, folder / "moves")
        wrote = time.perf_counter()
        assert written.journal is not None
        found = ratings.found(sources)
        was_read = time.perf_counter()
        assert len(found) == len(sources)
        undone = ratings.undo(written.journal)
        back = time.perf_counter() - was_read
        seconds, reading = wrote - started, was_read - wrote
    print(f"{len(written.changes)} sidecars written in {seconds:.2f} s, taken back in {back:.2f} s")
    print(f"{len(found)} sidecars read in {reading:.2f} s")
    return {
        "bench": "ratings",
        "written": len(written.changes),
        "write_seconds": seconds,
        "read_seconds": reading,
        "taken_back": len(undone.sidecars),
        "undo_seconds": back,
    }
