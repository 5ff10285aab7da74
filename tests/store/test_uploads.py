import hashlib
import os
import sqlite3
import time
from pathlib import Path

import pytest

from lychee_app.errors import StoreError
from lychee_app.records import Source
from lychee_app.store import Store
from tests.support.rows import run_of

TWO_DAYS = 2 * 24 * 3600


def test_an_upload_is_named_after_its_content_and_kept_once(home: Path) -> None:
    with Store.open(home) as store:
        assert (
            store.keep(b"a picture") == hashlib.sha256(b"a picture").hexdigest() == store.keep(b"a picture")
        )
        assert files(home) == [hashlib.sha256(b"a picture").hexdigest()]
        assert (home / "uploads" / store.keep(b"a picture")).read_bytes() == b"a picture"
        assert size_bytes(home) == len(b"a picture")


def test_whatever_an_upload_is_called_its_file_is_not(home: Path) -> None:
    with Store.open(home) as store:
        store.create(run_of([]), [Source("../../evil.jpg", data=b"x"), Source("a\x00/b", data=b"y")])
        kept = store.sources("run-1")
    assert [source.name for _, source in kept] == ["../../evil.jpg", "a\x00/b"]
    assert sorted(files(home)) == sorted(hashlib.sha256(data).hexdigest() for data in (b"x", b"y"))


def test_the_cap_is_told_with_what_is_used_and_how_to_free_it(home: Path) -> None:
    with Store.open(home, upload_cap_bytes=1000) as store:
        store.keep(b"a" * 600)
        with pytest.raises(StoreError) as caught:
            store.keep(b"b" * 600)
        assert caught.value.code == "store-cap"
        assert "LYCHEE_UPLOAD_CAP_GB" in str(caught.value)
        store.keep(b"a" * 600)
        store.keep(b"c" * 400)
        assert len(files(home)) == 2


def test_a_run_over_the_cap_is_not_begun(home: Path) -> None:
    with Store.open(home, upload_cap_bytes=1000) as store:
        with pytest.raises(StoreError):
            store.create(run_of([]), [Source("a", data=b"a" * 600), Source("b", data=b"b" * 600)])
        assert store.runs() == []
        assert size_bytes(home) == 0
        store.create(run_of([]), [Source("c", data=b"c" * 600)])


def test_an_image_of_another_run_stays_when_a_run_is_refused(home: Path) -> None:
    with Store.open(home, upload_cap_bytes=1000) as store:
        store.create(run_of([]), [Source("a", data=b"a" * 600)])
        with pytest.raises(StoreError):
            store.extend("run-1", [Source("again", data=b"a" * 600), Source("b", data=b"b" * 600)])
        assert size_bytes(home) == 600
        assert [source.name for _, source in store.sources("run-1")] == ["a"]
        assert store.sources("run-1")[0][1].read() == b"a" * 600


def test_deleting_makes_room_under_the_cap(home: Path) -> None:
    with Store.open(home, upload_cap_bytes=1000) as store:
        store.create(run_of([]), [Source("a", data=b"a" * 900)])
        store.delete("run-1")
        assert size_bytes(home) == 0
        store.keep(b"b" * 900)


def test_an_upload_goes_with_the_last_run_that_uses_it(home: Path) -> None:
    with Store.open(home) as store:
        store.create(run_of([]), [Source("a", data=b"shared"), Source("b", data=b"only here")])
        store.create(run_of([], id="run-2"), [Source("again", path=store.source("run-1", 0).path)])
        store.delete("run-1")
        assert files(home) == [hashlib.sha256(b"shared").hexdigest()]
        assert store.sources("run-2")[0][1].read() == b"shared"
        store.delete("run-2")
        assert files(home) == []


def test_a_file_of_this_machine_is_neither_copied_nor_deleted(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.jpg"
    file.write_bytes(b"mine")
    with Store.open(home) as store:
        store.create(run_of([]), [Source("mine.jpg", path=file)])
        assert files(home) == []
        store.delete("run-1")
    assert file.read_bytes() == b"mine"


def test_an_upload_that_went_with_another_run_is_told(home: Path) -> None:
    with Store.open(home) as store:
        store.create(run_of([]), [Source("a", data=b"a")])
        source = store.source("run-1", 0)
        store.delete("run-1")
        with pytest.raises(StoreError, match="Add the images again") as caught:
            store.create(run_of([], id="run-2"), [source])
        assert caught.value.code == "store-upload-gone"
        assert store.runs() == []


def test_an_upload_whose_file_is_gone_is_written_again(home: Path) -> None:
    with Store.open(home) as store:
        path = home / "uploads" / store.keep(b"a")
        path.unlink()
        store.keep(b"a")
        assert path.read_bytes() == b"a"


def test_what_was_uploaded_and_never_ranked_goes_after_a_day(home: Path) -> None:
    with Store.open(home) as store:
        store.create(run_of([]), [Source("a", data=b"ranked")])
        store.keep(b"fresh")
        store.keep(b"old")
        (home / "uploads" / "half.part").write_bytes(b"a killed process left this")
        age(home, b"ranked")
        age(home, b"old")
        store.mark_interrupted()
        assert (home / "uploads" / "half.part").exists()
        os.utime(home / "uploads" / "half.part", (time.time() - TWO_DAYS, time.time() - TWO_DAYS))
        store.mark_interrupted()
        assert sorted(files(home)) == sorted(
            hashlib.sha256(data).hexdigest() for data in (b"ranked", b"fresh")
        )
        assert size_bytes(home) == len(b"ranked") + len(b"fresh")


def test_an_old_upload_that_is_dropped_again_counts_as_new(home: Path) -> None:
    with Store.open(home) as store:
        store.keep(b"old")
        age(home, b"old")
        store.keep(b"old")
        store.mark_interrupted()
        assert len(files(home)) == 1


def files(home: Path) -> list[str]:
    return [path.name for path in (home / "uploads").glob("*")]


def size_bytes(home: Path) -> int:
    return sum(path.stat().st_size for path in (home / "uploads").glob("*"))


def age(home: Path, data: bytes) -> None:
    """As if it had been kept two days ago."""
    sha256 = hashlib.sha256(data).hexdigest()
    connection = sqlite3.connect(home / "lychee.sqlite3")
    connection.execute("UPDATE uploads SET kept = kept - ? WHERE sha256 = ?", (TWO_DAYS, sha256))
    connection.commit()
    connection.close()
    os.utime(home / "uploads" / sha256, (time.time() - TWO_DAYS, time.time() - TWO_DAYS))
