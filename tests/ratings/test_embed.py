"""Stars written into JPEGs where that is asked for: the picture stays to the bit, the runs still know their
files, and all of it is taken back to the last byte."""

import hashlib
import io
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lychee_app import decide, export, ratings
from lychee_app.ratings import Wish
from lychee_app.ratings.jpeg import MOST_BYTES
from lychee_app.ratings.packet import changed
from lychee_app.records import Run, Source
from lychee_app.request import Example
from lychee_app.store import Store
from tests.ratings.conftest import DARKTABLE, LIGHTROOM
from tests.support.rows import row, run_of

EMBED = Wish(keyword=True, embed=True)
ROOM = LIGHTROOM.replace(b"<?xpacket end", b" " * 2000 + b"\n<?xpacket end")


def pixels(seed: int = 0) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    return Image.fromarray(noise)


def jpeg(packet: bytes | None = None, *, seed: int = 0, **given: Any) -> bytes:
    file = io.BytesIO()
    if packet is not None:
        given["xmp"] = packet
    pixels(seed).save(file, "JPEG", quality=90, **given)
    return file.getvalue()


def with_exif() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    return jpeg(exif=exif, icc_profile=b"p" * 70_000, comment=b"somebody's")


def with_credentials() -> bytes:
    """The beginning of a C2PA store in APP11, as cameras sign with it."""
    kind = bytes.fromhex("63327061 0011 0010 8000 00aa00389b71")
    described = struct.pack(">I", 30) + b"jumd" + kind + b"\x03c2pa\0"
    box = b"JP\0\1\0\0\0\1" + struct.pack(">I", len(described) + 8) + b"jumb" + described
    data = jpeg(seed=5)
    return data[:2] + b"\xff\xeb" + struct.pack(">H", len(box) + 2) + box + data[2:]


def of_several(packet: bytes | None = None) -> bytes:
    """A photograph with a second picture behind it, which an index finds (MPF), as telephones write them."""
    file = io.BytesIO()
    pixels(1).save(file, "MPO", save_all=True, append_images=[pixels(2)])
    data = file.getvalue()
    if packet is None:
        return data
    at = data.index(b"MPF\0") - 4  # behind the index, where what is put in moves the second one
    at += 2 + struct.unpack(">H", data[at + 2 : at + 4])[0]
    body = b"http://ns.adobe.com/xap/1.0/\0" + packet
    moved = bytearray(data)
    entries = data.index(b"MPF\0") + 4 + 50  # behind three tags: a size, a place
    for place in (entries + 4, entries + 16 + 8):
        (value,) = struct.unpack_from("<I", moved, place)
        struct.pack_into("<I", moved, place, value + len(body) + 4)
    return bytes(moved[:at]) + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + bytes(moved[at:])


def with_a_picture_listed_twice() -> bytes:
    """Its index has the list of pictures under two of its tags."""
    data = bytearray(of_several())
    tags = data.index(b"MPF\0") + 4 + 8 + 2
    data[tags + 12 : tags + 24] = data[tags + 24 : tags + 36]
    return bytes(data)


FILES = {
    "bare": jpeg(),
    "exif": with_exif(),
    "xmp": jpeg(LIGHTROOM),
    "room": jpeg(ROOM),
    "several": of_several(),
    "filled": jpeg().replace(b"\xff\xdb", b"\xff\xff\xff\xdb", 1),
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "home") as store:
        yield store


Kept = Callable[[dict[str, bytes]], tuple[Run, list[tuple[int, Source]], Path]]


@pytest.fixture
def kept(store: Store, tmp_path: Path) -> Kept:
    """kept({"a.jpg": b"..."}): a finished run over these files, of 9.5 each."""

    def make(files: dict[str, bytes]) -> tuple[Run, list[tuple[int, Source]], Path]:
        folder = tmp_path / "shoot"
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
        images = {name: data for name, data in files.items() if not name.endswith(".xmp")}
        rows = [
            row(index, score=9.5, name=name, path=str(folder / name), sha256=hashlib.sha256(data).hexdigest())
            for index, (name, data) in enumerate(images.items())
        ]
        sources = [Source(each.name, path=folder / each.name) for each in rows]
        run = run_of(rows, id="run-1", query="green sofa")
        store.create(run, sources)
        for each in rows:
            store.add(run.id, each)
        store.finish(run.id, "done", seconds=1.0, peak_memory_bytes=0)
        return run, list(enumerate(sources)), folder

    return make


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def exiftool(file: Path, *words: str) -> bytes:
    return subprocess.run(["exiftool", *words, str(file)], check=True, capture_output=True).stdout


def scan(data: bytes) -> bytes:
    return data[data.index(b"\xff\xda") :]


@pytest.mark.parametrize("kind", FILES)
def test_only_the_packet_changes_and_undo_gives_the_same_bytes(
    kind: str, kept: Kept, store: Store, tmp_path: Path
) -> None:
    run, sources, folder = kept({"a.jpg": FILES[kind]})
    file = folder / "a.jpg"
    with suppress(PermissionError):  # where we may give it away
        os.chown(file, 12345, 12345)
    owner = file.stat().st_uid, file.stat().st_gid
    os.chmod(file, 0o640)
    os.utime(file, ns=(10**18, 10**18 + 7))
    written = ratings.write(ratings.plan(run, sources, EMBED, {0: "pick"}), store.moves_folder, store)
    assert os.listdir(folder) == ["a.jpg"], "no sidecar is made"
    after = file.read_bytes()
    with Image.open(io.BytesIO(after)) as image, Image.open(io.BytesIO(FILES[kind])) as was:
        assert ratings.read(image.info["xmp"]) == ratings.Rating(
            5, "Green", (*(("holiday",) if kind in {"xmp", "room"} else ()), "green sofa")
        )
        assert image.info.get("icc_profile") == was.info.get("icc_profile")
        assert image.info.get("exif") == was.info.get("exif")
        assert (b"ToneCurvePV2012" in after) == (b"ToneCurvePV2012" in FILES[kind])
    assert scan(after).endswith(scan(FILES[kind]))
    assert (len(after) == len(FILES[kind])) == (kind == "room"), "room to write in is used"
    assert file.stat().st_mode & 0o777 == 0o640
    assert (file.stat().st_uid, file.stat().st_gid) == owner
    assert file.stat().st_mtime > 1.5e9
    assert written.journal
    assert ratings.undo(written.journal, store).images == (file,)
    assert file.read_bytes() == FILES[kind]
    assert file.stat().st_mtime_ns == 10**18 + 7
    assert ratings.journals(store.moves_folder) == []


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not here (libimage-exiftool-perl)")
@pytest.mark.parametrize("data", [FILES["exif"], FILES["several"], of_several(LIGHTROOM)])
def test_exiftool_reads_the_stars_and_finds_all_else_where_it_was(
    data: bytes, kept: Kept, store: Store
) -> None:
    run, sources, folder = kept({"a.jpg": data})
    second = exiftool(folder / "a.jpg", "-b", "-MPImage2")
    ratings.write(ratings.plan(run, sources, EMBED, {0: "pick"}), store.moves_folder, store)
    (told,) = json.loads(exiftool(folder / "a.jpg", "-j", "-G1", "-validate", "-XMP:all"))
    assert (told["XMP-xmp:Rating"], told["XMP-xmp:Label"]) == (5, "Green")
    assert "green sofa" in told["XMP-dc:Subject"]
    assert exiftool(folder / "a.jpg", "-b", "-MPImage2") == second
    assert bool(second) == (data != FILES["exif"])
    if second:
        with Image.open(folder / "a.jpg") as image:
            image.seek(1)
            assert image.size == (80, 60)


def test_a_run_still_knows_its_files_and_so_does_another_over_the_same(
    kept: Kept, store: Store, tmp_path: Path
) -> None:
    """Copied, put into a ZIP, shown and gone on with, before it is taken back and after."""
    run, sources, folder = kept({"a.jpg": jpeg(), "b.jpg": jpeg(seed=1)})
    like = Example("a.jpg", run.images[0].sha256, str(folder / "a.jpg"))
    other = run_of(run.images[:1], id="run-2", query="lamp", like=like)
    store.create(other, [sources[0][1]])
    store.add(other.id, run.images[0])
    shutil.copy(folder / "a.jpg", tmp_path / "copy.jpg")
    elsewhere = run_of([replace(run.images[0], path=str(tmp_path / "copy.jpg"))], id="run-3")
    store.create(elsewhere, [Source("copy.jpg", path=tmp_path / "copy.jpg")])
    store.add(elsewhere.id, elsewhere.images[0])
    written = ratings.write(ratings.plan(run, sources, EMBED), store.moves_folder, store)
    assert written.journal
    assert [row.sha256 for row in written.of(run).images] == [row.sha256 for row in store.load(run.id).images]

    def all_works(name: str, stars: int | None) -> None:
        for run_id in (run.id, other.id, elsewhere.id):
            now = store.load(run_id)
            files = store.sources(run_id)
            chosen = [row.upload_index for row in now.images]
            assert not export.write_zip(tmp_path / "z.zip", now, chosen, files).left_out
            planned = decide.plan(now, chosen, files, tmp_path / f"{name}-{run_id}", "copy")
            assert not decide.carry_out(planned, tmp_path / "elsewhere").left_out
            wanted = None if run_id == elsewhere.id else stars
            assert {row.capture.rating for row in now.images} == {wanted}
        store.set_status(other.id, "interrupted")
        asked = store.load(other.id).request
        assert asked.like
        assert asked.like.sha256 == hashlib.sha256((folder / "a.jpg").read_bytes()).hexdigest()
        resumed = store.unfinished(asked, [source for _, source in store.sources(other.id)])
        assert resumed
        assert len(resumed.images) == 1, "it is not scored again"

    all_works("with", 5)
    ratings.undo(written.journal, store)
    all_works("without", None)


def test_what_a_crash_kept_from_the_store_it_is_told_when_it_is_opened_next(
    kept: Kept, store: Store
) -> None:
    run, sources, folder = kept({"a.jpg": jpeg(), "b.jpg": jpeg(seed=1)})
    before = contents(folder)
    written = ratings.write(ratings.plan(run, sources, EMBED), store.moves_folder)  # without it
    (folder / "b.jpg").write_bytes(before["b.jpg"])  # which was not reached
    ratings.recover(store)
    now = {row.name: row.sha256 for row in store.load(run.id).images}
    assert now == {name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items()}
    assert written.journal
    assert len(ratings.undo(written.journal).images) == 2
    assert contents(folder) == before


def test_an_undo_that_was_cut_off_is_told_to_the_store_too(kept: Kept, store: Store) -> None:
    run, sources, folder = kept({"a.jpg": jpeg(), "b.jpg": jpeg(seed=1)})
    before = contents(folder)
    written = ratings.write(ratings.plan(run, sources, EMBED), store.moves_folder, store)
    (folder / "a.jpg").write_bytes(before["a.jpg"])
    assert written.journal
    assert len(ratings.undo(written.journal, store).images) == 2
    assert [row.sha256 for row in store.load(run.id).images] == [row.sha256 for row in run.images]


@pytest.mark.parametrize("is_undone", [True, False])
def test_nothing_half_written_is_left_of_a_process_that_was_ended(
    is_undone: bool, kept: Kept, store: Store
) -> None:
    run, sources, folder = kept({"a.jpg": jpeg(), "b.jpg": jpeg(seed=1) + bytes(200_000)})
    before = contents(folder)
    planned = ratings.plan(run, sources, EMBED)
    if (child := os.fork()) == 0:
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        ratings.write(planned, store.moves_folder)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGXFSZ
    assert len(contents(folder)) == 3, "it was ended in the middle of b.jpg"
    (journal,) = ratings.journals(store.moves_folder)
    if is_undone:
        ratings.undo(journal.path, store)
        assert contents(folder) == before
    else:
        ratings.recover(store)
        assert contents(folder).keys() == before.keys()
    now = {row.name: row.sha256 for row in store.load(run.id).images}
    assert now == {name: hashlib.sha256(data).hexdigest() for name, data in contents(folder).items()}


def test_of_two_that_write_at_once_each_image_has_the_stars_of_one(kept: Kept, store: Store) -> None:
    run, sources, folder = kept({f"{n:02}.jpg": jpeg(seed=n) + bytes(300_000) for n in range(24)})
    before = contents(folder)
    plans = [ratings.plan(run, sources, replace(EMBED, stars_from=(1, 2, 3, 4, last))) for last in (5, 10)]
    with ThreadPoolExecutor() as pool:
        both = list(pool.map(lambda planned: ratings.write(planned, store.moves_folder, store), plans))
    assert sum(len(written.changes) for written in both) == len(before)
    assert all(store.load(run.id).images[n].sha256 == one for n, one in enumerate(hashes(folder)))
    for journal in ratings.journals(store.moves_folder):
        assert ratings.undo(journal.path, store).left_out == ()
    assert contents(folder) == before


def hashes(folder: Path) -> list[str]:
    return [hashlib.sha256(data).hexdigest() for _, data in sorted(contents(folder).items())]


def test_what_was_written_later_is_to_be_taken_back_first(kept: Kept, store: Store) -> None:
    run, sources, folder = kept({"a.jpg": jpeg(), "b.png": b"no JPEG", "b.png.xmp": LIGHTROOM})
    before = contents(folder)
    first = ratings.write(ratings.plan(run, sources, EMBED), store.moves_folder, store)
    now = store.load(run.id)
    again = replace(EMBED, stars_from=(1, 2, 3, 4, 10))
    second = ratings.write(ratings.plan(now, sources, again), store.moves_folder, store)
    assert first.journal
    assert second.journal
    assert {one.code for one in ratings.undo(first.journal, store).left_out} == {"later-first"}
    for journal in (second.journal, first.journal):
        assert ratings.undo(journal, store).left_out == ()
    assert contents(folder) == before


def test_what_cannot_be_written_into_stays_and_is_told(kept: Kept, store: Store) -> None:
    twice = of_several(LIGHTROOM)
    at = twice.index(b"\xff\xe1", twice.index(b"MPF\0"))
    end = at + 2 + struct.unpack(">H", twice[at + 2 : at + 4])[0]
    doctype = LIGHTROOM.replace(b"<x:xmpmeta", b"<!DOCTYPE x>\n<x:xmpmeta", 1)
    full = changed(None, ratings.Rating(1))
    full = full.replace(b"</rdf:RDF>", b"<!--" + b"x" * (MOST_BYTES - len(full) - 7) + b"--></rdf:RDF>")
    run, sources, folder = kept(
        {
            "broken.jpg": b"\xff\xd8\xff\xe0\0\x10JFIF",
            "doctype.jpg": jpeg(doctype),
            "full.jpg": jpeg(full),
            "later-protected.jpg": jpeg(seed=6),
            "meanwhile.jpg": jpeg(seed=3),
            "no-xmp.jpg": jpeg(b"<x"),
            "signed.jpg": with_credentials(),
            "twice-listed.jpg": with_a_picture_listed_twice(),
            "twice.jpg": twice[:end] + twice[at:],
            "write-protected.jpg": jpeg(seed=4),
        }
    )
    (folder / "write-protected.jpg").chmod(0o444)
    planned = ratings.plan(run, sources, EMBED)
    assert [change.image.name for change in planned.changes] == ["later-protected.jpg", "meanwhile.jpg"]
    (folder / "later-protected.jpg").chmod(0o444)
    with (folder / "meanwhile.jpg").open("ab") as file:
        file.write(b"\0")
    before = contents(folder)
    written = ratings.write(planned, store.moves_folder, store)
    assert {one.name: one.code for one in written.left_out} == {
        "broken.jpg": "jpeg-broken",
        "doctype.jpg": "jpeg-xmp",
        "full.jpg": "jpeg-full",
        "later-protected.jpg": "refused",
        "meanwhile.jpg": "changed-since",
        "no-xmp.jpg": "jpeg-xmp",
        "signed.jpg": "jpeg-signed",
        "twice-listed.jpg": "jpeg-broken",
        "twice.jpg": "jpeg-packets",
        "write-protected.jpg": "refused",
    }
    assert contents(folder) == before


def test_what_another_program_wrote_into_the_image_since_stays(kept: Kept, store: Store) -> None:
    run, sources, folder = kept({"a.jpg": jpeg()})
    written = ratings.write(ratings.plan(run, sources, EMBED), store.moves_folder, store)
    assert written.journal
    with (folder / "a.jpg").open("ab") as file:
        file.write(b"\0")
    now = contents(folder)
    assert [one.code for one in ratings.undo(written.journal, store).left_out] == ["changed-stays"]
    assert contents(folder) == now


def test_sidecars_that_are_there_say_the_same_and_a_rejection_in_either_stays(
    kept: Kept, store: Store
) -> None:
    rejected = LIGHTROOM.replace(b'xmp:Rating="1"', b'xmp:Rating="-1"')
    files = {
        "a.jpg": jpeg(LIGHTROOM),
        "a.jpg.xmp": DARKTABLE,
        "b.jpg": jpeg(rejected),
        "c.jpg": jpeg(seed=2),
        "c.jpg.xmp": rejected,
        "d.png": b"no JPEG",
    }
    run, sources, folder = kept(files)
    planned = ratings.plan(run, sources, Wish(embed=True))
    assert planned.kept == (1, 2)
    ratings.write(planned, store.moves_folder, store)
    now = contents(folder)
    assert ratings.read(now["a.jpg.xmp"]).stars == ratings.read(now["d.png.xmp"]).stars == 5
    assert b'xmp:Rating="5"' in now["a.jpg"]
    assert {name for name in files if now[name] == files[name]} == {"b.jpg", "c.jpg", "c.jpg.xmp", "d.png"}
    assert {change.replaces_stars for change in planned.images} == {True}


def test_of_a_shot_with_a_raw_file_that_has_its_sidecar_as_well(kept: Kept, store: Store) -> None:
    run, [(_, source)], folder = kept({"a.jpg": jpeg()})
    (folder / "a.nef").write_bytes(b"raw")
    shot = replace(source, companions=(folder / "a.nef",))
    ratings.write(ratings.plan(run, [(0, shot)], EMBED), store.moves_folder, store)
    assert ratings.read((folder / "a.xmp").read_bytes()).stars == 5
    assert b'xmp:Rating="5"' in (folder / "a.jpg").read_bytes()


def test_images_moved_since_are_taken_back_where_they_are(kept: Kept, store: Store, tmp_path: Path) -> None:
    run, sources, folder = kept({"a.jpg": jpeg()})
    written = ratings.write(ratings.plan(run, sources, EMBED), store.moves_folder, store)
    now = store.load(run.id)
    done = decide.carry_out(decide.plan(now, [0], sources, tmp_path / "best", "move"), store.moves_folder)
    store.relocate(done.moved)
    assert written.journal
    assert ratings.undo(written.journal, store).images == (tmp_path / "best" / "a.jpg",)
    assert (tmp_path / "best" / "a.jpg").read_bytes() == jpeg()
    assert store.load(run.id).images[0].sha256 == run.images[0].sha256
    decide.undo_and_relocate(done, store)
    assert contents(folder) == {"a.jpg": jpeg()}


