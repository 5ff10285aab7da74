"""The page in reading order: a question in the sidebar; its answer, the decision, the history beside it."""

from contextlib import nullcontext

import streamlit as st

from lychee_app.errors import LycheeError
from lychee_app.settings import Settings
from lychee_app.ui import decide, history, results, run_bar, sidebar, state, style, viewer, welcome
from lychee_app.ui.choice import one_of
from lychee_app.ui.services import Services, opened
from lychee_app.ui.shown import faint, forget_media, notice
from lychee_app.ui.state import Here, Place, Standing

SMALL = 64
"""Up to this many images the results of a live run are drawn every second."""


def main() -> None:
    """What `streamlit run app.py` and `lychee app` show."""
    try:
        services = _services()
    except LycheeError as error:
        return refused(error)
    render(services)


@st.cache_resource(show_spinner=False)
def _services() -> Services:
    return opened(Settings.from_environment())


def refused(error: LycheeError) -> None:
    """The data folder cannot be used: nothing else can be shown."""
    style.draw("Lychee")
    notice(str(error), "bad")


def render(services: Services) -> None:
    """The whole page for one visitor."""
    here = state.here(services)
    forget_media()
    style.draw(here.t("brand"))
    try:
        standing = state.standing(here)
    except LycheeError as error:
        return notice(here.t.error(error), "bad")
    # Laid out first: where this script is cut short (by a click, or a rerun of ours), every place that
    # fragments write to stays where it was.
    switch, messages, head, body = (st.container() for _ in range(4))
    with st.sidebar:
        sidebar.draw(here, standing)
    with switch:
        place = _place(here)
    with messages:
        _told(here)
    if standing is not None and place != "history":
        with head:
            _header(here, standing)
    with body:
        try:
            _body(here, standing, place)
        except LycheeError as error:
            notice(here.t.error(error), "bad")
    if standing is not None:
        viewer.draw(here, standing)
    return None


def _body(here: Here, standing: Standing | None, place: Place) -> None:
    if place == "history":
        history.draw(here)
    elif standing is None:
        if here.run_id:
            notice(here.t("run.gone"), "calm")
        welcome.draw(here)
    elif place == "decide":
        decide.draw(here, standing)
    else:
        _answer(here, standing)


def _place(here: Here) -> Place:
    """The view switch. It stays in the session, so that other code can go somewhere, and in the address, so
    that a refresh comes back to it."""
    places: list[Place] = ["results", "decide", "history"]
    if "place" not in st.session_state and (kept := st.query_params.get("place")) in places:
        st.session_state["place"] = kept
    icons = {"results": ":material/grid_view:", "decide": ":material/rule:", "history": ":material/history:"}
    place = one_of(
        here.t("place"),
        places,
        lambda place: f"{icons[place]} {here.t(f'place.{place}')}",
        key="place",
    )
    if place != st.query_params.get("place", places[0]):
        st.query_params["place"] = place
    return place


def _told(here: Here) -> None:
    """What happened since the last drawing: an error in full, anything else as a line."""
    if (message := state.told()) is None:
        return
    text, kind = message
    notice(here.t.error(text) if isinstance(text, LycheeError) else text, kind)


def _header(here: Here, standing: Standing) -> None:
    run_bar.title(here, standing)
    if standing.live:
        _live_bar(here)
    else:
        run_bar.over(here, standing)
        if run_bar.unfinished(standing.run):
            _watch(here, standing.version)


@st.fragment(run_every=5.0)
def _watch(here: Here, drawn: int) -> None:
    """Another tab may resume what this one shows as stopped: then the whole page is drawn again."""
    view = here.services.jobs.view(here.run_id or "")
    if view is not None and view.version != drawn:
        st.rerun()


@st.fragment(run_every=0.8)
def _live_bar(here: Here) -> None:
    """Polls the run; when it is over the whole page is drawn again, once."""
    view = here.services.jobs.view(here.run_id or "")
    if view is None or view.phase == "over":
        st.rerun()
    with here.services.clock.drawing(here.run_id):
        run_bar.live(here, view)


def _answer(here: Here, standing: Standing) -> None:
    if standing.live and not standing.run.images:
        _first_answer(here)
    elif standing.run.images:
        # A fragment while it runs and after: one that came or went would move every part to another depth
        # of the page, and each would be there twice until the browser has cleared the old one away.
        every = (1.0 if standing.run.total <= SMALL else 3.5) if standing.live else None
        st.fragment(run_every=every)(_results)(here, standing.live)
    else:
        faint(here.t("run.empty"))


@st.fragment(run_every=0.5)
def _first_answer(here: Here) -> None:
    """Nothing costly is drawn yet, so a large run too is looked at often until its first result is there."""
    with here.services.clock.drawing(here.run_id):
        standing = state.standing(here)
        if standing is None or standing.run.images or not standing.live:
            st.rerun()
        faint(here.t("run.first"))


def _results(here: Here, live: bool) -> None:
    """Results as they come, or as they are; only the former are time a run may wait for."""
    with here.services.clock.drawing(here.run_id) if live else nullcontext():
        if live and state.standing(here) is None:
            st.rerun()
        results.draw(here)
