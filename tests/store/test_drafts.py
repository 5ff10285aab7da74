"""Drafts: what was not ranked yet outlasts the program, keeps its uploads, and is cleaned away."""

import sqlite3
from pathlib import Path

import pytest

from lychee_app import query
from lychee_app.errors import StoreError
from lychee_app.reasons import Reason
from lychee_app.records import Source
from lychee_app.request import Request
from lychee_app.store import Store
from lychee_app.store.drafts import KEPT_SECONDS
from lychee_app.store.store import FILE_NAME
from tests.support.rows import run_of

RED = Request(query.ask("red sofa + lamp", "blue"), "explain", "demo")


def uploads(home: Path) -> int:
    return len(list((home / "uploads").glob("*")))


def names(store: Store) -> list[tuple[int, str]]:
    return [(position, source.name) for position, source in store.drafts.images("d")]


def test_a_draft_comes_back_whole(home: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.png"
    own.write_bytes(b"own")
    with Store.open(home) as store:
        assert store.drafts.get("d") is None
        store.drafts.add("d", [Source("a.png", data=b"a"), Source("own.png", path=own)])
        store.drafts.write("d", RED, None, {"exclude": "draft*", "include_hidden": True})
    with Store.open(home) as store:
        draft = store.drafts.get("d")
        assert draft is not None
        assert draft.fields == {"exclude": "draft*", "include_hidden": True}
        assert (draft.request, draft.run_id, draft.removed) == (RED, None, frozenset())
        (_, a), (_, mine) = store.drafts.images("d")
        assert (a.read(), a.private) == (b"a", True)
        assert (mine.path, mine.private) == (own, False)
        assert store.drafts.image("d", 0).read() == b"a"
        with pytest.raises(LookupError):
            store.drafts.image("d", 2)


def test_what_is_taken_off_is_gone_from_the_disk_and_keeps_no_place(home: Path) -> None:
    with Store.open(home) as store:
        twice = [Source("a", data=b"a"), Source("again", data=b"a"), Source("b", data=b"b")]
        store.drafts.add("d", twice)
        store.drafts.take_off("d", [0])
        assert (names(store), uploads(home)) == ([(1, "again"), (2, "b")], 2)
        store.drafts.take_off("d", [1, 2, 7])
        assert uploads(home) == 0
        store.drafts.add("d", [Source("c", data=b"c")])
        assert names(store) == [(3, "c")], "what a tab still shows of an older image is not of this one"


def test_what_was_ranked_is_the_runs_and_goes_with_it(home: Path) -> None:
    with Store.open(home) as store:
        store.drafts.add("d", [Source("a", data=b"a")])
        store.create(run_of([]), [source for _, source in store.drafts.images("d")])
        store.drafts.ranked("d", "run-1")
        assert names(store) == []
        assert uploads(home) == 1
        store.drafts.leave_out("d", "run-1", [0])
        store.finish("run-1", "done", 1, 1)
        store.delete("run-1")
        assert uploads(home) == 0
        draft = store.drafts.get("d")
        assert draft is not None
        assert draft.run_id is None


def test_what_was_left_out_is_counted_until_it_is_ranked(home: Path) -> None:
    with Store.open(home) as store:
        for n in (2, 3):
            left_out = [Reason.of("left-out-deleted", n=n)]
            store.drafts.add("d", [Source("a", data=b"a")], left_out)
        assert (draft := store.drafts.get("d"))
        assert draft.left_out == (Reason.of("left-out-deleted", n=5),)
        store.create(run_of([]), [Source("a", data=b"a")])
        store.drafts.ranked("d", "run-1")
        assert (draft := store.drafts.get("d"))
        assert draft.left_out == ()


def test_an_upload_of_a_draft_outlasts_a_run_that_shared_it(home: Path) -> None:
    with Store.open(home) as store:
        store.create(run_of([]), [Source("a", data=b"a")])
        store.finish("run-1", "done", 1, 1)
        store.drafts.add("d", [Source("a", data=b"a")])
        store.delete("run-1")
        assert store.drafts.image("d", 0).read() == b"a"
        store.drafts.drop("d")
        assert uploads(home) == 0


def test_what_is_left_out_of_one_run_says_nothing_about_another(home: Path) -> None:
    with Store.open(home) as store:
        for run_id in ("run-1", "run-2"):
            store.create(run_of([], id=run_id), [Source("a", data=b"a")])
        store.drafts.leave_out("d", "run-1", [2, 0, 2])
        store.drafts.leave_out("d", "run-1", [1, 2])
        store.drafts.put_back("d", [1, 5])
        store.drafts.write("d", RED, "run-1")
        assert (draft := store.drafts.get("d"))
        assert draft.removed == {0, 2}
        store.drafts.write("d", None, "run-2")
        assert (draft := store.drafts.get("d"))
        assert (draft.removed, draft.request, draft.run_id) == (frozenset(), None, "run-2")


def test_images_over_the_cap_are_refused_all_together(home: Path) -> None:
    with Store.open(home, upload_cap_bytes=1000) as store:
        store.drafts.add("d", [Source("a", data=b"a" * 600)])
        with pytest.raises(StoreError, match="Uploads may take"):
            store.drafts.add("d", [Source("b", data=b"b" * 300), Source("c", data=b"c" * 300)])
        assert (names(store), uploads(home)) == ([(0, "a")], 1)


def test_a_draft_left_behind_goes_after_a_week_at_the_next_start(home: Path) -> None:
    with Store.open(home) as store:
        store.drafts.add("old", [Source("a", data=b"a")])
        store.drafts.add("d", [Source("b", data=b"b")])
        with sqlite3.connect(home / FILE_NAME) as db:
            db.execute("UPDATE drafts SET touched = touched - ? WHERE id = 'old'", (KEPT_SECONDS + 60,))
            db.execute("UPDATE uploads SET kept = 0")
        db.close()
        store.mark_interrupted()
        assert store.drafts.get("old") is None
        assert names(store) == [(0, "b")]
        assert store.drafts.image("d", 0).read() == b"b"
        assert uploads(home) == 1
