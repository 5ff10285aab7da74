"""A run that is too large to be shown at once: which of its images, in what order, a page at a time.

What is chosen here holds for all of its rows and is answered from a few columns (analysis/window.py); the
gallery is then given one page of them, and the viewer, decisions and keys are those of any run.
"""

from pathlib import Path
from typing import get_args

import streamlit as st

from lychee_app.analysis.window import Kind, Sort
from lychee_app.errors import LycheeError
from lychee_app.records import Cutoff
from lychee_app.ui import charts, state, widgets
from lychee_app.ui.markup import faint
from lychee_app.ui.state import PageContext


def draw(context: PageContext) -> None:
    """Above the images, where there are too many: what is shown of how many, and the pages."""
    standing = state.standing(context)
    if standing is None or (window := standing.window) is None:
        return
    t, run_id = context.t, standing.run.id
    kinds: list[Kind] = list(get_args(Kind))
    sorts: list[Sort] = list(get_args(Sort))
    with st.container(horizontal=True, vertical_alignment="bottom", key="library"):
        widgets.from_box(
            t("gallery.filter"),
            kinds,
            lambda kind: t(f"gallery.filter_{kind}"),
            key=state.library_key(run_id, "kind"),
            language=t.language,
            hide_label=False,
            width=160,
        )
        st.text_input(
            t("library.name"),
            key=state.library_key(run_id, "text"),
            width=200,
        )
        for name in ("low", "high"):
            st.number_input(
                t(f"library.{name}"),
                0.0,
                10.0,
                None,
                step=0.5,
                key=state.library_key(run_id, name),
                width=130,
            )
        widgets.from_box(
            t("gallery.sort"),
            sorts,
            lambda sort: t(f"gallery.sort_{sort}"),
            key=state.library_key(run_id, "sort"),
            language=t.language,
            hide_label=False,
            width=140,
        )
        _cut(context, standing.cutoff)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        count = t("library.shown", n=f"{len(window.shown):,}", total=f"{len(window.columns.table):,}")
        faint(count if window.shown else f"{count} {t('gallery.none')}")
        if window.pages > 1:
            key = state.page_key(run_id, window.wish)
            if st.session_state.get(key, 1) > window.pages:  # what was decided left fewer
                st.session_state[key] = window.pages
            st.pagination(window.pages, key=key)


def _cut(context: PageContext, cutoff: Cutoff | None) -> None:
    """The cut-off, which the histogram sets for smaller runs."""
    current = cutoff.value if cutoff and cutoff.axis == "score" else None
    key = f"library-cut:{context.run_id}:{current}"

    def chosen() -> None:
        value = st.session_state[key]
        charts.set_cut(context, None if value is None else Cutoff(float(value)))

    st.session_state.setdefault(key, current)
    st.number_input(context.t("cut"), 0.0, 10.0, None, step=0.5, key=key, width=130, on_change=chosen)


def attaching(context: PageContext) -> None:
    """In the history: a result in Parquet parts of this machine, opened by its path."""
    with st.popover(context.t("library.open"), icon=":material/folder_open:"):
        st.text_input(
            context.t("library.path"),
            key="library-path",
            placeholder=context.t("library.path.placeholder"),
            on_change=_attach,
            args=(context,),
        )


def _attach(context: PageContext) -> None:
    if path := widgets.pasted_path(st.session_state["library-path"]):
        try:
            run_id = context.services.store.attach(Path(path).expanduser())
        except LycheeError as error:
            return state.tell(error)
        st.session_state["library-path"] = ""
        state.forget_orders()
        state.open_run(run_id)
    return None
