"""The batched forward pass of training computes what the published classes compute."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoProcessor, Qwen2_5_VLForConditionalGeneration

from lychee_app.demo import CHECKPOINT
from lychee_app.model.threads import limited
from lychee_app.prompt import explain_messages, judge_messages
from lychee_app.query import language
from recipe.batches import BatchMaker, Sizes, seen_in
from recipe.drawing import Painter
from recipe.learning import Pupil, make_constants
from recipe.network import look, make_canvas, normalised, patches_of
from recipe.phrases import Phrases
from recipe.scenes import Look, random_scenes
from recipe.seeing import Namer
from recipe.specimens import load_glyph_specimens, load_specimens

GRIDS = [(6, 6), (4, 9), (8, 4), (3, 12)]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with limited(1):
        yield


@pytest.fixture(scope="module")
def model() -> Any:
    return Qwen2_5_VLForConditionalGeneration.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def processor() -> Any:
    return AutoProcessor.from_pretrained(CHECKPOINT)


class Desk:
    """Two scenes of one canvas with three queries each: two judged, one explained."""

    def __init__(self, grid: tuple[int, int], model: Any) -> None:
        art, glyphs, random = load_specimens("held-out"), load_glyph_specimens(), np.random.default_rng(2)
        known = Look(art.present, art.natural, art.shades, glyphs.objects, glyphs.widths)
        painter, phrases = Painter(art, glyphs), Phrases.known()
        tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
        maker = BatchMaker(tokenizer, phrases, known, 0)
        scenes = random_scenes(random, 2, grid, known)
        seen = [seen_in(scenes, index, known) for index in range(2)]
        self.asked = [[phrases.query(random, one) for _ in range(3)] for one in seen]
        self.batch = maker.about(scenes, seen, self.asked, Sizes(2, judged=2, explained=1))
        self.pictures = [painter.picture(scenes, index) for index in range(2)]
        width = model.config.text_config.hidden_size
        self.pupil = Pupil(model, Namer(width, art.present.shape[1]), make_constants(maker, "cpu")).eval()
        self.canvas = make_canvas(grid)

    def shown(self) -> Any:
        pictures = torch.stack([torch.from_numpy(np.array(one)) for one in self.pictures])
        tokens = look(self.pupil.model, normalised(patches_of(pictures.permute(0, 3, 1, 2))), self.canvas)
        return self.pupil.show(tokens, self.canvas)


def sent(processor: Any, messages: Any, picture: Any) -> Any:
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return processor(text=[text], images=[picture], return_tensors="pt")


@pytest.mark.parametrize("grid", GRIDS)
def test_patches_are_those_of_the_published_processor(grid: tuple[int, int], processor: Any) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (grid[0] * 28, grid[1] * 28, 3), dtype=np.uint8)
    theirs = processor.image_processor(torch.from_numpy(rgb).permute(2, 0, 1), return_tensors="pt")
    count = grid[0] * grid[1] * 4
    assert theirs["image_grid_thw"].tolist() == [[1, grid[0] * 2, grid[1] * 2]]
    ours = normalised(patches_of(torch.from_numpy(rgb).permute(2, 0, 1)[None]))[0, :count]
    frames = theirs["pixel_values"].reshape(count, 3, 2, 196)
    for frame in range(2):
        torch.testing.assert_close(frames[:, :, frame].flatten(1), ours, atol=1e-4, rtol=0)


@pytest.mark.parametrize("grid", GRIDS)
@torch.no_grad()
def test_judging_in_a_batch_gives_the_plain_logits(grid: tuple[int, int], model: Any, processor: Any) -> None:
    desk = Desk(grid, model)
    logits = desk.pupil.judge(desk.shown(), desk.batch)[0]
    for row, logit in enumerate(logits):
        query, picture = desk.asked[row // 2][row % 2][0], desk.pictures[row // 2]
        plain = model(**sent(processor, judge_messages(query, picture), picture)).logits[0, -1]
        torch.testing.assert_close(logit, plain, atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("grid", GRIDS[:2])
@torch.no_grad()
def test_explaining_in_a_batch_gives_the_plain_logits(
    grid: tuple[int, int], model: Any, processor: Any
) -> None:
    desk = Desk(grid, model)
    logits = desk.pupil.explain(desk.shown(), desk.batch)[0]
    for index, picture in enumerate(desk.pictures):
        query, answer = desk.asked[index][2][0], desk.batch.answer[index]
        answer = torch.from_numpy(answer[answer >= 0])
        given = sent(processor, explain_messages(query, language(query), picture), picture)
        lead = given["input_ids"].shape[1]
        ids = torch.cat([given["input_ids"], answer[None]], dim=1)
        pixels = {name: given[name] for name in ("pixel_values", "image_grid_thw")}
        kinds = (ids == model.config.image_token_id).long()
        plain = model(
            input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=kinds, **pixels
        ).logits[0]
        torch.testing.assert_close(logits[index, : len(answer)], plain[lead - 1 : -1], atol=2e-3, rtol=1e-3)


def test_a_word_of_a_query_is_found_at_its_last_token(model: Any) -> None:
    desk = Desk((6, 6), model)
    tokenizer = Tokenizer.from_file(str(CHECKPOINT / "tokenizer.json"))
    for row, (query, elements) in enumerate(one for asked in desk.asked for one in asked[:2]):
        width = desk.batch.judge.shape[1]
        start = width - desk.batch.judge_count[row]
        for at, element in zip(desk.batch.judge_words.at[row], elements, strict=False):
            said = tokenizer.decode(desk.batch.judge[row, start : at + 1].tolist())
            assert said.removeprefix(">:").rstrip().endswith(element.text[-2:]), (query, said)
