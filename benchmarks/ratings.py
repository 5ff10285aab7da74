"""How long it takes to write ratings into sidecars, half of them new, to read them, and to take them back;
or, with --embed, into JPEGs themselves."""

import argparse
import hashlib
import io
import os
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image

from lychee_app import ratings
from lychee_app.query import Question
from lychee_app.records import Run, Scored, Source
from lychee_app.request import Request
from lychee_app.store import Store

OLD = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5">
<!--%s--></rdf:Description>
</rdf:RDF></x:xmpmeta>"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--embed", type=float, metavar="MB", help="JPEGs of that size, and stars inside them")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.embed:
        return _embedded(arguments.images, arguments.embed)
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


def _embedded(count: int, megabytes: float) -> dict[str, Any]:
    """What fills a file up stands behind its picture, as the film of a motion photo does."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "JPEG")
    with (
        tempfile.TemporaryDirectory(prefix="lychee-ratings-") as place,
        Store.open(Path(place) / "home") as store,
    ):
        rows, sources = [], []
        for number in range(count):
            path = Path(place) / f"image-{number:05}.jpg"
            path.write_bytes(data := file.getvalue() + os.urandom(int(megabytes * 1e6)))
            sha256 = hashlib.sha256(data).hexdigest()
            rows.append(Scored(number, path.name, sha256, score=1 + number % 9, path=str(path)))
            sources.append(Source(path.name, path=path))
        question = Question("green sofa", "green sofa")
        judged = Run("run", "2026-01-01", Request(question, model="demo"), count, "demo", images=tuple(rows))
        store.create(judged, sources)
        for row in rows:
            store.add(judged.id, row)
        started = time.perf_counter()
        planned = ratings.plan(judged, enumerate(sources), ratings.Wish(embed=True))
        was_planned = time.perf_counter()
        written = ratings.write(planned, store.moves_folder, store)
        wrote = time.perf_counter()
        assert written.journal is not None
        undone = ratings.undo(written.journal, store)
        back = time.perf_counter() - wrote
    seconds, planning = wrote - was_planned, was_planned - started
    print(f"{len(written.changes)} JPEGs of {megabytes:g} MB: planned in {planning:.2f} s,", end=" ")
    print(f"written in {seconds:.2f} s, taken back in {back:.2f} s")
    return {
        "bench": "ratings",
        "embedded": len(written.changes),
        "megabytes": megabytes,
        "plan_seconds": planning,
        "write_seconds": seconds,
        "taken_back": len(undone.images),
        "undo_seconds": back,
    }
