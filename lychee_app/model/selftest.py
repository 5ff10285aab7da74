"""Does a loaded checkpoint rank at all? A known match must score above a known mismatch, with finite logits.

A reranker without its chat template, with a broken shard or of the wrong fine-tuning still loads and still
answers, almost at random; this is what notices. Knows one picture and two queries. A checkpoint folder may
bring its own in `selftest.json`: {"image": a file beside it, "match": ..., "mismatch": ...}.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from lychee_app.errors import CheckpointError, ModelLost
from lychee_app.records import Candidate, Scorer

_SIDE_TOKENS = 6


@dataclass(frozen=True)
class Probe:
    """A picture, a query it shows, and one it does not."""

    image: Image.Image
    match: str
    mismatch: str


@dataclass(frozen=True)
class SelfTest:
    """Margins in nats. `passed` is match > mismatch."""

    match: str
    mismatch: str
    match_margin: float
    mismatch_margin: float
    seconds: float

    @property
    def passed(self) -> bool:
        return self.match_margin > self.mismatch_margin


def check(scorer: Scorer, probe: Probe | None = None) -> SelfTest:
    """One image, two queries. Raises CheckpointError when the match does not win, or a NaN comes out."""
    probe = probe or drawn()
    try:
        replies = scorer.judge(_candidate(probe, scorer.info.budget.token_px), [probe.match, probe.mismatch])
    except ModelLost as error:
        raise CheckpointError(f"{_AGAIN} ({error})", code="self-test") from error
    yes, no = (reply.margin for reply in replies)
    if yes is None or no is None:
        raise CheckpointError(f"{_AGAIN} (it gave no logits)", code="self-test")
    result = SelfTest(probe.match, probe.mismatch, yes, no, sum(reply.seconds for reply in replies))
    if not result.passed:
        found = f'"{probe.match}" got {yes:.2f}, "{probe.mismatch}" got {no:.2f} for one and the same picture'
        raise CheckpointError(f"{_AGAIN} ({found})", code="self-test")
    return result


_AGAIN = (
    "This checkpoint fails its self-test: it does not tell a match from a mismatch. Fetch it again, "
    "or choose one that is fine-tuned to answer yes or no, such as lychee."
)


def probe_of(folder: Path) -> Probe:
    """The folder's own probe, else the drawn one. Raises CheckpointError if its own cannot be read."""
    file = folder / "selftest.json"
    if not file.is_file():
        return drawn()
    try:
        values = json.loads(file.read_text("utf-8"))
        with Image.open(folder / values["image"]) as image:
            return Probe(image.convert("RGB"), str(values["match"]), str(values["mismatch"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(f"{file} cannot be used: {error}. Fetch it again.", code="self-test") from error


def drawn() -> Probe:
    """A red disc on white."""
    image = Image.new("RGB", (168, 168), "white")
    ImageDraw.Draw(image).ellipse((28, 28, 140, 140), fill=(220, 20, 20))
    return Probe(image, "a red circle", "a blue square")


def _candidate(probe: Probe, token_px: int) -> Candidate:
    """Sized by itself, not by intake: a self-test must not depend on the user's token budget."""
    scale = _SIDE_TOKENS * token_px / max(probe.image.size)
    width, height = (max(1, round(side * scale / token_px)) * token_px for side in probe.image.size)
    image = probe.image.resize((width, height), Image.Resampling.BICUBIC)
    sha256 = hashlib.sha256(probe.image.tobytes()).hexdigest()
    return Candidate(0, "self-test", sha256, image, *probe.image.size)
