"""Prompts: exactly the published ids for an honest query, and no special token from any query."""

import json
import shutil
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import AutoProcessor

from lychee_app import prompt
from lychee_app.errors import CheckpointError, ScoringError
from lychee_app.model.tokens import _INSTRUCTION, _QUERY, Codec
from tests.support import tiny_checkpoint

IMAGE = Image.new("RGB", (84, 56))
TOKENS = 6
SPECIAL = (*tiny_checkpoint.SPECIAL, *tiny_checkpoint.NOT_SPECIAL)

honest = st.text(st.characters(exclude_categories=["Cs"]), max_size=60).filter(
    lambda text: not any(token in text for token in SPECIAL)
)
hostile = st.lists(
    st.one_of(
        st.sampled_from(SPECIAL),
        st.sampled_from([_QUERY, _INSTRUCTION, "<|", "|>", "im_end"]),
        st.text(max_size=9),
    ),
    min_size=1,
    max_size=12,
).map("".join)


@lru_cache
def processor(folder: Path) -> Any:
    return AutoProcessor.from_pretrained(folder)


@lru_cache
def codec(folder: Path) -> Codec:
    return Codec(folder, image_id(folder))


def image_id(folder: Path) -> int:
    return json.loads((folder / "config.json").read_text())["image_token_id"]


def published_ids(folder: Path, messages: list[prompt.Message]) -> tuple[str, list[int]]:
    text = processor(folder).apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text, processor(folder)(text=[text], images=[IMAGE])["input_ids"][0]


@settings(max_examples=150, deadline=None)
@given(query=honest, instruction=honest)
def test_an_honest_judge_prompt_has_the_published_ids(query: str, instruction: str, tiny: Path) -> None:
    text, ids = published_ids(tiny, prompt.judge_messages(query, instruction=instruction))
    sent = codec(tiny).judge(query, instruction, TOKENS)
    assert (sent.text, list(sent.ids)) == (text, list(ids))


@settings(max_examples=100, deadline=None)
@given(query=honest, language=st.sampled_from(["en", "zh"]))
def test_an_honest_explain_prompt_has_the_published_ids(query: str, language: str, tiny: Path) -> None:
    text, ids = published_ids(tiny, prompt.explain_messages(query, language))
    sent = codec(tiny).explain(query, language, TOKENS)
    assert (sent.text, list(sent.ids)) == (text, list(ids))


@settings(max_examples=300, deadline=None)
@given(query=hostile, instruction=hostile)
def test_no_special_token_comes_from_a_query_or_an_instruction(
    query: str, instruction: str, tiny: Path
) -> None:
    calm = codec(tiny).judge("cat", "find", TOKENS)
    sent = codec(tiny).judge(query, instruction, TOKENS)
    assert specials(sent.ids, tiny) == specials(calm.ids, tiny)
    assert query in sent.text
    assert codec(tiny).decode(sent.ids).count("im_end") == (query + instruction).count("im_end")


@pytest.mark.parametrize("token", SPECIAL)
def test_a_special_token_typed_as_a_query_is_sent_as_text(token: str, tiny: Path) -> None:
    sent = codec(tiny).explain(token, "en", TOKENS)
    calm = codec(tiny).explain("x", "en", TOKENS)
    assert specials(sent.ids, tiny) == specials(calm.ids, tiny)
    assert token in codec(tiny).decode(sent.ids)


def test_the_published_way_would_take_that_token_for_real(tiny: Path) -> None:
    """So that the tests above are known to test something."""
    _, ids = published_ids(tiny, prompt.judge_messages("<|im_end|>"))
    assert specials(tuple(ids), tiny) != specials(codec(tiny).judge("x", "y", TOKENS).ids, tiny)


def test_a_query_made_of_place_holders_is_not_searched_for_place_holders(tiny: Path) -> None:
    sent = codec(tiny).judge(_INSTRUCTION, _QUERY, TOKENS)
    assert f"<Instruct>: {_QUERY}<Query>:{_INSTRUCTION}\n" in sent.text


@pytest.mark.parametrize("query", ["\x00", "\ud800 half", "a\u202eb", "", " ", "\n\n", "x" * 10_000])
def test_odd_queries_become_some_ids(query: str, tiny: Path) -> None:
    assert len(codec(tiny).judge(query, "find", TOKENS).ids) > TOKENS


def test_yes_and_no_are_taken_from_the_tokenizer(tiny: Path) -> None:
    tokenizer = processor(tiny).tokenizer
    assert [codec(tiny).yes_id, codec(tiny).no_id] == tokenizer.convert_tokens_to_ids(["yes", "no"])


def test_the_image_is_spread_over_its_tokens(tiny: Path) -> None:
    ids = codec(tiny).judge("cat", "find", 9).ids
    start = ids.index(image_id(tiny))
    assert ids[start : start + 9] == (image_id(tiny),) * 9
    assert ids.count(image_id(tiny)) == 9


def test_a_tokenizer_that_splits_yes_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path)
    edit(folder / "tokenizer.json", lambda values: values["model"]["merges"].clear())
    with pytest.raises(CheckpointError, match='"yes" as 3 tokens'):
        Codec(folder, image_id(folder))


def test_a_tokenizer_that_makes_a_special_token_of_text_sends_nothing(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path)

    def let_merges_make_it(values: dict[str, Any]) -> None:
        values["added_tokens"].append(
            {**values["added_tokens"][-1], "id": values["model"]["vocab"]["cat"], "content": "cat"}
        )

    edit(folder / "tokenizer.json", let_merges_make_it)
    with pytest.raises(ScoringError, match="special token of plain text"):
        Codec(folder, image_id(folder)).judge("cat", "find", TOKENS)


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{% for m in messages %}{{ m.content + '' }}{% endfor %}", "cannot be rendered"),
        ("{{ unclosed", "cannot be rendered"),
        ("no place for anything", "does not place one image"),
        ("<|image_pad|>{{ messages[0]['role'] }}", "does not place one image"),
        (
            "{% for m in messages %}{% for c in m.content %}{{ c.text }}{% endfor %}{% endfor %}",
            "does not place one image",
        ),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "cannot be rendered"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused(
    template: str, reason: str, tiny: Path, tmp_path: Path
) -> None:
    folder = copy(tiny, tmp_path)
    (folder / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    with pytest.raises(CheckpointError, match=reason):
        Codec(folder, image_id(folder))


def test_without_any_template_the_checkpoint_is_refused(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path)
    (folder / "chat_template.json").unlink()
    edit(folder / "tokenizer_config.json", lambda values: values.pop("chat_template"))
    with pytest.raises(CheckpointError, match="no chat template"):
        Codec(folder, image_id(folder))


def test_a_template_may_stand_in_its_own_file(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path)
    (folder / "chat_template.json").rename(folder / "away")
    (folder / "chat_template.jinja").write_text(tiny_checkpoint.TEMPLATE)
    assert Codec(folder, image_id(folder)).judge("a", "b", 1) == codec(tiny).judge("a", "b", 1)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"model": 1}'])
def test_a_broken_tokenizer_is_named(text: str, tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path)
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"tokenizer\.json"):
        Codec(folder, image_id(folder))


def specials(ids: tuple[int, ...], folder: Path) -> list[int]:
    """The special ids in a prompt, in order; tokens that only the template may write."""
    added = set(processor(folder).tokenizer.added_tokens_decoder)
    return [id for id in ids if id in added]


def copy(folder: Path, to: Path) -> Path:
    return Path(shutil.copytree(folder, to / "copy", ignore=shutil.ignore_patterns("*.safetensors")))


def edit(file: Path, change: Any) -> None:
    values = json.loads(file.read_text("utf-8"))
    change(values)
    file.write_text(json.dumps(values), "utf-8")


@pytest.mark.parametrize(
    "data", [b"[]", b'"text"', b"3", b"\xff\xfe{}", b'{"chat_template": "caf\xe9"}', b"["]
)
def test_a_template_file_that_is_no_template_file_is_named(data: bytes, tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path)
    (folder / "chat_template.json").write_bytes(data)
    with pytest.raises(CheckpointError, match=r"chat_template\.json") as caught:
        Codec(folder, image_id(folder))
    assert caught.value.code == "template-unreadable"
