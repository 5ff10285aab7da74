"""Does a loaded checkpoint rank at all? A known match must score above a known mismatch, with finite logits.

A reranker without its chat template, with a broken shard or of the wrong fine-tuning still loads and still
answers, almost at random; this is what notices. There are two queries and a picture of each: what
prefers one query whatever it sees fails at one of the pictures. A checkpoint folder may bring its own in
`selftest.json`: {"image": a file beside it, "match": ..., "mismatch": ..., "other": a file that shows the
mismatch, if there is one}.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image, ImageDraw, ImageOps

from lychee_app.errors import CheckpointError, ModelLost, OutOfMemory, ScoringError
from lychee_app.model.reference import Reference
from lychee_app.records import Candidate, Scorer

_SIDE_TOKENS, _LARGEST_PX = 6, 4096


@dataclass(frozen=True)
class Probe:
    """A picture, a query it shows, and one it does not. `other`: a picture of which the reverse is true."""

    image: Image.Image
    match: str
    mismatch: str
    other: Image.Image | None = None


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
    """Each picture, two queries. Raises CheckpointError when a match does not win, or a NaN comes out."""
    probe = probe or drawn()
    result = _asked(scorer, probe.image, probe.match, probe.mismatch)
    if probe.other is not None:
        other = _asked(scorer, probe.other, probe.mismatch, probe.match)
        result = replace(result, seconds=result.seconds + other.seconds)
    return result


def _asked(scorer: Scorer, image: Image.Image, match: str, mismatch: str) -> SelfTest:
    try:
        replies = scorer.judge(_candidate(image, scorer.info.budget.token_px), [match, mismatch])
    except OutOfMemory:
        raise
    except (ModelLost, ScoringError) as error:
        raise CheckpointError("self-test-error", detail=str(error)) from error
    yes, no = (reply.margin for reply in replies)
    if yes is None or no is None:
        raise CheckpointError("self-test-no-logits")
    result = SelfTest(match, mismatch, yes, no, sum(reply.seconds for reply in replies))
    if not result.passed:
        raise CheckpointError(
            "self-test", match=match, match_margin=yes, mismatch=mismatch, mismatch_margin=no
        )
    return result


def agreement(scorer: Scorer, published: Scorer | Reference, probe: Probe) -> float:
    """The largest distance between the two's p_yes, over three pictures and both queries of each.

    The third picture is the first in the opposite colours: nothing that either query was chosen for.
    """
    pictures = [probe.image, probe.other or ImageOps.mirror(probe.image), ImageOps.invert(probe.image)]
    queries, found = [probe.match, probe.mismatch], 0.0
    for picture in pictures:
        candidate = _candidate(picture, scorer.info.budget.token_px)
        pairs = zip(scorer.judge(candidate, queries), published.judge(candidate, queries), strict=True)
        found = max(found, *(abs((ours.p_yes or 0) - (theirs.p_yes or 0)) for ours, theirs in pairs))
    return found


def probe_of(folder: Path) -> Probe:
    """The folder's own probe, else the drawn one. Raises CheckpointError if its own cannot be read."""
    file = folder / "selftest.json"
    if not file.is_file():
        return drawn()
    try:
        values = json.loads(file.read_text("utf-8"))
        other = _picture(folder, values["other"]) if "other" in values else None
        match, mismatch = str(values["match"]), str(values["mismatch"])
        return Probe(_picture(folder, values["image"]), match, mismatch, other)
    except Exception as error:  # a decoder of images raises whatever it likes
        raise CheckpointError("self-test-unusable", file=str(file), detail=str(error)) from error


def _picture(folder: Path, name: str) -> Image.Image:
    """Of a plain kind, and beside the file that names it: a checkpoint comes from anywhere."""
    if Path(name).name != name:
        raise ValueError(f"{name!r} is not beside it")
    with Image.open(folder / name, formats=["PNG", "JPEG"]) as image:
        if max(image.size) > _LARGEST_PX:
            raise ValueError(f"{name} has {image.size} pixels, over {_LARGEST_PX} a side")
        return image.convert("RGB")


def drawn() -> Probe:
    """A red disc on white, and a blue square."""
    side, margin = 168, 168 // _SIDE_TOKENS
    disc, square = (Image.new("RGB", (side, side), "white") for _ in range(2))
    ImageDraw.Draw(disc).ellipse((margin, margin, side - margin, side - margin), fill=(220, 20, 20))
    ImageDraw.Draw(square).rectangle((margin, margin, side - margin, side - margin), fill=(20, 40, 220))
    return Probe(disc, "a red circle", "a blue square", square)


def _candidate(picture: Image.Image, token_px: int) -> Candidate:
    """Sized by itself, not by intake: a self-test must not depend on the user's token budget."""
    scale = _SIDE_TOKENS * token_px / max(picture.size)
    width, height = (max(1, round(side * scale / token_px)) * token_px for side in picture.size)
    image = picture.resize((width, height), Image.Resampling.BICUBIC)
    sha256 = hashlib.sha256(picture.tobytes()).hexdigest()
    return Candidate(0, "self-test", sha256, image, *picture.size)
