"""Raw output: what the model was sent, what it said word for word, and where the score was read.

As data: the viewer lists it (assets/gallery/viewer.js), each part folded up under its title.
"""

from typing import Any

from lychee_app.locale import Words
from lychee_app.ranking import one_decimal
from lychee_app.records import Reply, Run, Scored

MOST_IDS = 24
"""Generated ids that are listed."""


def parts(t: Words, run: Run, row: Scored) -> list[dict[str, Any]]:
    """The reply to the query, to each element, and to what is not wanted."""
    if row.reply is None:
        return []
    whole = [(t("output.margin.whole"), _number(row.margin))] if row.not_reply else []
    found = [_part(t, t("output"), row.reply, row, whole, is_open=True)]
    for text, reply in zip(run.question.elements, row.element_replies, strict=False):
        found.append(_part(t, _title(t("element"), text, reply), reply, None))
    if row.not_reply:
        found.append(
            _part(t, _title(t("but_not"), run.question.sent_not, row.not_reply), row.not_reply, None)
        )
    return found


def _title(kind: str, text: str, reply: Reply) -> str:
    score = None if reply.p_yes is None else 10 * reply.p_yes
    return f"{kind}: {text} · {one_decimal(score)}"


def _part(
    t: Words,
    title: str,
    reply: Reply,
    row: Scored | None,
    more: list[tuple[str, str]] | None = None,
    *,
    is_open: bool = False,
) -> dict[str, Any]:
    """`row` where the score of the image was read out of this reply."""
    read = (
        "" if row is None or reply.mode == "judge" else t("output.read_at" if row.span else "output.not_read")
    )
    return {
        "title": title,
        "open": is_open,
        "reply": reply.text,
        "span": row.span if row else None,
        "read": read,
        "facts": [fact for fact in (*_facts(t, reply), *(more or [])) if fact[1]],
        "prompt_title": t("output.prompt"),
        "prompt": reply.prompt,
        "copy": record(row, reply) if row else "",
        "copy_title": t("output.copy"),
    }


def _facts(t: Words, reply: Reply) -> list[tuple[str, str]]:
    """The numbers behind the score, unrounded enough to check it by hand."""
    return [
        ("logit yes", _number(reply.logit_yes)),
        ("logit no", _number(reply.logit_no)),
        (t("output.margin"), _number(reply.margin)),
        ("p_yes", _number(reply.p_yes, 6)),
        (t("score"), _number(None if reply.p_yes is None else 10 * reply.p_yes)),
        (t("output.ids"), f"{reply.yes_id} / {reply.no_id}"),
        (t("output.generated"), " ".join(map(str, reply.generated_ids[:MOST_IDS]))),
        (t("output.tokens"), f"{reply.prompt_tokens} / {reply.image_tokens}"),
        (t("output.seconds"), f"{reply.seconds:.3f} s"),
    ]


def _number(value: float | None, digits: int = 4) -> str:
    """Empty where there is none, as explain mode has no logits: such a fact is left out."""
    return "" if value is None else f"{value:.{digits}f}"


def record(row: Scored, reply: Reply) -> str:
    """All of it as plain text, for the clipboard."""
    lines = [
        f"image: {row.name}",
        f"sha256: {row.sha256}",
        f"score: {row.score}",
        f"query: {reply.query}",
        f"mode: {reply.mode}",
        f"logit_yes: {reply.logit_yes}",
        f"logit_no: {reply.logit_no}",
        f"p_yes: {reply.p_yes}",
        f"yes_id, no_id: {reply.yes_id}, {reply.no_id}",
        f"generated_ids: {list(reply.generated_ids)}",
        f"seconds: {reply.seconds}",
        f"reply:\n{reply.text}",
        f"prompt:\n{reply.prompt}",
    ]
    return "\n".join(lines)
