"""The head of a run: what was asked, how far it is, how fast, and how full the memory is."""

from dataclasses import replace

import streamlit as st

from lychee_app import curate
from lychee_app.errors import LycheeError
from lychee_app.records import Run, Scored
from lychee_app.store import View
from lychee_app.ui import state
from lychee_app.ui.markup import escaped, notice
from lychee_app.ui.state import PageContext, Standing

CLOSER = 8
"""At most so many images are looked at more closely at once."""
NAMED = 3
"""At most so many of the images that can be tried again."""
QUIET_SECONDS = 20.0
"""After this long without a sign of life the bar says so: a hung model must not look like a slow one."""


def title(context: PageContext, standing: Standing) -> None:
    """The query once, with what was really sent only where that is another text."""
    run, t = standing.run, context.t
    facts = [
        t.model(run.model),
        t(f"mode.{run.request.mode}"),
        t("images.count", n=run.total),
        t.when(run.created),
    ]
    about = " · ".join(escaped(fact) for fact in facts if fact)
    question, sent_not = run.question, run.question.sent_not
    head = escaped(run.name)
    minus = f" {escaped(t('sent.not'))} <code>{escaped(sent_not)}</code>" if sent_not else ""
    drawing = context.services.clock.spent(run.id)
    differs = question.sent not in ("", run.title or question.typed)
    sent = f"{escaped(t('sent'))} <code>{escaped(question.sent)}</code>" if differs else ""
    sent = f'<div class="ly-sent">{sent}{minus}</div>' if sent or minus else ""
    cost = f'data-seconds="{run.seconds:.3f}" data-drawing="{drawing:.3f}"'
    usual = _usual_tokens(context, run)
    knows = f'<div class="ly-faint">{escaped(usual)}</div>' if usual else ""
    if run.left_out:
        knows += f'<div class="ly-faint">{escaped(t.left_out(run.left_out))}</div>'
    st.html(
        f'<div class="ly-head" {cost}><h1 class="ly-query">{head}</h1>'
        f'<div class="ly-faint">{about}</div>{sent}{knows}</div>'
    )


def _usual_tokens(context: PageContext, run: Run) -> str:
    """Said where images were looked at less closely than the model can, for the sake of time."""
    if run.token_budget is None or run.request.max_image_tokens is not None:
        return ""
    most = context.services.catalogue.tokens(run.model, context.services.settings.max_image_tokens)
    return context.t("tokens.usual", tokens=run.token_budget) if run.token_budget < most else ""


def closer(context: PageContext, standing: Standing) -> None:
    """The chosen few judged again, as closely as the model can look: picks, else those above the cut-off."""
    run, t = standing.run, context.t
    if standing.live or not _usual_tokens(context, run):
        return
    chosen = standing.decided("pick") or standing.above() or standing.order.indices
    chosen = chosen[:CLOSER]
    tokens = context.services.catalogue.tokens(run.model, context.services.settings.max_image_tokens)
    st.button(
        t("closer", n=len(chosen)),
        key="closer",
        icon=":material/center_focus_strong:",
        help=t("closer.help", tokens=tokens),
        on_click=_look_closer,
        args=(context, run, chosen, tokens),
    )


def _look_closer(context: PageContext, run: Run, chosen: list[int], tokens: int) -> None:
    try:
        asked = replace(run.request, max_image_tokens=tokens, bursts="all")
        begun = context.services.jobs.start_after(run.id, asked, chosen)
        title = context.t("closer.title", title=run.name)
        context.services.store.rename(begun, title)
    except LycheeError as error:
        return state.tell(error)
    return state.open_run(begun)


def live(context: PageContext, view: View) -> None:
    """`12/32 · 0.07 s/image · ETA 2 s · GPU Memory: 18.2 / 24.0 GB`, and Stop, if that can be done here."""
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.html(_bar(context, view))
    if view.here:
        right.button(
            context.t("stop"),
            key="stop",
            on_click=context.services.jobs.stop,
            args=(view.run_id,),
            icon=":material/stop_circle:",
            width="stretch",
        )
    for warning in view.warnings:
        notice(context.t.reason(warning), "calm")


def _bar(context: PageContext, view: View) -> str:
    share = 100 * view.done / max(view.total, 1)
    busy = "" if view.phase == "scoring" and view.done else " busy"
    spans = "".join(f"<span>{escaped(part)}</span>" for part in stats(context, view))
    return (
        f'<div class="ly-run" role="progressbar" aria-valuemin="0" aria-valuemax="{view.total}" '
        f'aria-valuenow="{view.done}"><div class="ly-track{busy}"><i style="--p:{share:.1f}%"></i></div>'
        f'<div class="ly-stats">{spans}</div></div>'
    )


def stats(context: PageContext, view: View) -> list[str]:
    """The parts of the progress line."""
    t = context.t
    parts = [f"{view.done}/{view.total}"]
    if view.phase in {"waiting", "grouping", "loading"}:
        parts.append(t(f"phase.{view.phase}"))
    elif view.done:
        parts += [
            t("rate", seconds=f"{view.seconds_per_image:.2f}"),
            t("eta", time=t.span(view.eta_seconds)),
        ]
    if view.memory:
        parts.append(t.reason(view.memory.told))
    if view.phase == "scoring" and view.idle_seconds > QUIET_SECONDS:
        parts.append(t("quiet", time=t.span(view.idle_seconds)))
    if not view.here:
        parts.append(t("elsewhere"))
    return parts


_OF_THE_FILE = frozenset(
    {
        "alike",
        "archive",
        "aspect",
        "corrupt",
        "empty",
        "file-size",
        "format",
        "not-an-image",
        "pixels-bomb",
        "raw-unread",
    }
    | {"truncated", "truncated-share"}
)
"""Codes of what the same file would be refused for again."""


def _stays(row: Scored) -> bool:
    return row.reason is not None and row.reason.code in _OF_THE_FILE


def unfinished(run: Run) -> bool:
    """There is something left to resume or to retry."""
    return run.status != "done" or len(run.images) < run.total or any(row.failed for row in run.images)


def over(context: PageContext, standing: Standing) -> None:
    """What became of the run, and the way on: resume what is missing, retry what failed."""
    run, t = standing.run, context.t
    if standing.window:
        return _over_large(context, standing)
    _beside(context, run)
    missing = run.total - len(run.images)
    failed = sum(row.failed for row in run.images)
    again = [row.name for row in run.images if row.failed and not _stays(row)]
    if not unfinished(run):
        return None
    text = _fate(context, run, missing, failed)
    if again:  # a label would read Markdown into their names
        more = [t("files.more", n=len(again) - NAMED)] if len(again) > NAMED else []
        text += " " + t("retry.of", names=t.listed([*again[:NAMED], *more]))
    left, *rights = st.columns([5, *[1.3] * (bool(missing) + bool(again))], vertical_alignment="center")
    with left:
        notice(text, "bad" if run.status == "failed" else "calm")
    if missing:
        rights.pop(0).button(
            t("resume", n=missing),
            key="resume",
            on_click=_resume,
            args=(context, run.id, False),
            type="primary",
            icon=":material/play_circle:",
            width="stretch",
        )
    if again:
        rights.pop(0).button(
            t("retry", n=len(again)),
            key="retry",
            on_click=_resume,
            args=(context, run.id, True),
            icon=":material/refresh:",
            width="stretch",
        )
    return None


def _over_large(context: PageContext, standing: Standing) -> None:
    """Of a run that is shown a page at a time."""
    run, t = standing.run, context.t
    done = standing.count
    if run.status == "done" and done >= run.total:
        return
    left, right = st.columns([5, 1.3], vertical_alignment="center")
    with left:
        notice(t(f"fate.{run.status}", done=done, total=run.total), "calm")
    if not context.services.store.is_attached(run.id):
        right.button(
            t("resume", n=run.total - done),
            key="resume",
            on_click=_resume,
            args=(context, run.id, False),
            type="primary",
            icon=":material/play_circle:",
            width="stretch",
        )


def _beside(context: PageContext, run: Run) -> None:
    """What it saved to judge one of each group, and the way to judge the others too."""
    t = context.t
    if not (count := sum(row.stood_for for row in run.images)):
        return
    left, right = st.columns([5, 1.9], vertical_alignment="center")
    with left:
        notice(t("alike.one", n=count, time=t.span(curate.beside(run.images)[1])), "calm")
    right.button(
        t("alike.judge", n=count),
        key="judge-alike",
        on_click=state.tried,
        args=(lambda: context.services.jobs.judge_beside(run.id),),
        icon=":material/burst_mode:",
        width="stretch",
    )


def _fate(context: PageContext, run: Run, missing: int, failed: int) -> str:
    t = context.t
    parts = []
    if run.status != "done" or missing:
        parts.append(t(f"fate.{run.status}", done=len(run.images), total=run.total))
    if run.error:
        parts.append(t.reason(run.error))
    if failed:
        parts.append(t("fate.unscored", n=failed))
    return " ".join(parts)


def _resume(context: PageContext, run_id: str, failed_too: bool) -> None:
    try:
        context.services.jobs.resume(run_id, failed_too=failed_too)
    except LycheeError as error:
        state.tell(error)
