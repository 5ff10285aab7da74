"""`lychee rank --like` and `--unlike`."""

from pathlib import Path

import pytest

from tests.cli.conftest import Lychee, document


def first_of(out: str) -> str:
    return document(out)["images"][0]["name"]


def test_with_an_example_the_query_may_be_left_out(lychee: Lychee, scenes: Path) -> None:
    example = max(scenes.glob("*.webp"))
    status, out, _ = lychee("rank", scenes, "--like", example, "--json", "-")
    told = document(out)
    assert status == 0
    assert told["query"] == ""
    assert told["like"]["name"] == example.name
    assert told["images"][0]["name"] == example.name
    assert told["images"][0]["score"] > 9
    status, out, _ = lychee("rank", "red umbrella", scenes, "--unlike", example, "--json", "-")
    assert (status, document(out)["query"]) == (0, "red umbrella")
    assert document(out)["images"][-1]["name"] == example.name


def test_an_example_that_is_not_there_is_told_in_a_sentence(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    (tmp_path / "page.jpg").write_text("<html>")
    status, out, err = lychee("rank", scenes, "--like", tmp_path / "gone.jpg")
    assert (status, out, "There is no example image" in err) == (1, "", True)
    status, out, err = lychee("rank", scenes, "--like", tmp_path)
    assert (status, out, "is a folder" in err) == (1, "", True)
    status, out, err = lychee("rank", scenes, "--like", "a.jpg", "--lik=b.jpg")
    assert (status, out, "--lik is there twice" in err) == (2, "", True)
    status, out, err = lychee("rank", scenes, "--unlike", tmp_path / "page.jpg")
    assert (status, out, "cannot be used" in err) == (1, "", True)


@pytest.mark.parametrize("words", [("rank", "--like", "x.jpg")])
def test_images_to_rank_are_needed_all_the_same(lychee: Lychee, words: tuple[str, ...]) -> None:
    assert lychee(*words)[0] == 2
