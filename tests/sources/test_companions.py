"""The files of one shot are one item."""

import pytest

from lychee_app import sources
from lychee_app.records import Found, Source
from lychee_app.sources import Rules
from lychee_app.sources.companions import grouped
from tests.sources.conftest import Lay
from tests.sources.test_paths import counts, names


def items(found: Found) -> dict[str, list[str]]:
    return {source.name: [path.name for path in source.companions] for source in found.sources}


SHOTS = {
    "raw beside JPEG": ({"a.NEF", "a.JPG"}, {"a.JPG": ["a.NEF"]}),
    "case does not count": ({"IMG_1.cr2", "img_1.jpg"}, {"img_1.jpg": ["IMG_1.cr2"]}),
    "raw alone": ({"a.NEF"}, {"a.NEF": []}),
    "raw alone with sidecars": ({"a.NEF", "a.xmp", "a.NEF.xmp"}, {"a.NEF": ["a.NEF.xmp", "a.xmp"]}),
    "one raw in two formats": ({"a.CR2", "a.dng"}, {"a.CR2": ["a.dng"]}),
    "a live photo": ({"a.HEIC", "a.MOV", "a.AAE"}, {"a.HEIC": ["a.MOV", "a.AAE"]}),
    "sidecars of the raw go along": (
        {"a.jpg", "a.ORF", "a.ORF.xmp", "a.jpg.xmp", "a.pp3"},
        {"a.jpg": ["a.ORF", "a.ORF.xmp", "a.jpg.xmp", "a.pp3"]},
    ),
    "the case of the table": (
        {"IMG_0.webp", "IMG_0.MOV", "IMG_0.xmp", "IMG_0.webp.xmp", "IMG_0.AAE"},
        {"IMG_0.webp": ["IMG_0.MOV", "IMG_0.AAE", "IMG_0.webp.xmp", "IMG_0.xmp"]},
    ),
    "what a cloud exports": (
        {"a.jpg", "a.jpg.json", "b.png", "b.png.supplemental-metadata.json", "notes.json"},
        {"a.jpg": ["a.jpg.json"], "b.png": ["b.png.supplemental-metadata.json"]},
    ),
    "a download's odd names": (
        {"a.jpg", "a(1).jpg", "a.jpg(1).json", "a.jpg.supplemental-meta.json"},
        {"a.jpg": ["a.jpg.supplemental-meta.json"], "a(1).jpg": ["a.jpg(1).json"]},
    ),
    "two pictures of a name stay two": (
        {"a.jpg", "a.png", "a.NEF", "a.png.xmp", "a.xmp"},
        {"a.jpg": ["a.NEF", "a.xmp"], "a.png": ["a.png.xmp"]},
    ),
    "another shot's": ({"a.jpg", "ab.NEF", "a-1.xmp"}, {"a.jpg": [], "ab.NEF": []}),
    "an iPhone's edited copy stands for both": (
        {"IMG_1234.HEIC", "IMG_E1234.JPG", "IMG_1234.AAE", "IMG_1234.MOV", "IMG_E1234.MOV", "IMG_1235.HEIC"},
        {
            "IMG_E1234.JPG": ["IMG_1234.HEIC", "IMG_1234.MOV", "IMG_E1234.MOV", "IMG_1234.AAE"],
            "IMG_1235.HEIC": [],
        },
    ),
    "an edited copy without anything else": (
        {"img_e1234.jpg", "img_1234.jpg"},
        {"img_e1234.jpg": ["img_1234.jpg"]},
    ),
    "an edited copy whose original is gone": (
        {"IMG_E1234.HEIC", "IMG_1234.AAE", "IMG_E12345.HEIC", "IMG_12345.HEIC"},
        {"IMG_E1234.HEIC": ["IMG_1234.AAE"], "IMG_E12345.HEIC": [], "IMG_12345.HEIC": []},
    ),
    "sidecars of an original go along": (
        {"IMG_0001.HEIC", "IMG_0001.HEIC.xmp", "IMG_0001.DNG", "IMG_E0001.HEIC"},
        {"IMG_E0001.HEIC": ["IMG_0001.HEIC", "IMG_0001.DNG", "IMG_0001.HEIC.xmp"]},
    ),
    "names that differ in case alone stay two": (
        {"a.jpg", "A.JPG", "b.xmp", "b.png"},
        {"a.jpg": [], "A.JPG": [], "b.png": ["b.xmp"]},
    ),
    "what an iPhone's camera did to a shot": (
        {"IMG_1234.HEIC", "IMG_O1234.AAE", "IMG_1234.AAE"},
        {"IMG_1234.HEIC": ["IMG_1234.AAE", "IMG_O1234.AAE"]},
    ),
    "all that an iPhone has of a shot": (
        {"IMG_1234.HEIC", "IMG_E1234.HEIC", "img_o1234.aae", "IMG_1234.AAE", "IMG_1234.MOV"},
        {"IMG_E1234.HEIC": ["IMG_1234.HEIC", "IMG_1234.MOV", "IMG_1234.AAE", "img_o1234.aae"]},
    ),
    "names that only look like an iPhone's": (
        {
            "IMG_1234.HEIC",
            "IMG_O1234.JPG",
            "IMG_O1234.AAE",
            "IMG_O12345.AAE",
            "IMG_O1234.MOV",
            "IMG_O1235.AAE",
        },
        {"IMG_1234.HEIC": [], "IMG_O1234.JPG": ["IMG_O1234.MOV", "IMG_O1234.AAE"]},
    ),
    "a Pixel's raw file": (
        {"PXL_1.RAW-01.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-02.ORIGINAL.xmp"},
        {"PXL_1.RAW-01.COVER.jpg": ["PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-02.ORIGINAL.xmp"]},
    ),
    "a Pixel's raw file beside one with a film": (
        {"PXL_1.RAW-01.MP.COVER.jpg", "PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-01.MP"}
        | {"PXL_2.MP.jpg", "PXL_2.dng", "PXL_2.MP", "PXL_2.MP.xmp", "PXL_2.xmp", "PXL_2.MP.jpg.json"},
        {
            "PXL_1.RAW-01.MP.COVER.jpg": ["PXL_1.RAW-02.ORIGINAL.dng", "PXL_1.RAW-01.MP"],
            "PXL_2.MP.jpg": ["PXL_2.dng", "PXL_2.MP", "PXL_2.MP.jpg.json", "PXL_2.MP.xmp", "PXL_2.xmp"],
        },
    ),
    "a Pixel's cover stands for both": (
        {
            "pxl_1.PORTRAIT-01.COVER.jpg",
            "PXL_1.PORTRAIT-02.ORIGINAL.jpg",
            "PXL_3.LONG_EXPOSURE-02.ORIGINAL.jpg",
        },
        {
            "pxl_1.PORTRAIT-01.COVER.jpg": ["PXL_1.PORTRAIT-02.ORIGINAL.jpg"],
            "PXL_3.LONG_EXPOSURE-02.ORIGINAL.jpg": [],
        },
    ),
    "other shots of a Pixel": (
        {"PXL_1.RAW-01.COVER.jpg", "PXL_2.RAW-02.ORIGINAL.dng", "PXL_1.PORTRAIT-02.ORIGINAL.jpg"}
        | {
            "PXL_1.jpg",
            "PXL_1~2.jpg",
            "PXL_1.MP.jpg",
            "PXL_1.MP",
            "PXL_1.dng",
            "PXL_1.xmp",
            "PXL_1.NIGHT.jpg",
        },
        {
            "PXL_1.RAW-01.COVER.jpg": [],
            "PXL_2.RAW-02.ORIGINAL.dng": [],
            "PXL_1.PORTRAIT-02.ORIGINAL.jpg": [],
            "PXL_1.jpg": ["PXL_1.dng", "PXL_1.xmp"],
            "PXL_1~2.jpg": [],
            "PXL_1.MP.jpg": ["PXL_1.MP"],
            "PXL_1.NIGHT.jpg": [],
        },
    ),
    "names that only look like a Pixel's": (
        {"trip.RAW-01.COVER.jpg", "trip.RAW-02.ORIGINAL.dng", "IMG_1.MP.jpg", "IMG_1.dng"},
        {
            "trip.RAW-01.COVER.jpg": [],
            "trip.RAW-02.ORIGINAL.dng": [],
            "IMG_1.MP.jpg": [],
            "IMG_1.dng": [],
        },
    ),
    "a burst is not one shot": (
        {"00000IMG_00000_BURST20200101_COVER.jpg", "00001IMG_00001_BURST20200101.jpg"}
        | {"DSCPDC_0001_BURST20200101_COVER.JPG", "DSCPDC_0002_BURST20200101.JPG"},
        {
            "00000IMG_00000_BURST20200101_COVER.jpg": [],
            "00001IMG_00001_BURST20200101.jpg": [],
            "DSCPDC_0001_BURST20200101_COVER.JPG": [],
            "DSCPDC_0002_BURST20200101.JPG": [],
        },
    ),
    "Samsung's and Sony's": (
        {"20240101_120000.jpg", "20240101_120000.dng", "20240101_120000.mp4", "20240101_120000~2.jpg"}
        | {"DSC00001.HIF", "DSC00001.ARW", "DSC00001.ARW.xmp", "DSC00002.ARW"},
        {
            "20240101_120000.jpg": ["20240101_120000.dng", "20240101_120000.mp4"],
            "20240101_120000~2.jpg": [],
            "DSC00001.HIF": ["DSC00001.ARW", "DSC00001.ARW.xmp"],
            "DSC00002.ARW": [],
        },
    ),
    "names full of dots": ({"a.b.jpg", "a.b.NEF", "a.xmp"}, {"a.b.jpg": ["a.b.NEF"]}),
}
LONELY = {"a-1.xmp", "a.xmp", "IMG_O12345.AAE", "IMG_O1235.AAE"}


@pytest.mark.parametrize("name", SHOTS)
def test_files_of_one_shot_are_one_item(name: str, lay: Lay) -> None:
    files, expected = SHOTS[name]
    folder = lay(*files)
    for path in folder.iterdir():
        if path.suffix in {".json", ".MOV"}:
            path.write_bytes(b"{}")
    for given in ([folder], [folder / "*"], sorted(folder.iterdir())):
        found = {name: beside for name, beside in items(sources.find(given)).items() if "notes" not in name}
        if given[0] not in {folder, folder / "*"}:  # a sidecar of nothing that is given itself is a row
            found = {name: beside for name, beside in found.items() if name not in LONELY}
        assert found == expected


@pytest.mark.parametrize(
    ("files", "new", "beside"),
    [
        ({"a.jpg"}, {"a.xmp"}, {"a.jpg": ["a.xmp"]}),
        ({"a.jpg", "a.NEF", "a.pp3"}, {"a.NEF.xmp"}, {"a.jpg": ["a.NEF", "a.pp3", "a.NEF.xmp"]}),
        ({"a.NEF"}, {"A.xmp"}, {"a.NEF": ["A.xmp"]}),
        ({"picture"}, {"picture.xmp"}, {"picture": ["picture.xmp"]}),
        ({"a.jpg", "a.png"}, {"a.xmp", "a.png.xmp"}, {"a.jpg": ["a.xmp"], "a.png": ["a.png.xmp"]}),
        ({"a.jpg"}, {"b.xmp", "._a.xmp", "a.txt", "a.NEF"}, {"a.jpg": []}),
    ],
)
def test_sidecars_that_came_since_the_walk_go_along(
    files: set[str], new: set[str], beside: dict[str, list[str]], lay: Lay
) -> None:
    found = sources.find([lay(*sorted(files))])
    for name in new:
        (lay() / name).write_bytes(b"<xmp/>")
    now = [source for _, source in sources.with_new_sidecars(enumerate(found.sources))]
    assert items(Found(tuple(now))) == beside


def test_the_sidecar_of_a_picture_outside_the_run_is_not_taken(lay: Lay) -> None:
    folder = lay("a.jpg", "a.png")
    found = sources.find([folder / "a.png"])
    (folder / "a.xmp").write_bytes(b"<xmp/>")
    assert sources.with_new_sidecars(enumerate(found.sources)) == [(0, found.sources[0])]


def test_uploads_and_folders_that_are_gone_stay_as_they_are(lay: Lay) -> None:
    gone = Source("a.jpg", path=lay() / "gone" / "a.jpg")
    given = [(0, Source("a.jpg", data=b"x")), (3, gone), (4, Source("u", path=lay("u.jpg"), private=True))]
    assert sources.with_new_sidecars(given) == given


def test_shots_of_two_folders_stay_apart(lay: Lay) -> None:
    assert items(sources.find([lay("1/a.jpg", "2/a.NEF")])) == {"1/a.jpg": [], "2/a.NEF": []}


def test_a_picture_given_alone_brings_what_lies_beside_it(lay: Lay) -> None:
    folder = lay("a.jpg", "a.NEF", "a.xmp", "b.NEF")
    assert items(sources.find([folder / "a.jpg"])) == {"a.jpg": ["a.NEF", "a.xmp"]}
    assert items(sources.find([folder / "*.jpg"])) == {"a.jpg": ["a.NEF", "a.xmp"]}
    assert items(sources.find([folder / "a.NEF"])) == {"a.NEF": ["a.xmp"]}
    both = sources.find([folder / "*.NEF", folder / "*.jpg"])
    assert items(both) == {"b.NEF": [], "a.jpg": ["a.NEF", "a.xmp"]}


def test_companions_are_paths_that_are_there(lay: Lay, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = lay("sub/a.jpg", "sub/a.NEF")
    monkeypatch.chdir(folder)
    for given in ("sub", "sub/*.jpg", "sub/a.jpg", "."):
        (source,) = sources.find([given]).sources
        assert [path.resolve() for path in source.companions] == [folder.resolve() / "sub" / "a.NEF"]


def test_excluded_companions_are_left_alone(lay: Lay) -> None:
    found = sources.find([lay("a.jpg", "a.NEF", "a.xmp")], Rules(("*.nef",)))
    assert (items(found), counts(found)) == ({"a.jpg": ["a.xmp"]}, {"excluded": 1})


def test_sidecars_of_no_picture_are_counted(lay: Lay) -> None:
    found = sources.find([lay("a.jpg", "b.xmp", "c.THM")])
    assert (names(found), counts(found)) == (["a.jpg"], {"sidecars": 2})


def test_an_edited_copy_that_is_asked_for_alone_brings_its_original(lay: Lay) -> None:
    folder = lay("IMG_1234.HEIC", "IMG_1234.AAE", "IMG_E1234.JPG")
    both = {"IMG_E1234.JPG": ["IMG_1234.HEIC", "IMG_1234.AAE"]}
    assert items(sources.find([folder / "*.JPG"])) == both
    assert items(sources.find([folder / "IMG_E1234.JPG"])) == both
    assert items(sources.find([folder / "IMG_1234.HEIC"])) == {"IMG_1234.HEIC": ["IMG_1234.AAE"]}


def test_where_there_is_no_picture_there_is_no_item() -> None:
    assert grouped([], ["a.xmp"]) == {}
