"""`lychee rank --model FOLDER` with a Qwen3-VL checkpoint, from files to the ranked list."""

import json
import shutil
from pathlib import Path

import pytest

from lychee_app import cli
from lychee_app.model.scorer import open_scorer
from lychee_app.settings import Settings
from tests.model.conftest import candidate


@pytest.fixture(scope="module")
def checkpoint(tiny: Path, home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It has random weights, so its self-test asks of its own picture what happens to come out higher."""
    folder = shutil.copytree(tiny, tmp_path_factory.mktemp("ranking") / "it")
    picture = candidate(192, 192)
    picture.image.save(folder / "probe.png")
    scorer = open_scorer(tiny, settings=home, device="cpu", self_test=False)
    first, second = (
        reply.margin or 0.0 for reply in scorer.judge(picture, ["a red circle", "a blue square"])
    )
    match, mismatch = ("a red circle", "a blue square")[:: 1 if first > second else -1]
    probe = {"image": "probe.png", "match": match, "mismatch": mismatch}
    (folder / "selftest.json").write_text(json.dumps(probe))
    return folder


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictures")
    for index, size in enumerate([(320, 256), (96, 640), (200, 130)]):
        candidate(*size, seed=index).image.save(folder / f"{index}.png")
    return folder


@pytest.mark.parametrize(
    "options",
    [[], ["--not", "blue car"], ["--elements"], ["--mode", "explain"]],
    ids=lambda options: " ".join(options) or "judge",
)
def test_every_image_is_scored_in_every_mode(
    options: list[str], checkpoint: Path, pictures: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["rank", "red cat + lamp", str(pictures), "--model", str(checkpoint), "--json", "-", *options]
    status = cli.main(words)
    said = capfd.readouterr()
    found = json.loads(said.out)
    assert "Traceback" not in said.err
    assert len(found["images"]) == 3
    if options == ["--mode", "explain"]:  # random weights write no score
        assert {image["raw"] is not None for image in found["images"]} == {True}
        return
    assert status == 0
    assert [image["rank"] for image in found["images"]] == [1, 2, 3]
    margins = [image["margin"] for image in found["images"]]
    assert margins == sorted(margins, reverse=True)
    if options == ["--elements"]:
        assert [len(image["elements"]) for image in found["images"]] == [2, 2, 2]


def test_a_quantised_folder_is_refused_in_one_sentence(
    checkpoint: Path, pictures: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(checkpoint, tmp_path / "awq")
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "awq", "bits": 4}
    (folder / "config.json").write_text(json.dumps(config))
    assert cli.main(["rank", "red cat", str(pictures), "--model", str(folder)]) == 1
    said = capfd.readouterr()
    assert "already quantised (awq)" in said.err
    assert "Traceback" not in said.err
