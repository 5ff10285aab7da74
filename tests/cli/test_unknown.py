"""`lychee rank` with what the demo does not know: words of the query, and photographs."""

import shutil
from pathlib import Path

import pytest
import skimage

from tests.cli.conftest import Lychee, document

PHOTOGRAPHS = ("astronaut.png", "chelsea.png", "coffee.png")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    folder = tmp_path / "photographs"
    folder.mkdir()
    for name in PHOTOGRAPHS:
        shutil.copy(Path(skimage.__file__).parent / "data" / name, folder)
    return folder


def test_a_word_it_does_not_know_is_named_once(lychee: Lychee, scenes: Path) -> None:
    status, out, complaints = lychee("rank", "复古 green sofa", scenes, "--json", "-")
    assert status == 0
    assert document(out)["unknown_words"] == ["复古"]
    assert complaints.count("The demo model does not know: 复古") == 1


def test_of_words_that_it_knows_nothing_is_said(lychee: Lychee, scenes: Path) -> None:
    status, out, complaints = lychee("rank", "a green sofa and two cats", scenes, "--json", "-")
    assert document(out)["unknown_words"] == ["two"]
    status, out, complaints = lychee("rank", "a green sofa and cats", scenes, "--json", "-")
    assert (status, complaints) == (0, "")
    assert document(out)["unknown_words"] == []


def test_a_query_of_no_known_word_is_refused_with_a_way_out(lychee: Lychee, scenes: Path) -> None:
    status, out, complaints = lychee("rank", "vintage zeppelin", scenes, "--json", "-")
    assert (status, out) == (1, "")
    assert "no word of “vintage zeppelin”" in complaints
    assert "lychee download" in complaints


def test_every_query_of_a_file_is_looked_at(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    file = tmp_path / "queries.txt"
    file.write_text("cosy sofa\nneon lamp\n", encoding="utf-8")
    status, _, complaints = lychee("rank", "--queries", file, scenes)
    assert status == 0
    for word in ("cosy", "neon"):
        assert complaints.count(f"does not know: {word}") == 1
    file.write_text("sofa\nzeppelin\n", encoding="utf-8")
    status, _, complaints = lychee("rank", "--queries", file, scenes)
    assert status == 1
    assert "“zeppelin”" in complaints


def test_photographs_are_told_on_each_image_and_in_all(lychee: Lychee, photographs: Path) -> None:
    status, out, complaints = lychee("rank", "cat + coffee", photographs, "--elements", "--json", "-")
    assert status == 0
    notes = [image["notes"] for image in document(out)["images"]]
    assert all("Unlike the drawings that the demo model was taught" in " ".join(note) for note in notes)
    assert "3 of 3 images are unlike the drawings" in complaints
    assert "no cut-off is suggested" in complaints


def test_one_photograph_among_scenes_is_told_and_no_more(
    lychee: Lychee, scenes: Path, photographs: Path
) -> None:
    paths = [*sorted(scenes.iterdir()), photographs / "chelsea.png"]
    _, out, complaints = lychee("rank", "cat", *paths, "--json", "-")
    noted = [image["name"] for image in document(out)["images"] if image["notes"]]
    assert noted == ["chelsea.png"]
    assert "1 of 5 images is unlike" in complaints
    assert "cut-off" not in complaints


def test_known_words_are_sent_in_the_form_that_was_taught(lychee: Lychee, scenes: Path) -> None:
    """The checkpoint knows "sofa", and neither "sofas" nor "SOFA"."""
    _, plain, _ = lychee("rank", "sofa + lamp", scenes, "--elements", "--json", "-")
    _, other, _ = lychee("rank", "SOFAS + Lamps", scenes, "--elements", "--json", "-")
    plain, other = document(plain), document(other)
    assert other["query"] == "SOFAS + Lamps"
    assert other["sent_query"] == plain["sent_query"] == "sofa + lamp"
    assert [image["score"] for image in other["images"]] == [image["score"] for image in plain["images"]]
