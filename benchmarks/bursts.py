"""How often images that are alike are told from others: by `curate`, and by the vision tower's features.

Of the pairs that are told those of one scene (precision); of the pairs of one scene those that are told
(recall). The thresholds of curate were fixed on other seeds, those of the tower are the best on this set.
With --images: how long it takes to group so many, beyond decoding, in processor time. With --sharpest: how
often the sharp one of two frames is told from one that is blurred, grainy or too light. With --things: how
often a small thing of another colour makes another picture.
"""

import argparse
import io
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks import alike
from lychee_app import curate, intake
from lychee_app.curate.fingerprint import Codes, code_of
from lychee_app.curate.groups import ALIKE_BITS, ALIKE_TINTS, BURST_BITS, BURST_TINTS
from lychee_app.intake.decode import THUMBNAIL_PX
from lychee_app.records import Candidate, Capture, ImageBudget, Scored, Source
from lychee_app.settings import Settings
from lychee_app.views import views

GOAL_SECONDS = 60.0
Matrix = NDArray[Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=2718)
    parser.add_argument("--scenes", type=int, default=120, help="of each there are 12 images (default: 120)")
    parser.add_argument("--images", type=int, help="time the grouping of so many instead")
    parser.add_argument("--sharpest", action="store_true", help="which of two frames is sharper instead")
    parser.add_argument("--things", action="store_true", help="small things of other colours instead")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    if arguments.images:
        return _timed(arguments.images)
    if arguments.sharpest:
        return _sharpest(arguments.scenes, arguments.seed)
    if arguments.things:
        return _things(arguments.scenes, arguments.seed)
    shown = list(alike.shown(arguments.scenes, arguments.seed))
    scenes = np.array([one.scene for one in shown])
    same = scenes[:, None] == scenes
    prints = [_fingerprint(one.image) for one in shown]
    codes, everyone = _codes(prints), np.arange(len(shown))
    bits = np.array([codes.bits(one, everyone) for one in range(len(shown))])
    tints = np.full(bits.shape, np.inf)
    for one in range(len(shown)):
        near = np.flatnonzero(bits[one] <= BURST_BITS)
        tints[one, near] = codes.tints(one, near)
    rows = [_row(n, one, code) for n, (one, code) in enumerate(zip(shown, prints, strict=True))]
    features = _towers(shown)
    found = {
        "alike": (bits <= ALIKE_BITS) & (tints <= ALIKE_TINTS),
        "burst": (bits <= BURST_BITS) & (tints <= BURST_TINTS),
        "whole hash alone": _best(np.array([codes.whole(one, everyone) for one in range(len(shown))]), same),
        **{name: _best(_cosines(each), same) for name, each in features.items()},
        "groups, no times": _grouped(rows, times=False),
        "groups, times": _grouped(rows, times=True),
    }
    measured = {name: _told(name, pairs, same, shown) for name, pairs in found.items()}
    return {"bench": "bursts", "seed": arguments.seed, "images": len(shown), **measured}


def _fingerprint(image: Image.Image) -> str:
    """As intake makes it: of the thumbnail's pixels."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), reducing_gap=1.0)
    return curate.fingerprint(views(small))


def _row(number: int, one: alike.Shown, fingerprint: str) -> Scored:
    """Frames of a burst are taken a second apart, scenes a minute; a copy has lost its time."""
    second = number % 12 if one.kind != "recompressed" else None
    hour, minute = divmod(one.scene, 60)
    moment = "" if second is None else f"2026-05-04T{hour:02}:{minute:02}:{second:02}"
    return Scored(
        number, "", f"{number}", fingerprint=fingerprint, capture=Capture(moment), sharpness=float(-number)
    )


def _grouped(rows: Sequence[Scored], times: bool) -> Matrix:
    rows = rows if times else [replace(row, capture=Capture()) for row in rows]
    of = np.arange(len(rows))
    for group in curate.groups(rows):
        of[list(group.members)] = group.members[0]
    return of[:, None] == of


def _told(name: str, pairs: Matrix, same: Matrix, shown: Sequence[alike.Shown]) -> dict[str, Any]:
    once = np.triu(np.ones(same.shape, bool), 1)
    right, told = (pairs & same & once).sum(), (pairs & once).sum()
    pages = np.array([one.is_page for one in shown])
    texts = (pairs & once & pages & pages[:, None] & ~same).sum()
    kinds = np.array([one.kind for one in shown])
    first = (kinds == "original")[:, None] & same
    of_kind = {kind: round(float(pairs[first & (kinds == kind)].mean()), 3) for kind in alike.KINDS}
    result = {
        "precision": round(float(right / max(1, told)), 4),
        "precision_but_pages": round(float(right / max(1, told - texts)), 4),
        "recall": round(float(right / (same & once).sum()), 4),
        **of_kind,
    }
    print(f"{name:22}", *(f"{key} {value:.3f}" for key, value in result.items()), file=sys.stderr)
    return result


def _best(distances: Matrix, same: Matrix) -> Matrix:
    """At the threshold that makes the most of precision and recall together (F1)."""
    once = np.triu(np.ones(same.shape, bool), 1)
    of_one, of_others = np.sort(distances[once & same]), np.sort(distances[once & ~same])
    right = np.arange(1, len(of_one) + 1)
    wrong = np.searchsorted(of_others, of_one, side="right")
    scores = 2 * right / (right + wrong + len(of_one))
    return distances <= of_one[scores.argmax()]


def _cosines(features: Matrix) -> Matrix:
    centred = features - features.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True)
    return 1 - centred @ centred.T


def _towers(shown: Sequence[alike.Shown]) -> dict[str, Matrix]:
    """The demo's: the mean of all tokens, and nine means, of as many parts of the image."""
    import torch

    from lychee_app.model.pixels import patchify
    from lychee_app.model.scorer import open_scorer

    torch.set_num_threads(1)
    scorer = open_scorer("demo")
    budget, parts = scorer.info.budget, scorer.parts
    whole, nine, started = [], [], time.process_time()
    for one in shown:
        size = intake.fit(*one.image.size, budget)
        image = one.image.resize(size, Image.Resampling.BICUBIC)
        tokens = parts.forward.embed_image(*patchify(image, parts.layout, parts.device))[0].float()
        columns, rows = (side // budget.token_px for side in size)
        cells = tokens.reshape(1, rows, columns, -1).permute(0, 3, 1, 2)
        whole.append(tokens.mean(dim=0).numpy())
        nine.append(torch.nn.functional.adaptive_avg_pool2d(cells, 3).flatten().numpy())
    each_ms = 1e3 * (time.process_time() - started) / len(shown)
    print(f"the tower took {each_ms:.1f} ms of processor time an image", file=sys.stderr)
    return {"tower, mean": np.array(whole), "tower, 3 x 3": np.array(nine)}


def _sharpest(scenes: int, seed: int) -> dict[str, Any]:
    """Decoded as an image of a run is, for a large judge."""
    random = np.random.default_rng(seed)
    files: list[tuple[str, bytes]] = []
    for scene, _ in alike.originals(scenes, random):
        for kind, image in (("sharp", scene), *alike.worse(scene, random)):
            file = io.BytesIO()
            alike.held(image, random).save(file, "JPEG", quality=92)
            files.append((kind, file.getvalue()))
    settings, budget = Settings.from_environment(), ImageBudget(token_px=32)
    sources = (Source(kind, data=data) for kind, data in files)
    found: dict[str, list[bool]] = {}
    sharp = 0.0
    for seen in intake.prepare(enumerate(sources), budget, settings):
        assert isinstance(seen, Candidate)
        if seen.name == "sharp":
            sharp = seen.sharpness
        else:
            found.setdefault(seen.name, []).append(sharp > seen.sharpness)
    shares = {kind: round(float(np.mean(right)), 3) for kind, right in found.items()}
    for kind, share in shares.items():
        print(f"{kind:34} {share:.0%}", file=sys.stderr)
    return {"bench": "bursts", "seed": seed, "scenes": scenes, "sharp_one_found": shares}


def _codes(prints: list[str]) -> Codes:
    return Codes(enumerate(map(code_of, prints)), len(prints))


def _things(scenes: int, seed: int) -> dict[str, Any]:
    """A disc in one of six colours, in the same picture and in the next frame of it."""
    random = np.random.default_rng(seed)
    told: dict[str, list[tuple[bool, bool, bool]]] = {}
    for scene, _ in alike.originals(scenes, random):
        for share in (0.005, 0.01, 0.02, 0.04):
            one, other = alike.with_thing(scene, share, random)
            pictures = (one, other, alike.frame(other, random), alike.frame(one, random))
            codes, others = _codes([_fingerprint(image) for image in pictures]), np.arange(1, 4)
            bits, tints = codes.bits(0, others), codes.tints(0, others)
            alone = bool(bits[0] <= ALIKE_BITS and tints[0] <= ALIKE_TINTS)
            near = (bits <= BURST_BITS) & (tints <= BURST_TINTS)
            told.setdefault(f"{share:.1%}", []).append((alone, bool(near[1]), bool(near[2])))
    names = ("recoloured", "recoloured_frame", "same_frame")
    shares = {
        size: dict(zip(names, np.mean(rows, axis=0).round(3).tolist(), strict=True))
        for size, rows in told.items()
    }
    for size, each in shares.items():
        print(f"{size} of the picture, taken for one:", each, file=sys.stderr)
    return {"bench": "bursts", "seed": seed, "scenes": scenes, "taken_for_one": shares}


def _timed(count: int) -> dict[str, Any]:
    """Soft shapes; every image in three has the next one alike. The sizes are those of a decoded image."""
    random = np.random.default_rng(0)
    fingerprint_seconds, codes = 0.0, []
    cells = np.zeros((9, 12, 3), np.uint8)
    for number in range(count):
        if number % 3 != 1:
            cells = random.integers(0, 256, cells.shape, dtype=np.uint8)
        image = Image.fromarray(cells).resize((1024, 768), Image.Resampling.BICUBIC)
        started = time.process_time()
        codes.append(_fingerprint(image))
        fingerprint_seconds += time.process_time() - started
    rows = [
        Scored(number, "", f"{number}", fingerprint=code, sharpness=float(-number))
        for number, code in enumerate(codes)
    ]
    started = time.process_time()
    groups = curate.groups(rows)
    seconds = time.process_time() - started
    total = fingerprint_seconds + seconds
    print(
        f"{count} images: {fingerprint_seconds:.1f} s for what they are told by, {seconds:.1f} s for", end=" "
    )
    print(f"{len(groups)} groups; {total:.1f} s in all (goal: {GOAL_SECONDS:.0f} s for 10,000)")
    return {
        "bench": "bursts",
        "images": count,
        "groups": len(groups),
        "fingerprint_seconds": round(fingerprint_seconds, 2),
        "grouping_seconds": round(seconds, 2),
    }
