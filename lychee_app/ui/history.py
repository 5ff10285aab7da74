"""Earlier runs: open, rank again, rename, delete, compare two over the same images."""

from contextlib import suppress

import streamlit as st

from lychee_app import analysis
from lychee_app.analysis import Pair
from lychee_app.errors import LycheeError
from lychee_app.locale import Words
from lychee_app.ranking import Ranked, one_decimal
from lychee_app.records import Run, Scored
from lychee_app.store import RunSummary
from lychee_app.ui import library, markup, state, widgets
from lychee_app.ui.images import on_loopback
from lychee_app.ui.markup import escaped, faint, notice, signed, strip
from lychee_app.ui.state import PageContext

PAGE = 12
MARK = "mark:"
"""What the keys of the ticks begin with; a run's id follows."""
MOST_ROWS = 60
"""Of a comparison."""


def draw(context: PageContext) -> None:
    if pair := state.compared():
        return _comparison(context, *pair)
    page = state.history_page() - 1
    found = context.services.store.runs(limit=PAGE + 1, offset=page * PAGE)
    _watch(context, page, [summary.id for summary in found])
    if on_loopback():
        library.attaching(context)
    if not found and page == 0:
        return faint(context.t("history.empty"))
    _compare_button(context)
    for summary in found[:PAGE]:
        _line(context, summary)
    _pages(context, page, more=len(found) > PAGE)
    widgets.component("rename")(key="rename", data={})
    return None


@st.fragment(run_every=3.0)
def _watch(context: PageContext, page: int, drawn: list[str]) -> None:
    """Another program may begin a run: then all is drawn again."""
    with suppress(LycheeError):
        found = context.services.store.runs(limit=PAGE + 1, offset=page * PAGE)
        if [summary.id for summary in found] != drawn:
            st.rerun()


def _compare_button(context: PageContext) -> None:
    chosen = marked()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            context.t("compare.start"),
            key="compare",
            disabled=len(chosen) != 2,
            icon=":material/compare_arrows:",
            on_click=state.compare,
            args=chosen,
        )
        faint(context.t("compare.hint"))


def marked() -> list[str]:
    """Ids of the runs that are ticked: here as it stands, elsewhere as the address has it."""
    keys = [key for key in map(str, st.session_state) if key.startswith(MARK)]
    ticks = {key.removeprefix(MARK): st.session_state[key] for key in keys}
    named = filter(None, st.query_params.get("marked", "").split("~"))
    return [run_id for run_id, on in (dict.fromkeys(named, True) | ticks).items() if on]


def _line(context: PageContext, summary: RunSummary) -> None:
    t = context.t
    with st.container(border=True, key=f"run-{summary.id}"):
        # A fragment while it runs and after: see page._answer.
        every = 1.0 if summary.status == "running" else None
        st.fragment(run_every=every)(_about)(context, summary)
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                t("history.open"),
                key=f"open-{summary.id}",
                on_click=state.open_run,
                args=(summary.id,),
                icon=":material/open_in_full:",
            )
            st.button(
                t("history.again"),
                key=f"again-{summary.id}",
                on_click=_again,
                args=(context, summary.id),
                icon=":material/replay:",
            )
            with st.popover(t("history.rename"), key=_popover(summary.id), icon=":material/edit:"):
                _rename(context, summary)
            with st.popover(t("history.delete"), icon=":material/delete:"):
                _delete(context, summary)
            st.session_state.setdefault(f"{MARK}{summary.id}", summary.id in marked())
            st.checkbox(t("compare.mark"), key=f"{MARK}{summary.id}")


def _about(context: PageContext, drawn: RunSummary) -> None:
    """As it stands now, while it runs; once it is over all is drawn again."""
    summary = context.services.store.summary(drawn.id) if drawn.status == "running" else drawn
    if summary is None or summary.status != drawn.status:
        st.rerun()
    st.html(_markup(context, summary))


def _markup(context: PageContext, summary: RunSummary) -> str:
    t, best = context.t, None if summary.request.columns else summary.best_score
    about = [
        *facts(t, summary),
        t("history.images", n=summary.total, scored=summary.scored),
        t("history.picks", n=summary.picks) if summary.picks else "",
        t("history.rejects", n=summary.rejects) if summary.rejects else "",
        "" if summary.status == "done" else t(f"status.{summary.status}"),
        "" if best is None else t("history.best", score=one_decimal(best)),
    ]
    line = " · ".join(escaped(fact) for fact in about if fact)
    best = strip(markup.thumbnail(summary.id, index, version) for index, version in summary.shown)
    return (
        f'<div class="ly-hist"><div><div class="ly-query">{heading(t, summary)}</div>'
        f'<div class="ly-faint">{line}</div></div>{best}</div>'
    )


def _rename(context: PageContext, summary: RunSummary) -> None:
    """A form: Enter saves as the button does."""
    key = f"title-{summary.id}"
    with st.form(f"name-{summary.id}", border=False):
        title = summary.title or summary.request.named
        st.text_input(context.t("history.title"), title, key=key, max_chars=200)
        st.form_submit_button(
            context.t("history.save"),
            key=f"save-{summary.id}",
            on_click=_renamed,
            args=(context, summary.id, key),
        )


def _popover(run_id: str) -> str:
    """Another key after each new name: a popover that was not there before is closed."""
    return f"rename-{run_id}-{st.session_state.get(f'renamed:{run_id}', 0)}"


def _renamed(context: PageContext, run_id: str, key: str) -> None:
    st.session_state[f"renamed:{run_id}"] = st.session_state.get(f"renamed:{run_id}", 0) + 1
    _do(lambda: context.services.store.rename(run_id, st.session_state[key].strip()))
    state.forget_orders()


def _delete(context: PageContext, summary: RunSummary) -> None:
    live = context.services.jobs.is_live(summary.id)
    notice(context.t("history.delete.live" if live else "history.delete.sure"), "calm")
    st.button(
        context.t("history.delete.yes"),
        key=f"delete-{summary.id}",
        type="primary",
        disabled=live,
        on_click=_deleted,
        args=(context, summary.id),
    )


def _deleted(context: PageContext, run_id: str) -> None:
    try:
        context.services.store.delete(run_id)
    except LycheeError as error:
        return state.tell(error)
    context.services.jobs.forget(run_id)
    state.forget_orders()
    st.session_state[f"{MARK}{run_id}"] = False
    if context.run_id == run_id:
        state.open_run(None, "history")
    return None


def _again(context: PageContext, run_id: str) -> None:
    """The same question over the same images, by the model as it is now. Picks stay picks."""

    def start() -> None:
        store, jobs = context.services.store, context.services.jobs
        chosen = [index for index, _ in store.sources(run_id)]
        state.open_run(jobs.start_after(run_id, store.head(run_id).request, chosen))

    _do(start)


def _do(action) -> None:
    try:
        action()
    except LycheeError as error:
        state.tell(error)


def _pages(context: PageContext, page: int, more: bool) -> None:
    if page == 0 and not more:
        return
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button(
            context.t("previous"), key="history-newer", disabled=page == 0, on_click=state.turn, args=(page,)
        )
        st.button(
            context.t("next"), key="history-older", disabled=not more, on_click=state.turn, args=(page + 2,)
        )


def heading(t: Words, run: Run | RunSummary) -> str:
    """HTML of one line: the title, the query where it is another text, and what was not wanted."""
    asked, typed_not = run.request.named, run.question.typed_not
    title = run.title or asked
    query = f" <code>{escaped(asked)}</code>" if title != asked else ""
    minus = f" {escaped(t('sent.not'))} <code>{escaped(typed_not)}</code>" if typed_not else ""
    return f"{escaped(title)}{query}{minus}"


def facts(t: Words, run: Run | RunSummary) -> list[str]:
    """When, by which model, in which mode."""
    return [t.when(run.created), t.model(run.model), t(f"mode.{run.request.mode}")]


def _comparison(context: PageContext, first_id: str, second_id: str) -> None:
    st.button(
        context.t("compare.back"),
        key="compare-back",
        icon=":material/arrow_back:",
        on_click=state.go,
        args=("history",),
    )
    try:
        runs = [context.services.jobs.run(run_id) for run_id in (first_id, second_id)]
    except LycheeError as error:
        return notice(context.t.error(error), "bad")
    first, second = sorted(runs, key=lambda run: run.created)  # A is the earlier one
    pairs = analysis.compare(first, second)
    st.html(f'<div class="ly-head">{_side(context, "A", first)}{_side(context, "B", second)}</div>')
    if not pairs:
        return notice(context.t("compare.none"), "calm")
    faint(context.t("compare.count", n=len(pairs)))
    _change_chart(context, pairs)
    _change_table(context, first.id, pairs)
    return None


def _side(context: PageContext, name: str, run: Run) -> str:
    about = " · ".join(escaped(fact) for fact in facts(context.t, run))
    line = f'<div class="ly-query"><b>{name}</b> {heading(context.t, run)}</div>'
    return f'{line}<div class="ly-faint">{about}</div>'


def _change_chart(context: PageContext, pairs: list[Pair]) -> None:
    """On the diagonal nothing changed; above it an image matches B better."""
    import altair as alt  # half a second of its own, which the page would begin with
    import pandas as pd

    scored = [(pair.before.scored, pair.after.scored) for pair in pairs]
    rows = [(a.score, b.score, a.name, one_decimal(a.score), one_decimal(b.score)) for a, b in scored]
    frame = pd.DataFrame(rows, columns=["a", "b", "name", "A", "B"])
    scale = alt.Scale(domain=[0, 10])
    points = (
        alt.Chart(frame)
        .mark_circle(size=70, opacity=0.75, color="#c2405a")
        .encode(
            x=alt.X("a:Q", scale=scale, title=context.t("compare.axis", run="A")),
            y=alt.Y("b:Q", scale=scale, title=context.t("compare.axis", run="B")),
            tooltip=["name:N", "A:N", "B:N"],
        )
    )
    ends = pd.DataFrame({"a": [0, 10], "b": [0, 10]})
    diagonal = alt.Chart(ends).mark_line(strokeDash=[4, 4], color="#9a8f89").encode(x="a:Q", y="b:Q")
    st.altair_chart(diagonal + points, height=340, width=560, key="compare-chart")


def _change_table(context: PageContext, first_id: str, pairs: list[Pair]) -> None:
    t = context.t

    def picture(row: Scored) -> str:
        return strip([markup.thumbnail(first_id, row.upload_index, row.sha256)] if row.thumbnail else [])

    lines = "".join(
        f'<tr><td style="width:72px">{picture(pair.before.scored)}</td>'
        f"<td>{escaped(pair.before.scored.name)}</td>{_score_cell(pair.before)}{_score_cell(pair.after)}"
        f'<td class="n">{signed(pair.change)}</td></tr>'
        for pair in pairs[:MOST_ROWS]
    )
    columns = "".join(f'<th class="n">{name}</th>' for name in ("A", "B", "B − A"))
    head = f"<th></th><th>{escaped(t('image'))}</th>{columns}"
    st.html(f'<table class="ly-table"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>')
    if len(pairs) > MOST_ROWS:
        faint(t("compare.more", n=len(pairs) - MOST_ROWS))


def _score_cell(place: Ranked) -> str:
    score = one_decimal(place.scored.score)
    return f'<td class="n">{score} <span class="ly-faint">#{place.rank}</span></td>'
