"""`lychee sort`."""

from pathlib import Path

import pytest

from lychee_app import ratings
from tests.cli.conftest import Lychee, document


@pytest.fixture
def names(tmp_path: Path) -> Path:
    path = tmp_path / "names.txt"
    path.write_text("rain: red umbrella\nsofas: 绿色沙发\nhorses: horse\n", encoding="utf-8")
    return path


def test_images_are_put_under_names_and_into_folders(
    lychee: Lychee, scenes: Path, names: Path, tmp_path: Path
) -> None:
    goal = tmp_path / "sorted"
    status, out, err = lychee("sort", names, scenes, "--json", "-", "--copy-to", goal)
    told = document(out)
    assert status == 0
    assert [column["name"] for column in told["columns"]] == ["rain", "sofas", "horses"]
    by_name = {image["name"]: image["column"] for image in told["images"]}
    assert set(by_name) == {path.name for path in scenes.iterdir()}
    for image in told["images"]:
        best = max(image["elements"])
        assert (image["column"] is None) == (best < 5)
    copied = {path.name: path.parent.name for path in goal.rglob("*.webp")}
    assert copied == {name: column for name, column in by_name.items() if column}
    assert ("Copied" in err) == bool(copied)


def test_names_are_told_in_the_order_of_the_list(
    lychee: Lychee, scenes: Path, names: Path, tmp_path: Path
) -> None:
    """Whichever has the best image."""
    lines = ["lamps: lamp >= 0.1", "sofas: sofa >= 0.1", "horses: horse >= 0.1"]
    for number, listed in enumerate((lines, lines[::-1])):
        names.write_text("\n".join(listed), encoding="utf-8")
        _, _, err = lychee("sort", names, scenes, "--copy-to", tmp_path / f"sorted-{number}")
        order = [line.partition(":")[0] for line in listed]
        told = [word for line in err.splitlines() for word in line.split() if word in order]
        assert len(told) > 1
        assert told == [name for name in order if name in told]


def test_the_file_of_names_is_never_written_over(lychee: Lychee, scenes: Path, names: Path) -> None:
    before = names.read_bytes()
    status, out, err = lychee("sort", names, scenes, "--json", names)
    assert (status, out, str(names) in err) == (1, "", True)
    assert names.read_bytes() == before


def test_the_table_lists_each_name(lychee: Lychee, scenes: Path, names: Path) -> None:
    status, out, _ = lychee("sort", names, scenes)
    assert status == 0
    for word in ("rain", "sofas", "horses", "under no name", "rain | sofas | horses"):
        assert word in out


def test_names_are_written_as_keywords_and_taken_back(
    lychee: Lychee, scenes: Path, names: Path, tmp_path: Path
) -> None:
    names.write_text("anything,red umbrella + sofa,0.01\n", encoding="utf-8")
    names = names.rename(names.with_suffix(".csv"))
    before = sorted(scenes.iterdir())
    assert lychee("sort", names, scenes, "--xmp-keyword")[0] == 0
    found = [ratings.read(path.read_bytes()) for path in scenes.glob("*.xmp")]
    assert {(one.keywords, one.stars) for one in found} == {(("anything",), None)}
    assert lychee("undo")[0] == 0
    assert sorted(scenes.iterdir()) == before


def test_where_no_image_passes_that_is_said_and_nothing_is_made(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    path, goal = tmp_path / "n.txt", tmp_path / "sorted"
    path.write_text("rain: red umbrella >= 9.9999999\n")
    status, _, err = lychee("sort", path, scenes, "--copy-to", goal, "--xmp-keyword")
    assert (status, "No image is under a name" in err, goal.exists()) == (0, True, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "There are no names"),
        ("a: cat\nA: dog", "the same"),
        ("a/b: cat", "folder"),
        ("a:", "Line 1, a"),
        ("b: dog\na: cat >= x", "Line 2, a: x is no score"),
        ("a: cat ≥", "Line 1, a: ≥ is no score"),
    ],
)
def test_names_that_will_not_do_are_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "n.txt"
    path.write_text(text)
    status, out, err = lychee("sort", path, scenes)
    assert (status, out, said in err) == (2, "", True)
    status, out, err = lychee("sort", tmp_path / "gone.txt", scenes)
    assert (status, out, "names and queries" in err) == (2, "", True)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder in which none can be made")
def test_a_folder_that_cannot_be_made_is_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, names: Path
) -> None:
    status, out, err = lychee("sort", names, scenes, "--copy-to", "/proc/sorted")
    assert (status, out, "/proc does not exist" in err) == (2, "", False)
    assert "/proc/sorted" in err


def test_a_sorting_takes_its_sidecars_along_and_is_taken_back_step_by_step(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    """Both names are moved back at once, then the keywords; another folder's are not touched."""
    path, goal, before = tmp_path / "n.txt", tmp_path / "sorted", sorted(scenes.iterdir())
    path.write_text("rain: red umbrella >= 0.0001\nroom: sofa + lamp >= 0.0001\n")
    assert lychee("sort", path, scenes, "--xmp-keyword", "--move-to", goal)[0] == 0
    assert not list(scenes.iterdir())
    moved = {one.relative_to(goal).as_posix() for one in goal.rglob("*.webp")}
    assert {name.partition("/")[0] for name in moved} == {"rain", "room"}
    assert {one.relative_to(goal).as_posix() for one in goal.rglob("*.xmp")} == {
        f"{one}.xmp" for one in moved
    }
    status, _, err = lychee("undo", tmp_path / "elsewhere")
    assert (status, "no ratings, copies or moves" in err) == (1, True)
    status, _, err = lychee("undo")
    assert (status, f"“rain | room” moved to {goal}" in err) == (0, True)
    assert len(list(scenes.glob("*.xmp"))) == len(before)
    status, _, err = lychee("undo", scenes)
    assert (status, f"ratings of “rain | room” in {scenes}" in err) == (0, True)
    assert sorted(scenes.iterdir()) == before


def test_copied_again_nothing_is_there_twice(
    lychee: Lychee, scenes: Path, names: Path, tmp_path: Path
) -> None:
    goal = tmp_path / "sorted"
    assert lychee("sort", names, scenes, "--copy-to", goal)[0] == 0
    copied = sorted(goal.rglob("*"))
    status, _, err = lychee("sort", names, scenes, "--copy-to", goal)
    assert (status, "there already, to the last byte" in err, "Copied" in err) == (0, True, False)
    assert sorted(goal.rglob("*")) == copied
    assert lychee("undo")[0] == 0
    assert not list(goal.rglob("*.webp"))


def test_a_name_whose_query_the_judge_does_not_know_is_told(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    path = tmp_path / "n.txt"
    path.write_text("rain: red umbrella\nzz: qwrtzx\n")
    status, out, err = lychee("sort", path, scenes)
    assert (status, out, "qwrtzx" in err) == (1, "", True)
