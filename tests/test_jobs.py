import gc
import hashlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lychee_app import query, recorder
from lychee_app.engines.local import LocalEngine
from lychee_app.engines.opening import OpenScorer
from lychee_app.errors import CheckpointError, ImageError, ModelLost, ScoringError, StoreError, UsageError
from lychee_app.jobs import Jobs
from lychee_app.records import Candidate, ImageBudget, Scored, Scorer, ScorerInfo, Source
from lychee_app.request import Precision, Request
from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.fakes import FakeScorer, Gate, picture, raising, sources
from tests.support.rows import told

RED = Request(query.ask("red"), model="fake")


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    with Store.open(settings.data_folder) as opened:
        yield opened


def jobs_with(store: Store, scorer: Scorer) -> Jobs:
    return jobs_over(store, lambda name, precision: scorer)


def jobs_over(store: Store, open_scorer: OpenScorer) -> Jobs:
    return Jobs(store, LocalEngine(Settings(store.folder), open_scorer))


def sha256_of(source: Source) -> str:
    return hashlib.sha256(source.read()).hexdigest()


def wait(jobs: Jobs, run_id: str, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while jobs.is_live(run_id):
        assert time.monotonic() < end, jobs.view(run_id)
        time.sleep(0.01)


def test_a_run_ends_with_every_row_in_the_store(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer())
    run_id = jobs.start(RED, sources("red", "green"))
    wait(jobs, run_id)
    view = jobs.view(run_id)
    assert view is not None
    assert (view.done, view.total, view.status) == (2, 2, "done")
    stored = store.load(run_id)
    assert stored == jobs.run(run_id)
    assert stored.model == "fake"
    assert stored.precision == "float32"


def test_a_view_is_answered_while_the_model_works(store: Store) -> None:
    gate = Gate(free=1)
    jobs = jobs_with(store, FakeScorer(before=gate))
    run_id = jobs.start(RED, sources("red", "green", "blue"))
    assert gate.reached.wait(20)
    view = jobs.view(run_id)
    assert view is not None
    assert (view.phase, view.done) == ("scoring", 1)
    assert len(store.load(run_id).images) == 1
    gate.open()
    wait(jobs, run_id)


def test_stop_keeps_what_is_done_and_resume_scores_only_the_rest(store: Store) -> None:
    gate = Gate(free=1)
    scorer = FakeScorer(before=gate)
    jobs = jobs_with(store, scorer)
    run_id = jobs.start(RED, sources("red", "green", "blue", "red"))
    assert gate.reached.wait(20)
    jobs.stop(run_id)
    gate.open()
    wait(jobs, run_id)
    assert jobs.run(run_id).status == "stopped"
    assert len(jobs.run(run_id).images) == 2
    seen = len(scorer.seen)
    jobs.resume(run_id)
    wait(jobs, run_id)
    assert len(scorer.seen) == seen + 2
    assert store.load(run_id).status == "done"


def test_a_version_is_never_given_twice_over_a_stop_and_a_resume(store: Store) -> None:
    """The page keeps what it drew by version, and draws again where another tab made a new one."""
    gate = Gate(free=1)
    jobs = jobs_with(store, FakeScorer(before=gate))
    run_id = jobs.start(RED, sources("red", "green", "blue", "red"))
    assert gate.reached.wait(20)
    jobs.stop(run_id)
    gate.open()
    wait(jobs, run_id)
    stopped = jobs.view(run_id)
    jobs.resume(run_id)
    resumed = jobs.view(run_id)
    wait(jobs, run_id)
    assert stopped is not None
    assert resumed is not None
    assert resumed.version > stopped.version


def test_another_process_resumes_from_the_store_to_the_same_rows(store: Store) -> None:
    colours = ("red", "green", "blue", "red", "green")
    whole = jobs_with(store, FakeScorer())
    undisturbed = whole.start(RED, sources(*colours))
    wait(whole, undisturbed)

    broken = jobs_with(store, FakeScorer(before=raising(ModelLost(told("gone")), "3-red.png")))
    run_id = broken.start(replace(RED, instruction="fresh"), sources(*colours))
    wait(broken, run_id)
    assert store.load(run_id).status == "failed"
    assert len(store.load(run_id).images) == 3
    fresh = jobs_with(store, FakeScorer())
    fresh.resume(run_id)
    wait(fresh, run_id)
    resumed = [(row.upload_index, row.score, row.margin) for row in store.load(run_id).images]
    assert resumed == [(row.upload_index, row.score, row.margin) for row in store.load(undisturbed).images]


def test_a_failed_row_can_be_tried_again(store: Store) -> None:
    scorer = FakeScorer(before=raising(ScoringError(told("busy")), "0-red.png"))
    jobs = jobs_with(store, scorer)
    run_id = jobs.start(RED, sources("red", "green"))
    wait(jobs, run_id)
    assert jobs.run(run_id).images[0].reason == told("busy")
    scorer.before = lambda candidate: None
    jobs.resume(run_id, failed_too=True)
    wait(jobs, run_id)
    assert store.load(run_id).images[0].score is not None


def test_added_images_are_the_only_ones_scored(store: Store) -> None:
    scorer = FakeScorer()
    jobs = jobs_with(store, scorer)
    run_id = jobs.start(RED, sources("red", "green"))
    wait(jobs, run_id)
    jobs.add(run_id, sources("blue", "red", "green")[:1])
    wait(jobs, run_id)
    run = store.load(run_id)
    assert [row.upload_index for row in run.images] == [0, 1, 2]
    assert (run.total, run.status, len(scorer.seen)) == (3, "done", 3)


def test_a_model_that_cannot_be_opened_is_a_failed_run_with_the_reason(
    store: Store,
) -> None:
    def refuse(model: str, precision: Precision) -> Scorer:
        raise CheckpointError(told(f"no weights for {model}"))

    jobs = jobs_over(store, refuse)
    run_id = jobs.start(replace(RED, model="lychee"), sources("red"))
    wait(jobs, run_id)
    view = jobs.view(run_id)
    assert view is not None
    assert (view.status, view.error) == ("failed", told("no weights for lychee"))


def test_a_lost_model_is_opened_anew_for_the_next_run(store: Store) -> None:
    opened: list[str] = []

    def open_next(model: str, precision: Precision) -> Scorer:
        opened.append(model)
        before = raising(ModelLost(told("gone")), "0-red.png") if len(opened) == 1 else lambda candidate: None
        return FakeScorer(before=before)

    jobs = jobs_over(store, open_next)
    for _ in range(2):
        run_id = jobs.start(RED, sources("red"))
        wait(jobs, run_id)
    assert len(opened) == 2
    assert store.load(run_id).status == "done"


def test_an_error_nobody_expected_fails_the_run_and_not_the_worker(store: Store) -> None:
    def before(candidate: object) -> None:
        raise ZeroDivisionError("surprise")

    scorer = FakeScorer(before=before)
    jobs = jobs_with(store, scorer)
    first = jobs.start(RED, sources("red"))
    wait(jobs, first)
    view = jobs.view(first)
    assert view is not None
    assert view.error is not None
    assert view.error.values["kind"] == "ZeroDivisionError"
    assert "surprise (test_jobs.py, line" in str(view.error)
    scorer.before = lambda candidate: None
    second = jobs.start(RED, sources("red"))
    wait(jobs, second)
    assert store.load(second).status == "done"


def test_runs_wait_in_line_and_the_model_is_opened_once(store: Store) -> None:
    opened: list[str] = []

    def open_once(model: str, precision: Precision) -> Scorer:
        opened.append(model)
        return FakeScorer()

    jobs = jobs_over(store, open_once)
    ids = [jobs.start(Request(query.ask(text)), sources("red")) for text in ("red", "green", "blue")]
    for run_id in ids:
        wait(jobs, run_id)
    assert opened == ["demo"]


def test_resuming_with_another_checkpoint_is_refused(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer(before=raising(ModelLost(told("gone")), "1-green.png")))
    run_id = jobs.start(RED, sources("red", "green"))
    wait(jobs, run_id)
    info = ScorerInfo("fake", "another", "float32", "cpu", ImageBudget(28))
    other = jobs_with(store, FakeScorer(info=info))
    other.resume(run_id)
    wait(other, run_id)
    run = store.load(run_id)
    assert run.status == "failed"
    assert "another checkpoint" in str(run.error)
    assert len(run.images) == 1


def test_resuming_in_another_precision_is_refused(store: Store) -> None:
    first = FakeScorer(before=raising(ModelLost(told("gone")), "1-green.png"))
    jobs = jobs_with(store, first)
    run_id = jobs.start(RED, sources("red", "green"))
    wait(jobs, run_id)
    other = jobs_with(store, FakeScorer(info=replace(first.info, precision="bfloat16")))
    other.resume(run_id)
    wait(other, run_id)
    run = store.load(run_id)
    assert (run.status, len(run.images)) == ("failed", 1)
    assert "bfloat16" in str(run.error)


def test_one_image_is_explained_on_demand(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer())
    [source] = sources("red")
    reply = jobs.explain(recorder.new_run(RED, 1), (0, source), sha256_of(source))
    assert reply.mode == "explain"
    assert "Score" in reply.text


def test_an_image_that_is_another_by_now_is_not_explained(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer())
    red, green = sources("red", "green")
    with pytest.raises(ImageError, match="changed since it was scored") as caught:
        jobs.explain(recorder.new_run(RED, 1), (0, green), sha256_of(red))
    assert caught.value.code == "changed"


def test_a_model_that_is_lost_while_it_explains_is_opened_anew(store: Store) -> None:
    opened = []

    def open_scorer(model: str, precision: Precision) -> Scorer:
        opened.append(model)
        return FakeScorer(before=raising(ModelLost(told("gone")), "0-red.png"))

    jobs = jobs_over(store, open_scorer)
    [source] = sources("red")
    for _ in range(2):
        with pytest.raises(ModelLost):
            jobs.explain(recorder.new_run(RED, 1), (0, source), sha256_of(source))
    assert len(opened) == 2


def test_no_images_is_wrong_usage_and_an_unknown_run_a_store_error(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer())
    with pytest.raises(UsageError):
        jobs.start(RED, [])
    with pytest.raises(StoreError):
        jobs.resume("nowhere")


def test_a_run_stopped_while_it_waits_opens_no_model_and_scores_nothing(
    store: Store,
) -> None:
    gate, opened = Gate(free=0), []

    def open_scorer(model: str, precision: Precision) -> Scorer:
        opened.append(model)
        return FakeScorer(before=gate)

    jobs = jobs_over(store, open_scorer)
    first = jobs.start(replace(RED, model="one"), sources("red"))
    assert gate.reached.wait(20)
    second = jobs.start(replace(RED, model="another"), sources("green"))
    jobs.stop(second)
    assert not jobs.is_live(second)  # at once, however long the first one takes
    assert store.load(second).status == "stopped"
    gate.open()
    wait(jobs, first)
    wait(jobs, second)
    assert opened == ["one"]
    assert (jobs.run(second).status, jobs.run(second).images) == ("stopped", ())


def test_a_run_resumed_by_two_at_once_is_begun_once(store: Store, settings: Settings) -> None:
    """Both are past the question whether it is live when the first of them enters it in the line."""
    gate = Gate(free=1)
    scorer = FakeScorer(before=gate)
    jobs = jobs_with(store, scorer)
    run_id = jobs.start(RED, sources("red", "green", "blue"))
    assert gate.reached.wait(20)
    jobs.stop(run_id)
    gate.open()
    wait(jobs, run_id)
    held, passed = threading.Event(), threading.Event()

    class Slow(Store):
        def sources(self, run_id: str) -> list[tuple[int, Source]]:
            held.set()
            assert passed.wait(20)
            return super().sources(run_id)

    with Slow.open(settings.data_folder) as slow:
        seen: list[str] = []
        jobs = jobs_with(slow, FakeScorer(before=lambda candidate: seen.append(candidate.name)))
        both = threading.Thread(target=jobs.resume, args=(run_id,))
        both.start()
        assert held.wait(20)
        jobs.resume(run_id)
        passed.set()
        both.join()
        wait(jobs, run_id)
    assert seen == ["2-blue.png"]


def test_images_added_to_a_live_run_are_refused_and_not_lost_silently(
    store: Store,
) -> None:
    gate = Gate(free=0)
    jobs = jobs_with(store, FakeScorer(before=gate))
    run_id = jobs.start(RED, sources("red"))
    assert gate.reached.wait(20)
    with pytest.raises(UsageError, match="still being scored"):
        jobs.add(run_id, sources("green"))
    gate.open()
    wait(jobs, run_id)
    jobs.add(run_id, sources("green"))
    wait(jobs, run_id)
    assert len(jobs.run(run_id).images) == 2


def test_auto_and_the_model_it_stands_for_are_opened_once(store: Store) -> None:
    opened: list[str] = []

    def open_scorer(model: str, precision: Precision) -> Scorer:
        opened.append(model)
        return FakeScorer()

    jobs = jobs_over(store, open_scorer)
    for model in ("auto", "demo", "auto"):
        wait(jobs, jobs.start(replace(RED, model=model), sources("red")))
    assert opened == ["demo"]


def test_another_precision_is_another_opening(store: Store) -> None:
    opened: list[Precision] = []

    def open_scorer(model: str, precision: Precision) -> Scorer:
        opened.append(precision)
        return FakeScorer()

    jobs = jobs_over(store, open_scorer)
    for precision in ("auto", "float32", "float32"):
        wait(jobs, jobs.start(replace(RED, precision=precision), sources("red")))
    assert opened == ["auto", "float32"]


def test_a_title_given_to_a_live_run_is_its_title_at_once_and_after(store: Store) -> None:
    gate = Gate(free=1)
    jobs = jobs_with(store, FakeScorer(before=gate))
    run_id = jobs.start(RED, sources("red", "green"))
    assert gate.reached.wait(20)
    before = jobs.view(run_id)
    store.rename(run_id, "for the shop")
    after = jobs.view(run_id)
    assert before is not None
    assert after is not None
    assert after.version > before.version
    assert jobs.run(run_id).title == "for the shop"
    gate.open()
    wait(jobs, run_id)
    assert jobs.run(run_id).title == store.load(run_id).title == "for the shop"


def test_rows_of_a_finished_run_are_not_held_in_memory(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer())
    named = [Source(f"only here {one.name}", one.data) for one in sources("red", "green")]
    run_id = jobs.start(RED, named)
    wait(jobs, run_id)
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is Scored and "only here" in one.name]
    assert len(jobs.run(run_id).images) == 2
    view = jobs.view(run_id)
    assert view is not None
    assert view.done == 2


def test_stop_while_failed_rows_are_tried_again_loses_none_of_them(store: Store) -> None:
    def before(candidate: Candidate) -> None:
        raise ScoringError(told("busy"))

    jobs = jobs_with(store, FakeScorer(before=before))
    run_id = jobs.start(RED, sources("red", "green", "blue"))
    wait(jobs, run_id)
    gate = Gate(free=0)
    again = jobs_with(store, FakeScorer(before=gate))
    again.resume(run_id, failed_too=True)
    assert gate.reached.wait(20)
    again.stop(run_id)
    gate.open()
    wait(again, run_id)
    assert [row.reason for row in again.run(run_id).images] == [None, told("busy"), told("busy")]


def test_a_run_over_images_of_an_earlier_one_keeps_what_was_decided_on_them(store: Store) -> None:
    jobs = jobs_with(store, FakeScorer())
    first = jobs.start(RED, sources("red", "green", "blue", "red"))
    wait(jobs, first)
    store.decide_all(first, {0: "pick", 1: "reject", 3: "pick"})
    second = jobs.start_after(first, RED, [1, 2, 3], sources("green"))
    wait(jobs, second)
    assert store.decisions(second) == {0: "reject", 2: "pick"}
    assert len(store.load(second).images) == 4
    assert store.undo(second) == {}, "what was decided before is no step of this run"
    assert store.decisions(first) == {0: "pick", 1: "reject", 3: "pick"}
    (line, _) = store.runs()
    assert (line.picks, line.rejects) == (1, 1)


def test_a_file_that_holds_another_image_now_is_not_picked_any_more(store: Store, tmp_path: Path) -> None:
    jobs = jobs_with(store, FakeScorer())
    files = [Source(f"{n}.png", path=tmp_path / f"{n}.png") for n in range(3)]
    for n, source in enumerate(files):
        (tmp_path / source.name).write_bytes(picture("red", seed=n))
    first = jobs.start(RED, files)
    wait(jobs, first)
    store.decide_all(first, dict.fromkeys(range(3), "pick"))
    (tmp_path / "1.png").write_bytes(picture("blue", seed=9))
    (tmp_path / "2.png").unlink()
    second = jobs.start_after(first, RED, [0, 1, 2])
    wait(jobs, second)
    assert store.decisions(second) == {0: "pick"}
