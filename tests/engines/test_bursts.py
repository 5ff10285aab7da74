"""One of each group of images that are alike is judged, whichever engine judges."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from lychee_app.engines import Event, Grouping, Opened, Progress
from lychee_app.engines.bursts import TOLD_EACH
from lychee_app.errors import ScoringError
from lychee_app.jobs import Jobs
from lychee_app.recorder import Unkept, rank
from lychee_app.records import Scored, Source
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support import exifs
from tests.support.fakes import FakeScorer, engine_of, picture, raising
from tests.support.pictures import encoded
from tests.support.rows import request_of

ONE = replace(request_of("red"), bursts="one")


def frame(scene: int, blur: int = 0, second: int = 0) -> bytes:
    """A frame of a scene; the more it is blurred, the less sharp."""
    random = np.random.default_rng(scene)
    coarse, fine = (random.integers(40, 216, (*cells, 3), dtype=np.uint8) for cells in ((4, 5), (60, 80)))
    shapes, grain = (Image.fromarray(cells).resize((320, 240)) for cells in (coarse, fine))
    image = Image.blend(shapes, grain, 0.2).filter(ImageFilter.GaussianBlur(2 * blur))
    return encoded(image, "JPEG", quality=95, exif=exifs.exif(f"2026:05:04 10:{scene:02}:{second:02}"))


def shoot() -> list[Source]:
    """Two bursts, of three frames and of two, in turns, a single image, and two that are blank."""
    files = {
        "a1": frame(1, 3, 0), "b1": frame(2, 0, 0), "a2": frame(1, 0, 1), "c": frame(3), "b2": frame(2, 3, 1),
        "a3": frame(1, 2, 2), "blank1": picture("red", seed=1), "blank2": picture("red", seed=2),
    }  # fmt: skip
    return [Source(name, data) for name, data in files.items()]


def ran(
    settings: Settings, scorer: FakeScorer, sources: Sequence[Source]
) -> tuple[dict[str, Scored], list[Event]]:
    events: list[Event] = []
    run = rank(ONE, sources, engine_of(scorer, settings), Unkept(), events.append)
    return {row.name: row for row in run.images}, events


def test_the_sharpest_of_each_group_is_judged_and_the_others_name_it(settings: Settings) -> None:
    scorer = FakeScorer()
    rows, events = ran(settings, scorer, shoot())
    assert [name for name, _ in scorer.seen] == ["b1", "a2", "c", "blank1", "blank2"]
    assert {name: row.reason.values["name"] for name, row in rows.items() if row.reason} == {
        "a1": "a2", "a3": "a2", "b2": "b1",
    }  # fmt: skip
    assert all(row.stood_for and not row.failed for row in rows.values() if row.reason)
    assert rows["a3"].thumbnail
    assert (rows["a3"].width_px, rows["a3"].capture.camera) == (320, "NIKON Z 6")
    (opened,) = [event for event in events if isinstance(event, Opened)]
    done = [event.done for event in events if isinstance(event, Progress)]
    assert done == list(range(1, 9))
    assert events.index(opened) == 0


def test_a_group_that_was_judged_is_whole_before_the_next_begins(settings: Settings) -> None:
    _, events = ran(settings, FakeScorer(), shoot())
    told = [event.scored.name for event in events if isinstance(event, Progress)]
    assert told == ["b1", "b2", "a2", "a3", "a1", "c", "blank1", "blank2"]


def test_where_the_sharpest_cannot_be_scored_the_next_is_asked(settings: Settings) -> None:
    scorer = FakeScorer(raising(ScoringError("scoring", detail="no"), "a2"))
    rows, events = ran(settings, scorer, shoot())
    assert rows["a2"].failed
    assert rows["a3"].score is not None
    assert rows["a1"].reason is not None
    assert rows["a1"].reason.values["name"] == "a3"
    assert sum(isinstance(event, Opened) for event in events) == 1
    assert len(rows) == 8


def test_files_that_cannot_be_read_are_rows_of_their_own(settings: Settings) -> None:
    broken = [Source("x", b"no image"), Source("y", b"no image"), Source("z", b"")]
    rows, _ = ran(settings, FakeScorer(), [*broken, *shoot()])
    assert [rows[name].failed for name in "xyz"] == [True] * 3


def test_the_look_gives_signs_of_life(settings: Settings) -> None:
    sources = [Source(f"{n}", frame(n)) for n in range(TOLD_EACH + 1)]
    _, events = ran(settings, FakeScorer(), sources)
    assert events[0] == Grouping(TOLD_EACH, len(sources))


def test_all_are_judged_where_it_is_not_asked_for(settings: Settings) -> None:
    scorer = FakeScorer()
    rank(request_of("red"), shoot(), engine_of(scorer, settings), Unkept())
    assert len(scorer.seen) == 8


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings.data_folder) as opened:
        yield opened


def waited(jobs: Jobs, run_id: str) -> None:
    end = time.monotonic() + 30
    while jobs.is_live(run_id) and time.monotonic() < end:
        time.sleep(0.02)


def test_the_others_can_be_judged_afterwards(settings: Settings, store: Store) -> None:
    scorer = FakeScorer()
    jobs = Jobs(store, engine_of(scorer, settings))
    run_id = jobs.start(ONE, shoot())
    waited(jobs, run_id)
    assert sum(row.stood_for for row in store.load(run_id).images) == 3
    jobs.resume(run_id, failed_too=True)  # nothing failed
    waited(jobs, run_id)
    assert len(scorer.seen) == 5
    jobs.judge_beside(run_id)
    waited(jobs, run_id)
    run = store.load(run_id)
    assert [name for name, _ in scorer.seen[5:]] == ["a1", "b2", "a3"]
    assert all(row.score is not None for row in run.images)
    assert (run.status, run.request.bursts) == ("done", "all")


def test_a_run_that_was_stopped_goes_on_with_the_groups_that_are_left(
    settings: Settings, store: Store
) -> None:
    scorer = FakeScorer()
    jobs = Jobs(store, engine_of(scorer, settings))
    scorer.before = lambda candidate: jobs.stop(jobs.live()[0]) if candidate.name == "b1" else None
    run_id = jobs.start(ONE, shoot())
    waited(jobs, run_id)
    assert store.load(run_id).status == "stopped"
    scorer.before = lambda candidate: None
    jobs.resume(run_id)
    waited(jobs, run_id)
    rows = {row.name: row for row in store.load(run_id).images}
    assert [name for name, row in rows.items() if row.score is None] == ["a1", "a3"] or len(rows) == 8
    assert rows["a2"].score is not None
