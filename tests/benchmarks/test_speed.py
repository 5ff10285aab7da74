"""The speed benches run on a processor, say what they promise, and count what a pass needs."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from benchmarks import __main__ as bench
from benchmarks import floors, memory, photos, profiling, same, sides, throughput
from benchmarks.load import noise_image
from benchmarks.precision import largest_number
from lychee_app.model.threads import limited
from lychee_app.settings import Settings
from tests.support import tiny_checkpoint


def arguments(module: Any, *given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    module.add_arguments(parser)
    return parser.parse_args(list(given))


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """What is small runs faster so, and other work on the machine disturbs it less."""
    with limited(1):
        yield


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_checkpoint.build(tmp_path_factory.mktemp("tiny")))


def test_the_graph_bench_shows_both_sides_and_that_they_agree(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["graph", "--graph", "tiny", "--image-tokens", "4", "--repeats", "1", "--explain", "3", "--exact"]
    assert bench.main([*words, "--device", "cpu"]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    one, four = result["judge"]
    assert (one["rows"], four["rows"]) == (1, 4)
    assert max(one["margin_off"], four["margin_off"]) < 1e-4
    assert one["ratio"] == pytest.approx(one["published_ms"] / one["ours_ms"])
    assert result["rows"][0]["times_one_row"] == pytest.approx(four["ours_ms"] / one["ours_ms"])
    assert result["explain"]["same_tokens"] == 3
    assert result["passes"] == "FastForward + TorchOps"
    assert {off for each in (one, four) for off in each["off_exact"].values() if off > 1e-5} == set()


def test_the_yardstick_rounds_less_than_the_published_path() -> None:
    model = sides.random_model("tiny", torch.device("cpu"), torch.bfloat16)
    case = sides.new_case(model, 4, 2)
    (truth,) = sides.exact_logits(model, [case])
    assert model.lm_head.weight.dtype == torch.bfloat16
    published = sides.Published(model).judge(case)
    assert torch.equal(published, published.bfloat16().float())
    assert not torch.equal(truth, truth.bfloat16().float())
    torch.testing.assert_close(published, truth, atol=0.1, rtol=0.1)


def test_a_profile_counts_time_once_and_names_what_took_longest() -> None:
    spans = [
        profiling.Span("mm", 0, 3000),
        profiling.Span("norm", 2000, 4000),
        profiling.Span("mm", 6000, 7000),
    ]
    assert profiling.busy_ms(spans) == 5
    assert profiling.top(spans) == (("mm", 2, 4.0), ("norm", 1, 2.0))
    assert profiling.top(spans, 1) == (("mm", 2, 4.0),)


def test_a_pass_is_profiled() -> None:
    left = torch.ones(64, 64)
    found = profiling.profiled(lambda: left @ left, torch.device("cpu"))
    assert "aten::matmul" in [name for name, *_ in found.top]
    assert found.wall_ms > 0
    assert "kernels" in found.lines()[0]


def test_files_are_ranked_by_both_sides_and_the_stages_add_up(checkpoint: str) -> None:
    given = ("--model", checkpoint, "--images", "2", "--megapixels", "0.3", "--image-tokens", "16")
    result = throughput.run(
        arguments(throughput, *given, "--repeats", "1", "--scale", "2", "--device", "cpu")
    )
    stages = dict(result["stages_seconds"])
    assert stages.pop("total") == pytest.approx(sum(stages.values()))
    assert min(stages.values()) >= 0
    assert result["published_ms"] > 0
    assert result["p_yes_off"] < 0.05
    assert [each["images"] for each in result["scale"]] == [2]


def test_memory_is_read_after_every_round_and_tenth(checkpoint: str) -> None:
    given = (
        "--model",
        checkpoint,
        "--rounds",
        "1",
        "--images",
        "20",
        "--image-tokens",
        "4",
        "--device",
        "cpu",
    )
    result = memory.run(arguments(memory, *given))
    assert len(result["rounds"]) == 1
    assert [each["images"] for each in result["long_run"]] == list(range(2, 21, 2))
    assert min(each["process_bytes"] for each in result["long_run"]) > 0
    assert [each["failed"] for each in (*result["rounds"], *result["long_run"])] == [0] * 11


def test_a_score_is_the_same_again_and_moves_a_little_in_fewer_bits(checkpoint: str) -> None:
    given = ("--model", checkpoint, "--images", "2", "--image-tokens", "12", "--devices", "cpu")
    result = same.run(arguments(same, *given, "--precisions", "float32", "bfloat16", "float16"))
    exact, *others = result["sides"]
    assert [each["precision"] for each in result["sides"]] == ["float32", "bfloat16", "float16"]
    assert exact["off"]["margin"] == 0
    for each in result["sides"]:
        assert each["again"]["margin"] == 0
        assert each["alone"]["points"] < 0.05
        assert each["passes"] == "FastForward"
    bfloat16, float16 = (each["off"]["margin"] for each in others)
    assert 0 < float16 < bfloat16 < 1


def test_the_largest_number_is_one_that_is_met_on_the_way(checkpoint: str, tmp_path: Path) -> None:
    asked = [(noise_image(12, 0), ("a red cat",))]
    settings = Settings(data_folder=tmp_path)
    usual = largest_number(checkpoint, "cpu", settings, asked)
    assert 1 < usual < 1000

    def louder(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.language_model.embed_tokens.weight"] *= 10_000

    changed = tiny_checkpoint.changed(Path(checkpoint), tmp_path, louder)
    assert largest_number(str(changed), "cpu", settings, asked) > 1000


def test_a_limit_needs_a_card(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a card")
    assert bench.main(["memory", "--limit-gb", "24"]) == 1
    assert "this machine has none" in capsys.readouterr().err


def test_the_published_graph_needs_what_its_model_facts_say() -> None:
    """24.5 TFLOP for one image of 1260 tokens; 3.1 times one row for four; 3.3 ms for a token at 4.3 TB/s."""
    config = sides.config_of("7b")
    shape: Any = SimpleNamespace(
        text_config=SimpleNamespace(**config["text_config"]),
        vision_config=SimpleNamespace(spatial_merge_size=2, patch_size=14, **config["vision_config"]),
    )
    assert floors.judge(shape, 1260, [(0, 1351)], 2).flops == pytest.approx(24.5e12, rel=0.01)
    one, four = (floors.judge(shape, 1260, [(85, 1266)] * rows, 2).flops for rows in (1, 4))
    assert four / one == pytest.approx(3.1, abs=0.05)
    counted = floors.step(shape, 1400, 2)
    ceilings = floors.Ceilings(769e12, 4.3e12)
    assert ceilings.milliseconds(counted.flops, counted.weight_bytes) == pytest.approx(3.3, abs=0.1)


@given(st.integers(4, 1600))
def test_an_image_of_about_so_many_tokens_is_no_strip(tokens: int) -> None:
    rows, columns = sides.grid_of(tokens)
    assert rows % 2 == columns % 2 == 0
    assert rows <= columns <= 3 * rows
    assert 0.7 * tokens <= rows * columns // 4 <= tokens


def test_photos_are_of_the_asked_size_and_differ(tmp_path: Path) -> None:
    first, second = photos.write(tmp_path, 2, 0.3)
    with Image.open(first) as image:
        assert image.size == (640, 480)
    assert first.read_bytes() != second.read_bytes()
    assert photos.photo(0, 2.0).size == (1633, 1225)
