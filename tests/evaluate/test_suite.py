"""The built-in suite: its pairs are what they say, a judge that knows the truth gets them right, and the demo
is measured as it is told in docs/evidence.md.
"""

import io
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from lychee_app import evaluate
from lychee_app.demo.knowledge import as_taught
from lychee_app.engines import Event, Progress
from lychee_app.evaluate import suite as suites
from lychee_app.evaluate.changes import ADVERSE, HARMLESS
from lychee_app.evaluate.pairs import CELL_SIZE, Pair, pairs
from lychee_app.evaluate.suite import Suite, rate, run_suite, suite_looks
from lychee_app.locale import Words
from lychee_app.query import Question
from lychee_app.records import ImageBudget, Scored, ScorerInfo, sigmoid
from lychee_app.request import Request
from lychee_app.settings import Settings
from tests.support.fakes import FakeScorer, engine_of

ASKED = Request(Question("", ""), model="demo")
EVERY = [pair for some in pairs().values() for pair in some]


def test_every_kind_has_its_pairs_and_no_two_scenes_of_a_pair_are_alike() -> None:
    assert list(pairs()) == [
        "thing", "colour", "binding", "small", "counting", "left_right", "negation", "text"
    ]  # fmt: skip
    assert {len(some) for some in pairs().values()} == {24}
    for pair in EVERY:
        match, mismatch = (np.asarray(scene.picture, float) for scene in (pair.match, pair.mismatch))
        assert pair.match.picture.size == CELL_SIZE
        assert np.abs(match - mismatch).mean() > 0.1, pair.match.name
        assert pair.en != pair.zh


@pytest.mark.parametrize("kind", ["thing", "small"])
def test_a_thing_is_in_one_scene_of_its_pair_and_not_in_the_other(kind: str) -> None:
    for pair in pairs()[kind]:
        assert pair.en in pair.match.shows
        assert pair.en not in pair.mismatch.shows


def test_of_the_scenes_that_differ_in_order_colour_or_count_the_same_things_are_shown() -> None:
    for kind in ("colour", "binding", "counting", "left_right"):
        assert all(pair.match.shows == pair.mismatch.shows for pair in pairs()[kind]), kind
    for pair in pairs()["negation"]:
        assert pair.match.shows != pair.mismatch.shows


def test_the_package_holds_less_than_two_megabytes_of_suite() -> None:
    folder = Path(suites.__file__).with_name("suite")
    assert sum(file.stat().st_size for file in folder.iterdir()) < 2_000_000


@pytest.mark.parametrize("name", [*HARMLESS, *ADVERSE])
def test_a_change_keeps_the_size_changes_something_and_is_always_the_same(name: str) -> None:
    picture = pairs()["thing"][0].mismatch.picture
    change = (HARMLESS | ADVERSE)[name]
    first, second = change(picture, "sailboat"), change(picture, "sailboat")
    assert (first.size, first.mode) == (picture.size, "RGB")
    assert first.tobytes() == second.tobytes() != picture.tobytes()


@dataclass
class Knowing(FakeScorer):
    """Knows every cell of the suite by its pixels; whatever else it is shown it finds as likely as not.

    At 400 image tokens and more cells reach it as they are. `sways`: it believes what is written on a card.
    `drifts`: by so much with every image that it is shown.
    """

    sways: bool = False
    drifts: float = 0.0

    def __post_init__(self) -> None:
        self.info = ScorerInfo("knowing", "k" * 16, "float32", "cpu", ImageBudget(2, 60_000))
        self._right = {_key(pair.match.picture): pair for pair in EVERY}
        self._wrong = {_key(pair.mismatch.picture): pair for pair in EVERY}

    def _reply(self, candidate, query):
        key, margin = _key(candidate.image), 0.0
        if query in _queries(self._right.get(key)):
            margin = 3.0
        elif query in _queries(self._wrong.get(key)):
            margin = -3.0
        elif self.sways:
            margin = 5.0
        margin += self.drifts * len(self.seen)
        plain = super()._reply(candidate, query)
        return replace(plain, logit_yes=margin / 2, logit_no=-margin / 2)


def _key(picture: Image.Image) -> bytes:
    return picture.tobytes()


def _queries(pair: Pair | None) -> tuple[str, ...]:
    """As the engine asks them of the demo, by whose name it goes."""
    return tuple(map(as_taught, (pair.en, pair.zh, *pair.also))) if pair else ()


def ran(folder: Path, scorer: Knowing) -> tuple[Suite, list[Event]]:
    events: list[Event] = []
    settings = Settings(data_folder=folder, max_image_tokens=60_000)
    return run_suite(ASKED, engine_of(scorer, settings), events.append, per_kind=2), events


@pytest.fixture(scope="module")
def firm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Suite, list[Event]]:
    return ran(tmp_path_factory.mktemp("firm"), Knowing())


@pytest.fixture(scope="module")
def swayed(tmp_path_factory: pytest.TempPathFactory) -> Suite:
    return ran(tmp_path_factory.mktemp("swayed"), Knowing(sways=True, drifts=0.001))[0]


def test_a_judge_that_knows_the_truth_gets_every_pair_right_and_is_not_moved_by_wording(
    firm: tuple[Suite, list[Event]],
) -> None:
    found, events = firm
    assert {one.share for rates in found.kinds.values() for one in rates.values()} == {1.0}
    assert {(one.count, one.mean, one.largest, one.lost) for one in found.wordings.values()} == {(4, 0, 0, 0)}
    assert found.steadiness == dict.fromkeys(found.steadiness, 0.0)
    assert [size.tokens for size in found.sizes] == [64, 128, 256, 512, 1024, 1280]
    assert [event.done for event in events if isinstance(event, Progress)] == list(range(1, found.looks + 1))
    assert found.looks <= suite_looks(ASKED, 2)


def test_a_judge_that_believes_what_is_written_loses_the_pairs_where_it_is(
    firm: tuple[Suite, list[Event]], swayed: Suite
) -> None:
    steady = firm[0]
    assert steady.adverse["answer_over"].lost == 0
    assert steady.adverse["answer_over"].mean == pytest.approx(10 * (0.5 - sigmoid(-3)))
    assert swayed.adverse["answer_over"].lost == 2
    assert swayed.adverse["answer_over"].largest > 9
    assert steady.fingerprint != swayed.fingerprint


def test_a_judge_that_drifts_is_found_to_be_unsteady_by_as_much(swayed: Suite) -> None:
    """Two pairs: four scenes a look, one look after the other."""
    assert swayed.steadiness["again"] == pytest.approx(0.004)
    assert swayed.steadiness["other_order"] == pytest.approx(2 * 0.004 + 0.003)
    assert swayed.steadiness["other_query_order"] == pytest.approx(3 * 0.004)


def test_the_fingerprint_is_another_as_soon_as_one_answer_is() -> None:
    rows = {"a.png": {"cat": Scored(0, "a.png", "", 9.0, 2.0), "dog": Scored(0, "a.png", "", 1.0, -2.0)}}
    turned = {"a.png": dict(reversed(rows["a.png"].items()))}
    nudged = {"a.png": {**rows["a.png"], "cat": replace(rows["a.png"]["cat"], margin=2.0 + 1e-15)}}
    first, again, other = map(suites.fingerprint, (rows, turned, nudged))
    assert first == again != other


def test_a_rate_says_whether_a_coin_could_have_done_it() -> None:
    assert rate([True] * 12 + [False] * 12).is_chance
    assert not rate([True] * 22 + [False] * 2).is_chance
    assert rate([None, None]).share is None
    assert rate([True, None]).decided == 1
    low, high = rate([True] * 9 + [False]).interval or (0, 0)
    assert (low, high) == (pytest.approx(0.5550, abs=1e-3), pytest.approx(0.9975, abs=1e-3))


def test_a_scene_among_fifteen_others_is_asked_for_by_what_it_alone_shows() -> None:
    found = suites.mosaics(pairs()["thing"])
    assert len(found) == 24
    for pair in found:
        assert pair.en in pair.match.shows
        assert pair.en not in pair.mismatch.shows
        assert pair.match.picture.size == (4 * CELL_SIZE[0], 4 * CELL_SIZE[1])


def test_what_is_found_goes_into_json_and_into_tables_in_both_languages(
    firm: tuple[Suite, list[Event]],
) -> None:
    found, _ = firm
    told = json.loads(evaluate.suite_to_json(found))
    assert told["pairs"]["counting"]["right"] == 1
    assert told["pairs"]["counting"]["en"]["pairs"] == 2
    assert told["checkpoint_hash"] == "k" * 16
    assert set(told["adverse_changes"]) == set(ADVERSE)
    assert {"versions", "machine", "fingerprint", "image_tokens", "steadiness"} <= set(told)
    for language in ("en", "zh"):
        written = io.StringIO()
        Console(file=written, width=140).print(evaluate.suite_tables(Words(language), found))
        assert Words(language)("suite.counting") in written.getvalue()
        assert "100%" in written.getvalue()
