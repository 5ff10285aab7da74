"""A stand-in for the model that processes of a cluster can open: each notes what it was shown, and where.

`python -m tests.support.noting_scorer ADDRESS FOLDER` is a driver for a test that kills it.
"""

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from lychee_app import query, recorder, sources
from lychee_app.engines.pools import RayOptions
from lychee_app.errors import LycheeError
from lychee_app.parquet import InParts
from lychee_app.records import Candidate, Scorer
from lychee_app.request import Precision, Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer

RED = Request(query.ask("red"), model="fake")


@dataclass(frozen=True)
class Shown:
    """A line of the notes: which image was judged, by which process, on which node of the cluster."""

    name: str
    process: int
    node: str


@dataclass(frozen=True)
class NotingScorer:
    """An OpenScorer. `notes`: the file; seconds: that an image takes; opening_seconds: that it takes to open
    the model; lost_at: the image of that name costs the model; ends_at: that one its process,
    "" as it opens the model; absent: it cannot be opened."""

    notes: Path
    seconds: float = 0.0
    opening_seconds: float = 0.0
    lost_at: str = ""
    lost_with: LycheeError | None = None
    ends_at: str | None = None
    absent: LycheeError | None = None

    def __call__(self, name: str, precision: Precision) -> Scorer:
        if self.absent:
            raise self.absent
        if self.ends_at == "":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.opening_seconds)
        return FakeScorer(before=self._note)

    def _note(self, candidate: Candidate) -> None:
        if self.lost_with and candidate.name == self.lost_at:
            raise self.lost_with
        import ray

        node = ray.get_runtime_context().get_node_id()
        with self.notes.open("a") as file:
            file.write(f"{candidate.name} {os.getpid()} {node}\n")
        if candidate.name == self.ends_at:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.seconds)

    def shown(self) -> list[Shown]:
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [Shown(name, int(process), node) for name, process, node in map(str.split, lines)]


def main(address: str, folder: Path) -> None:
    """Ranks FOLDER/photos into FOLDER/parts; its rows stand in FOLDER/home too."""
    from lychee_app.engines.ray_data import RayEngine

    settings = Settings(folder / "home")
    engine = RayEngine(settings, RayOptions(address, 1, 1), NotingScorer(folder / "notes", seconds=0.1))
    found = sources.find([folder / "photos"])
    with Store.open(settings.data_folder) as store:
        parts = InParts(store, {RED: folder / "parts"}, rows_per_part=4)
        recorder.rank_each([RED], found.sources, engine, parts, going_on=lambda n: None)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
