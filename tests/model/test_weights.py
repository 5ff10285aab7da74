"""Folders broken in every way, each refused with what is wrong and what to do; and who a checkpoint is."""

import itertools
import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lychee_app.errors import CheckpointError
from lychee_app.model import weights
from tests.support import tiny_checkpoint

SHARD = "model-00002-of-00004.safetensors"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoint.build(tmp_path_factory.mktemp("whole") / "it", naming="older", shards=4)


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def test_a_whole_checkpoint_is_told_by_its_headers(whole: Path) -> None:
    found = weights.inspect(whole)
    assert len(found.shards) == 4
    assert found.dtype == "F32"
    assert found.weight_bytes == sum(
        tensor.numel() * 4 for tensor in tiny_checkpoint.random_tensors(whole).values()
    )


def truncate(by: int) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        data = (folder / SHARD).read_bytes()
        (folder / SHARD).write_bytes(data[: len(data) - by] if by > 0 else data[:-by])

    return change


def overwrite(name: str, data: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(data)

    return change


def header(entry: dict[str, object]) -> Callable[[Path], None]:
    """A shard of one tensor of 4 bytes that is told of like this."""
    text = json.dumps({"a": {"shape": [1], **entry}}).encode()
    return overwrite(SHARD, struct.pack("<Q", len(text)) + text + bytes(4))


def edit(name: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        values = json.loads((folder / name).read_text("utf-8"))
        change(values)
        (folder / name).write_text(json.dumps(values), "utf-8")

    return apply


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def only_a_pickle(folder: Path) -> None:
    for file in folder.glob("model*"):
        file.unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def dangling(folder: Path) -> None:
    (folder / SHARD).unlink()
    (folder / SHARD).symlink_to(folder / "gone")


INDEX = weights.INDEX
FAULTS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "no config": (remove("config.json"), "config-missing", "config.json"),
    "config no JSON": (overwrite("config.json", b"<html>"), "config-broken", "config.json"),
    "config a list": (overwrite("config.json", b"[]"), "config-odd", "config.json"),
    "config of nothing": (overwrite("config.json", b"{}"), "config-odd", "config.json"),
    "config binary": (overwrite("config.json", b"\xff\xfe\x00"), "config-broken", "config.json"),
    "architecture": (
        edit("config.json", lambda v: v.update(model_type="qwen2_vl")),
        "architecture",
        "qwen2_vl",
    ),
    "no architecture": (edit("config.json", lambda v: v.pop("model_type")), "config-odd", "config.json"),
    "no tokenizer": (remove("tokenizer.json"), "tokenizer-missing", "tokenizer.json"),
    "no index": (remove(INDEX), "weights-missing", "no safetensors"),
    "only a pickle": (only_a_pickle, "weights-of-other-kind", "pytorch_model.bin"),
    "index no JSON": (overwrite(INDEX, b"{"), "index-broken", "index.json"),
    "index empty": (overwrite(INDEX, b'{"weight_map": {}}'), "index-without-shards", "no shards"),
    "index outside": (
        overwrite(INDEX, b'{"weight_map": {"a": "../b.safetensors"}}'),
        "index-without-shards",
        "outside",
    ),
    "index numbers": (overwrite(INDEX, b'{"weight_map": {"a": 3}}'), "index-broken", "index.json"),
    "index too much": (
        edit(INDEX, lambda v: v["weight_map"].update(extra=SHARD)),
        "shard-incomplete",
        "extra",
    ),
    "no shard": (remove(SHARD), "shard-missing", SHARD),
    "a link to nowhere": (dangling, "shard-missing", SHARD),
    "truncated by one byte": (truncate(1), "shard-truncated", SHARD),
    "truncated in the header": (truncate(-100), "shard-broken", SHARD),
    "truncated to 3 bytes": (truncate(-3), "shard-broken", SHARD),
    "empty": (overwrite(SHARD, b""), "shard-broken", SHARD),
    "too long": (lambda folder: append(folder / SHARD), "shard-truncated", SHARD),
    "header of nonsense": (
        overwrite(SHARD, struct.pack("<Q", 4) + b"nope" + bytes(64)),
        "shard-broken",
        SHARD,
    ),
    "header too long": (overwrite(SHARD, struct.pack("<Q", 1 << 62) + bytes(64)), "shard-broken", SHARD),
    "a tensor of no kind": (header({"data_offsets": [0, 4]}), "shard-broken", SHARD),
    "a kind that is a number": (header({"dtype": 1, "data_offsets": [0, 4]}), "shard-broken", SHARD),
    "a tensor without a start": (header({"dtype": "F32", "data_offsets": [None, 4]}), "shard-broken", SHARD),
    "a tensor that ends first": (header({"dtype": "F32", "data_offsets": [9, 4]}), "shard-broken", SHARD),
    "header without tensors": (overwrite(SHARD, struct.pack("<Q", 2) + b"{}"), "shard-broken", SHARD),
    "a web page": (overwrite(SHARD, b"<!DOCTYPE html><html>not found</html>"), "shard-broken", SHARD),
    "a large file pointer": (
        overwrite(SHARD, b"version https://git-lfs.github.com/spec/v1\n"),
        "shard-broken",
        SHARD,
    ),
}


def append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + b"\0")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_folder_is_refused_with_what_is_wrong_and_what_to_do(fault: str, folder: Path) -> None:
    change, code, named = FAULTS[fault]
    change(folder)
    with pytest.raises(CheckpointError) as caught:
        weights.inspect(folder)
    assert caught.value.code == code
    assert named in str(caught.value)
    assert any(
        step in str(caught.value)
        for step in (
            "lychee download",
            "Choose one of: Qwen2.5-VL (vec-ai/lychee-rerank-mm)",
            "Take a release in",
        )
    )


def test_no_folder_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a folder"):
        weights.inspect(tmp_path / "nothing")


def test_identity_is_stable_and_does_not_depend_on_the_place(whole: Path, folder: Path) -> None:
    first = weights.identity(weights.inspect(whole))
    assert len(first) == 16
    assert weights.identity(weights.inspect(folder)) == first


@pytest.mark.parametrize(
    "change",
    [
        edit("config.json", lambda values: values.update(rms_norm_eps=1e-5)),
        edit("tokenizer.json", lambda values: values["model"]["merges"].pop()),
        edit("chat_template.json", lambda values: values.update(chat_template="other")),
        edit("preprocessor_config.json", lambda values: values.update(image_mean=[0, 0, 0])),
        lambda folder: flip(folder / SHARD, -1),
        lambda folder: flip(folder / SHARD, 2000),
        lambda folder: flip(folder / SHARD, (folder / SHARD).stat().st_size // 3),
    ],
)
def test_identity_changes_with_anything_a_score_depends_on(
    change: Callable[[Path], None], whole: Path, folder: Path
) -> None:
    change(folder)
    assert weights.identity(weights.inspect(folder)) != weights.identity(weights.inspect(whole))


def test_identity_of_a_large_shard_sees_one_small_tensor_trained(tmp_path: Path) -> None:
    sizes = {"a": 200_000_000, "b": 8192, "c": 100_000_000}
    identities = []
    for value in (0, 1):
        shard = sparse(tmp_path / f"{value}.safetensors", sizes, {"b": bytes([value]) * 8192})
        identities.append(weights.identity(weights.Checkpoint(tmp_path, {}, (shard,), 0, "BF16")))
    assert identities[0] != identities[1]


def sparse(file: Path, sizes: dict[str, int], values: dict[str, bytes]) -> weights.Shard:
    """A file of zeros, which takes no room, but for some tensors. Named alike, as its name counts too."""
    ends = dict(zip(sizes, itertools.accumulate(sizes.values()), strict=True))
    offsets = {name: [ends[name] - size, ends[name]] for name, size in sizes.items()}
    header = json.dumps({name: {"data_offsets": span} for name, span in offsets.items()}).encode()
    with file.open("wb") as stream:
        stream.truncate(8 + len(header) + sum(sizes.values()))
        for name, value in values.items():
            stream.seek(8 + len(header) + offsets[name][0])
            stream.write(value)
    here = file.rename(file.with_name("model.safetensors"))
    return weights.Shard(here, here.stat().st_size, header, frozenset(sizes))


def flip(file: Path, place: int) -> None:
    data = bytearray(file.read_bytes())
    header = 8 + struct.unpack("<Q", data[:8])[0]
    data[header + place if place > 0 else place] ^= 255
    file.write_bytes(data)


def test_stop_tokens_come_from_the_generation_config_first(folder: Path) -> None:
    config = weights.inspect(folder).config
    assert weights.stop_ids(weights.inspect(folder)) == {config["eos_token_id"], config["bos_token_id"]}
    (folder / "generation_config.json").unlink()
    assert weights.stop_ids(weights.inspect(folder)) == {config["eos_token_id"]}
    (folder / "generation_config.json").write_text("nonsense")
    with pytest.raises(CheckpointError, match="generation_config"):
        weights.stop_ids(weights.inspect(folder))
