"""The load bench, with the graph shrunk: it measures the loading code that a user runs."""

import argparse
from pathlib import Path

import pytest

from benchmarks import load, random_weights
from lychee_app.errors import UsageError
from lychee_app.model import weights


def test_the_bench_loads_both_namings_from_four_shards(tiny: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    load.add_arguments(parser)
    options = ["--files", str(tiny), "--graph", "tiny", "--scratch", str(tmp_path), "--device", "cpu"]
    found = load.run(parser.parse_args([*options, "--images", "2", "--tokens", "20", "--explain", "3"]))
    assert found["namings"].keys() == {"older", "current"}
    for record in found["namings"].values():
        assert record["weight_bytes"] > 0
        assert 0 < record["seconds_per_image"] < 60
        assert 1 <= record["explain_tokens"] <= 3
        assert record["peak_bytes"] > 0
    assert list(tmp_path.iterdir()) == []


def test_a_shape_of_another_family_takes_only_the_tokenizer(tiny: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    load.add_arguments(parser)
    options = ["--files", str(tiny), "--graph", "qwen3-tiny", "--keep", str(tmp_path / "kept")]
    options += ["--device", "cpu", "--naming", "current", "--images", "1", "--tokens", "4"]
    found = load.run(parser.parse_args(options))
    assert found["namings"]["current"]["seconds_per_image"] > 0
    assert weights.inspect(tmp_path / "kept").family.label == "Qwen3-VL"


def test_weights_are_kept_where_that_is_asked_for(tiny: Path, tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    load.add_arguments(parser)
    options = ["--files", str(tiny), "--graph", "tiny", "--keep", str(tmp_path / "kept"), "--device", "cpu"]
    with pytest.raises(UsageError, match="one set of weights"):
        load.run(parser.parse_args(options))
    load.run(parser.parse_args([*options, "--naming", "older", "--images", "1", "--tokens", "4"]))
    assert len(weights.inspect(tmp_path / "kept").shards) == 4


@pytest.mark.parametrize(("naming", "first"), [("older", "visual."), ("current", "model.visual.")])
def test_random_weights_are_laid_out_as_published(
    naming: random_weights.Naming, first: str, tiny: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_bytes((tiny / "config.json").read_bytes())
    (tmp_path / "tokenizer.json").write_bytes((tiny / "tokenizer.json").read_bytes())
    size = random_weights.write(tmp_path, naming)
    found = weights.inspect(tmp_path)
    assert [shard.file.name for shard in found.shards] == [
        f"model-{number:05}-of-00004.safetensors" for number in (1, 2, 3, 4)
    ]
    assert (found.weight_bytes, found.dtype) == (size, "BF16")
    assert any(name.startswith(first) for shard in found.shards for name in shard.names)
