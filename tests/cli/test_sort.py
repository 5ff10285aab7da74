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
    [("", "There are no names"), ("a: cat\nA: dog", "the same"), ("a/b: cat", "folder"), ("a:", "Line 1, a")],
)
def test_names_that_will_not_do_are_told_before_anything_is_scored(
    lychee: Lychee, scenes: Path, tmp_path: Path, text: str, said: str
) -> None:
    path = tmp_path / "n.txt"
    path.write_text(text)
    status, out, err = lychee("sort", path, scenes)
    assert (status, out, said in err) == (1, "", True)


def test_a_name_whose_query_the_judge_does_not_know_is_told(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    path = tmp_path / "n.txt"
    path.write_text("rain: red umbrella\nzz: qwrtzx\n")
    status, out, err = lychee("sort", path, scenes)
    assert (status, out, "qwrtzx" in err) == (1, "", True)
