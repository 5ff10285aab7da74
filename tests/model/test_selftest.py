"""The self-test: what it lets pass, what it refuses, and what it says."""

import json
import math
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lychee_app.errors import CheckpointError, ModelLost, OutOfMemory, ScoringError
from lychee_app.model import selftest
from lychee_app.model.scorer import open_scorer
from lychee_app.records import Candidate, ImageBudget, MemoryReading, Reply, ScorerInfo, sigmoid
from lychee_app.settings import Settings
from tests.support import pictures
from tests.support.rows import told


class Told:
    """A scorer whose margins are told beforehand; `blind`: the same ones whatever the picture."""

    info = ScorerInfo("told", "", "float32", "cpu", ImageBudget(28))

    def __init__(self, blind: bool = False, **margins: float) -> None:
        self.margins = {name.replace("_", " "): margin for name, margin in margins.items()}
        self.seen: list[Candidate] = []
        self.blind = blind
        self.failure: Exception | None = None

    def judge(self, candidate: Candidate, queries: Sequence[str], instruction: str = "") -> list[Reply]:
        self.seen.append(candidate)
        if self.failure:
            raise self.failure
        if len(self.seen) == 2 and not self.blind:
            self.margins = dict(zip(self.margins, reversed(self.margins.values()), strict=True))
        return [self._reply(query) for query in queries]

    def _reply(self, query: str) -> Reply:
        if math.isnan(self.margins[query]):
            raise ModelLost(told("numbers are not finite"))
        return Reply(query, "judge", "", self.margins[query], 0.0, 1, 2, (), "", 0, 0, 0.1)

    def explain(self, candidate: Candidate, query: str, max_tokens: int = 160) -> Reply:
        raise AssertionError

    def memory(self) -> MemoryReading:
        raise AssertionError

    def release(self) -> None:
        """Nothing."""


def test_a_match_above_a_mismatch_passes() -> None:
    scorer = Told(a_red_circle=2.0, a_blue_square=-1.0)
    found = selftest.check(scorer)
    assert (found.passed, found.match_margin, found.mismatch_margin) == (True, 2.0, -1.0)
    assert (scorer.seen[0].image.width % 28, scorer.seen[0].image.height % 28) == (0, 0)


@pytest.mark.parametrize(("match", "mismatch"), [(-1.0, 2.0), (0.5, 0.5)])
def test_a_match_that_does_not_win_is_refused(match: float, mismatch: float) -> None:
    with pytest.raises(CheckpointError, match="fails its self-test") as caught:
        selftest.check(Told(a_red_circle=match, a_blue_square=mismatch))
    assert caught.value.code == "self-test"
    assert '"a red circle" got' in str(caught.value)


def test_what_prefers_one_query_whatever_it_sees_is_refused() -> None:
    scorer = Told(blind=True, a_red_circle=2.0, a_blue_square=-1.0)
    with pytest.raises(CheckpointError, match='"a blue square" got'):
        selftest.check(scorer)
    assert len({candidate.sha256 for candidate in scorer.seen}) == 2


def test_a_pass_that_fails_is_a_broken_checkpoint_but_too_little_memory_is_not() -> None:
    for failure, expected in ((ScoringError("none"), CheckpointError), (OutOfMemory("memory"), OutOfMemory)):
        scorer = Told(a_red_circle=2.0, a_blue_square=-1.0)
        scorer.failure = failure
        with pytest.raises(expected):
            selftest.check(scorer)


def test_numbers_that_are_not_finite_are_refused() -> None:
    with pytest.raises(CheckpointError, match="not finite"):
        selftest.check(Told(a_red_circle=math.nan, a_blue_square=0.0))


def test_how_far_two_judges_are_apart_is_the_worst_of_three_pictures_and_two_queries() -> None:
    ours = Told(blind=True, a_red_circle=2.0, a_blue_square=-1.0)
    theirs = Told(blind=True, a_red_circle=2.1, a_blue_square=0.0)
    assert selftest.agreement(ours, theirs, selftest.drawn()) == pytest.approx(0.5 - sigmoid(-1.0))
    assert [one.sha256 for one in ours.seen] == [one.sha256 for one in theirs.seen]
    seen = [np.asarray(one.image, float) for one in theirs.seen]
    assert min(np.abs(one - other).mean() for one, other in combinations(seen, 2)) > 20


def test_a_checkpoint_brings_its_own_probe(tiny: Path, tmp_path: Path, settings: Settings) -> None:
    """Random weights prefer one of any two queries: asked one way round they pass, the other they fail."""
    folder = Path(shutil.copytree(tiny, tmp_path / "own"))
    Image.new("RGB", (300, 200), "green").save(folder / "probe.png")
    outcomes = []
    for match, mismatch in (("cat", "a red lamp"), ("a red lamp", "cat")):
        values = {"image": "probe.png", "match": match, "mismatch": mismatch}
        (folder / "selftest.json").write_text(json.dumps(values))
        try:
            open_scorer(folder, settings=settings, device="cpu")
            outcomes.append("opens")
        except CheckpointError as error:
            outcomes.append(error.code)
    assert sorted(outcomes) == ["opens", "self-test"]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"image": "no.png", "match": "a", "mismatch": "b"}',
        '{"image": "../outside.png", "match": "a", "mismatch": "b"}',
        '{"image": "drawing.eps", "match": "a", "mismatch": "b"}',
        '{"image": "cut.png", "match": "a", "mismatch": "b"}',
        '{"image": "huge.png", "match": "a", "mismatch": "b"}',
    ],
)
def test_a_probe_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    whole = pictures.good("PNG")
    (tmp_path / "outside.png").write_bytes(whole)
    (folder / "cut.png").write_bytes(whole[:60])
    (folder / "huge.png").write_bytes(pictures.png_black(9000, 10))
    (folder / "drawing.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    (folder / "selftest.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"selftest\.json"):
        selftest.probe_of(folder)


def test_without_a_probe_of_its_own_a_disc_is_drawn(tmp_path: Path) -> None:
    probe = selftest.probe_of(tmp_path)
    assert probe.image.getpixel((84, 84)) == (220, 20, 20)
    assert probe.image.getpixel((2, 2)) == (255, 255, 255)
