"""The committed checkpoint: what it is, and that it ranks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

from benchmarks.demo import Pairs, answered, auc, ndcg, spearman
from lychee_app import demo
from lychee_app.demo import CHECKPOINT, CHECKPOINT_HASH
from lychee_app.demo.knowledge import as_explained
from lychee_app.intake import prepare
from lychee_app.model.scorer import open_scorer
from lychee_app.model.threads import limited
from lychee_app.parse import parse
from lychee_app.prompt import judge_messages
from lychee_app.query import language
from lychee_app.records import Candidate, Scorer, Source
from lychee_app.settings import Settings
from recipe.exam import Examiner
from recipe.phrases import Phrases
from recipe.specimens import load_glyph_specimens, load_specimens


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with limited(1):
        yield


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Scorer:
    return open_scorer("demo", settings=Settings(data_folder=tmp_path_factory.mktemp("home")), device="cpu")


def test_it_is_known_by_its_hash(scorer: Scorer) -> None:
    assert scorer.info.checkpoint_hash == CHECKPOINT_HASH


@pytest.fixture(scope="module")
def examiner() -> Examiner:
    return Examiner(load_specimens("trained"), load_glyph_specimens(), Phrases.known(), seed=5)


@pytest.fixture(scope="module")
def mixed(scorer: Scorer, examiner: Examiner) -> Pairs:
    return answered(scorer, examiner.mixed_scenes(24))


@pytest.fixture(scope="module")
def gallery(scorer: Scorer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Candidate, float]]:
    """Each scene with its truth, prepared as the product does it."""
    folder = tmp_path_factory.mktemp("gallery")
    demo.write_gallery(folder)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["images"]
    sources = enumerate(Source(name, path=folder / name) for name in truth)
    ready = prepare(sources, scorer.info.budget, Settings(data_folder=folder))
    return {one.name: (one, truth[one.name]) for one in ready if isinstance(one, Candidate)}


def test_it_is_small_and_complete() -> None:
    names = {path.name for path in CHECKPOINT.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "preprocessor_config.json"} <= names
    assert {"chat_template.json", "chat_template.jinja", "tokenizer_config.json"} <= names
    assert sum(path.stat().st_size for path in CHECKPOINT.iterdir()) <= 24_000_000


def test_the_published_classes_load_it_and_yes_and_no_are_one_token_each() -> None:
    processor: Any = AutoProcessor.from_pretrained(CHECKPOINT)
    model: Any = Qwen2_5_VLForConditionalGeneration.from_pretrained(CHECKPOINT)
    assert model.dtype == torch.bfloat16
    assert [len(processor.tokenizer.encode(word, add_special_tokens=False)) for word in ("yes", "no")] == [
        1,
        1,
    ]
    text = processor.apply_chat_template(judge_messages("cat"), add_generation_prompt=True, tokenize=False)
    assert text.endswith("<|im_start|>assistant\n")
    assert "<|vision_start|><|image_pad|><|vision_end|>" in text


def test_an_image_of_any_size_gets_at_most_49_tokens() -> None:
    processor: Any = AutoProcessor.from_pretrained(CHECKPOINT)
    for size in ((4000, 3000), (60, 50), (500, 1500)):
        _, rows, columns = processor.image_processor(Image.new("RGB", size))["image_grid_thw"][0].tolist()
        assert 16 <= rows * columns // 4 <= 49


def test_full_matches_score_above_no_matches(mixed: Pairs) -> None:
    assert auc(mixed) >= 0.99


def test_objects_in_a_drawing_style_never_trained_on_are_told_apart(scorer: Scorer) -> None:
    strange = Examiner(load_specimens("held-out"), load_glyph_specimens(), Phrases.known(), seed=6)
    assert auc(answered(scorer, strange.mixed_scenes(15))) >= 0.95


def test_scores_follow_the_share_of_elements(mixed: Pairs) -> None:
    scores, truths = mixed
    assert spearman(scores, truths) >= 0.9
    assert np.mean(np.abs(np.subtract(scores, truths))) < 0.7


def test_an_object_in_another_colour_scores_in_between(scorer: Scorer, gallery: dict[str, Any]) -> None:
    sofas = [one for one, truth in gallery.values() if truth == 1.0]
    replies = [scorer.judge(one, ["green sofa", "red sofa", "green elephant"]) for one in sofas]
    right, other, none = (float(np.mean([row[at].p_yes or 0.0 for row in replies])) for at in range(3))
    assert right > 0.8
    assert 0.35 < other < 0.65
    assert none < 0.2


def test_scenes_of_words_alone_score_low(scorer: Scorer, examiner: Examiner) -> None:
    scores, _ = answered(scorer, examiner.written(12))
    assert sum(scores) / len(scores) < 2


@pytest.mark.parametrize("query", ["绿色沙发 + brass lamp + 手冲咖啡", "green sofa, brass lamp and coffee"])
def test_an_explanation_speaks_the_query_s_language_and_ends_in_a_score(
    scorer: Scorer, gallery: dict[str, Any], query: str
) -> None:
    for candidate, _ in list(gallery.values())[:2]:
        reply = scorer.explain(candidate, query)
        assert language(reply.text) == language(query)
        assert parse(reply.text).score is not None
        assert len(reply.generated_ids) <= 64


@pytest.mark.parametrize(
    ("query", "missed"), [("cat on a green sofa", "no cat."), ("沙发上的猫", "没有猫。")]
)
def test_words_that_say_nothing_are_not_looked_for(
    scorer: Scorer, gallery: dict[str, Any], query: str, missed: str
) -> None:
    candidate, _ = gallery["scene-03.webp"]
    reply = scorer.explain(candidate, as_explained(query))
    assert missed in reply.text
    assert parse(reply.text).score == 5.0


def test_the_gallery_is_ranked_by_what_it_shows_in_both_languages(
    scorer: Scorer, gallery: dict[str, Any]
) -> None:
    truths = [truth for _, truth in gallery.values()]
    assert len(truths) == 32
    texts = list(demo.GALLERY_QUERIES.values())
    replies = [scorer.judge(one, texts) for one, _ in gallery.values()]
    for text, asked in zip(texts, zip(*replies, strict=True), strict=True):
        assert ndcg([reply.p_yes or 0.0 for reply in asked], truths) > 0.999, text


def test_the_card_and_the_notice_are_there() -> None:
    folder = Path(demo.__file__).parent
    assert "CC-BY 4.0" in (folder / "NOTICE.md").read_text(encoding="utf-8")
    assert "drawn objects" in (folder / "MODEL_CARD.md").read_text(encoding="utf-8")
