"""Model output: what the model was sent, what it said word for word, and where the score was read."""

import io
import math
from collections.abc import Sequence

import streamlit as st
from PIL import Image

from lychee_app import intake
from lychee_app.errors import LycheeError
from lychee_app.ranking import one_decimal
from lychee_app.records import ImageBudget, Reply, Run, Scored, Source
from lychee_app.settings import Settings
from lychee_app.ui import widgets
from lychee_app.ui.markup import escaped, faint, media_url, notice
from lychee_app.ui.state import PageContext, Standing


def expander(context: PageContext, standing: Standing, row: Scored, where: str) -> None:
    """Drawn only once it is opened: a page of cards costs nothing for what nobody looks at."""
    key = f"output-{where}-{row.upload_index}"
    panel = st.expander(context.t("output"), key=key, on_change="rerun", icon=":material/terminal:")
    if panel.open:
        with panel:
            draw(context, standing, row, where)


def draw(context: PageContext, standing: Standing, row: Scored, where: str) -> None:
    reply, t = row.reply, context.t
    if reply is None:
        notice(t.reason(row.reason) or t("output.none"), "calm")
        return _seen(context, standing, row, where)
    st.html(f'<pre class="ly-reply">{marked(reply.text, row.span)}</pre>')
    if reply.mode == "explain":
        faint(t("output.read_at" if row.span else "output.not_read"))
    st.html(facts(context, row, reply))
    if row.element_replies or row.not_reply:
        st.html(_parts(context, standing.run, row))
    st.caption(t("output.prompt"))
    st.code(reply.prompt, language=None, wrap_lines=True, height=180)
    widgets.component("copy")(
        key=f"copy-{where}-{row.upload_index}",
        data={"label": t("output.copy"), "done": t("copied"), "text": record(row, reply), "small": True},
    )
    _seen(context, standing, row, where)
    _explain(context, standing, row, where)
    return None


def marked(text: str, span: tuple[int, int] | None) -> str:
    """The reply verbatim, escaped, with the characters of `span` marked."""
    if span is None:
        return escaped(text)
    start, end = span
    return f"{escaped(text[:start])}<mark>{escaped(text[start:end])}</mark>{escaped(text[end:])}"


def facts(context: PageContext, row: Scored, reply: Reply) -> str:
    """The numbers behind the score, unrounded enough to check it by hand."""
    t = context.t
    ids = f"{reply.yes_id} / {reply.no_id}"
    pairs = [
        (t("score"), "–" if row.score is None else f"{row.score:.4f}"),
        ("logit yes", _number(reply.logit_yes)),
        ("logit no", _number(reply.logit_no)),
        (t("output.margin"), _number(reply.margin)),
        ("p_yes", "–" if reply.p_yes is None else f"{reply.p_yes:.6f}"),
        (t("output.ids"), ids),
        (t("output.generated"), " ".join(map(str, reply.generated_ids[:24])) or "–"),
        (t("output.tokens"), f"{reply.prompt_tokens} / {reply.image_tokens}"),
        (t("output.seconds"), f"{reply.seconds:.3f} s"),
    ]
    if row.not_reply is not None:
        pairs.insert(1, (t("output.margin.whole"), _number(row.margin)))
    items = "".join(
        f"<div><span>{escaped(name)}</span><b>{escaped(value)}</b></div>" for name, value in pairs
    )
    return f'<div class="ly-facts">{items}</div>'


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


def _parts(context: PageContext, run: Run, row: Scored) -> str:
    """Each element, and the "but not" text, with its own two logits."""
    t = context.t
    question = run.question
    texts = [*question.elements[: len(row.element_replies)], *([question.sent_not] if row.not_reply else [])]
    replies: Sequence[Reply] = [*row.element_replies, *([row.not_reply] if row.not_reply else [])]
    names = [t("element")] * len(row.element_replies) + [t("but_not")] * bool(row.not_reply)
    head = "".join(
        f'<th class="n">{name}</th>' for name in ("logit yes", "logit no", "p_yes", escaped(t("score")))
    )
    body = "".join(
        f"<tr><td>{escaped(name)}: {escaped(text)}</td><td class='n'>{_number(one.logit_yes)}</td>"
        f"<td class='n'>{_number(one.logit_no)}</td><td class='n'>{_number(one.p_yes)}</td>"
        f"<td class='n'>{one_decimal(None if one.p_yes is None else 10 * one.p_yes)}</td></tr>"
        for name, text, one in zip(names, texts, replies, strict=True)
    )
    return f'<table class="ly-table"><thead><tr><th></th>{head}</tr></thead><tbody>{body}</tbody></table>'


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


def _seen(context: PageContext, standing: Standing, row: Scored, where: str) -> None:
    """The image at the size the model was given, where hidden text may show that the original hides."""
    t, source = context.t, standing.order.sources.get(row.upload_index)
    if source is None or (row.reply is None and not row.seen_width_px):
        return
    if not st.toggle(t("output.seen"), key=f"seen-{where}-{row.upload_index}"):
        return
    if not row.seen_width_px or row.reply is None:
        return notice(t("output.seen.unknown"), "calm")
    try:
        most = standing.run.token_budget or ImageBudget.max_tokens
        picture = as_seen(source, row, most, context.services.settings)
    except LycheeError as error:
        return notice(t.error(error), "bad")
    # Not st.image, which turns all but PNG into JPEG.
    st.html(f'<img class="ly-seen" src="{escaped(media_url(picture))}" alt="{escaped(row.name)}">')
    faint(t("output.seen.size", width=row.seen_width_px, height=row.seen_height_px))
    return None


def _explain(context: PageContext, standing: Standing, row: Scored, where: str) -> None:
    """In judge mode one image can be asked for its reasons without a run of its own."""
    if standing.run.request.mode != "judge":
        return
    kept: dict[tuple[str, int], Reply] = st.session_state.setdefault("explained", {})
    known = (standing.run.id, row.upload_index)
    busy = bool(context.services.jobs.live())  # it would wait for the model until all of them are over
    pressed = st.button(
        context.t("explain"),
        key=f"explain-{where}-{row.upload_index}",
        icon=":material/psychology:",
        disabled=busy,
        help=context.t("explain.wait") if busy else None,
    )
    if pressed:
        with st.spinner(context.t("explain.busy")):
            _ask(context, standing, row, kept)
    if reply := kept.get(known):
        st.html(f'<pre class="ly-reply">{escaped(reply.text)}</pre>')
        faint(context.t("explain.note", seconds=f"{reply.seconds:.1f}"))


def _ask(context: PageContext, standing: Standing, row: Scored, kept: dict[tuple[str, int], Reply]) -> None:
    source = standing.order.sources[row.upload_index]
    run, services = standing.run, context.services
    try:
        kept[run.id, row.upload_index] = services.jobs.explain(run, (row.upload_index, source), row.sha256)
    except LycheeError as error:
        notice(context.t.error(error), "bad")


def as_seen(source: Source, row: Scored, max_tokens: int, settings: Settings) -> bytes:
    """Exactly the pixels the model was given, as lossless WebP; `row` knows their size. Raises ImageError."""
    size = (row.seen_width_px, row.seen_height_px)
    return _as_seen(source, row.sha256, budget_of(row, max_tokens), size, settings)


def budget_of(row: Scored, max_tokens: int) -> ImageBudget:
    """The run's budget. The side of a token and the least tokens an image may have are the checkpoint's: as
    the reply and the size seen tell."""
    size = (row.seen_width_px, row.seen_height_px)
    tokens = row.reply.image_tokens if row.reply else 1
    token_px = math.isqrt(size[0] * size[1] // tokens)
    for least in range(tokens, 0, -1):
        budget = ImageBudget(token_px, max_tokens, least)
        if intake.fit(row.width_px, row.height_px, budget) == size:
            return budget
    return ImageBudget(token_px, max_tokens)


@st.cache_data(max_entries=48, show_spinner=False)
def _as_seen(
    _source: Source, sha256: str, budget: ImageBudget, size: tuple[int, int], _settings: Settings
) -> bytes:
    """Made smaller from what the budget allows where memory had run out (intake.refit)."""
    image = intake.reread((0, _source), sha256, budget, _settings).image
    if image.size != size:
        image = image.resize(size, Image.Resampling.BICUBIC)
    file = io.BytesIO()
    image.save(file, "WEBP", lossless=True, quality=20, method=0)
    return file.getvalue()
