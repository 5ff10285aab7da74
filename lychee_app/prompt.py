"""Query and image -> the chat messages a checkpoint is sent.

Knows the words of the two prompts. Does not know tokens, tensors or how a query was cleaned.

The judge layout is the published one (model card of vec-ai/lychee-rerank-mm; the sister project
Qwen3-VL-Reranker uses the same): four text parts with nothing between them, then the image.
The explain layout is ours: the image first, then the request, in the query's language.
"""

from typing import Any

PROMPT_VERSION = 1
"""Part of the cache key. Raise it whenever a word below changes."""

JUDGE_SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
DEFAULT_INSTRUCTION = "Retrieve images or text relevant to the user's query."

EXPLAIN_SYSTEM = {
    "en": "Judge how well the image matches the query.",
    "zh": "判断图片与查询的匹配程度。",
}
EXPLAIN_REQUEST = {
    "en": "\nIn one or two sentences, say which parts of the query the image shows and which are missing. "
    "Then end with: Score: x / 10",
    "zh": "\n用一两句话说明图片中有查询的哪些内容、缺少哪些。最后写：Score: x / 10",
}
EXPLAIN_QUERY = {"en": "Query: ", "zh": "查询："}

Message = dict[str, Any]
"""One chat message: {"role": ..., "content": [{"type": "text", "text": ...}, {"type": "image", ...}]}."""


def judge_messages(query: str, image: Any = None, instruction: str = DEFAULT_INSTRUCTION) -> list[Message]:
    """The published yes/no prompt for one query and one image.

    `image` goes into the image part as it is (a PIL image for the published path); None leaves the bare
    place holder, which is all a chat template needs.
    """
    parts = [f"<Instruct>: {instruction}", "<Query>:", query, "\n<Document>:"]
    content: list[Message] = [{"type": "text", "text": part} for part in parts]
    return [_system(JUDGE_SYSTEM), {"role": "user", "content": [*content, _image_part(image)]}]


def explain_messages(query: str, language: str, image: Any = None) -> list[Message]:
    """The prompt that asks for a sentence and `Score: x / 10`. `language` is "en" or "zh"."""
    text = EXPLAIN_QUERY[language] + query + EXPLAIN_REQUEST[language]
    content = [_image_part(image), {"type": "text", "text": text}]
    return [_system(EXPLAIN_SYSTEM[language]), {"role": "user", "content": content}]


def _system(text: str) -> Message:
    return {"role": "system", "content": [{"type": "text", "text": text}]}


def _image_part(image: Any) -> Message:
    return {"type": "image"} if image is None else {"type": "image", "image": image}
