"""Earlier runs: open, rank again, rename, delete, compare two over the same images."""

from dataclasses import replace

import streamlit as st

from lychee_app import query
from lychee_app.errors import LycheeError
from lychee_app.store import RunSummary
from lychee_app.ui import asked, compare, state
from lychee_app.ui.shown import escaped, faint, notice, one_decimal, strip
from lychee_app.ui.state import Here

PAGE = 12
THUMBNAILS = 5


def draw(here: Here) -> None:
    pair = st.session_state.get("compared")
    if pair:
        return compare.draw(here, *pair)
    page = st.session_state.get("history_page", 1) - 1
    found = here.services.store.runs(limit=PAGE + 1, offset=page * PAGE)
    if not found and page == 0:
        return faint(here.t("history.empty"))
    _compare_button(here)
    for summary in found[:PAGE]:
        _line(here, summary)
    _pages(here, page, more=len(found) > PAGE)
    return None


def _compare_button(here: Here) -> None:
    marked = _marked()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            here.t("compare.start"),
            key="compare",
            disabled=len(marked) != 2,
            icon=":material/compare_arrows:",
            on_click=_compare,
            args=(marked,),
        )
        faint(here.t("compare.hint"))


def _marked() -> list[str]:
    prefix = "mark:"
    return [
        key.removeprefix(prefix)
        for key, on in st.session_state.items()
        if on and isinstance(key, str) and key.startswith(prefix)
    ]


def _compare(pair: list[str]) -> None:
    st.session_state["compared"] = tuple(pair)
    for run_id in pair:
        st.session_state[f"mark:{run_id}"] = False


def _line(here: Here, summary: RunSummary) -> None:
    t = here.t
    with st.container(border=True, key=f"run-{summary.id}"):
        st.html(_markup(here, summary))
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
                args=(here, summary.id),
                icon=":material/replay:",
            )
            with st.popover(t("history.rename"), key=_popover(summary.id), icon=":material/edit:"):
                _rename(here, summary)
            with st.popover(t("history.delete"), icon=":material/delete:"):
                _delete(here, summary)
            st.checkbox(t("compare.mark"), key=f"mark:{summary.id}")


def _markup(here: Here, summary: RunSummary) -> str:
    t = here.t
    facts = [
        *asked.facts(t, summary),
        t("history.images", n=summary.total, scored=summary.scored),
        "" if summary.status == "done" else t(f"status.{summary.status}"),
        "" if summary.best_score is None else t("history.best", score=one_decimal(summary.best_score)),
    ]
    about = " · ".join(escaped(fact) for fact in facts if fact)
    return (
        f'<div class="ly-hist"><div><div class="ly-query">{asked.heading(t, summary)}</div>'
        f'<div class="ly-faint">{about}</div></div>{strip(summary.thumbnails[:THUMBNAILS])}</div>'
    )


def _rename(here: Here, summary: RunSummary) -> None:
    """A form: Enter saves as the button does."""
    key = f"title-{summary.id}"
    with st.form(f"name-{summary.id}", border=False):
        st.text_input(here.t("history.title"), summary.title or summary.query, key=key, max_chars=200)
        st.form_submit_button(
            here.t("history.save"), key=f"save-{summary.id}", on_click=_renamed, args=(here, summary.id, key)
        )


def _popover(run_id: str) -> str:
    """Another key after each new name: a popover that was not there before is closed."""
    return f"rename-{run_id}-{st.session_state.get(f'renamed:{run_id}', 0)}"


def _renamed(here: Here, run_id: str, key: str) -> None:
    st.session_state[f"renamed:{run_id}"] = st.session_state.get(f"renamed:{run_id}", 0) + 1
    _do(lambda: here.services.jobs.rename(run_id, st.session_state[key].strip()))
    state.forget_orders()


def _delete(here: Here, summary: RunSummary) -> None:
    live = here.services.jobs.is_live(summary.id)
    notice(here.t("history.delete.live" if live else "history.delete.sure"), "calm")
    st.button(
        here.t("history.delete.yes"),
        key=f"delete-{summary.id}",
        type="primary",
        disabled=live,
        on_click=_deleted,
        args=(here, summary.id),
    )


def _deleted(here: Here, run_id: str) -> None:
    try:
        here.services.store.delete(run_id)
    except LycheeError as error:
        return state.tell(error)
    here.services.jobs.forget(run_id)
    state.forget_orders()
    st.session_state.pop(f"mark:{run_id}", None)
    if here.run_id == run_id:
        state.open_run(None, "history")
    return None


def _again(here: Here, run_id: str) -> None:
    """The same question over the same images, by the model as it is now."""

    def start() -> None:
        run = here.services.store.load(run_id)
        sources = [source for _, source in here.services.store.sources(run_id)]
        question = query.Question(run.query, run.sent_query, run.elements, run.not_text, run.sent_not)
        settings = replace(
            here.services.settings, instruction=run.instruction, max_image_tokens=run.max_image_tokens
        )
        model = run.model
        state.open_run(here.services.jobs.start(question, sources, settings, model=model, mode=run.mode))

    _do(start)


def _do(action) -> None:
    try:
        action()
    except LycheeError as error:
        state.tell(error)


def _pages(here: Here, page: int, more: bool) -> None:
    if page == 0 and not more:
        return
    with st.container(horizontal=True, horizontal_alignment="center"):
        st.button(here.t("previous"), key="history-newer", disabled=page == 0, on_click=_turn, args=(page,))
        st.button(here.t("next"), key="history-older", disabled=not more, on_click=_turn, args=(page + 2,))


def _turn(page: int) -> None:
    st.session_state["history_page"] = page
