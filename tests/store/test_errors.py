"""Folders that cannot be written, databases that cannot be read: each is a message that says what to do."""

import hashlib
import inspect
import os
import random
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lychee_app.errors import StoreError
from lychee_app.query import Question
from lychee_app.records import Run, Source
from lychee_app.request import Request
from lychee_app.store import Store
from lychee_app.store.database import Database
from lychee_app.store.migrations import MIGRATIONS, VERSION
from tests.support.rows import key, reply, row, run_of

ROOT = Path(__file__).parents[2]
FILE = "lychee.sqlite3"

RELEASED = (
    "883ae9c401dff733011c03ae3efab9bacfb87793acdc9321ed49a377efc5c0a2",
    "2ad4a7aa10bc5245023bff0df22f4b0b7f8c5d05300910c1c24c8cd269f5acca",
    "98b784e34ad8c9378a83d3e9da23e767db3c8f07963d3579205cef9e939cd152",
    "2eea2353411997ddf7dd071d2ea10bacad1652556dd08bfa500002527665a7bc",
    "4afbf24aeb81ee56d6ec0079b006cfae1046f33b831360ea33419094f774631c",
    "a9d142a9c3107e4de1c4269c550605cec5da68c06c94be09a81393022aad6b16",
    "83771cbc3918032475019e5549a8b44e2c681d9c59cd533a88e6ed57b6179422",
    "148329b231166594e34361123712f238b97519160b6d5270fc227a7e53ab954f",
    "6b179088a81cd6ede5ee592a2ed3cf70bb7140adb61af6187f0bbed3dc57a504",
    "1a0db888005675bb095225d4b470d0d731205c88bb71565d877c068738066e84",
)
"""SHA-256 of each step, a function by its source. A new step adds a line; an old line never changes."""

OLD_RUN = """{"id": "old", "created": "2026-01-01T00:00:00+00:00", "query": "a cat", "sent_query": "a cat",
"model": "demo", "checkpoint_hash": "cc", "mode": "judge", "total": 1, "elements": ["cat"],
"status": "running"}"""

SETTLED_RUN = """{"id": "old", "created": "2026-01-01T00:00:00+00:00", "query": "A Cat",
"sent_query": "a cat", "model": "lychee", "checkpoint_hash": "cc", "mode": "explain", "total": 3,
"title": "Cats", "not_text": "A dog", "sent_not": "a dog", "elements": ["cat", "sill"],
"instruction": "Retrieve.", "max_image_tokens": 640,
"precision": "bfloat16", "status": "done", "seconds": 2.5, "peak_memory_bytes": 7, "error": null}"""


def test_a_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("not a folder")
    assert "LYCHEE_HOME" in refusal(tmp_path / "home", "store-read-only")


def test_a_folder_that_cannot_be_made_is_told() -> None:
    if not Path("/proc/self").exists():
        pytest.skip("no /proc here")
    assert "LYCHEE_HOME" in refusal(Path("/proc/lychee"), "store-read-only")


def test_a_database_nobody_may_write_is_told(public: Path) -> None:
    Store.open(public / "home").close()
    (public / "home" / FILE).chmod(0o444)
    (public / "home").chmod(0o555)
    said = as_nobody(public / "home")
    assert said.startswith("store-read-only")
    assert "LYCHEE_HOME" in said


def test_a_folder_nobody_may_write_is_told_though_the_database_may_be_written(public: Path) -> None:
    Store.open(public / "home").close()
    (public / "home" / FILE).chmod(0o666)
    (public / "home").chmod(0o555)
    assert as_nobody(public / "home").startswith("store-read-only")


def test_a_folder_that_may_be_written_is_used(public: Path) -> None:
    public.chmod(0o777)
    assert as_nobody(public / "home") == "wrote"


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"these are holiday plans, not a database" * 100)
    said = refusal(tmp_path, "store-corrupt")
    assert FILE in said
    assert "Move it away" in said
    assert (tmp_path / FILE).read_bytes().startswith(b"these are holiday plans")


def test_a_database_cut_in_half_is_told_and_never_a_traceback(tmp_path: Path) -> None:
    filled(tmp_path)
    data = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(data[: len(data) // 2])
    assert "Move it away" in read_all(tmp_path)


def test_flipped_bytes_are_told_or_harmless_and_never_a_traceback(tmp_path: Path) -> None:
    filled(tmp_path)
    data = (tmp_path / FILE).read_bytes()
    chance = random.Random(7)
    told = 0
    for _ in range(60):
        broken = bytearray(data)
        for _ in range(40):
            broken[chance.randrange(100, len(data))] ^= 1 << chance.randrange(8)
        for path in tmp_path.glob(FILE + "*"):
            path.unlink()
        (tmp_path / FILE).write_bytes(broken)
        told += read_all(tmp_path) != ""
    assert told > 10


@contextmanager
def held(folder: Path) -> Iterator[sqlite3.Connection]:
    """Another program that holds the database."""
    with closing(sqlite3.connect(folder / FILE, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield other


def test_a_database_that_somebody_else_holds_is_told(tmp_path: Path) -> None:
    with Store.open(tmp_path, busy_seconds=0.05) as store:
        store.create(run_of([]))
        with held(tmp_path):
            with pytest.raises(StoreError, match="another program") as caught:
                store.add("run-1", row(0, 1.0))
            assert caught.value.code == "store-locked"
            assert store.load("run-1").images == ()
        store.add("run-1", row(0, 1.0))
        assert len(store.load("run-1").images) == 1


def test_who_has_been_told_of_a_lock_does_not_wait_for_it_again(tmp_path: Path) -> None:
    with Store.open(tmp_path, busy_seconds=0.6) as store:
        store.create(run_of([row(0)]))
        with held(tmp_path):
            waited = []
            for _ in range(3):
                begun = time.monotonic()
                with pytest.raises(StoreError, match="another program"):
                    store.decide("run-1", 0, "pick")
                waited.append(time.monotonic() - begun)
            assert waited[0] > 0.5
            assert max(waited[1:]) < 0.4
        store.decide("run-1", 0, "pick")
        assert store.decisions("run-1") == {0: "pick"}


def test_a_row_of_a_run_waits_longer_for_a_lock_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    with Store.open(tmp_path, busy_seconds=0.2) as store, held(tmp_path) as other:
        other.execute("COMMIT")
        store.create(run_of([row(0)]))
        other.execute("BEGIN EXCLUSIVE")
        with ThreadPoolExecutor(1) as scoring:
            added = scoring.submit(store.add, "run-1", row(0, 1.0))
            time.sleep(0.4)
            assert not added.done()
            begun = time.monotonic()
            with pytest.raises(StoreError, match="another program"):
                store.decide("run-1", 0, "pick")
            assert time.monotonic() - begun < 0.6
            other.execute("COMMIT")
            added.result(timeout=20)
        assert len(store.load("run-1").images) == 1


def test_a_short_write_of_another_program_is_waited_for(tmp_path: Path) -> None:
    with Store.open(tmp_path) as store, held(tmp_path) as other, ThreadPoolExecutor(1) as later:
        done = later.submit(lambda: (time.sleep(0.5), other.execute("COMMIT")))
        store.create(run_of([]))
        done.result()
        assert store.load("run-1").total == 0


def test_what_is_kept_is_for_its_owner_only(tmp_path: Path) -> None:
    with Store.open(tmp_path / "home") as store:
        store.create(run_of([]), [Source("a", data=b"a")])
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").iterdir()}
        (upload,) = (tmp_path / "home" / "uploads").iterdir()
    assert stat.S_IMODE((tmp_path / "home").stat().st_mode) == 0o700
    assert modes == {
        FILE: 0o600,
        f"{FILE}-wal": 0o600,
        f"{FILE}-shm": 0o600,
        "uploads": 0o700,
        "running": 0o700,
    }
    assert stat.S_IMODE(upload.stat().st_mode) == 0o600


def test_a_commit_is_flushed_to_the_disk_before_it_returns(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    with closing(Database(tmp_path / FILE)) as database, database.reading() as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("PRAGMA synchronous").fetchone() == (2,)


# --- migrations


@pytest.mark.parametrize("version", range(1, VERSION))
def test_a_database_of_every_older_schema_opens_with_its_runs(tmp_path: Path, version: int) -> None:
    write_old(tmp_path, version)
    with Store.open(tmp_path) as store:
        run = store.load("old")
        assert run.request == Request(Question("a cat", "a cat", ("cat",)), model="demo")
        assert (run.status, run.title) == ("interrupted", "")
        assert store.mark_interrupted() == ["old"]
        store.add("old", row(0, 1.0))
        store.decide("old", 0, "pick")
        store.remember({key(): reply()})
        store.create(run_of([]), [Source("a", data=b"a")])
        assert store.source("run-1", 0).read() == b"a"
    with Store.open(tmp_path) as store:
        assert [run.id for run in store.runs()] == ["run-1", "old"]


def test_what_an_older_version_wrote_of_a_run_is_its_request_now(tmp_path: Path) -> None:
    write_old(tmp_path, 4, SETTLED_RUN, "done")
    question = Question("A Cat", "a cat", ("cat", "sill"), "A dog", "a dog")
    with Store.open(tmp_path) as store:
        assert store.load("old") == Run(
            id="old",
            created="2026-01-01T00:00:00+00:00",
            request=Request(question, "explain", "lychee", "Retrieve.", 640),
            total=3,
            model="lychee",
            checkpoint_hash="cc",
            precision="bfloat16",
            token_budget=640,
            title="Cats",
            status="done",
            seconds=2.5,
            peak_memory_bytes=7,
        )


def test_a_damaged_record_does_not_keep_the_database_from_being_brought_along(tmp_path: Path) -> None:
    write_old(tmp_path, 4, '{"id": "old"', "done")
    with Store.open(tmp_path) as store:
        store.create(run_of([], total=1))
        assert store.load("run-1").question.sent == "a cat"
        with pytest.raises(StoreError, match="damaged"):
            store.load("old")


def test_a_database_of_a_newer_schema_is_refused_and_not_touched(tmp_path: Path) -> None:
    Store.open(tmp_path).close()
    connection = sqlite3.connect(tmp_path / FILE)
    connection.execute("UPDATE schema_version SET version = 99")
    connection.commit()
    connection.close()
    before = (tmp_path / FILE).read_bytes()
    said = refusal(tmp_path, "store-newer")
    assert "99" in said
    assert "Update Lychee" in said
    assert (tmp_path / FILE).read_bytes() == before


def test_a_migration_that_was_cut_off_is_as_if_it_had_not_begun(tmp_path: Path) -> None:
    write_old(tmp_path, 1)
    connection = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(str(MIGRATIONS[1][0]))
    connection.close()
    with Store.open(tmp_path) as store:
        store.remember({key(): reply()})


def test_released_migrations_are_never_edited() -> None:
    assert tuple(map(digest, MIGRATIONS)) == RELEASED


def digest(step: tuple[str | Callable[..., None], ...]) -> str:
    texts = [action if isinstance(action, str) else inspect.getsource(action) for action in step]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def refusal(folder: Path, code: str) -> str:
    with pytest.raises(StoreError) as caught:
        Store.open(folder)
    assert caught.value.code == code
    return str(caught.value)


def filled(folder: Path) -> None:
    with Store.open(folder) as store:
        images = [row(i, 1.0, thumbnail=os.urandom(2000)) for i in range(60)]
        store.create(run_of([], total=60), [Source("a", data=b"a")])
        for image in images:
            store.add("run-1", image)
            store.remember({key(query=str(image.upload_index)): reply()})
        store.finish("run-1", "done", 1, 1)
        store.decide("run-1", 0, "pick")


def read_all(folder: Path) -> str:
    """Uses everything; what the first StoreError said, or "". Any other exception is a failure."""
    try:
        with Store.open(folder) as store:
            store.mark_interrupted()
            store.runs()
            store.load("run-1")
            store.sources("run-1")
            store.decisions("run-1")
            store.cutoff("run-1")
            for index in range(60):
                store.cached(key(query=str(index)))
            store.add("run-1", row(61, 1.0))
            store.remember({key(query="new"): reply()})
    except StoreError as error:
        return f"{error.code} {error}"
    return ""


def write_old(folder: Path, version: int, record: str = OLD_RUN, status: str = "running") -> None:
    """A database as the first `version` steps left it, with one run: by default one that was going on.

    The record is as steps 1 to 4 kept it; later ones bring it along.
    """
    connection = sqlite3.connect(folder / FILE, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    _take_steps(connection, MIGRATIONS[: min(version, 4)])
    old = ("old", "2026-01-01T00:00:00+00:00", status, 3 if status == "done" else 1, None, record)
    connection.execute(
        "INSERT INTO runs (id, created, status, total, owner, record) VALUES (?, ?, ?, ?, ?, ?)", old
    )
    _take_steps(connection, MIGRATIONS[4:version])
    connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL)")
    connection.execute("INSERT INTO schema_version VALUES (?)", (version,))
    connection.close()


def _take_steps(
    connection: sqlite3.Connection, steps: Sequence[tuple[str | Callable[[sqlite3.Connection], None], ...]]
) -> None:
    for action in (action for step in steps for action in step):
        if isinstance(action, str):
            connection.execute(action)
        else:
            action(connection)


def as_nobody(folder: Path) -> str:
    command = [sys.executable, "-m", "tests.support.store_process", "open_as_nobody", str(folder)]
    return subprocess.run(
        command, cwd=ROOT, text=True, capture_output=True, check=True, timeout=60
    ).stdout.strip()


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that another user can reach: the ones of pytest are this user's only."""
    folder = Path(tempfile.mkdtemp(prefix="lychee-test-"))
    folder.chmod(0o755)
    yield folder
    for path in (folder / "home", folder):
        if path.exists():
            path.chmod(0o700)
    shutil.rmtree(folder)
