"""Decisions carry over: to the next run that asks the same of the same judge, and to no other."""

from pathlib import Path

import pytest

from lychee_app.records import Run, Source
from lychee_app.store import Store
from tests.support.rows import request_of, row, run_of


def kept(store: Store, name: str, margins: list[float], decided: dict[int, str], **more) -> Run:
    run = run_of([row(index, margin) for index, margin in enumerate(margins)], id=name, **more)
    store.create(run, [Source(f"{n}.jpg", b"%d" % n) for n in range(len(margins))])
    for one in run.images:
        store.add(run.id, one)
    store.decide_all(run.id, decided)  # pyright: ignore[reportArgumentType]
    return run


def test_the_next_run_of_the_same_query_knows_what_was_decided(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        first = kept(store, "a", [3.0, -2.0, 1.0], {0: "pick", 1: "reject"})
        second = kept(store, "b", [3.5, -2.5, 1.5], {}, created="2026-03-02T10:00:00+00:00")
        assert sorted(store.judged_alike(second).values()) == [(-2.0, "reject"), (3.0, "pick")]
        assert store.judged_alike(second) == store.judged_alike(first)


def test_where_two_runs_disagree_the_newest_counts(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        kept(store, "new", [3.0], {0: "reject"}, created="2026-03-02T10:00:00+00:00")
        old = kept(store, "old", [3.0], {0: "pick"}, created="2026-03-01T10:00:00+00:00")
        assert list(store.judged_alike(old).values()) == [(3.0, "reject")]


@pytest.mark.parametrize(
    "other",
    [
        {"request": request_of("another", "another")},
        {"request": request_of(not_text="a dog")},
        {"request": request_of(mode="explain")},
        {"request": request_of(instruction="Find.")},
        {"checkpoint_hash": "d" * 64},
        {"checkpoint_hash": ""},
    ],
)
def test_another_question_or_another_judge_tells_nothing(tmp_path: Path, other: dict) -> None:
    with Store.open(tmp_path) as store:
        kept(store, "a", [3.0, -2.0], {0: "pick", 1: "reject"})
        assert store.judged_alike(kept(store, "b", [3.0], {}, **other)) == {}


def test_images_without_a_margin_are_not_counted(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store:
        run = run_of([row(0, score=7.0), row(1, 2.0)], id="a")
        store.create(run, [Source("0.jpg", b"0"), Source("1.jpg", b"1")])
        for one in run.images:
            store.add(run.id, one)
        store.decide_all("a", {0: "pick", 1: "pick"})
        assert list(store.judged_alike(run).values()) == [(2.0, "pick")]
