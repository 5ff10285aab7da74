"""Names -> folders: the cache of the hub, our own folder, a path, the demo; and what a machine can run."""

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from lychee_app.errors import CheckpointError
from lychee_app.model import checkpoints, memory
from lychee_app.model.advice import Rates
from lychee_app.model.checkpoints import available, locate
from lychee_app.model.download import download
from lychee_app.model.families import families
from lychee_app.model.loading import choose_device
from lychee_app.settings import Settings

GB = 1 << 30
CARD = Rates("cuda:0", dict.fromkeys(("float32", "bfloat16", "int8", "int4"), 8e13), 8e11, 24 * GB)
LYCHEE = 16_584_333_312


@pytest.fixture
def cache(tiny: Path, tmp_path: Path) -> Path:
    """A hub cache as huggingface_hub lays it out, with one checkpoint of ours and one of another kind."""
    for name, text in (("models--some--tiny", None), ("models--some--bert", '{"model_type": "bert"}')):
        snapshot = tmp_path / "cache" / name / "snapshots" / "abc"
        snapshot.parent.mkdir(parents=True)
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs" / "main").write_text("abc")
        shutil.copytree(tiny, snapshot)
        if text:
            (snapshot / "config.json").write_text(text)
    return tmp_path / "cache"


def test_a_folder_is_found_by_path_and_by_text(tiny: Path, settings: Settings) -> None:
    assert locate(tiny, settings) == locate(str(tiny), settings) == tiny


def test_a_relative_folder_is_found(tiny: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.parent)
    assert locate(tiny.name, settings).resolve() == tiny
    assert locate(f"./{tiny.name}", settings).resolve() == tiny


def test_a_folder_called_lychee_does_not_hide_the_name(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lychee").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match="is not on this machine"):
        locate("lychee", settings, tmp_path)
    assert locate("./lychee", settings) == Path("lychee")


@pytest.mark.parametrize("name", ["somebody/" + "x" * 300, "some--body/model", "a/b..c", "a/b.git"])
def test_what_the_hub_would_not_call_a_model_is_no_name(name: str, settings: Settings) -> None:
    with pytest.raises(CheckpointError) as caught:
        locate(name, settings)
    assert caught.value.code == "unknown-name"


def test_a_name_is_found_in_the_hubs_cache(cache: Path, settings: Settings) -> None:
    assert locate("some/tiny", settings, cache) == cache / "models--some--tiny" / "snapshots" / "abc"


def test_what_was_downloaded_here_comes_before_the_hubs_cache(
    cache: Path, tiny: Path, settings: Settings
) -> None:
    own = checkpoints.own_folder("some/tiny", settings)
    shutil.copytree(tiny, own)
    assert locate("some/tiny", settings, cache) == own


def test_a_name_that_is_not_here_says_how_to_fetch_it(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="lychee download lychee") as caught:
        locate("lychee", settings, tmp_path)
    assert "vec-ai/lychee-rerank-mm" in str(caught.value)
    assert caught.value.code == "not-downloaded"


@pytest.mark.parametrize("name", ["somebody", "", "a/b/c", "a b/c", "http://a/b"])
def test_a_name_that_cannot_be_one_lists_what_can(name: str, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"demo, lychee, a hub name .* or a folder"):
        locate(name, settings, tmp_path)


def test_auto_is_the_demo_where_there_is_no_lychee(
    settings: Settings, tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "DEMO_FOLDER", tiny)
    assert locate("auto", settings, tmp_path) == tiny


def test_auto_is_the_best_that_is_here_whole_and_fits(settings: Settings, tiny: Path) -> None:
    own, small = (
        checkpoints.own_folder(name, settings)
        for name in ("vec-ai/lychee-rerank-mm", "Qwen/Qwen3-VL-Reranker-2B")
    )
    for folder in (own, small):
        shutil.copytree(tiny, folder)
    assert checkpoints.automatic(settings, CARD) == "lychee"
    assert checkpoints.automatic(settings, replace(CARD, free_bytes=7 * GB)) == "Qwen/Qwen3-VL-Reranker-2B"
    assert checkpoints.automatic(settings, replace(CARD, free_bytes=1 * GB)) == "demo"
    (own / "model.safetensors").unlink()
    assert checkpoints.automatic(settings, CARD) == "Qwen/Qwen3-VL-Reranker-2B"


def test_what_is_advised_is_told_with_its_download(settings: Settings, tmp_path: Path) -> None:
    found = checkpoints.advised(settings, CARD, tmp_path)
    assert found is not None
    assert "lychee" in str(found.advised)
    assert "16.6 GB to download" in str(found.advised)
    assert checkpoints.advised(settings, replace(CARD, free_bytes=0), tmp_path) is None
    assert "too small" in str(checkpoints.too_small())


def test_an_installation_without_the_demo_says_so(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "DEMO_FOLDER", tmp_path / "none")
    with pytest.raises(CheckpointError, match="Install the package again"):
        locate("demo", settings)


def test_the_picker_shows_what_is_here_and_what_is_not(cache: Path, settings: Settings) -> None:
    shown = {status.name: status for status in available(settings, CARD, cache)}
    assert shown["some/tiny"].state == "ready"
    assert shown["some/tiny"].advice.fits
    assert shown["lychee"].state == "missing"
    assert "lychee download" in str(shown["lychee"].problem)
    assert shown["lychee"].disk_bytes == LYCHEE
    assert "some/bert" not in shown
    assert "demo" in shown


def test_the_picker_shows_what_was_downloaded_here(tiny: Path, settings: Settings, tmp_path: Path) -> None:
    own = checkpoints.own_folder("Some/tiny-7B", settings)
    shutil.copytree(tiny, own)
    for name, text in (("some--bert", '{"model_type": "bert"}'), ("odd name--x", '"qwen2_5_vl"')):
        shutil.copytree(tiny, own.parent / name)
        (own.parent / name / "config.json").write_text(text)
    shown = {status.name: status for status in available(settings, CARD, tmp_path / "no cache")}
    assert (shown["Some/tiny-7B"].state, shown["Some/tiny-7B"].problem) == ("ready", None)
    known = {release.alias or release.repository for family in families() for release in family.releases}
    assert set(shown) == {"demo", *known, "Some/tiny-7B"}
    (own / "model.safetensors").unlink()
    shown = {status.name: status for status in available(settings, CARD, tmp_path / "no cache")}
    assert shown["Some/tiny-7B"].state == "broken"


def test_the_card_that_is_told_of_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    cards = [SimpleNamespace(name=f"{size} GB", total_memory=size * GB) for size in (8, 24, 24)]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(cards))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: cards[index])
    machine = memory.machine()
    assert (machine.card, machine.card_bytes) == ("24 GB", 24 * GB)
    assert choose_device(None) == "cuda:1"
    assert choose_device("cuda") == "cuda:0"


def test_the_picker_says_what_is_broken(cache: Path, settings: Settings) -> None:
    (cache / "models--some--tiny" / "snapshots" / "abc" / "model.safetensors").write_bytes(b"x")
    shown = {status.name: status for status in available(settings, CARD, cache)}
    assert shown["some/tiny"].state == "broken"
    assert "model.safetensors" in str(shown["some/tiny"].problem)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lyche", "lychee"),
        ("Lychee", "lychee"),
        ("demoo", "demo"),
        ("vec-ai/lychee-rerank", "vec-ai/lychee-rerank-mm"),
        ("qwen/qwen3-vl-reranker-2b", "Qwen/Qwen3-VL-Reranker-2B"),
        ("Qwen/Qwen3-VL-Rerankr-8B", "Qwen/Qwen3-VL-Reranker-8B"),
    ],
)
def test_a_misspelt_name_is_told_with_what_it_is_likely_to_mean(
    typed: str, meant: str, settings: Settings, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError) as caught:
        locate(typed, settings, tmp_path)
    assert f"Did you mean {meant}?" in str(caught.value)


@pytest.mark.parametrize("name", ["Qwen/Qwen3-VL-Reranker-4B", "somebody/model", "vec-ai/lychee-rerank-mm"])
def test_another_model_is_no_misspelling(name: str, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        locate(name, settings, tmp_path)
    assert caught.value.code == "not-downloaded"


@pytest.mark.parametrize("path", ["./nothere", "/nowhere/at/all", "~/nothere", "../nothere.gguf"])
def test_a_path_to_nothing_is_told_as_it_was_typed(path: str, settings: Settings) -> None:
    with pytest.raises(CheckpointError) as caught:
        locate(path, settings)
    assert (caught.value.code, f"no {path}." in str(caught.value)) == ("checkpoint-missing", True)


def test_a_folder_that_cannot_be_one_is_not_asked_of_the_hub(tmp_path: Path, settings: Settings) -> None:
    (tmp_path / "config.json").write_text("{}")
    for path in (tmp_path, tmp_path / "nothere"):
        with pytest.raises(CheckpointError) as caught:
            download(str(path), settings)
        assert caught.value.code in {"config-odd", "checkpoint-missing"}
