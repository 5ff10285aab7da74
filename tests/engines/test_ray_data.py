"""The engine on a Ray cluster: a real one, of two nodes on this machine, whose processes are killed."""

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from lychee_app import demo, query, recorder, sources
from lychee_app.engines import Event, Opened, Progress
from lychee_app.engines.choice import engine_of
from lychee_app.engines.local import LocalEngine
from lychee_app.engines.pools import RayOptions
from lychee_app.errors import CheckpointError, LycheeError, ModelLost
from lychee_app.parquet import InParts
from lychee_app.reasons import Reason
from lychee_app.recorder import Unkept
from lychee_app.records import Reply, Run, Scored, Source
from lychee_app.request import Request
from lychee_app.settings import Settings, without_reports
from lychee_app.store import Store
from lychee_app.store.parts import open_parts
from tests.support import noting_scorer, s3
from tests.support.fakes import FakeScorer, picture
from tests.support.fakes import engine_of as fake_engine
from tests.support.noting_scorer import RED, NotingScorer
from tests.support.rows import told

without_reports()  # before Ray is imported
pytest.importorskip("ray", reason="pip install 'lychee-rank[ray]'")

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(240)]  # Ray's own warnings

ROOT = Path(__file__).parents[2]
NODE = {"num_cpus": 2, "object_store_memory": 120_000_000}
NO_CARD = 2
"""For each scorer: no node has so many, so that processors score."""
SYSTEM = {
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
    "prestart_worker_first_driver": False,
}
"""A node that is gone is missed soon, and no process is started before it is needed."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[object]:
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch, ExitStack() as until_over:
        patch.setenv("PYTHONPATH", str(ROOT))  # for its workers, as is where the bucket is
        until_over.enter_context(s3.serving(patch))
        head = {**NODE, "include_dashboard": False, "_system_config": SYSTEM}
        started = Cluster(initialize_head=True, head_node_args=head)
        started.add_node(**NODE, num_gpus=1)  # nobody looks for a card that is named
        try:
            yield started
        finally:
            ray.shutdown()
            started.shutdown()


@pytest.fixture
def address(cluster) -> str:
    return cluster.address


@pytest.fixture
def photos(tmp_path: Path) -> list[Source]:
    """Twenty-four files; the fourth is no image."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(24):
        colour = ("red", "green", "blue")[number % 3]
        data = b"<html>" if number == 3 else picture(colour, (60, 44), seed=number)
        (folder / f"{number:02}.png").write_bytes(data)
    return list(sources.find([folder]).sources)


def rank(
    photos: Sequence[Source],
    settings: Settings,
    address: str,
    scorer: NotingScorer | None = None,
    *,
    log: recorder.Log | None = None,
    on_event: Callable[[Event], None] = lambda event: None,
    request: Request = RED,
    scorers: int = 1,
    cards: int = NO_CARD,
) -> Run:
    engine = engine_of("ray", settings, RayOptions(address, 1, scorers, cards), scorer)
    return recorder.rank(request, photos, engine, log or Unkept(), on_event)


def untimed(row: Scored) -> Scored:
    """The row but for the seconds it took."""

    def without(reply: Reply | None) -> Reply | None:
        return reply and replace(reply, seconds=0.0)

    elements = tuple(replace(reply, seconds=0.0) for reply in row.element_replies)
    return replace(
        row,
        seconds=0.0,
        reply=without(row.reply),
        not_reply=without(row.not_reply),
        element_replies=elements,
    )


def is_whole(run: Run, photos: Sequence[Source]) -> bool:
    """A row for each image, and a score on each but the one that is no image."""
    indices = [row.upload_index for row in run.images]
    unscored = [row.name for row in run.images if row.score is None]
    return indices == list(range(len(photos))) and unscored == ["03.png"] and run.status == "done"


def test_scores_of_both_looks_are_those_of_the_local_engine_to_the_last_digit(
    settings: Settings, address: str, tmp_path: Path
) -> None:
    folder = tmp_path / "gallery"
    demo.write_gallery(folder)
    for file in sorted(folder.glob("*.webp"))[8:]:
        file.unlink()
    (folder / "twin.webp").write_bytes((folder / "scene-01.webp").read_bytes())
    (folder / "page.jpg").write_bytes(b"<!doctype html>")
    found = sources.find([folder]).sources
    local = LocalEngine(settings)
    question = query.ask("green sofa + brass lamp", "dog")
    request = local.prepared(Request(question, model="demo", prefilter=4))
    watched: list[tuple[int, str]] = []
    with Store.open(settings.data_folder) as store, Store.open(settings.data_folder) as watching:

        def watch(event: Event) -> None:
            if isinstance(event, Progress) and (view := watching.view(store.runs()[0].id)):
                watched.append((view.done, view.phase))

        log = InParts(store, {request: tmp_path / "parts"})
        engine = engine_of("ray", settings, RayOptions(address, 1, 1, NO_CARD))
        run = recorder.rank(request, found, engine, log, watch)
        (kept,) = store.runs()
        assert (kept.status, kept.done, kept.total) == ("done", 10, 10)
        assert store.load(run.id).images == run.images
    assert watched == [(done, "scoring") for done in range(1, 11)]
    expected = recorder.rank(request, found, local, Unkept())
    assert sum(row.passed_over for row in run.images) == 5
    assert tuple(map(untimed, run.images)) == tuple(map(untimed, expected.images))
    assert (run.checkpoint_hash, run.precision, run.token_budget, run.question) == (
        expected.checkpoint_hash,
        expected.precision,
        expected.token_budget,
        expected.question,
    )
    written = sorted(open_parts(tmp_path / "parts").rows(), key=lambda row: row.upload_index)
    assert tuple(written) == run.images


def test_an_image_that_ends_its_scorers_and_a_killed_decoder_cost_no_other_and_nothing_known_is_judged(
    photos: list[Source], settings: Settings, address: str, tmp_path: Path
) -> None:
    scorer = NotingScorer(tmp_path / "notes", opening_seconds=1.0, ends_at="17.png")
    rows: list[int] = []
    killed: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, Progress):
            rows.append(event.scored.upload_index)

    def kill_a_decoder() -> None:
        """One that waits for a model that is still being opened."""
        until = time.monotonic() + 60
        while not killed and time.monotonic() < until:
            for process in ray_workers("_decoded"):
                process.kill()
                killed.append(process.pid)
            time.sleep(0.05)

    known, others = FakeScorer(), FakeScorer()
    with Store.open(settings.data_folder) as store:
        recorder.rank(RED, photos[:10], fake_engine(known, settings), store)
        killing = threading.Thread(target=kill_a_decoder)
        killing.start()
        run = rank(photos, settings, address, scorer, log=store, on_event=note, scorers=2)
        killing.join()
        recorder.rank(RED, photos, fake_engine(others, settings), store)
        assert run.images[17].thumbnail
    assert killed
    assert [row.name for row in run.images if row.score is None] == ["03.png", "17.png"]
    assert run.images[17].reason == Reason.of("scorer-ended", n=2)
    assert sorted(rows) == list(range(24))
    shown = Counter(note.name for note in scorer.shown())
    assert shown["17.png"] == 2
    assert max(shown.values()) <= 3, "only what lay in the one that ended is judged again"
    assert not shown.keys() & {name for name, _ in known.seen}, "judged here before"
    assert [name for name, _ in others.seen] == ["17.png"], "judged there before"


def ray_workers(doing: str) -> list[psutil.Process]:
    """Workers of Ray below this process that are at the function of that name."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, IndexError):  # it may just have ended
            if process.cmdline()[0].startswith("ray::") and doing in process.cmdline()[0]:
                found.append(process)
    return found


def test_a_killed_driver_goes_on_from_its_parts_and_scores_nothing_twice_that_stands(
    photos: list[Source], address: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.support.noting_scorer", address, str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    parts = tmp_path / "parts"
    try:
        until = time.monotonic() + 120
        while len(list(parts.glob("*.parquet"))) < 2:
            assert time.monotonic() < until, "no part was ever written"
            assert process.poll() is None, "it ended before it could be killed"
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    standing = {file: file.read_bytes() for file in parts.glob("*.parquet")}
    with Store.open(tmp_path / "home") as store:
        (cut_off,) = store.runs()
        assert cut_off.status == "interrupted"
        stand = {row.name for row in store.load(cut_off.id).images}
    before = len(NotingScorer(tmp_path / "notes").shown())
    noting_scorer.main(address, tmp_path)
    shown_after = {note.name for note in NotingScorer(tmp_path / "notes").shown()[before:]}
    assert not shown_after & stand
    assert {file: file.read_bytes() for file in standing} == standing
    rows = list(open_parts(parts).rows())
    assert sorted(row.upload_index for row in rows) == list(range(24))
    with Store.open(tmp_path / "home") as store:
        (kept,) = store.runs()
        assert (kept.status, kept.done, kept.scored) == ("done", 24, 23)


def test_images_of_a_bucket_are_fetched_by_the_workers_and_judged_where_a_card_is(
    cluster, settings: Settings, address: str, tmp_path: Path
) -> None:
    files = {f"{number}.png": picture("red", (60, 44), seed=number) for number in range(6)}
    s3.put(files)
    found = sources.find([f"s3://{s3.BUCKET}"]).sources
    scorer = NotingScorer(tmp_path / "notes")
    run = rank(found, settings, address, scorer, cards=1)
    here = [Source(name, data) for name, data in files.items()]
    local = recorder.rank(RED, here, fake_engine(FakeScorer(), settings), Unkept())
    assert [row.margin for row in run.images] == [row.margin for row in local.images]
    assert [row.address for row in run.images] == [source.address for source in found]
    assert {note.node for note in scorer.shown()} == {cluster.list_all_nodes()[1].node_id}


def test_a_worker_without_the_weights_is_told_in_a_sentence(
    photos: list[Source], settings: Settings, address: str, tmp_path: Path
) -> None:
    gone = CheckpointError("not-downloaded", repository="a/b", name="fake")
    no_folder = CheckpointError("checkpoint-missing", path="fake")
    for model, absent, told_so in (
        ("fake", gone, ("worker-without-model", "lychee download fake")),
        ("./fake", no_folder, ("worker-without-folder", f"the model {os.path.abspath('fake')}. Copy")),
    ):
        scorer = NotingScorer(tmp_path / "notes", absent=absent)
        with pytest.raises(CheckpointError) as caught:
            rank(photos[:2], settings, address, scorer, request=replace(RED, model=model))
        assert caught.value.code == told_so[0]
        assert told_so[1] in str(caught.value)


def test_a_model_whose_opening_ends_the_process_is_not_tried_for_ever(
    photos: list[Source], settings: Settings, address: str, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as caught:
        rank(photos, settings, address, NotingScorer(tmp_path / "notes", ends_at=""))
    assert caught.value.code == "worker-ended"


def test_a_lost_model_ends_the_run_and_rows_before_it_stand(
    photos: list[Source], settings: Settings, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files that are named from the current folder, which is none of the workers'."""
    monkeypatch.chdir(tmp_path)
    photos = [replace(photo, path=Path("photos", photo.name)) for photo in photos]
    scorer = NotingScorer(tmp_path / "notes", lost_at="23.png", lost_with=ModelLost(told("gone")))
    engine = engine_of("ray", settings, RayOptions(address, scorers=1, cards=NO_CARD), scorer)
    with Store.open(settings.data_folder) as store:
        with pytest.raises(ModelLost, match="gone"):
            recorder.rank(RED, photos, engine, store)
        (kept,) = store.runs()
        assert kept.status == "failed"
        assert kept.done > 5


def test_a_run_that_is_closed_ends_its_processes(
    photos: list[Source], settings: Settings, address: str, tmp_path: Path
) -> None:
    scorer = NotingScorer(tmp_path / "notes", seconds=0.2)
    engine = engine_of("ray", settings, RayOptions(address, 1, 1, NO_CARD), scorer)
    with closing(engine.run(RED, list(enumerate(photos)))) as events:
        assert isinstance(next(events), Opened)
        next(events)
        at_it = {note.process for note in scorer.shown()}
    until = time.monotonic() + 60
    while any(psutil.pid_exists(process) for process in at_it):
        assert time.monotonic() < until, "the scorers are still there"
        time.sleep(0.1)
    assert len(scorer.shown()) < len(photos)


def test_two_queries_are_judged_at_one_look_by_both_nodes_and_one_that_is_gone_costs_no_image(
    cluster, photos: list[Source], settings: Settings, address: str, tmp_path: Path
) -> None:
    scorer = NotingScorer(tmp_path / "notes", seconds=0.1)
    requests = RED, replace(RED, question=query.ask("blue"))
    gone: list[object] = []
    if len(cluster.list_all_nodes()) == 1:  # this test was tried before
        cluster.add_node(**NODE)

    def remove(event: Event) -> None:
        at_it = {note.node for note in scorer.shown()}
        if isinstance(event, Progress) and not gone and len(at_it) == 2:
            (node,) = [each for each in cluster.list_all_nodes() if each is not cluster.head_node]
            gone.append(node)
            cluster.remove_node(node, allow_graceful=False)

    engine = engine_of("ray", settings, RayOptions(address, 1, 2, NO_CARD), scorer)
    runs = recorder.rank_each(requests, photos, engine, Unkept(), remove)
    assert gone
    shown = Counter(note.name for note in scorer.shown())
    assert shown.keys() == {photo.name for photo in photos} - {"03.png"}
    assert max(shown.values()) <= 3, "only what lay on the lost node is judged again"
    for run, request in zip(runs, requests, strict=True):
        assert is_whole(run, photos)
        local = recorder.rank(request, photos, fake_engine(FakeScorer(), settings), Unkept())
        assert [row.margin for row in run.images] == [row.margin for row in local.images]


def test_no_images_need_no_cluster(settings: Settings) -> None:
    engine = engine_of("ray", settings, RayOptions("127.0.0.1:1"))
    assert list(engine.run(RED, [])) == []


def test_no_cluster_at_the_address_is_told_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "lychee_app", "rank", "red ball", str(ROOT / "docs"), "--model", "demo"]
    ended = subprocess.run(
        [*command, "--engine", "ray", "--ray-address", "127.0.0.1:1"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "zh_CN.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1, ended.stderr
    assert "没有 Ray 集群" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_ray_the_engine_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name == "ray" or name.startswith("ray.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "lychee_app.engines.ray_data", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(LycheeError) as caught:
        engine_of("ray", settings)
    assert caught.value.code == "ray-extra"
    assert "pip install" in str(caught.value)
