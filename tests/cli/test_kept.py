"""What `lychee rank` keeps between two calls: nothing is lost, and nothing is stale."""

import time
from pathlib import Path
from typing import Any

import pytest

from lychee_app import demo
from tests.cli.conftest import Lychee, document, kept_replies, process


def test_a_second_run_asks_the_model_only_what_is_new(lychee: Lychee, scenes: Path, tmp_path: Path) -> None:
    first = document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]
    assert kept_replies(tmp_path) == 4
    second = document(lychee("rank", "red", scenes, "--json", "-")[1])["images"]
    assert kept_replies(tmp_path) == 4
    assert [without_time(image) for image in second] == [without_time(image) for image in first]
    lychee("rank", "blue", scenes, "--json", "-")
    assert kept_replies(tmp_path) == 8


def test_fresh_neither_reads_nor_keeps_what_the_model_said(
    lychee: Lychee, scenes: Path, tmp_path: Path
) -> None:
    status, _, err = lychee("rank", "red", scenes, "--json", "-", "--fresh")
    assert (status, err) == (0, "")
    assert not (tmp_path / "home").exists()


def test_a_data_folder_that_cannot_be_used_costs_no_run(
    lychee: Lychee, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LYCHEE_HOME", str(tmp_path / "file" / "home"))
    status, out, err = lychee("rank", "red", scenes, "--json", "-")
    assert status == 0
    assert len(document(out)["images"]) == 4
    assert err.count("replies are not kept") == 1
    assert "LYCHEE_HOME" in err
    assert "it cannot be written to" in lychee("doctor")[1]


def test_a_run_killed_in_the_middle_goes_on_and_ends_as_an_undisturbed_one(
    lychee: Lychee, tmp_path: Path
) -> None:
    demo.write_gallery(tmp_path / "gallery")
    words = ["rank", "red umbrella + sofa", tmp_path / "gallery", "--elements", "--json", "-"]
    with process("-m", "lychee_app", *words) as disturbed:
        while kept_replies(tmp_path) < 9:
            assert disturbed.poll() is None
            time.sleep(0.005)
        disturbed.kill()
        assert disturbed.communicate()[0] == b""
    kept = kept_replies(tmp_path)
    assert 9 <= kept < 3 * 32
    assert kept % 3 == 0
    resumed, undisturbed = lychee(*words)[1], lychee(*words, "--fresh")[1]
    assert [without_time(image) for image in document(resumed)["images"]] == [
        without_time(image) for image in document(undisturbed)["images"]
    ]


def without_time(image: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in image.items() if name != "seconds"}
