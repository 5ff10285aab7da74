"""Files to be copied and moved, and what is on the disk afterwards."""

import hashlib
from pathlib import Path

from lychee_app.records import Run, Source
from tests.support.rows import row, run_of


def shots(photos: Path, **scores: float) -> tuple[Run, list[tuple[int, Source]]]:
    """A file `name`.jpg for each score, holding "photo name"."""
    images, sources = [], []
    for index, (name, score) in enumerate(scores.items()):
        path, content = photos / f"{name}.jpg", f"photo {name}".encode()
        path.write_bytes(content)
        images.append(row(index, score=score, sha256=hashlib.sha256(content).hexdigest()))
        sources.append((index, Source(path.name, path=path)))
    return run_of(images), sources


def tree(folder: Path, shown_as: dict[str, bytes] | None = None) -> dict[str, bytes]:
    """Relative name -> bytes; with `shown_as` only the files that hold what they should."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }
    return found if shown_as is None else {k: v for k, v in found.items() if shown_as.get(k) == v}
