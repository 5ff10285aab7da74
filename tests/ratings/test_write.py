"""Sidecars planned, written, read back by exiftool, and taken back byte for byte."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lychee_app import decide, ratings
from lychee_app.errors import StoreError, UsageError
from lychee_app.ratings import Wish
from lychee_app.reasons import Reason
from lychee_app.records import Capture, Source
from lychee_app.store import Store
from tests.ratings.conftest import DARKTABLE, LIGHTROOM
from tests.support.fakes import picture

Shoot = Callable[..., Any]
SCORES = {"a.jpg": 9.5, "b.jpg": 6.9, "c.jpg": 0.2, "page.jpg": None}


def exiftool(file: Path) -> dict[str, Any]:
    command = ["exiftool", "-j", "-G1", "-XMP:all", str(file)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[0]


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not here (libimage-exiftool-perl)")
def test_exiftool_reads_what_was_written(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot(SCORES, {"b.xmp": LIGHTROOM})
    planned = ratings.plan(run, sources, Wish(keyword=True), {0: "pick", 2: "reject"})
    ratings.write(planned, tmp_path / "moves")
    found = {name: exiftool(folder / f"{name}.xmp") for name in "abc"}
    assert {name: each["XMP-xmp:Rating"] for name, each in found.items()} == {"a": 5, "b": 3, "c": -1}
    assert found["a"]["XMP-xmp:Label"] == "Green"
    assert found["a"]["XMP-dc:Subject"] == "green sofa"
    assert found["b"]["XMP-dc:Subject"] == ["holiday", "green sofa"]
    assert found["b"]["XMP-crs:Exposure2012"] == "+0.35"


@pytest.mark.parametrize(
    ("beside", "sidecar"),
    [
        ({}, "a.jpg.xmp"),
        ({"a.nef": b""}, "a.xmp"),
        ({"a.xmp": LIGHTROOM}, "a.xmp"),
        ({"A.XMP": LIGHTROOM}, "A.XMP"),
        ({"a.jpg.xmp": DARKTABLE}, "a.jpg.xmp"),
        ({"b.jpg.xmp": DARKTABLE}, "a.jpg.xmp"),
        ({"b.xmp": LIGHTROOM}, "a.xmp"),
    ],
)
def test_the_style_of_names_that_is_there_is_followed(
    beside: dict[str, bytes], sidecar: str, shoot: Shoot
) -> None:
    run, [(_, source)], folder = shoot({"a.jpg": 9.5}, {"b.jpg": b"", **beside})
    shot = replace(source, companions=tuple(folder.glob("*.nef")))
    (change,) = ratings.plan(run, [(0, shot)], Wish()).changes
    assert change.sidecar.name == sidecar


def test_two_images_of_one_stem_never_share_a_sidecar(shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5, "a.png": 2.0}, {"a.xmp": LIGHTROOM})
    changes = ratings.plan(run, sources, Wish()).changes
    assert {change.sidecar.name: change.rating.stars for change in changes} == {
        "a.jpg.xmp": 5,
        "a.png.xmp": 1,
    }


def test_the_sidecar_of_a_shot_s_raw_file_is_followed_too(shoot: Shoot) -> None:
    run, [(_, source)], folder = shoot({"a.jpg": 9.5}, {"a.nef": b"", "a.nef.xmp": DARKTABLE})
    shot = replace(source, companions=(folder / "a.nef", folder / "a.nef.xmp"))
    (change,) = ratings.plan(run, [(0, shot)], Wish()).changes
    assert change.sidecar.name == "a.nef.xmp"


@pytest.mark.parametrize(
    ("score", "stars"), [(0.0, 0), (0.99, 0), (1, 1), (5, 3), (6.99, 3), (9, 5), (10, 5)]
)
def test_scores_become_stars_by_ranges(score: float, stars: int) -> None:
    assert ratings.stars_of(score) == stars


def test_the_ranges_can_be_changed_and_must_rise() -> None:
    assert ratings.stars_of(5.0, (6, 7, 8, 9, 9.5)) == 0
    for odd in ((1, 2, 3), (5, 4, 3, 2, 1), (1, 1, 2, 3, 4)):
        with pytest.raises(UsageError, match="five scores that rise"):
            Wish(odd)


def rated(stars: int, label: str = "") -> bytes:
    told = f'xmp:Rating="{stars}"' + (f' xmp:Label="{label}"' if label else "")
    return LIGHTROOM.replace(b'xmp:Rating="1"', told.encode())


def test_a_rejection_stays_unless_the_image_is_picked(shoot: Shoot, tmp_path: Path) -> None:
    beside = {f"{name}.xmp": rated(-1) for name in "abcd"}
    run, sources, folder = shoot(dict.fromkeys(["a.jpg", "b.jpg", "c.jpg", "d.jpg"], 9.5), beside)
    planned = ratings.plan(run, sources, Wish(keyword=True), {1: "pick", 2: "reject"})
    assert (planned.kept, planned.same, planned.left_out) == ((0, 3), (2,), ())
    ratings.write(planned, tmp_path / "moves")
    assert {name: ratings.read(data).stars for name, data in contents(folder).items() if ".xmp" in name} == {
        "a.xmp": -1,
        "b.xmp": 5,
        "c.xmp": -1,
        "d.xmp": -1,
    }
    assert contents(folder)["a.xmp"] == beside["a.xmp"]
    assert ratings.plan(run, sources, Wish(picks=False), {0: "pick"}).kept == (0, 2, 3)


def test_one_sidecar_that_rejects_an_image_speaks_for_all_of_its_sidecars(shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5}, {"a.xmp": rated(3), "a.jpg.xmp": rated(-1)})
    planned = ratings.plan(run, sources, Wish())
    assert (planned.changes, planned.kept) == ((), (0,))


def test_a_rejection_in_the_sidecar_of_an_original_with_another_name_is_seen(shoot: Shoot) -> None:
    beside = {"PXL_1.RAW-02.ORIGINAL.dng": b"", "PXL_1.RAW-02.ORIGINAL.xmp": rated(-1)}
    run, [(_, source)], folder = shoot({"PXL_1.RAW-01.COVER.jpg": 9.5}, beside)
    shot = replace(source, companions=tuple(folder / name for name in beside))
    assert ratings.found([(0, shot)])[0].stars == -1
    assert ratings.plan(run, [(0, shot)], Wish()).kept == (0,)


def test_stars_and_labels_that_give_way_are_counted_by_image(shoot: Shoot) -> None:
    beside = {
        **{"a.xmp": rated(2, "Red"), "a.jpg.xmp": rated(4)},  # both
        "b.xmp": rated(0, "Blue"),  # no stars, and not picked
        "c.xmp": rated(5),  # says it already
        "d.xmp": rated(-1),
    }
    run, sources, _ = shoot(dict.fromkeys(["a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg"], 9.5), beside)
    planned = ratings.plan(run, sources, Wish(), {0: "pick", 3: "pick"})
    tally = ratings.Tally.of(planned.changes)
    assert (tally.stars, tally.replaced, tally.relabelled) == ((5, 5, 5, 5), 2, 1)
    assert planned.same_images == 1


@pytest.mark.parametrize("broken", [b"", LIGHTROOM.replace(b"<x:", b"<!DOCTYPE x>\n<x:", 1)])
def test_of_two_sidecars_of_an_image_both_are_written_or_none(broken: bytes, shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5}, {"a.jpg.xmp": rated(3), "a.xmp": broken})
    planned = ratings.plan(run, sources, Wish())
    assert (planned.changes, len(planned.left_out)) == ((), 1)


def test_what_was_not_to_be_judged_is_counted_and_no_failure(shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5, "b.jpg": None, "c.jpg": None, "d.jpg": None})
    a, b, c, d = run.images
    passed_over = replace(c, reason=Reason.of("passed-over", keep=1, score=1.0))
    run = replace(run, images=(a, b, passed_over, replace(d, reason=Reason.of("alike", name="a.jpg"))))
    planned = ratings.plan(run, sources, Wish())
    assert (planned.passed_over, planned.stood_for) == (1, 1)
    assert [one.name for one in planned.left_out] == ["b.jpg"]


def test_names_of_a_sorting_are_added_to_what_is_rejected_too(shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5}, {"a.xmp": rated(-1)})
    planned = ratings.plan(run, sources, Wish(names={0: "team"}))
    (change,) = planned.changes
    assert ratings.read(change.after) == ratings.Rating(-1, "", ("holiday", "team"))
    assert (planned.kept, ratings.Tally.of(planned.changes).replaced) == ((), 0)


def test_undo_restores_byte_for_byte_and_removes_what_was_new(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot(SCORES, {"b.xmp": LIGHTROOM, "c.jpg.xmp": DARKTABLE})
    (folder / "b.xmp").chmod(0o640)
    os.utime(folder / "b.xmp", ns=(10**18, 10**18 + 7))
    before = contents(folder)
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    assert {change.sidecar.name for change in written.changes} == {"a.xmp", "b.xmp"}
    assert [(one.name, one.code) for one in written.left_out] == [("page.jpg", "no-score")]
    assert stat.S_IMODE((folder / "b.xmp").stat().st_mode) == 0o640
    assert all(contents(folder)[name] == before[name] for name in before if name != "b.xmp")
    (kept,) = ratings.journals(tmp_path / "moves")
    undone = ratings.undo(kept.path)
    assert (len(undone.sidecars), undone.left_out) == (2, ())
    assert contents(folder) == before
    assert (folder / "b.xmp").stat().st_mtime_ns == 10**18 + 7
    assert ratings.journals(tmp_path / "moves") == []


def test_a_sidecar_that_nobody_may_write_stays(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5}, {"a.xmp": LIGHTROOM})
    (folder / "a.xmp").chmod(0o444)
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    assert [one.code for one in written.left_out] == ["refused"]
    assert (folder / "a.xmp").read_bytes() == LIGHTROOM


@pytest.mark.parametrize("beside", [{}, {"a.xmp": LIGHTROOM, "b.xmp": LIGHTROOM}])
def test_what_is_away_with_its_images_is_taken_back_once_it_is_there_again(
    beside: dict[str, bytes], shoot: Shoot, tmp_path: Path
) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5, "b.jpg": 9.5}, beside)
    before, away = contents(folder), tmp_path / "away"
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    assert written.journal
    folder.rename(away)
    undone = ratings.undo(written.journal)
    assert (undone.sidecars, [one.code for one in undone.left_out]) == ((), ["away", "away"])
    folder.mkdir()  # the place where the disk is put, empty
    assert [one.code for one in ratings.undo(written.journal).left_out] == ["away", "away"]
    folder.rmdir()
    away.rename(folder)
    (kept,) = ratings.journals(tmp_path / "moves")
    assert (kept.sidecars, kept.folder) == (2, folder)
    assert len(ratings.undo(kept.path).sidecars) == 2
    assert contents(folder) == before


def test_a_sidecar_that_was_renamed_is_not_made_again(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5}, {"a.xmp": LIGHTROOM})
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    (folder / "a.xmp").rename(folder / "mine.xmp")
    assert written.journal
    assert [one.code for one in ratings.undo(written.journal).left_out] == ["sidecar-gone"]
    assert sorted(os.listdir(folder)) == ["a.jpg", "mine.xmp"]
    assert ratings.journals(tmp_path / "moves") == []


def test_no_star_is_not_written_down_where_there_was_none(shoot: Shoot) -> None:
    unrated = LIGHTROOM.replace(b' xmp:Rating="1"', b"")
    scores = {"a.jpg": 0.2, "b.jpg": 0.2, "c.jpg": 0.2, "d.jpg": 0.2, "e.jpg": 6.0}
    run, sources, _ = shoot(scores, {"b.xmp": unrated, "c.xmp": LIGHTROOM})
    four = [replace(row, capture=Capture(rating=4)) for row in run.images[3:]]
    planned = ratings.plan(replace(run, images=(*run.images[:3], *four)), sources, Wish())
    assert (planned.unstarred, planned.same) == ((0,), (1,))
    assert {one.sidecar.name: one.rating.stars for one in planned.changes} == {
        "c.xmp": 0,
        "d.xmp": 0,
        "e.xmp": 3,
    }
    assert ratings.Tally.of(planned.changes).replaced == 3, "two of them stood inside the images"


def test_a_rejection_inside_the_image_stays_too(shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5})
    run = replace(run, images=(replace(run.images[0], capture=Capture(rating=-1)),))
    assert ratings.plan(run, sources, Wish()).kept == (0,)
    assert len(ratings.plan(run, sources, Wish(), {0: "pick"}).changes) == 1
    assert ratings.inside(run.images) == {0: ratings.Rating(-1)}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_another_program_wrote_meanwhile_stays(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5, "b.jpg": 9.5, "d.jpg": 9.5}, {"b.xmp": LIGHTROOM})
    planned = ratings.plan(run, sources, Wish())
    (folder / "a.xmp").write_bytes(DARKTABLE)
    (folder / "b.xmp").write_bytes(DARKTABLE)
    written = ratings.write(planned, tmp_path / "moves")
    assert sorted(one.code for one in written.left_out) == ["exists", "sidecar-changed"]
    assert (folder / "a.xmp").read_bytes() == (folder / "b.xmp").read_bytes() == DARKTABLE
    (folder / "d.xmp").write_bytes(LIGHTROOM)
    (kept,) = ratings.journals(tmp_path / "moves")
    undone = ratings.undo(kept.path)
    assert {one.name: one.code for one in undone.left_out}["d.xmp"] == "changed-stays"
    assert (folder / "d.xmp").read_bytes() == LIGHTROOM


def test_a_broken_sidecar_is_kept_and_reported(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot(
        {"a.jpg": 9.5, "b.jpg": 2.0, "c.jpg": 1.0},
        {"a.xmp": b"<x:xmpmeta", "b.xmp": b"<html/>", "c.xmp": b""},
    )
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    assert [one.code for one in written.left_out] == ["sidecar-broken", "sidecar-no-xmp", "sidecar-empty"]
    assert (folder / "a.xmp").read_bytes() == b"<x:xmpmeta"
    assert written.journal is None


def test_a_sidecar_that_is_a_link_is_followed_and_stays_one(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5, "b.jpg": 9.5})
    real = tmp_path / "elsewhere.xmp"
    real.write_bytes(LIGHTROOM)
    (folder / "a.xmp").symlink_to(real)
    (folder / "b.xmp").symlink_to("nowhere.xmp")
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    assert ratings.read(real.read_bytes()).stars == 5
    assert [one.code for one in written.left_out] == ["sidecar-nowhere"]
    assert written.journal
    assert len(ratings.undo(written.journal).sidecars) == 1
    assert real.read_bytes() == LIGHTROOM
    assert (folder / "a.xmp").is_symlink()


def test_a_pipe_by_the_name_of_a_sidecar_is_not_waited_for(shoot: Shoot) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5})
    os.mkfifo(folder / "a.xmp")
    assert [one.code for one in ratings.plan(run, sources, Wish()).left_out] == ["sidecar-no-file"]


def test_a_changed_sidecar_does_not_stand_in_the_way_of_earlier_ratings(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5, "b.jpg": 9.5})
    ratings.write(ratings.plan(run, sources[:1], Wish()), tmp_path / "moves")
    ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    (folder / "b.jpg.xmp").write_bytes(DARKTABLE)
    later, earlier = ratings.journals(tmp_path / "moves")
    assert [one.code for one in ratings.undo(later.path).left_out] == ["changed-stays"]
    assert [each.path for each in ratings.journals(tmp_path / "moves")] == [earlier.path]
    assert len(ratings.undo(earlier.path).sidecars) == 1
    assert not (folder / "a.jpg.xmp").exists()


def test_uploads_have_no_sidecar(shoot: Shoot) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5, "b.jpg": 9.5})
    given = [(0, Source("a.jpg", data=b"x")), (1, replace(sources[1][1], private=True))]
    planned = ratings.plan(run, given, Wish())
    assert [one.code for one in planned.left_out] == ["uploaded-no-sidecar"] * 2


def test_sidecars_that_were_moved_with_their_images_are_taken_back_where_they_are(
    shoot: Shoot, tmp_path: Path
) -> None:
    """Moved twice, first by way of a linked folder; what was written before is undone afterwards."""
    run, sources, folder = shoot({"a.jpg": 9.5, "b.jpg": 9.5}, {"b.xmp": LIGHTROOM})
    moves = tmp_path / "moves"
    written = ratings.write(ratings.plan(run, sources, Wish()), moves)
    (tmp_path / "link").symlink_to(folder)
    folder = tmp_path / "link"
    for target in (tmp_path / "best", tmp_path / "better"):
        names = ("a.jpg", "a.xmp"), ("b.jpg", "b.xmp")
        now = [
            (index, replace(sources[index][1], path=folder / image, companions=(folder / sidecar,)))
            for index, (image, sidecar) in enumerate(names)
        ]
        unhashed = replace(run, images=tuple(replace(row, sha256="") for row in run.images))
        decide.carry_out(decide.plan(unhashed, [0, 1], now, target, "move"), moves)
        folder = target
    assert set(contents(folder)) == {"a.jpg", "a.xmp", "b.jpg", "b.xmp"}
    assert written.journal
    undone = ratings.undo(written.journal)
    assert [path.parent for path in undone.sidecars] == [folder, folder]
    assert contents(folder) == {"a.jpg": picture(), "b.jpg": picture(), "b.xmp": LIGHTROOM}


def test_the_list_of_what_can_be_taken_back_counts_sidecars_newest_first(
    shoot: Shoot, tmp_path: Path
) -> None:
    run, sources, _ = shoot({"a.jpg": 9.5, "b.jpg": 2.0})
    ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    ratings.write(ratings.plan(run, sources, Wish((0.1, 0.2, 0.3, 3, 4))), tmp_path / "moves")
    (tmp_path / "moves" / "0.ratings.ndjson").write_text('{"sidecars"')
    assert [(one.run_id, one.sidecars) for one in ratings.journals(tmp_path / "moves")] == [
        (run.id, 1),
        (run.id, 2),
    ]


@pytest.mark.parametrize(
    "line", ['{"x": 1}', "[]", '{"sidecar": "a", "upload_index": 0, "splices": [["a"]]}']
)
def test_a_damaged_journal_is_told_and_stands_in_nobody_s_way(
    line: str, shoot: Shoot, tmp_path: Path
) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5})
    with Store.open(tmp_path / "home") as store:
        written = ratings.write(ratings.plan(run, sources, Wish()), store.moves_folder)
        assert written.journal
        head = json.loads(written.journal.read_text().splitlines()[0]) | {"images": 1}
        written.journal.write_text(f"{json.dumps(head)}\n{line}\n")
        ratings.recover(store)
        with pytest.raises(StoreError, match="cannot be read"):
            ratings.undo(written.journal, store)
    assert (folder / "a.jpg.xmp").exists()


def test_without_a_journal_nothing_is_written(shoot: Shoot, tmp_path: Path) -> None:
    run, sources, folder = shoot({"a.jpg": 9.5})
    (tmp_path / "moves").write_text("in the way")
    with pytest.raises(StoreError):
        ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    assert os.listdir(folder) == ["a.jpg"]


def test_what_a_crash_cut_off_is_taken_back(shoot: Shoot, tmp_path: Path) -> None:
    """The journal is whole before the first sidecar: some are written, one is only reserved."""
    run, sources, folder = shoot({"a.jpg": 9.5, "b.jpg": 9.5, "d.jpg": 9.5})
    written = ratings.write(ratings.plan(run, sources, Wish()), tmp_path / "moves")
    (folder / "b.jpg.xmp").write_bytes(b"")
    (folder / "d.jpg.xmp").unlink()
    assert written.journal
    assert len(ratings.undo(written.journal).sidecars) == 3
    assert sorted(os.listdir(folder)) == ["a.jpg", "b.jpg", "d.jpg"]
