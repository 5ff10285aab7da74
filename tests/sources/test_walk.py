"""What a walk finds of a real folder: each picture once, whatever lies about, and what it leaves out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from lychee_app import sources
from lychee_app.errors import NothingLeft
from lychee_app.locale import Words
from lychee_app.sources import Rules
from lychee_app.sources.left_out import KIND_UNREAD, PICTURES, Tally
from lychee_app.sources.walk import in_natural_order, walk
from tests.sources.conftest import Lay
from tests.sources.test_paths import counts, names


@pytest.mark.parametrize("given", ["", "**/*.png", "*/*.png", "**", "l1/**/*.png"])
def test_links_that_lead_in_circles_end_at_once_with_each_file_once(lay: Lay, given: str) -> None:
    folder = lay("sub/b.png")
    for link in ("l1", "l2"):
        (folder / link).symlink_to(".")
        (folder / "sub" / link).symlink_to("..")
    found = sources.find([folder / given])
    assert [path.name for source in found.sources if (path := source.path)] == ["b.png"]
    assert found.left_out == ()


def test_a_folder_elsewhere_is_found_through_its_link(lay: Lay) -> None:
    folder, other = lay("b.png"), lay("deep/d.png", root="elsewhere")
    (folder / "a-link").symlink_to(other)
    assert names(sources.find([folder])) == ["a-link/deep/d.png", "b.png"]


def test_where_a_link_leads_to_a_folder_of_the_walk_the_real_names_are_given(lay: Lay) -> None:
    folder = lay("2024/rome/x.png")
    (folder / "1-best").symlink_to("2024/rome")
    (folder / "0.png").symlink_to("2024/rome/x.png")
    assert names(sources.find([folder])) == ["2024/rome/x.png"]


def test_one_file_named_twice_is_one_source_and_a_copy_is_another(lay: Lay) -> None:
    folder = lay("a.png", "sub/b.png")
    (folder / "copy.png").write_bytes((folder / "a.png").read_bytes())
    os.link(folder / "a.png", folder / "hard-link.png")
    (folder / "link.png").symlink_to("a.png")
    given = [folder / "link.png", folder / "a.png", folder / "*.png", folder, folder / "sub" / "..", folder]
    assert names(sources.find(given)) == ["a.png", "copy.png", "sub/b.png"]
    assert names(sources.find([folder / "link.png"])) == ["link.png"]


def test_files_that_a_system_does_not_number_are_all_kept(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    """As over sshfs, where every entry of a listing has the same number."""
    folder = lay("a.png", "b.png", "c.png")
    real = os.scandir

    class Unnumbered:
        def __init__(self, entry: os.DirEntry[str]) -> None:
            self._entry = entry

        def __getattr__(self, name: str) -> object:
            return getattr(self._entry, name)

        def inode(self) -> int:
            return 0xFFFFFFFF

    class Listing:
        def __init__(self, path: str) -> None:
            self._entries = list(map(Unnumbered, real(path)))

        def __enter__(self) -> list[Unnumbered]:
            return self._entries

        def __exit__(self, *what: object) -> None: ...

    monkeypatch.setattr(os, "scandir", Listing)
    assert names(sources.find([folder])) == ["a.png", "b.png", "c.png"]


LEFTOVERS = {
    "thumbnails": ("@eaDir/IMG_1.png/SYNOPHOTO_THUMB_M.jpg", "@eaDir/IMG_1.png/SYNOPHOTO_THUMB_XL.jpg"),
    "deleted": ("#recycle/old.jpg", "sub/$RECYCLE.BIN/S-1-5/$R1.jpg", ".Trash-1000/files/x.jpg"),
    "snapshots": ("#snapshot/GMT-2024/IMG_1.png",),
    "system": ("._IMG_1.png", ".DS_Store", "sub/Thumbs.db", "__MACOSX/x.png", "desktop.ini"),
    "hidden": (".secret/deep/x.png", ".y.png"),
    "unfinished": ("x.png.crdownload", "y.jpg.part"),
    "sidecars": ("gone.xmp",),
}


def test_what_systems_leave_behind_is_counted_by_kind_and_is_no_source(lay: Lay) -> None:
    folder = lay("IMG_1.png", "sub/IMG_1.png", *(name for kind in LEFTOVERS.values() for name in kind))
    found = sources.find([folder])
    assert names(found) == ["IMG_1.png", "sub/IMG_1.png"]
    assert counts(found) == {kind: len(files) for kind, files in LEFTOVERS.items()}
    by_glob = sources.find([folder / "**" / "*"])
    assert (names(by_glob), counts(by_glob) | {"sidecars": 1}) == (names(found), counts(found))
    assert found.left_out[0].code == "left-out-system"


def test_what_people_take_for_pictures_and_nothing_reads_is_counted_by_kind(lay: Lay) -> None:
    folder = lay("a.jpg", "a.mov", "really-a-png.svg")
    for name in ("1.svg", "sub/2.SVG", "p.pdf", "b.mov", "c.AVI", "d.pcx", "e.icns", "f.dds", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"<svg/>")
    found = sources.find([folder])
    assert names(found) == ["a.jpg", "really-a-png.svg"]
    assert counts(found) == {"unread": 3, "drawings": 2, "films": 2, "documents": 1}
    assert counts(sources.find([folder / "**" / "*"])) == counts(found)
    assert counts(sources.find([folder / "*.jpg"])) == {}
    said = "3 pictures of kinds that are not read here"
    assert said in Words().left_out(found.left_out)
    with pytest.raises(
        NothingLeft, match=r"^Left out: 1 SVG drawing \(not read here\)\. .*Save them as JPEG"
    ):
        sources.find([folder / "sub"])


def test_all_that_pillow_takes_for_a_picture_is_read_or_counted() -> None:
    Image.init()
    data = {".h5", ".hdf", ".grib", ".bufr", ".iim", ".ps"}  # measurements, captions, and what is printed
    targa = {".icb", ".vda", ".vst"}  # told by their bytes
    known = set(Image.registered_extensions()) - {".mpg", ".mpeg"} - data - targa
    assert known - PICTURES - KIND_UNREAD.keys() == set()


def test_archives_are_counted_and_said_to_be_unopened(lay: Lay) -> None:
    folder = lay("a.jpg", "sub/b.zip", "sub/c.cbz")
    for name in ("b.zip", "c.cbz"):
        (folder / "sub" / name).write_bytes(b"PK\3\4" + bytes(100))
    found = sources.find([folder])
    assert (names(found), counts(found)) == (["a.jpg"], {"archives": 2})
    with pytest.raises(NothingLeft, match=r"^Left out: 2 archives \(not looked into\)\. .*Unpack them"):
        sources.find([folder / "sub"])
    assert names(sources.find([folder / "sub" / "b.zip"])) == ["b.zip"]


def test_what_is_left_out_is_taken_where_it_is_given_itself(lay: Lay) -> None:
    folder = lay("@eaDir/a.jpg", ".secret/b.png", ".c.png", "d.png")
    assert names(sources.find([folder / "@eaDir", folder / ".secret"])) == ["a.jpg", "b.png"]
    assert names(sources.find([folder / ".c.png"])) == [".c.png"]
    assert names(sources.find([folder / "*" / "a.jpg", folder / ".*" / "*.png"])) == [".secret/b.png"]
    assert names(sources.find([folder / "@*" / "*.jpg"])) == ["@eaDir/a.jpg"]


def test_hidden_files_come_with_the_word_and_thumbnails_do_not(lay: Lay) -> None:
    folder = lay(".secret/b.png", ".c.png", "d.png", ".thumbnails/e.png", "._d.png")
    found = sources.find([folder], Rules(include_hidden=True))
    assert names(found) == [".c.png", ".secret/b.png", "d.png"]
    assert counts(found) == {"thumbnails": 1, "system": 1}
    assert names(sources.find([folder / "**" / "*.png"], Rules(include_hidden=True))) == names(found)


@pytest.mark.parametrize(
    ("exclude", "kept"),
    [
        (("*.JPG",), ["a.png", "draft/b.png"]),
        (("draft*",), ["a.png", "d.jpg"]),
        (("draft/",), ["a.png", "d.jpg"]),
        (("draft/*",), ["a.png", "d.jpg"]),
        (("./draft",), ["a.png", "d.jpg"]),
        (("draft/**",), ["a.png", "d.jpg"]),
        (("**/draft/b*",), ["a.png", "d.jpg", "draft/c.jpg"]),
        (("**/d.jpg", "[ab].*"), ["draft/c.jpg"]),
        (("b*", "d.*"), ["a.png", "draft/c.jpg"]),
        (("", "  "), ["a.png", "d.jpg", "draft/b.png", "draft/c.jpg"]),
    ],
)
def test_globs_leave_out_names_and_paths_whatever_the_case(
    lay: Lay, exclude: tuple[str, ...], kept: list[str]
) -> None:
    folder = lay("a.png", "draft/b.png", "draft/c.jpg", "d.jpg")
    found = sources.find([folder], Rules(exclude))
    assert names(found) == kept
    assert sum(counts(found).values()) == 4 - len(names(found))


def test_what_is_excluded_is_left_out_though_it_is_given_itself(lay: Lay) -> None:
    folder = lay("a.png", "b.png", "bin/c.png", "bin/deep/d.png")
    found = sources.find([folder / "a.png", folder / "b.png", folder / "bin"], Rules(("b*",)))
    assert (names(found), counts(found)) == (["a.png"], {"excluded": 3})


@pytest.mark.parametrize(
    ("files", "exclude", "said"),
    [
        (
            (".a.png", ".b/c.png", "._a.png"),
            (),
            r"^Left out: 2 hidden files, 1 file of the system\. .*--include-hidden",
        ),
        (
            ("a.png", "b.png", ".c.png"),
            ("[ab]*",),
            r"^Left out: 2 excluded files, 1 hidden file\. .*Exclude less",
        ),
        (("@eaDir/a.jpg",), (), r"1 thumbnail of a NAS\. .*name that folder itself"),
        (("a.jpg.part",), (), r"1 unfinished download\. .*Let the downloads finish"),
        (("a.xmp",), (), r"1 sidecar.*None of it is a picture"),
    ],
)
def test_where_all_is_left_out_the_error_says_what_and_advises_on_most_of_it(
    lay: Lay, files: tuple[str, ...], exclude: tuple[str, ...], said: str
) -> None:
    with pytest.raises(NothingLeft, match=said) as caught:
        sources.find([lay(*files)], Rules(exclude))
    assert "未纳入：" in Words("zh").error(caught.value)


def test_the_data_folder_among_the_pictures_is_left_out(lay: Lay) -> None:
    kept = ("uploads/x.png", "demo-gallery/scene.webp", "mine.png")
    folder = lay("a.png", "uploads/b.png", *(f"data/{name}" for name in kept))
    (folder / "data" / "lychee.sqlite3").write_bytes(b"SQLite format 3")
    found = sources.find([folder])
    assert names(found) == ["a.png", "data/mine.png", "uploads/b.png"]
    assert counts(found) == {"own": 2}
    assert names(sources.find([folder / "data" / "demo-gallery"])) == ["scene.webp"]


def test_brackets_in_names_are_names_where_they_are_there(lay: Lay) -> None:
    folder = lay("[2024] Rome (best)/x.png", "2/y.png", "z[1].png", "z1.png")
    assert names(sources.find([folder / "[2024] Rome (best)" / "*.png"])) == ["x.png"]
    assert names(sources.find([folder / "*" / "[2024] Rome (best)", folder / "2"])) == ["y.png"]
    assert names(sources.find([folder / "[[]2024[]]*" / "*.png"])) == ["[2024] Rome (best)/x.png"]
    assert names(sources.find([folder / "[2]" / "*.png"])) == ["2/y.png"]
    assert names(sources.find([folder / "z[1].png", folder / "z[0-9].png"])) == ["z[1].png", "z1.png"]


def test_a_folder_or_a_glob_without_images_does_not_stop_the_rest(lay: Lay) -> None:
    folder = lay("a.png", "empty/notes.txt")
    (folder / "empty" / "notes.txt").write_text("no picture")
    found = sources.find([folder / "empty", folder / "a.png", folder / "*.gif"])
    assert (names(found), counts(found)) == (["a.png"], {"imageless": 2})


def test_pictures_in_more_folders_that_are_left_out_than_are_counted_are_said_not_to_be(lay: Lay) -> None:
    folder = lay("a.png", *(f"@eaDir/{number}.jpg" for number in range(9)))
    tally = Tally(names_left=5)
    assert [hit.name for hit in walk(str(folder), Rules(), tally)] == ["a.png"]
    assert tally.counts == {"thumbnails": 9}
    assert [hit.name for hit in walk(str(folder), Rules(), tally)] == ["a.png"]
    assert tally.counts == {"thumbnails": 9, "uncounted": 1}


def test_raw_files_are_found_by_their_suffix_and_by_their_bytes(lay: Lay) -> None:
    folder = lay("1.CR2", "2.cr3", "3.NEF", "4.raf", "5.ORF", "6.rw2", "7.dng")
    (folder / "8").write_bytes(b"FUJIFILMCCD-RAW 0201" + bytes(200))
    assert len(names(sources.find([folder]))) == 8


def test_of_the_libraries_of_photo_programs_the_photos_are_found_once(lay: Lay) -> None:
    photos = [f"Mine.photoslibrary/{name}" for name in ("originals/0/x.jpg", "resources/derivatives/x_1.jpg")]
    folder = lay(*photos, "Smart Previews.lrdata/1/x.dng", "PRIVATE/M4ROOT/THMBNL/C1.JPG")
    found = sources.find([folder])
    assert (names(found), counts(found)) == (["Mine.photoslibrary/originals/0/x.jpg"], {"previews": 3})
    alone = sources.find([folder / "Mine.photoslibrary"])
    assert (names(alone), counts(alone)) == (["originals/0/x.jpg"], {"previews": 1})
    files = [path for path in folder.rglob("*") if path.is_file()]
    dropped = [sources.Chosen(f"{folder.name}/{path.relative_to(folder)}") for path in files]
    picked = sources.picked(dropped, Rules())
    assert ([dropped[place].name for place in picked.wanted], picked.left_out) == (
        [f"{folder.name}/Mine.photoslibrary/originals/0/x.jpg"],
        {"previews": 3},
    )


def test_who_only_walks_loads_nothing_heavy() -> None:
    """It would be a tenth of the time and of the memory that a walk may take."""
    text = "import sys; from lychee_app import sources; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert "PIL" in done.stdout.split()
    assert not {"numpy", "torch", "streamlit", "fsspec", "pandas"} & set(done.stdout.split())


def test_a_tree_as_deep_as_a_path_can_be_is_walked(tmp_path: Path) -> None:
    folders = [tmp_path / "/".join("d" * depth) for depth in range(1, 1200)]
    for folder in folders:
        folder.mkdir()
    (folders[-1] / "x.png").write_bytes(b"")
    try:
        assert len(names(sources.find([tmp_path]))) == 1
    finally:
        (folders[-1] / "x.png").unlink()
        for folder in reversed(folders):  # deeper than pytest can clear away
            folder.rmdir()


def test_names_are_ordered_as_people_count(tmp_path: Path) -> None:
    ordered = [
        "1.png",
        "02.png",
        "a.png",
        "É.png",
        "f.png",
        "img2.png",
        "IMG10.png",
        "img10b.png",
        "９９.png",
    ]
    assert sorted(set(ordered), key=in_natural_order) == [*ordered[:2], ordered[-1], *ordered[2:-1]]


@pytest.mark.parametrize(
    "glob",
    [
        "photos/deep",
        "./photos/deep/",
        "photos/deep/**",
        "{}/photos/deep",
        "photos/*/b[[]1].png",
        "photos/deep/b[1].png",
        "b[1].png",
        "../{name}/photos/deep",
    ],
)
@pytest.mark.parametrize("given", ["photos", "./photos/", "{}/photos", "photos/**/*.png", "."])
def test_paths_as_the_shell_completes_them_are_excluded(
    lay: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, glob: str, given: str
) -> None:
    lay("a.png", "deep/b[1].png")
    monkeypatch.chdir(tmp_path)
    rules = Rules((glob.format(tmp_path, name=tmp_path.name),))
    found = sources.find([given.format(tmp_path)], rules)
    assert [Path(name).name for name in names(found)] == ["a.png"]
    assert (counts(found), found.unmet) == ({"excluded": 1}, ())


def test_a_folder_with_brackets_is_excluded_by_its_own_name(lay: Lay) -> None:
    folder = lay("br[1] best/a.png", "[/b.png", "c.png")
    assert names(sources.find([folder], Rules(("br[1] best", "[")))) == ["c.png"]


def test_a_glob_that_excludes_nothing_is_told(lay: Lay) -> None:
    folder = lay("album/a.png", "album/b.gif")
    found = sources.find(
        [folder / "album", folder / "album" / "b.gif"], Rules(("a/*", "*.gif", "b*", " nowhere "))
    )
    assert (names(found), found.unmet) == (["a.png"], ("a/*", "nowhere"))
