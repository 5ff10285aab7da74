"""The page in reading order: a question in the sidebar; its answer, the decision, the history beside it."""

from contextlib import nullcontext, suppress

import streamlit as st

from lychee_app.errors import LycheeError
from lychee_app.services import Services, shared
from lychee_app.ui import (
    board,
    charts,
    decide,
    export,
    findings,
    first_screen,
    gallery,
    history,
    images,
    library,
    markup,
    ratings,
    run_bar,
    sidebar,
    state,
    widgets,
)
from lychee_app.ui.images import Pile
from lychee_app.ui.markup import faint, notice
from lychee_app.ui.state import PageContext, Section, Standing
from lychee_app.ui.widgets import one_of

SMALL = 64
"""Up to this many images the results of a live run are drawn every second."""


def main() -> None:
    """What `streamlit run app.py` and `lychee app` show."""
    try:
        services = shared()
    except LycheeError as error:
        return refused(error)
    render(services)


def refused(error: LycheeError) -> None:
    """The data folder cannot be used: nothing else can be shown."""
    t = state.words()
    markup.page_style(t("brand"))
    notice(t.error(error), "bad")


def render(services: Services) -> None:
    """The whole page for one visitor."""
    t = state.words()
    markup.page_style(t("brand"))
    try:
        context = state.page_context(services)
        standing = state.standing(context)
        pile = images.pile(context, standing)
    except LycheeError as error:
        return notice(t.error(error), "bad")
    # Laid out first: where this script is cut short (by a click, or a rerun of ours), every place that
    # fragments write to stays where it was.
    switch, messages = (st.container() for _ in range(2))
    # Where a run is shown this takes the first screen away at one stroke; it would move down the page else.
    first = st.container() if standing is None else st.empty()
    head, body = (st.container() for _ in range(2))
    with st.sidebar:
        sidebar.draw(context, standing, pile)
    with switch:
        place = _place(context)
    with messages:
        widgets.told(context.t, "page")
    if standing is not None and place != "history":
        with head:
            _header(context, standing)
    with first if standing is None and place != "history" else body:
        try:
            _body(context, standing, place, pile)
        except LycheeError as error:
            notice(context.t.error(error), "bad")
    images.adding(context)
    widgets.own_words(context.t)
    _addressed(context, history.marked() if place == "history" and not state.compared() else None)
    return None


def _addressed(context: PageContext, marked: list[str] | None) -> None:
    """What stands in the address without a step in the browser's history: the draft, as soon as the store has
    it (this very drawing may have begun it), and the runs that are marked, where they can be."""
    kept = context.draft.version
    with suppress(LycheeError):
        kept = kept or context.services.store.drafts.get(context.draft.id)
    data = {
        "draft": context.draft.id if kept else "",
        "marked": None if marked is None else "~".join(marked),
    }
    widgets.component("draft")(key="kept", data=data)


def _body(context: PageContext, standing: Standing | None, place: Section, pile: Pile) -> None:
    if place == "history":
        history.draw(context)
    elif standing is None:
        if context.run_id:
            notice(context.t("run.gone"), "calm")
        first_screen.draw(context, pile)
    elif place == "decide":
        decide.draw(context, standing)
    else:
        _answer(context, standing)


def _place(context: PageContext) -> Section:
    """The view switch. The address says where one is, so that a refresh and the browser's Back come there."""
    st.session_state["place"] = state.section()
    icons = {"results": ":material/grid_view:", "decide": ":material/rule:", "history": ":material/history:"}
    place = one_of(
        context.t("place"),
        state.SECTIONS,
        lambda place: f"{icons[place]} {context.t(f'place.{place}')}",
        key="place",
        on_change=lambda: state.go(st.session_state["place"]),
    )
    return place


def _header(context: PageContext, standing: Standing) -> None:
    run_bar.title(context, standing)
    if standing.live:
        _live_bar(context)
    else:
        run_bar.over(context, standing)
        run_bar.closer(context, standing)
        if run_bar.unfinished(standing.run):
            _watch(context, standing.version)


@st.fragment(run_every=5.0)
def _watch(context: PageContext, drawn: int) -> None:
    """Another tab, or program, may go on with what this one shows as stopped: all is drawn again then."""
    with suppress(LycheeError):
        view = context.services.jobs.view(context.run_id or "")
        if view is not None and view.version != drawn:
            st.rerun()


@st.fragment(run_every=0.8)
def _live_bar(context: PageContext) -> None:
    """Polls the run; when it is over the whole page is drawn again, once."""
    try:
        view = context.services.jobs.view(context.run_id or "")
    except LycheeError as error:
        return notice(context.t.error(error), "bad")
    if view is None or view.phase == "over":
        st.rerun()
    with context.services.clock.drawing(context.run_id):
        run_bar.live(context, view)


def _answer(context: PageContext, standing: Standing) -> None:
    if standing.live and not standing.run.images:
        _first_answer(context)
    elif standing.run.images or standing.window:
        # A fragment while it runs and after: one that came or went would move every part to another depth
        # of the page, and each would be there twice until the browser has cleared the old one away.
        every = None
        if standing.live:
            every = 1.0 if standing.run.total <= SMALL else 15.0 if standing.window else 3.5
        st.fragment(key="results", run_every=every)(_results)(context, standing.live)
        export.confirm(context, standing, "board")
        ratings.confirm(context, standing, "board")
    else:
        faint(context.t("run.empty"))


@st.fragment(run_every=0.5)
def _first_answer(context: PageContext) -> None:
    """Nothing costly is drawn yet, so a large run too is looked at often until its first result is there."""
    with context.services.clock.drawing(context.run_id):
        standing = state.standing(context)
        if standing is None or standing.run.images or not standing.live:
            st.rerun()
        faint(context.t("run.first"))


def _results(context: PageContext, live: bool) -> None:
    """Results as they come, or as they are; only the former are time a run may wait for."""
    with context.services.clock.drawing(context.run_id) if live else nullcontext():
        standing = state.standing(context)
        if standing is None:
            st.rerun()
        _parts(context, standing)


def _parts(context: PageContext, standing: Standing) -> None:
    # Each part has a place of its own, even while there is nothing to find: a part that moved up or down
    # would be on the page twice until the browser has cleared the old one away.
    words, charted, sorted_, ranked = (st.container() for _ in range(4))
    with words:
        findings.draw(context)
    with charted:
        _charts(context, standing)
    with sorted_:
        if not standing.window:
            board.draw(context)
    with ranked:
        library.draw(context)
        gallery.draw(context)


def _charts(context: PageContext, standing: Standing) -> None:
    """Above the images, folded up until somebody wants them: then they stay open, over a refresh too."""
    st.session_state["charts"] = "charts" in st.query_params
    panel = st.expander(
        context.t("histogram" if standing.window else "charts"),
        key="charts",
        on_change=lambda: state.in_address("charts", "1" if st.session_state["charts"] else None),
        icon=":material/bar_chart:",
    )
    if panel.open:
        with panel:
            _opened_charts(context, standing)


def _opened_charts(context: PageContext, standing: Standing) -> None:
    if standing.window:  # a cell for each of its images would be too small to be met
        with st.container(border=True, key="distribution"):
            return charts.distribution(context)
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, key="distribution"):
        charts.distribution(context)
    with right.container(border=True, key="overview"):
        charts.overview(context)
    return None
