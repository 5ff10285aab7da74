"""The published usage, faithfully and slowly: the yardstick of every faster path. For tests, benches, doctor.

The family's processor with its published pixel limits, the chat template, `process_vision_info`, logits of
every position, the last one's log-softmax over [no, yes] (model card of vec-ai/lychee-rerank-mm). The limits
go by `size`, as transformers 5 calls them: some versions ignored `min_pixels` given with a call. Generation
is `generate`, greedy and without the repetition penalty of the generation config, since the text is meant to
be the same each time.

Does not guard against special tokens in a query, and does not share an image between queries.
"""

import time
from collections.abc import Sequence
from typing import Any

import torch

from lychee_app import query as words
from lychee_app.prompt import DEFAULT_INSTRUCTION, Message, explain_messages, judge_messages
from lychee_app.records import Candidate, Reply


class Reference:
    """Judges and explains as the published scripts do. `model` is transformers', whole."""

    def __init__(self, model: Any, processor: Any, patch_px: int, tokens: tuple[int, int]) -> None:
        """tokens: least and most tokens of an image, each of 2 x 2 patches."""
        self._model, self._processor, self._patch_px = model, processor, patch_px
        self.least_px, self.most_px = (count * (2 * patch_px) ** 2 for count in tokens)
        tokenizer = processor.tokenizer
        self._yes, self._no = (tokenizer.convert_tokens_to_ids(word) for word in ("yes", "no"))

    def judge(
        self, candidate: Candidate, queries: Sequence[str], instruction: str = DEFAULT_INSTRUCTION
    ) -> list[Reply]:
        """One whole pass for each query."""
        return [self._judge(candidate, query, instruction) for query in queries]

    def explain(self, candidate: Candidate, query: str, max_tokens: int = 160) -> Reply:
        started = time.perf_counter()
        text, inputs = self._inputs(explain_messages(query, words.language(query), candidate.image))
        with torch.no_grad():
            greedy = {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
            output = self._model.generate(
                **inputs, max_new_tokens=max_tokens, repetition_penalty=1.0, **greedy
            )
        ids = output[0, inputs["input_ids"].shape[1] :].tolist()
        reply = self._processor.batch_decode([ids], skip_special_tokens=True)[0]
        seconds = time.perf_counter() - started
        return self._reply(query, inputs, text, seconds=seconds, mode="explain", said=reply, ids=ids)

    def _judge(self, candidate: Candidate, query: str, instruction: str) -> Reply:
        started = time.perf_counter()
        text, inputs = self._inputs(judge_messages(query, candidate.image, instruction))
        with torch.no_grad():
            logits = self._model(**inputs).logits[0, -1]
        pair = torch.stack([logits[self._no], logits[self._yes]])
        no, yes = torch.nn.functional.log_softmax(pair.float(), dim=0).tolist()
        said, id = ("yes", self._yes) if yes > no else ("no", self._no)
        seconds = time.perf_counter() - started
        return self._reply(query, inputs, text, seconds=seconds, said=said, ids=[id], pair=(yes, no))

    def _inputs(self, messages: list[Message]) -> tuple[str, Any]:
        """The prompt's text, and what the model takes. Asserts that no image was resized again."""
        from qwen_vl_utils import process_vision_info

        text = self._processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        images: Any = process_vision_info(messages, image_patch_size=self._patch_px)[0]
        size = {"shortest_edge": self.least_px, "longest_edge": self.most_px}
        inputs = self._processor(text=[text], images=images, padding=True, size=size, return_tensors="pt")
        given = next(part["image"] for part in messages[1]["content"] if part["type"] == "image")
        grid = inputs["image_grid_thw"].tolist()
        wanted = [[1, given.height // self._patch_px, given.width // self._patch_px]]
        assert grid == wanted, f"resized again: {grid}"
        return text, inputs.to(self._model.device)

    def _reply(self, query: str, inputs: Any, text: str, **values: Any) -> Reply:
        yes, no = values.get("pair", (None, None))
        image_id = self._model.config.image_token_id
        return Reply(
            query=query,
            mode=values.get("mode", "judge"),
            text=values["said"],
            logit_yes=yes,
            logit_no=no,
            yes_id=self._yes,
            no_id=self._no,
            generated_ids=tuple(values["ids"]),
            prompt=text,
            prompt_tokens=inputs["input_ids"].shape[1],
            image_tokens=int((inputs["input_ids"] == image_id).sum()),
            seconds=values["seconds"],
        )
