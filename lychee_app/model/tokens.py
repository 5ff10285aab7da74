"""A query -> the token ids of the whole prompt, so that nothing in a query can act as a special token.

The chat template is rendered once with placeholders where the instruction and the query stand, and cut at
the special tokens the template itself wrote. What lies between is text, and text is tokenised by a tokenizer
that has no special tokens at all. For a query that holds none, the ids are exactly those of
`processor.apply_chat_template` and the processor.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from lychee_app import prompt
from lychee_app.errors import CheckpointError, ScoringError

_QUERY, _INSTRUCTION = "\ue000\ue0f0query\ue001", "\ue000\ue0f0instruction\ue001"
"""Private-use placeholders. They stand in the template only; a query is put in after it was cut."""
_TEMPLATE_FILES = (
    "processor_config.json",
    "chat_template.json",
    "chat_template.jinja",
    "tokenizer_config.json",
)


@dataclass(frozen=True)
class Prompt:
    """`ids` with the image spread over its tokens; `text` for people, with the image as one placeholder."""

    ids: tuple[int, ...]
    text: str


@dataclass(frozen=True)
class _Piece:
    """A special token (`id`) or text with placeholders in it."""

    text: str
    id: int | None


class Codec:
    """One checkpoint's tokenizer and chat template."""

    def __init__(self, folder: Path, image_id: int) -> None:
        """Raises CheckpointError: a file missing or broken, "yes" not one token, the template not usable."""
        self._full, self._plain, self._special = _tokenizers(folder)
        self._image_id = image_id
        self.yes_id, self.no_id = self._answer("yes"), self._answer("no")
        template = chat_template(folder)
        judge = prompt.judge_messages(_QUERY, instruction=_INSTRUCTION)
        self._judge = self._cut(_render(template, judge, folder), folder)
        self._explain = {
            language: self._cut(_render(template, prompt.explain_messages(_QUERY, language), folder), folder)
            for language in prompt.EXPLAIN_SYSTEM
        }

    def judge(self, query: str, instruction: str, image_tokens: int) -> Prompt:
        return self._fill(self._judge, {_QUERY: query, _INSTRUCTION: instruction}, image_tokens)

    def explain(self, query: str, language: str, image_tokens: int) -> Prompt:
        return self._fill(self._explain[language], {_QUERY: query}, image_tokens)

    def decode(self, ids: Sequence[int]) -> str:
        """Generated ids -> text, without special tokens."""
        return self._full.decode(list(ids), skip_special_tokens=True)

    def _fill(self, pieces: Sequence[_Piece], values: Mapping[str, str], image_tokens: int) -> Prompt:
        """Puts the values into the text pieces. Raises ScoringError if a special token came of it."""
        values = {key: value.encode("utf-8", "replace").decode("utf-8") for key, value in values.items()}
        ids: list[int] = []
        for piece in pieces:
            if piece.id is not None:
                ids += [piece.id] * (image_tokens if piece.id == self._image_id else 1)
            else:
                ids += self._text_ids(_put(piece.text, values))
        return Prompt(tuple(ids), _put("".join(piece.text for piece in pieces), values))

    def _text_ids(self, text: str) -> list[int]:
        ids = self._plain.encode(text, add_special_tokens=False).ids
        if not self._special.isdisjoint(ids):
            raise ScoringError("special-token", text=text)
        return ids

    def _cut(self, rendered: str, folder: Path) -> tuple[_Piece, ...]:
        """The rendered template as special tokens and text. Raises CheckpointError unless it has an image."""
        ids = {token: id for token, id in self._names().items() if token in rendered}
        longest_first = "|".join(re.escape(token) for token in sorted(ids, key=len, reverse=True))
        parts = re.split(f"({longest_first})", rendered) if ids else [rendered]
        pieces = tuple(_Piece(part, ids.get(part)) for part in parts if part)
        if sum(piece.id == self._image_id for piece in pieces) != 1 or _QUERY not in rendered:
            raise CheckpointError("template-without-image", folder=str(folder))
        return pieces

    def _names(self) -> dict[str, int]:
        return {token.content: id for id, token in self._full.get_added_tokens_decoder().items()}

    def _answer(self, word: str) -> int:
        ids = self._plain.encode(word, add_special_tokens=False).ids
        if len(ids) != 1:
            raise CheckpointError("answer-tokens", word=word, count=len(ids), ids=str(ids))
        return ids[0]


def _tokenizers(folder: Path) -> tuple[Tokenizer, Tokenizer, frozenset[int]]:
    """The tokenizer, the same without added tokens, and the ids only the former can give."""
    file = folder / "tokenizer.json"
    try:
        definition = json.loads(file.read_text("utf-8"))
        full = Tokenizer.from_str(json.dumps(definition))
        plain = Tokenizer.from_str(json.dumps({**definition, "added_tokens": []}))
    except Exception as error:  # the tokenizers library raises bare Exception for a broken definition
        raise CheckpointError("tokenizer-broken", file=str(file), detail=str(error)) from error
    return full, plain, frozenset(full.get_added_tokens_decoder())


def chat_template(folder: Path) -> str:
    """As it stands, from the file that the published processor would take it from. Raises CheckpointError."""
    for name in _TEMPLATE_FILES:
        file = folder / name
        if not file.is_file():
            continue
        text = _text(file)
        template = text if name.endswith(".jinja") else _json(text, file).get("chat_template")
        if isinstance(template, str):
            return template
    raise CheckpointError("template-missing", folder=str(folder))


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CheckpointError("template-unreadable", file=str(file), detail=str(error)) from error


def _json(text: str, file: Path) -> dict[str, Any]:
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckpointError("template-unreadable", file=str(file), detail=str(error)) from error
    if not isinstance(values, dict):
        raise CheckpointError("template-unreadable", file=str(file), detail=type(values).__name__)
    return values


def _render(template: str, messages: list[prompt.Message], folder: Path) -> str:
    """As transformers renders it: sandboxed, with its white space rules and a generation prompt."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    try:
        return environment.from_string(template).render(messages=messages, add_generation_prompt=True)
    except Exception as error:  # a template is a program: it can raise anything
        raise CheckpointError("template-broken", folder=str(folder), detail=str(error)) from error


def _put(text: str, values: Mapping[str, str]) -> str:
    """Replaces placeholders in one pass, so that a value is never searched for placeholders."""
    pattern = "|".join(re.escape(name) for name in values)
    return re.sub(pattern, lambda match: values[match.group()], text)
