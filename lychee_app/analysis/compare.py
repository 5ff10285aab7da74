"""Two runs over the same images: which images rose, which fell, and by how much."""

from dataclasses import dataclass

from lychee_app.packed import light
from lychee_app.ranking import Ranked, ranked
from lychee_app.records import Run


@dataclass(frozen=True)
class Pair:
    """One image in both runs, scored in each."""

    before: Ranked
    after: Ranked

    @property
    def change(self) -> float:
        """Points."""
        return (self.after.scored.score or 0.0) - (self.before.scored.score or 0.0)


def compare(first: Run, second: Run) -> list[Pair]:
    """Images of the same content; copies are paired in upload order. Largest change first."""
    waiting: dict[str, list[Ranked]] = {}
    for place in _in_upload_order(second):
        waiting.setdefault(place.scored.sha256, []).append(place)
    pairs = [
        Pair(place, waiting[place.scored.sha256].pop(0))
        for place in _in_upload_order(first)
        if waiting.get(place.scored.sha256)
    ]
    return sorted(pairs, key=lambda pair: -abs(pair.change))


def _in_upload_order(run: Run) -> list[Ranked]:
    """Those with a score and known content."""
    places = [place for place in ranked(light(run.images)) if place.rank is not None and place.scored.sha256]
    return sorted(places, key=lambda place: place.scored.upload_index)
