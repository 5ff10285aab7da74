import contextlib
import hashlib
import json
import sqlite3
import threading
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from lychee_app.cache import CacheKey
from lychee_app.errors import StoreError
from lychee_app.reasons import Reason
from lychee_app.records import UNTOLD, Cutoff, Reply, Run, Scored, Source
from lychee_app.store import Step, Store, Undo, UndoStep
from tests.support.rows import TAKEN, failed, finite, key, names, reply, row, run_of, told

# --- a run and its rows


def test_a_run_comes_back_as_it_was_written(store: Store) -> None:
    run = run_of(
        [everything(0), failed(1), row(2, 3.5)], elements=("sofa", "lamp"), title="t", not_text="dog"
    )
    begin(store, run)
    store.finish(run.id, "done", 12.5, 1 << 33)
    assert store.load(run.id) == replace(run, status="done", seconds=12.5, peak_memory_bytes=1 << 33)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names(), st.floats(), finite(), names())
def test_any_number_and_any_text_comes_back_bit_for_bit(store: Store, name, score, logit, text) -> None:
    said = Reply(text, "judge", text, logit, -logit, 1, 0, (1, 2), text, 9, 4, 0.1)
    image = Scored(
        0, name, "ab", score=score, margin=logit, p_yes=-0.0, reply=said, path=name, reason=told(text)
    )
    run = run_of(
        [], id=hashlib.sha256(repr(image).encode("utf-8", "backslashreplace")).hexdigest(), query=text
    )
    if run.id not in {summary.id for summary in store.runs(1000)}:
        begin(store, replace(run, images=(image,)))
    loaded = store.load(run.id)
    # repr tells -0.0 from 0.0, and a NaN is itself.
    assert repr(loaded.images) == repr((image,))
    assert loaded.question.typed == text


def test_a_row_added_again_replaces_the_first(store: Store) -> None:
    begin(store, run_of([failed(0)]))
    store.add("run-1", row(0, 2.0))
    assert store.load("run-1").images == (row(0, 2.0),)


def test_rows_come_back_in_upload_order_whenever_they_were_added(store: Store) -> None:
    begin(store, run_of([row(2, 1.0), row(0, 1.0), row(1, 1.0)]))
    assert [image.upload_index for image in store.load("run-1").images] == [0, 1, 2]


OLD_ROW = (
    '{"upload_index":0,"name":"strip.png","sha256":"ab","score":null,"margin":null,"p_yes":null,"elements":[],'
    '"reply":null,"element_replies":[],"not_reply":null,"span":null,"error":"The file is empty (0 bytes).",'
    '"notes":["Only its first frame is scored."],"seconds":0.0,"width_px":0,"height_px":0,"seen_width_px":0,'
    '"seen_height_px":0,"path":null}'
)
"""As it was written when reasons were sentences."""


def test_a_row_from_when_reasons_were_sentences_is_shown_as_it_was(store: Store, home: Path) -> None:
    begin(store, run_of([failed(0)]))
    store.finish("run-1", "failed", 3.0, 7, told("lost"))
    with contextlib.closing(sqlite3.connect(home / "lychee.sqlite3")) as db, db:
        db.execute("UPDATE images SET record = ?", (zlib.compress(OLD_ROW.encode()),))
        (record,) = db.execute("SELECT record FROM runs").fetchone()
        old = json.dumps(json.loads(record) | {"error": "The model was lost."})
        db.execute("UPDATE runs SET record = ?", (old,))
    run = store.load("run-1")
    assert run.error == told("The model was lost.")
    assert run.images[0].reason == told("The file is empty (0 bytes).")
    assert run.images[0].notes == (told("Only its first frame is scored."),)
    assert run.images[0].capture == UNTOLD


def test_how_a_picture_was_taken_comes_back(store: Store) -> None:
    begin(store, run_of([row(0, 1.0, capture=TAKEN), row(1, 0.0)]))
    assert [image.capture for image in store.load("run-1").images] == [TAKEN, UNTOLD]
    assert store.row("run-1", 0).capture == TAKEN


def test_what_is_known_once_the_model_is_open_is_written_down(store: Store) -> None:
    store.create(run_of([], model="auto", checkpoint_hash="", precision="auto"))
    store.settle(run_of([], model="lychee", checkpoint_hash="d" * 64, precision="bfloat16", token_budget=99))
    run = store.load("run-1")
    assert (run.model, run.checkpoint_hash, run.precision) == ("lychee", "d" * 64, "bfloat16")
    assert run.token_budget == 99


def test_a_failed_run_that_is_resumed_has_failed_no_longer(store: Store) -> None:
    begin(store, run_of([row(0, 1.0)], total=2))
    lost = Reason.of("device-lost", name="0.jpg", tokens=64, detail="unplugged")
    store.finish("run-1", "failed", 3.0, 7, lost)
    assert store.load("run-1").error == lost
    store.set_status("run-1", "running")
    run = store.load("run-1")
    assert (run.status, run.error, run.seconds, len(run.images)) == ("running", None, 3.0, 1)


def test_a_run_that_is_not_there_is_told(store: Store) -> None:
    for ask in (
        lambda: store.load("gone"),
        lambda: store.add("gone", row(0, 1.0)),
        lambda: store.finish("gone", "done", 1, 1),
        lambda: store.rename("gone", "x"),
        lambda: store.decide("gone", 0, "pick"),
        lambda: store.extend("gone", [Source("a", data=b"a")]),
        lambda: store.set_status("gone", "running"),
    ):
        with pytest.raises(StoreError, match="run") as caught:
            ask()
        assert caught.value.code == "store-no-run"


def test_a_closed_store_says_so(store: Store) -> None:
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.runs()


# --- sources


def test_sources_are_found_again_after_a_restart(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "b.jpg"
    file.write_bytes(b"two")
    with Store.open(home) as store:
        store.create(run_of([], total=2), [Source("../a.jpg", data=b"one"), Source("b.jpg", path=file)])
        kept = store.sources("run-1")
    with Store.open(home) as store:
        assert store.sources("run-1") == kept
    assert [(index, source.name, source.read()) for index, source in kept] == [
        (0, "../a.jpg", b"one"), (1, "b.jpg", b"two"),
    ]  # fmt: skip
    assert [source.private for _, source in kept] == [True, False]


def test_images_added_to_a_run_follow_the_others(store: Store) -> None:
    store.create(run_of([], total=1), [Source("a", data=b"a")])
    assert store.extend("run-1", [Source("b", data=b"b"), Source("c", data=b"c")]) == 3
    assert (store.load("run-1").total, store.load("run-1").status) == (3, "running")
    assert [(index, source.name) for index, source in store.sources("run-1")] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]


def test_moved_files_are_found_at_their_new_place_and_uploads_stay(store: Store, tmp_path: Path) -> None:
    store.create(run_of([], total=2), [Source("a", path=tmp_path / "a"), Source("b", data=b"b")])
    store.relocate({tmp_path / "a": tmp_path / "new" / "a", tmp_path / "c": tmp_path / "nowhere"})
    (_, moved), (_, upload) = store.sources("run-1")
    assert (moved.name, moved.path) == ("a", tmp_path / "new" / "a")
    assert upload.read() == b"b"


def test_moved_files_are_found_by_all_runs_about_them(store: Store, tmp_path: Path) -> None:
    a, b = Source("a", path=tmp_path / "a"), Source("b", path=tmp_path / "b")
    store.create(run_of([], total=2), [a, b])
    store.create(run_of([], id="run-2", total=3), [b, a, Source("upload", data=b"c")])
    store.relocate({tmp_path / "a": tmp_path / "new" / "a"})
    found = [source.path for _, source in store.sources("run-2")[:2]]
    assert found == [tmp_path / "b", tmp_path / "new" / "a"]
    store.relocate({tmp_path / "new" / "a": tmp_path / "a"})  # and back
    assert [source.path for _, source in store.sources("run-1")] == [tmp_path / "a", tmp_path / "b"]


def test_rows_name_moved_files_where_they_are_now(store: Store, tmp_path: Path) -> None:
    old, new = tmp_path / "a", tmp_path / "new" / "a"
    images = [row(0, 1.0, path=str(old)), row(1, 1.0), row(2, 1.0, path="elsewhere")]
    store.create(run_of([], total=3), [Source("a", path=old), Source("b", data=b"b")])
    for image in images:
        store.add("run-1", image)
    store.relocate({old: new})
    assert [image.path for image in store.load("run-1").images] == [str(new), None, "elsewhere"]


# --- history


def test_history_lists_newest_first_with_the_best_images(store: Store) -> None:
    begin(store, run_of([row(0, -1.0, thumbnail=b"low"), row(1, 4.0, thumbnail=b"high"), failed(2)]))
    begin(store, run_of([], id="run-2", created="2026-04-01T00:00:00+00:00", title="spring", total=7))
    newest, oldest = store.runs()
    assert (newest.id, newest.title, newest.done, newest.total, newest.best_score) == (
        "run-2",
        "spring",
        0,
        7,
        None,
    )
    assert (oldest.id, oldest.question.typed, oldest.done, oldest.scored, oldest.total) == (
        "run-1",
        "Find me A Cat",
        3,
        2,
        3,
    )
    assert [store.row("run-1", index).thumbnail for index, _ in oldest.shown] == [b"high", b"low"]
    assert oldest.best_score == row(1, 4.0).score
    assert [summary.id for summary in store.runs(1, 1)] == ["run-1"]


def test_a_run_can_be_renamed_and_deleted(store: Store) -> None:
    begin(store, run_of([row(0, 1.0)]))
    store.rename("run-1", "<b>猫</b>")
    assert store.runs()[0].title == store.load("run-1").title == "<b>猫</b>"
    store.delete("run-1")
    assert store.runs() == []
    store.delete("run-1")


def test_deleting_a_run_gives_its_space_back_and_leaves_shared_thumbnails(store: Store, home: Path) -> None:
    shared = b"shared" * 100
    begin(store, run_of([row(i, 1.0, thumbnail=bytes([i]) * 20_000) for i in range(50)]))
    store.add("run-1", row(50, 1.0, thumbnail=shared))
    begin(store, run_of([row(0, 1.0, thumbnail=shared)], id="run-2"))
    store.finish("run-1", "done", 1, 1)
    store.delete("run-1")
    assert (home / "lychee.sqlite3").stat().st_size < 200_000
    assert store.load("run-2").images[0].thumbnail == shared


# --- decisions


def test_decisions_are_kept_and_taken_back_step_by_step(store: Store) -> None:
    begin(store, run_of([row(i, 1.0) for i in range(3)]))
    store.decide("run-1", 0, "pick")
    store.decide_all("run-1", {0: "reject", 1: "pick", 2: "pick"})
    store.decide("run-1", 2, None)
    assert store.decisions("run-1") == {0: "reject", 1: "pick"}
    assert store.undo("run-1") == {2: "pick"}
    assert store.undo("run-1") == {0: "pick", 1: None, 2: None}
    assert store.decisions("run-1") == {0: "pick"}
    assert store.undo("run-1") == {0: None}
    assert store.undo("run-1") == {}
    assert store.decisions("run-1") == {}


def test_deciding_what_is_decided_already_is_no_step(store: Store) -> None:
    begin(store, run_of([row(0, 1.0)]))
    store.decide("run-1", 0, "pick")
    store.decide("run-1", 0, "pick")
    assert store.undo("run-1") == {0: None}
    assert store.undo("run-1") == {}


def test_an_undo_takes_back_what_it_names_whoever_decided_since(store: Store) -> None:
    begin(store, run_of([row(i, 1.0) for i in range(4)]))
    store.follow("run-1", [Step(1, "pick"), Step(3, "reject")])
    assert store.follow("run-1", [Undo(1, "pick", None)]) == {1: None}
    assert store.decisions("run-1") == {3: "reject"}
    store.follow("run-1", [Step(1, "pick"), Step(1, "reject")])
    assert store.follow("run-1", [Undo(1, "pick", None)]) == {}, "it was decided on again since"
    assert store.decisions("run-1") == {1: "reject", 3: "reject"}
    assert store.follow("run-1", [Undo(1, "reject", None)]) == {1: None}, "and that leads to where it began"
    assert store.follow("run-1", [Undo(0, "pick", None), Undo(3, "pick", "reject")]) == {}
    assert store.decisions("run-1") == {3: "reject"}


def test_many_images_decided_at_once_are_taken_back_at_once_but_for_what_was_decided_since(
    store: Store,
) -> None:
    begin(store, run_of([row(i, 1.0) for i in range(4)]))
    store.decide("run-1", 0, "reject")
    bulk = store.decide_all("run-1", dict.fromkeys(range(3), "pick"))
    store.follow("run-1", [Step(2, "reject"), Step(3, "reject")])
    assert store.follow("run-1", [UndoStep(bulk)]) == {0: "reject", 1: None}
    assert store.decisions("run-1") == {0: "reject", 2: "reject", 3: "reject"}
    assert store.follow("run-1", [Undo(2, "reject", None)]) == {2: None}
    assert store.follow("run-1", [UndoStep(bulk)]) == {}
    assert store.follow("run-1", [UndoStep(bulk, or_earlier=True)]) == {0: None}
    assert store.decisions("run-1") == {3: "reject"}


def test_a_step_that_was_taken_back_gives_its_number_to_no_other(store: Store) -> None:
    begin(store, run_of([row(0, 1.0)]))
    first = store.decide_all("run-1", {0: "pick"})
    assert store.last_step("run-1") == first
    store.undo("run-1")
    assert store.last_step("run-1") == 0
    assert store.decide_all("run-1", {0: None}) == 0, "nothing changed"
    assert store.decide_all("run-1", {0: "pick"}) > first


def test_decisions_and_cut_offs_belong_to_one_run_and_survive_a_restart(home: Path) -> None:
    with Store.open(home) as store:
        begin(store, run_of([row(0, 1.0)]))
        begin(store, run_of([row(0, 1.0)], id="run-2"))
        store.decide("run-1", 0, "pick")
        store.set_cutoff("run-1", Cutoff(8.25, "margin"))
    with Store.open(home) as store:
        assert store.decisions("run-1") == {0: "pick"}
        assert store.cutoff("run-1") == Cutoff(8.25, "margin")
        assert (store.decisions("run-2"), store.cutoff("run-2")) == ({}, None)
        store.set_cutoff("run-1", None)
        assert store.cutoff("run-1") is None


# --- replies


def test_a_reply_is_found_by_all_that_it_depends_on(store: Store) -> None:
    said = reply(text="yes\ud800", margin=-0.0)
    store.remember({key(): said})
    assert repr(store.cached(key())) == repr(said)
    assert [store.cached(other) for other in changed(key())] == [None] * len(vars(key()))


def test_a_reply_given_again_is_not_replaced(store: Store) -> None:
    store.remember({key(): reply(margin=1.0)})
    store.remember({key(): reply(margin=2.0)})
    assert store.cached(key()) == reply(margin=1.0)


def test_the_oldest_replies_go_when_there_are_too_many(home: Path) -> None:
    with Store.open(home, replies_kept=3) as store:
        for index in range(5):
            store.remember({key(query=str(index)): reply()})
        assert [store.cached(key(query=str(index))) is not None for index in range(5)] == [False] * 2 + [
            True
        ] * 3


# --- several at once


def test_threads_share_a_store_and_lose_nothing(store: Store) -> None:
    store.create(run_of([], total=200))

    def work(first: int) -> None:
        for index in range(first, 200, 8):
            store.add("run-1", row(index, 1.0))
            store.remember({key(query=str(index)): reply(margin=float(index))})
            store.decide("run-1", index, "pick")
            assert store.runs()[0].done > 0

    together(work, range(8))
    assert [image.upload_index for image in store.load("run-1").images] == list(range(200))
    assert len(store.decisions("run-1")) == 200
    assert all(store.cached(key(query=str(index))) == reply(margin=float(index)) for index in range(200))


def test_threads_that_begin_runs_at_once_share_one_claim(store: Store, home: Path) -> None:
    together(lambda number: store.create(run_of([], id=f"run-{number}")), range(8))
    assert len(list((home / "running").iterdir())) == 1
    with Store.open(home) as other:
        assert other.mark_interrupted() == []
    assert store.mark_interrupted() == []


def test_a_new_folder_may_be_opened_by_many_at_once(home: Path) -> None:
    for attempt in range(20):  # the race was lost once in sixty

        def work(index: int, folder: Path = home / str(attempt)) -> None:
            with Store.open(folder) as store:
                begin(store, run_of([row(0, 1.0)], id=f"run-{index}"))

        together(work, range(8))
        with Store.open(home / str(attempt)) as store:
            assert len(store.runs()) == 8


def test_a_reader_sees_one_moment_while_another_writes(store: Store) -> None:
    begin(store, run_of([row(i, 1.0) for i in range(50)]))
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            store.decide_all("run-1", dict.fromkeys(range(50), "pick"))
            store.decide_all("run-1", dict.fromkeys(range(50), "reject"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = [frozenset(store.decisions("run-1").values()) for _ in range(100)]
    finally:
        stop.set()
        writer.join()
    assert set(seen) <= {frozenset(), frozenset({"pick"}), frozenset({"reject"})}


def begin(store: Store, run: Run) -> None:
    store.create(replace(run, images=()))
    for image in run.images:
        store.add(run.id, image)


def everything(index: int) -> Scored:
    """A row with every field in use."""
    return row(
        index,
        4.25,
        elements=(9.5, None),
        element_replies=(reply("sofa"), reply("lamp")),
        not_reply=reply("dog", margin=-3.0),
        span=(3, 7),
        reason=Reason.of("doubt", stated="9/10", doubt="wait"),
        notes=(Reason.of("fewer-tokens", tokens=16, instead_of=64),),
        seconds=0.25,
        width_px=4000,
        height_px=3000,
        thumbnail=b"RIFF\x00WEBP",
        path="/photos/a.jpg",
    )


def changed(whole: CacheKey) -> list[CacheKey]:
    """One key per field, with that field changed."""
    return [
        replace(whole, **{name: value + 1 if isinstance(value, int) else value + "x"})
        for name, value in vars(whole).items()
    ]


def together(work, items) -> None:
    """Runs `work(item)` in a thread per item, and fails with what any of them raised."""
    errors: list[BaseException] = []

    def guarded(item) -> None:
        try:
            work(item)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(item,)) for item in items]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
