"""Downloads from a hub on this machine: whole, cut off, resumed, damaged, refused."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lychee_app.errors import CheckpointError, DownloadError
from lychee_app.model import checkpoints
from lychee_app.model.download import download
from lychee_app.model.scorer import open_scorer
from lychee_app.settings import Settings
from tests.model.conftest import candidate
from tests.support import tiny_checkpoint
from tests.support.fake_hub import REPO, Hub, serving

LARGEST = "model-00001-of-00004.safetensors"
"""Larger than one of the 10 MB pieces the hub's library writes."""
CHUNK = 10 << 20


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with what a download must leave alone, too."""
    folder = tmp_path_factory.mktemp("hub") / "repo"
    tiny_checkpoint.build(folder, naming="older", shards=4, tied=True, vocab_size=60_000)
    (folder / "modeling_evil.py").write_text("raise SystemExit")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    (folder / "consolidated.safetensors").write_bytes(b"another layout of the same")
    (folder / "nested").mkdir()
    (folder / "nested" / "config.json").write_text("{}")
    return folder


@pytest.fixture
def hub(published: Path, tmp_path: Path) -> Iterator[Hub]:
    with serving(Path(shutil.copytree(published, tmp_path / "repo", copy_function=_light_copy))) as hub:
        yield hub


def _light_copy(file: str, to: str) -> None:
    """Weights are linked: no test here changes them in place."""
    (os.link if file.endswith(".safetensors") else shutil.copyfile)(file, to)


@pytest.fixture(autouse=True)
def _online(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite runs with HF_HUB_OFFLINE; here there is a hub."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture
def online(hub: Hub, tmp_path: Path) -> Settings:
    return Settings(data_folder=tmp_path / "data", hub_endpoint=hub.url)


def test_a_download_can_be_opened_and_scores(hub: Hub, online: Settings) -> None:
    seen: list[tuple[int, int]] = []
    folder = download(REPO, online, lambda done, total: seen.append((done, total)))
    assert folder == checkpoints.own_folder(REPO, online)
    assert {file.name for file in folder.iterdir()} - wanted(hub) == {".download.json", ".download.lock"}
    assert wanted(hub) <= {file.name for file in folder.iterdir()}
    assert {total for _, total in seen} == {sum((hub.folder / name).stat().st_size for name in wanted(hub))}
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1]
    scorer = open_scorer(REPO, settings=replace(online, hub_offline=True), device="cpu", self_test=False)
    assert scorer.judge(candidate(), ["cat"])[0].margin is not None


def test_what_is_here_is_not_asked_for_again(hub: Hub, online: Settings) -> None:
    folder = download(REPO, online)
    hub.asked.clear()
    hub.fail_with = 500
    assert download(REPO, online) == folder
    assert hub.asked == []


def test_a_connection_cut_once_goes_on_where_it_was(hub: Hub, online: Settings) -> None:
    hub.cut, hub.cuts = {LARGEST: CHUNK + 1000}, 1
    folder = download(REPO, online)
    assert hub.ranges(LARGEST) == [None, f"bytes={CHUNK}-"]
    assert (folder / LARGEST).read_bytes() == (hub.folder / LARGEST).read_bytes()


def test_a_download_that_was_given_up_is_resumed_within_the_file(
    hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.cut = {LARGEST: 0}
    part = interrupted(hub, online)
    part.write_bytes((hub.folder / LARGEST).read_bytes()[:5000])
    hub.cut = {}
    hub.asked.clear()
    seen: list[int] = []
    folder = download(REPO, online, lambda done, total: seen.append(done))
    assert hub.ranges(LARGEST) == ["bytes=5000-"]
    assert all(hub.ranges(name) == [] for name in wanted(hub) if (folder / name).suffix == ".json")
    assert (folder / LARGEST).read_bytes() == (hub.folder / LARGEST).read_bytes()
    assert list(folder.glob("*.part")) == []


def test_half_a_download_is_said_to_be_half(
    hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.cut = {LARGEST: 0}
    interrupted(hub, online)
    with pytest.raises(CheckpointError, match="lychee download"):
        open_scorer(REPO, settings=online, self_test=False)


def test_a_process_killed_in_the_middle_loses_nothing(hub: Hub, online: Settings) -> None:
    """The file goes on from what the dead process had written."""
    code = (
        "import os, sys; from pathlib import Path; from lychee_app.settings import Settings\n"
        "from lychee_app.model.download import download\n"
        "def stop(done, total):\n    if done > total // 2: os._exit(9)\n"
        f"settings = Settings(data_folder=Path({str(online.data_folder)!r}), hub_endpoint={hub.url!r})\n"
        f"download({REPO!r}, settings, stop)"
    )
    environment = {"PATH": "", "HOME": str(online.data_folder), "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run([sys.executable, "-c", code], env=environment, check=False).returncode == 9
    folder = checkpoints.own_folder(REPO, online)
    (part,) = folder.glob("*.part")
    assert part.stat().st_size == CHUNK
    hub.asked.clear()
    download(REPO, online)
    assert hub.asked == [(LARGEST, f"bytes={CHUNK}-")]
    assert (folder / LARGEST).read_bytes() == (hub.folder / LARGEST).read_bytes()


def test_a_damaged_file_is_thrown_away_and_said(hub: Hub, online: Settings) -> None:
    hub.corrupt = {LARGEST}
    with pytest.raises(DownloadError, match="arrived damaged") as caught:
        download(REPO, online)
    assert caught.value.code == "checksum"
    assert not (checkpoints.own_folder(REPO, online) / LARGEST).exists()
    hub.corrupt = set()
    assert download(REPO, online)


def test_a_small_file_that_came_damaged_is_thrown_away_too(hub: Hub, online: Settings) -> None:
    hub.corrupt = {"tokenizer.json"}
    with pytest.raises(DownloadError, match=r"tokenizer\.json .* arrived damaged"):
        download(REPO, online)
    assert not (checkpoints.own_folder(REPO, online) / "tokenizer.json").exists()
    hub.corrupt = set()
    assert download(REPO, online)


def test_a_part_longer_than_its_file_is_begun_anew(
    hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.cut = {LARGEST: 0}
    part = interrupted(hub, online)
    part.write_bytes(bytes((hub.folder / LARGEST).stat().st_size + 1))
    hub.cut = {}
    hub.asked.clear()
    folder = download(REPO, online)
    assert hub.ranges(LARGEST) == [None]
    assert (folder / LARGEST).read_bytes() == (hub.folder / LARGEST).read_bytes()


def test_a_second_download_of_the_same_is_told_of_the_first(hub: Hub, online: Settings) -> None:
    told: list[DownloadError] = []

    def second(done: int, total: int) -> None:
        if not told:
            with pytest.raises(DownloadError, match="being downloaded already") as caught:
                download(REPO, online)
            told.append(caught.value)

    folder = download(REPO, online, second)
    assert [error.code for error in told] == ["download-busy"]
    assert (folder / LARGEST).read_bytes() == (hub.folder / LARGEST).read_bytes()


def test_a_file_that_changed_on_the_hub_is_fetched_anew(hub: Hub, online: Settings) -> None:
    folder = download(REPO, online)
    (folder / LARGEST).unlink()
    (hub.folder / "chat_template.json").write_text('{"chat_template": "new"}')
    download(REPO, online)
    assert (folder / "chat_template.json").read_text() == '{"chat_template": "new"}'


def test_another_architecture_is_refused_before_its_weights_are_fetched(hub: Hub, online: Settings) -> None:
    (hub.folder / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(CheckpointError, match="llava"):
        download(REPO, online)
    assert hub.ranges(LARGEST) == []


def test_a_repository_without_safetensors_is_refused(hub: Hub, online: Settings) -> None:
    for file in hub.folder.glob("*.safetensors"):
        file.unlink()
    with pytest.raises(DownloadError, match="no safetensors"):
        download(REPO, online)


def test_a_name_the_hub_does_not_know_is_said(online: Settings) -> None:
    with pytest.raises(DownloadError, match="no repository tests/other") as caught:
        download("tests/other", online)
    assert caught.value.code == "no-repository"


@pytest.mark.parametrize(("status", "code"), [(500, "hub-error"), (403, "hub-error")])
def test_a_hub_in_trouble_is_said(
    status: int, code: str, hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.fail_with = status
    with pytest.raises(DownloadError) as caught:
        download(REPO, online)
    assert caught.value.code == code


def test_without_a_network_the_message_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, hub_endpoint="http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="run the same command again") as caught:
        download(REPO, settings)
    assert caught.value.code == "no-network"


def test_without_a_network_a_mirror_is_asked(published: Path, tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, hub_endpoint="http://127.0.0.1:9")

    def mirror(repo: str, folder: Path) -> None:
        assert repo == REPO
        shutil.copytree(published, folder, dirs_exist_ok=True)

    assert download(REPO, settings, mirror=mirror) == checkpoints.own_folder(REPO, settings)


def test_a_mirror_that_fails_too_is_said_beside_the_first_reason(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, hub_endpoint="http://127.0.0.1:9")

    def mirror(repo: str, folder: Path) -> None:
        raise ValueError("closed on Sundays")

    with pytest.raises(DownloadError, match="closed on Sundays") as caught:
        download(REPO, settings, mirror=mirror)
    assert "run the same command again" in str(caught.value)


def test_offline_nothing_is_asked(hub: Hub, online: Settings) -> None:
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        download(REPO, replace(online, hub_offline=True))
    assert hub.asked == []


def test_a_folder_that_cannot_be_written_is_said(hub: Hub, online: Settings) -> None:
    online.data_folder.write_text("a file where a folder should be")
    with pytest.raises(DownloadError, match="cannot be written"):
        download(REPO, online)


def test_a_disk_too_small_is_said_before_the_download(
    hub: Hub, online: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=10))
    with pytest.raises(DownloadError, match="LYCHEE_HOME") as caught:
        download(REPO, online)
    assert caught.value.code == "disk-full"
    assert hub.asked == []


@pytest.mark.parametrize("name", ["", "no slash", "a/b/c", "../etc/passwd", "a/b?x=1", "https://a/b"])
def test_a_name_that_cannot_be_one_is_refused(name: str, online: Settings, hub: Hub) -> None:
    with pytest.raises(CheckpointError):
        download(name, online)
    assert hub.asked == []


def interrupted(hub: Hub, online: Settings) -> Path:
    """Runs a download that dies on the largest shard, and returns where its rest goes."""
    with pytest.raises(DownloadError) as caught:
        download(REPO, online)
    assert caught.value.code == "no-network"
    (part,) = checkpoints.own_folder(REPO, online).glob(f"{LARGEST}.*.part")
    return part


def wanted(hub: Hub) -> set[str]:
    return {
        file.name
        for file in hub.folder.iterdir()
        if file.suffix == ".json" or file.match("model*.safetensors")
    }
