"""The recipe itself, on a toy model: all lessons run, and what they write is a checkpoint."""

import contextlib
import io
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from lychee_app.demo import CHECKPOINT
from lychee_app.errors import UsageError
from lychee_app.model.scorer import open_scorer
from lychee_app.records import Candidate
from recipe import train
from recipe.material import load_material
from recipe.pack import save_arrays
from recipe.specimens import load_glyph_specimens, load_specimens
from recipe.tokens import read_tokenizer, train_tokenizer

Steps = list[tuple[str, list[float]]]
Taught = tuple[Path, Steps]
LESSONS = ["sprites", "see", "tell", "whole", "polish"]


def taught(build: Path, out: Path, *options: str) -> Steps:
    """Name and losses of the first step of each lesson."""
    toy = ("--small", "--scale", "0.125", "--workers", "0", "--device", "cpu", "--no-compiled")
    places = ("--build", str(build), "--out", str(out))
    threads, said = torch.get_num_threads(), io.StringIO()
    with contextlib.redirect_stdout(said):
        train.main([*places, *toy, "--threads", "1", *options])
    torch.set_num_threads(threads)
    lines = re.findall(r"^(\w+) 0 0\.000 losses ([\d. ]+) steps", said.getvalue(), re.MULTILINE)
    return [(name, [float(loss) for loss in losses.split()]) for name, losses in lines]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build folder: the material is what the package holds for measuring."""
    folder = tmp_path_factory.mktemp("build")
    material = folder / "material"
    material.mkdir()
    save_arrays(material / "trained.npz", load_specimens("trained"))
    save_arrays(material / "held_out.npz", load_specimens("held-out"))
    save_arrays(material / "glyphs.npz", load_glyph_specimens())
    shutil.copy(CHECKPOINT / "tokenizer.json", material)
    return folder


@pytest.fixture(scope="module")
def first(build: Path, tmp_path_factory: pytest.TempPathFactory) -> Taught:
    out = tmp_path_factory.mktemp("first")
    return out, taught(build, out, "--minutes", "0.03")


def test_every_lesson_runs_and_has_its_losses(first: Taught) -> None:
    found = dict(first[1])
    assert list(found) == LESSONS
    for name in ("sprites", "see"):
        assert found[name][:6] == [0.0] * 6
        assert min(found[name][6:]) > 0
    for name in ("tell", "whole", "polish"):
        judged, _, *others = found[name]
        assert min(judged, *others) > 0


def test_what_it_writes_is_a_checkpoint_that_judges(
    first: Taught,
) -> None:
    scorer = open_scorer(str(first[0]), device="cpu", self_test=False)
    image = Image.new("RGB", (168, 168), "red")
    replies = scorer.judge(Candidate(0, "red.png", "", image, 168, 168), ["red sofa", "猫"])
    assert all(0 <= (reply.p_yes or -1) <= 1 for reply in replies)


def test_going_on_from_a_checkpoint_keeps_its_tokenizer(first: Taught, build: Path, tmp_path: Path) -> None:
    """Material that was packed since has another one: the same ids would then mean other words."""
    shutil.copytree(build, tmp_path / "build")
    train_tokenizer(["other words"]).save(str(tmp_path / "build/material/tokenizer.json"))
    weights = ("--weights", str(first[0]))
    lessons = taught(tmp_path / "build", tmp_path / "out", *weights, "--start", "4", "--minutes", "0.01")
    assert [name for name, _ in lessons] == ["polish"]
    assert read_tokenizer(tmp_path / "out").get_vocab() == read_tokenizer(CHECKPOINT).get_vocab()


def test_without_its_tools_the_recipe_says_so_before_it_fetches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(UsageError, match=r"\[recipe\]"):
        load_material(tmp_path)
    assert not list(tmp_path.iterdir())
