"""Random batches as arrays: pictures, and the token ids of queries and answers about them.

Knows the two prompts' layout in tokens: what is the same for all rows, what changes with the query. Does not
know the network. Runs in worker processes on the CPU.
"""

from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from lychee_app.prompt import Message, explain_messages, judge_messages
from lychee_app.query import language
from recipe.phrases import VALUES, Element, Phrases, Seen, explanation
from recipe.scenes import Look, Scenes, random_grid, random_scenes
from recipe.tokens import CHAT_TEMPLATE

MOST_ELEMENTS = 5
CROWDED = 0.3
IMAGE = "<|image_pad|>"
_CUT = "<Query"
"""The judge prompt is the same for all rows up to here: the pre-tokenizer always cuts between "<Query" and
">:"."""
_QUERY = "\x00"
Asked = tuple[str, tuple[Element, ...]]


@dataclass(frozen=True)
class Sizes:
    """How many scenes, and how many queries about each: the first `worded` of those that are judged say the
    same in other words."""

    scenes: int
    judged: int
    explained: int
    worded: int = 2


@dataclass(frozen=True)
class Words:
    """Where in a row each element of the query ends, (r, 5), -1 for none; the object it names (objects: one
    that is never drawn); its tint (0: none); how far it is met, as a place in `phrases.VALUES`."""

    at: NDArray[np.int64]
    objects: NDArray[np.int64]
    tints: NDArray[np.int64]
    values: NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """One step's worth of b scenes.

    judge (b * judged, w): the changing part before the image, left-padded; judge_count its length; truth 0
    to 1. met (b * judged, slots + 1): what each slot of the scene, and last the ground, is to the query, as a
    place in `VALUES`.
    head (b * explained, h): explain's part before the image, left-padded; tail: what follows the image,
    answer included, right-padded; answer_at: places in `tail` whose next token is `answer`, -1 for none.
    """

    scenes: Scenes
    judge: NDArray[np.int64]
    judge_count: NDArray[np.int64]
    truth: NDArray[np.float32]
    judge_words: Words
    met: NDArray[np.int64]
    head: NDArray[np.int64]
    head_count: NDArray[np.int64]
    tail: NDArray[np.int64]
    tail_words: Words
    answer_at: NDArray[np.int64]
    answer: NDArray[np.int64]


def rendered(messages: list[Message]) -> str:
    """The chat template on plain messages, as the published processor renders it."""
    import jinja2

    return jinja2.Template(CHAT_TEMPLATE).render(messages=messages, add_generation_prompt=True)


class BatchMaker:
    """Makes batches without end from one seed."""

    def __init__(self, tokenizer: Tokenizer, phrases: Phrases, look: Look, seed: int) -> None:
        self._tokenizer = tokenizer
        self._phrases = phrases
        self._look = look
        self._random = np.random.default_rng(seed)
        before, after = rendered(judge_messages(_QUERY)).split(IMAGE)
        self.judge_prefix = tuple(self.ids(before.split(_CUT)[0] + _CUT))
        self.judge_suffix = tuple(self.ids(after))
        self._judge_shape = before.split(_CUT)[1]
        self._explain_shape = {
            lang: tuple(rendered(explain_messages(_QUERY, lang)).split(IMAGE)) for lang in ("en", "zh")
        }

    def ids(self, text: str) -> list[int]:
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def make(self, sizes: Sizes) -> Batch:
        grid = random_grid(self._random)
        crowd = bool(self._random.random() < CROWDED)
        scenes = random_scenes(self._random, sizes.scenes, grid, self._look, crowd=crowd)
        seen = [seen_in(scenes, index, self._look) for index in range(sizes.scenes)]
        asked = [self._asked(one, sizes) for one in seen]
        return self.about(scenes, seen, asked, sizes)

    def _asked(self, seen: Seen, sizes: Sizes) -> list[Asked]:
        others = sizes.judged + sizes.explained - sizes.worded
        first, *rest = (self._phrases.query(self._random, seen) for _ in range(1 + others))
        again = [self._phrases.reworded(self._random, seen, first[1]) for _ in range(sizes.worded - 1)]
        return [first, *again, *rest]

    def about(self, scenes: Scenes, seen: list[Seen], asked: list[list[Asked]], sizes: Sizes) -> Batch:
        """The batch of these scenes and queries: the first `judged` of each scene are judged, the rest
        explained."""
        judged = [one for queries in asked for one in queries[: sizes.judged]]
        explained = [
            (one, s) for queries, s in zip(asked, seen, strict=True) for one in queries[sizes.judged :]
        ]
        truth = np.array([np.mean([e.value for e in elements]) for _, elements in judged], np.float32)
        rows = self._encode([self._judge_shape.replace(_QUERY, query) for query, _ in judged])
        judge, count = _left([row.ids for row in rows])
        lead = self._judge_shape.index(_QUERY)
        words = self._words(rows, judged, lead, judge.shape[1] - count)
        met = self._met(seen, [queries[: sizes.judged] for queries in asked], scenes.objects.shape[1])
        return Batch(scenes, judge, count, truth, words, met, *self._explain(explained))

    def _explain(self, asked: list[tuple[Asked, Seen]]) -> tuple[Any, ...]:
        shapes = [self._explain_shape[language(query)] for (query, _), _ in asked]
        heads = self._encode([before for before, _ in shapes])
        tails = self._encode(
            [after.replace(_QUERY, one[0]) for (_, after), (one, _) in zip(shapes, asked, strict=True)]
        )
        told = [explanation(self._phrases, *one, seen) + "<|im_end|>" for one, seen in asked]
        replies = [encoding.ids for encoding in self._encode(told)]
        head, head_count = _left([row.ids for row in heads])
        tail = _right([row.ids + reply for row, reply in zip(tails, replies, strict=True)], 0)
        answer = _right(replies, -1)
        at = np.array([len(row.ids) - 1 for row in tails])[:, None] + np.arange(answer.shape[1])
        leads = np.array([after.index(_QUERY) for _, after in shapes])
        words = self._words(tails, [one for one, _ in asked], leads, np.zeros(len(asked), np.int64))
        return head, head_count, tail, words, np.minimum(at, tail.shape[1] - 1), answer

    def _words(self, rows: list[Encoding], asked: list[Asked], lead: Any, shift: NDArray[np.int64]) -> Words:
        """lead: characters before the query in each row; shift: padding before each row."""
        shape = (len(rows), MOST_ELEMENTS)
        at, objects, tints, values = (np.full(shape, -1) for _ in range(4))
        leads = np.broadcast_to(lead, len(rows))
        for i, (row, (query, elements)) in enumerate(zip(rows, asked, strict=True)):
            ends, cursor = [end for _, end in row.offsets], 0
            for j, element in enumerate(elements):
                cursor = query.index(element.text, cursor) + len(element.text)
                at[i, j] = _ending(ends, int(leads[i]) + cursor) + shift[i]
                objects[i, j] = element.number if element.number >= 0 else self._look.present.shape[1]
                tints[i, j] = element.tint + 1
                values[i, j] = VALUES.index(element.value)
        return Words(at, objects, tints, values)

    def _met(self, seen: list[Seen], asked: list[list[Asked]], slots: int) -> NDArray[np.int64]:
        """(rows, slots + 1), the last is the ground: a full match of one element outweighs a half of
        another."""
        rows = []
        for one, queries in zip(seen, asked, strict=True):
            for _, elements in queries:
                best = [0] * (slots + 1)
                for element in elements:
                    for slot, met in zip(one.slots, self._phrases.met(element, one), strict=True):
                        if met == 1 or best[slot] == 0:
                            best[slot] = met
                rows.append(best)
        return np.array(rows, np.int64)

    def _encode(self, texts: list[str]) -> list[Encoding]:
        """One by one: a batch would start a thread a core in every worker."""
        return [self._tokenizer.encode(text, add_special_tokens=False) for text in texts]


def seen_in(scenes: Scenes, index: int, look: Look) -> Seen:
    """What scene `index` shows."""
    kept = [slot for slot, number in enumerate(scenes.objects[index]) if number >= 0]
    objects = [int(scenes.objects[index, slot]) for slot in kept]
    natural = [tuple(look.natural[scenes.styles[index, s], scenes.objects[index, s]].tolist()) for s in kept]
    written = [int(look.glyph_objects[glyph]) for glyph in scenes.glyphs[index] if glyph >= 0]
    tints = [int(scenes.tints[index, slot]) for slot in kept]
    return Seen(
        tuple(objects), tuple(tints), tuple(natural), tuple(w for w in written if w >= 0), tuple(kept)
    )


def _ending(ends: list[int], character: int) -> int:
    """The last token that ends at `character`, or else the one that spans it. ends: ascending."""
    index = bisect_right(ends, character) - 1
    exact = index >= 0 and ends[index] == character
    return index if exact else min(index + 1, len(ends) - 1)


def _left(rows: list[list[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    width = max(len(row) for row in rows)
    filled = np.array([[0] * (width - len(row)) + row for row in rows], np.int64)
    return filled, np.array([len(row) for row in rows], np.int64)


def _right(rows: list[list[int]], blank: int) -> NDArray[np.int64]:
    width = max(len(row) for row in rows)
    return np.array([row + [blank] * (width - len(row)) for row in rows], np.int64)
