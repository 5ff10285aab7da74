"""Images at an address: on a real S3 server, and in any other place that fsspec knows."""

import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from lychee_app import query, recorder, sources
from lychee_app.errors import UsageError
from lychee_app.recorder import Unkept
from lychee_app.request import Request
from lychee_app.settings import Settings
from lychee_app.sources import Rules
from lychee_app.store import Store
from tests.support import s3
from tests.support.fakes import FakeScorer, engine_of, picture

pytestmark = pytest.mark.filterwarnings("ignore")  # of the S3 client and server

FILES = {
    "2019/img10.png": picture("red", seed=10),
    "2019/img2.png": picture("green", seed=2),
    "2019/img2.xmp": b"<x/>",
    "2019/notes.txt": b"hello",
    "2019/.hidden.png": picture(),
    "2019/@eaDir/img2.png": picture(),
    "cover.png": picture("blue", seed=3),
    "page.jpg": b"<!doctype html>",
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """Its address, with FILES below photos/."""
    with pytest.MonkeyPatch.context() as patch, s3.serving(patch):
        s3.put({f"photos/{key}": data for key, data in FILES.items()})
        yield f"s3://{s3.BUCKET}"


def rank(paths: list[str | Path], settings: Settings, log: recorder.Log | None = None, **scorer):
    found = sources.find(paths).sources
    engine = engine_of(FakeScorer(**scorer), settings)
    return recorder.rank_each(
        [Request(query.ask("red"))], found, engine, log or Unkept(), going_on=lambda n: None
    )[0]


def test_a_bucket_is_walked_by_the_rules_of_a_folder(bucket: str, tmp_path: Path) -> None:
    for key, data in FILES.items():
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).write_bytes(data)
    there, here = sources.find([f"{bucket}/photos"]), sources.find([tmp_path])
    assert [one.name for one in there.sources] == [one.name for one in here.sources]
    assert [one.name for one in there.sources] == ["2019/img2.png", "2019/img10.png", "cover.png", "page.jpg"]
    assert sorted(map(str, there.left_out)) == sorted(map(str, here.left_out))
    assert there.sources[0].address == f"{bucket}/photos/2019/img2.png"
    fewer = sources.find([f"{bucket}/photos"], Rules(("2019", "*.gif")))
    assert [one.name for one in fewer.sources] == ["cover.png", "page.jpg"]
    assert fewer.unmet == ("*.gif",)


def test_images_of_a_bucket_get_the_scores_of_the_same_files_here(
    bucket: str, settings: Settings, tmp_path: Path
) -> None:
    names = ["2019/img2.png", "2019/img10.png", "cover.png", "page.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(FILES[name])
    there, here = rank([f"{bucket}/photos"], settings), rank([tmp_path], settings)
    unplaced = [replace(row, path=None, address=None, seconds=0.0) for row in here.images]
    assert [replace(row, address=None, seconds=0.0) for row in there.images] == unplaced
    assert [row.address for row in there.images] == [f"{bucket}/photos/{name}" for name in names]
    assert there.images[3].score is None


def test_files_and_globs_there_are_taken_as_here(bucket: str) -> None:
    one = sources.find([f"{bucket}/photos/2019/img2.png"]).sources
    assert [each.name for each in one] == ["img2.png"]
    some = sources.find([f"{bucket}/photos/*/img*.png", f"{bucket}/photos/2019"]).sources
    assert [each.address for each in some] == [f"{bucket}/photos/2019/img{n}.png" for n in (2, 10)]


def test_a_run_over_a_bucket_goes_on_where_it_was_and_judges_anew_what_changed(
    bucket: str, settings: Settings
) -> None:
    s3.put({"more/a.png": picture("red", seed=20), "more/b.png": picture("blue", seed=21)})

    def interrupted(candidate) -> None:
        if candidate.name == "b.png":
            raise KeyboardInterrupt

    with Store.open(settings.data_folder) as store:
        with pytest.raises(KeyboardInterrupt):
            rank([f"{bucket}/more"], settings, store, before=interrupted)
        seen: list[str] = []
        run = rank([f"{bucket}/more"], settings, store, before=lambda candidate: seen.append(candidate.name))
        assert (seen, len(store.runs())) == (["b.png"], 1)
        assert [source.address for _, source in store.sources(run.id)] == [
            f"{bucket}/more/a.png",
            f"{bucket}/more/b.png",
        ]
        s3.put({"more/a.png": picture("green", seed=22)})
        again = rank([f"{bucket}/more"], settings, store)
        assert len(store.runs()) == 2
        assert (again.images[0].score or 9) < 1


def test_an_image_that_is_gone_is_a_row_with_a_reason(settings: Settings) -> None:
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/gone/a.png", picture("red"))
    memory.pipe_file("/gone/b.png", picture("red", seed=1))
    found = sources.find(["memory://gone"]).sources
    memory.rm_file("/gone/b.png")
    engine = engine_of(FakeScorer(), settings)
    run = recorder.rank(Request(query.ask("red")), found, engine, Unkept())
    assert [row.reason and row.reason.code for row in run.images] == [None, "unreadable"]


def test_images_within_an_archive_are_found_and_read(tmp_path: Path, settings: Settings) -> None:
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as file:
        file.writestr("in/b.png", picture("red"))
        file.writestr("c.png", picture("blue"))
    for address in (f"zip://::{tmp_path}/p.zip", f"ZIP://*::file://{tmp_path}/p.zip"):
        run = rank([address], settings)
        assert [row.name for row in run.images if row.score] == ["c.png", "in/b.png"][: len(run.images)]


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("memory://nowhere", "path-missing"),
        ("gs://bucket/photos", "address-library"),
        ("nonsense://bucket", "address-unreadable"),
    ],
)
def test_an_address_that_leads_nowhere_is_told_in_a_sentence(address: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources.find([address])
    assert caught.value.code == code
    assert address in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://someone:s3cr3t@127.0.0.1:1/x.jpg",
        "s3://KEY:s3/cr3t@bucket/photos",
        "ftp://:s3cr@3t@host/*.jpg",
        "zip://a.jpg::http://someone:s3cr3t@127.0.0.1:1/b.zip",
    ],
)
def test_an_address_with_a_password_is_refused_and_the_password_is_not_said(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources.find([address])
    assert caught.value.code == "address-password"
    assert not any(part in str(caught.value) for part in ("s3cr3t", "cr3t", "3t@"))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1/@b/x.jpg", "memory://a/b:c@d", "zip://*::file:///a@b:c/p.zip"]
)
def test_colons_and_ats_that_are_no_password_are_taken_as_they_are(address: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources.find([address])
    assert caught.value.code != "address-password"


def test_a_bucket_that_is_not_there_is_told_in_a_sentence(bucket: str) -> None:
    with pytest.raises(UsageError) as caught:
        sources.find(["s3://no-such-bucket-here/photos"])
    assert caught.value.code == "path-missing"
