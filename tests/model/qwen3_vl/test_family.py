"""What a Qwen3-VL checkpoint says of itself, and how it is read, prompted and ended."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from lychee_app import prompt
from lychee_app.errors import CheckpointError
from lychee_app.model import checkpoints, loading, weights
from lychee_app.model.layout import budget
from lychee_app.model.pixels import patchify
from lychee_app.model.qwen3_vl import FAMILY
from lychee_app.model.tokens import Codec
from lychee_app.settings import Settings
from tests.model.conftest import QUERIES, candidate
from tests.support import tiny_qwen3_vl

IMAGE = Image.new("RGB", (96, 64))


@pytest.fixture(scope="module")
def processor(tiny: Path) -> Any:
    from transformers import AutoProcessor

    return AutoProcessor.from_pretrained(tiny)


@pytest.mark.parametrize("query", QUERIES)
def test_prompts_have_the_ids_of_the_published_template(query: str, tiny: Path, processor: Any) -> None:
    codec = Codec(tiny, weights.config_of(tiny)["image_token_id"])
    sent = codec.judge(query, prompt.DEFAULT_INSTRUCTION, 6)
    assert (sent.text, list(sent.ids)) == published(processor, prompt.judge_messages(query))
    for language in prompt.EXPLAIN_SYSTEM:
        sent = codec.explain(query, language, 6)
        assert (sent.text, list(sent.ids)) == published(processor, prompt.explain_messages(query, language))


def published(processor: Any, messages: list[prompt.Message]) -> tuple[str, list[int]]:
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    size = {"shortest_edge": 4096, "longest_edge": 16777216}
    return text, processor(text=[text], images=[IMAGE], size=size)["input_ids"][0]


@pytest.mark.parametrize("size", [(64, 96), (320, 32), (256, 256)])
def test_patches_are_those_of_the_published_image_processor(
    size: tuple[int, int], tiny: Path, processor: Any
) -> None:
    image = candidate(*size).image
    found, grid = patchify(image, weights.pixels_of(tiny), "cpu")
    limits = {"shortest_edge": 4096, "longest_edge": 16777216}
    wanted = processor.image_processor(images=[image], size=limits, return_tensors="pt")
    assert wanted["image_grid_thw"].tolist() == [[1, *grid]]
    torch.testing.assert_close(found, wanted["pixel_values"], atol=1e-5, rtol=1e-5)


def test_an_image_has_4_to_1800_tokens_of_32_px_whatever_the_file_says(tiny: Path) -> None:
    """The script of the release sets its own limits; the preprocessor file says 64 to 16384."""
    file = json.loads((tiny / "preprocessor_config.json").read_text())
    assert file["size"]["shortest_edge"] == 64 * 32 * 32
    found = budget(weights.pixels_of(tiny))
    assert (found.min_tokens, found.max_tokens, found.token_px) == (4, 1800, 32)


@pytest.mark.parametrize(("tied", "shards"), [(False, 1), (True, 3)])
def test_the_lean_reader_reads_what_transformers_reads(tied: bool, shards: int, tmp_path: Path) -> None:
    checkpoint = weights.inspect(tiny_qwen3_vl.build(tmp_path / "it", tied=tied, shards=shards))
    lean = loading.load_lean(checkpoint, "cpu", "float32")
    assert lean is not None
    full = loading.load(checkpoint, "cpu", "float32", tmp_path).model
    found, wanted = lean.model.state_dict(), full.state_dict()
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)
    pairs = (
        (each.model.visual.rotary_pos_emb, each.model.language_model.rotary_emb)
        for each in (lean.model, full)
    )
    for ours, theirs in zip(*pairs, strict=True):
        torch.testing.assert_close(ours.inv_freq, theirs.inv_freq)


def test_a_text_ends_where_the_text_config_says_if_nothing_else_does(tiny: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny, tmp_path / "it")
    (folder / "generation_config.json").unlink()
    found = weights.inspect(folder)
    assert weights.stop_ids(found) == {found.config["text_config"]["eos_token_id"]}


def test_both_releases_are_in_the_catalogue(settings: Settings, tmp_path: Path) -> None:
    found = {one.name: one for one in checkpoints.available(settings, cache=tmp_path)}
    sizes = [found[f"Qwen/Qwen3-VL-Reranker-{size}"].disk_bytes for size in ("2B", "8B")]
    assert sizes == [4_255_064_064, 17_534_247_392]


def test_the_numbers_of_a_release_are_those_of_its_bytes() -> None:
    """In BF16, a tied head once, with at most a header beside them."""
    for release in FAMILY.releases:
        assert 0 <= release.weight_bytes - 2 * sum(release.numbers) < 1e6, release.repository


SHAPES = {"2B": ("qwen3-2b", 0), "8B": ("qwen3-8b", 1)}


@pytest.mark.parametrize("size", SHAPES)
def test_the_releases_weigh_what_their_shape_says(size: str) -> None:
    """In BF16, a tied head once: the shapes that are measured are those of the releases."""
    from benchmarks import sides

    graph, index = SHAPES[size]
    kind = FAMILY.model_class()
    with torch.device("meta"):
        model = kind(kind.config_class(**sides.config_of(graph)))
    assert 2 * sum(each.numel() for each in model.parameters()) == FAMILY.releases[index].weight_bytes


REFUSED = {
    "experts": ({"model_type": "qwen3_vl_moe"}, "experts", "mixture of experts"),
    "experts with a head": (
        {"model_type": "qwen3_vl_moe", "architectures": ["Qwen3VLMoeModel"]},
        "experts",
        "mixture of experts",
    ),
    "CLIP": ({"model_type": "clip", "architectures": ["CLIPModel"]}, "architecture", "clip"),
    "a text encoder": (
        {"model_type": "bert", "architectures": ["BertModel"], "vocab_size": 9, "vision_config": None},
        "text-only",
        "bert",
    ),
    "pixels alone": (
        {"model_type": "vit", "architectures": ["ViTModel"], "vision_config": None},
        "architecture",
        "vit",
    ),
    "a reranker of text": (
        {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vision_config": None},
        "text-only",
        "sees no image",
    ),
    "jina-reranker-m0": (
        {"model_type": "qwen2_vl", "architectures": ["JinaVLForRanking"]},
        "architecture",
        "qwen2_vl",
    ),
    "a scoring head on our own": (
        {"architectures": ["Qwen3VLForSequenceClassification"]},
        "scoring-head",
        "Qwen3VLForSequenceClassification",
    ),
    "AWQ": ({"quantization_config": {"quant_method": "awq", "bits": 4}}, "quantised", "awq"),
    "GPTQ": ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantised", "gptq"),
    "another family": ({"model_type": "qwen2_vl"}, "architecture", "qwen2_vl"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_kin_that_cannot_be_read_is_refused_with_what_to_take(case: str, tiny: Path, tmp_path: Path) -> None:
    changes, code, said = REFUSED[case]
    folder = shutil.copytree(tiny, tmp_path / "it")
    config = {**json.loads((folder / "config.json").read_text()), **changes}
    config = {key: value for key, value in config.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=said) as caught:
        weights.inspect(folder)
    assert caught.value.code == code
    assert "Qwen/Qwen3-VL-Reranker-2B" in str(caught.value)


def test_a_folder_of_gguf_files_is_refused_with_what_to_take(tmp_path: Path) -> None:
    (tmp_path / "Qwen3-VL-Reranker-2B-Q4_K_M.gguf").write_bytes(b"GGUF")
    with pytest.raises(CheckpointError, match=r"llama\.cpp's format.*Qwen/Qwen3-VL-Reranker-2B") as caught:
        weights.inspect(tmp_path)
    assert caught.value.code == "gguf"


def test_a_gguf_file_by_its_own_name_is_refused_the_same(tmp_path: Path, settings: Settings) -> None:
    file = tmp_path / "it.gguf"
    file.write_bytes(b"GGUF")
    with pytest.raises(CheckpointError) as caught:
        checkpoints.hash_of(str(file), settings)
    assert (caught.value.code, "it.gguf" in str(caught.value)) == ("gguf", True)


@pytest.mark.parametrize(
    ("file", "code"),
    [("x.gguf", "gguf"), ("x.bin", "weights-of-other-kind"), ("adapter_config.json", "adapter")],
)
def test_weights_that_are_whole_but_of_no_use_are_not_called_half_downloaded(
    file: str, code: str, tiny: Path, tmp_path: Path
) -> None:
    shutil.copy(tiny / "config.json", tmp_path)
    shutil.copy(tiny / "tokenizer.json", tmp_path)
    (tmp_path / file).write_text("{}")
    for _ in range(2):
        with pytest.raises(CheckpointError) as caught:
            weights.inspect(tmp_path)
        assert caught.value.code == code
        assert "download" not in str(caught.value)
        (tmp_path / "config.json").unlink(missing_ok=True)


def test_a_shard_cut_short_is_refused(tmp_path: Path) -> None:
    folder = tiny_qwen3_vl.build(tmp_path / "it", shards=3)
    shard = sorted(folder.glob("*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="run `lychee download`") as caught:
        weights.inspect(folder)
    assert caught.value.code == "shard-truncated"
