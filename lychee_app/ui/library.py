"""A run that is too large to be shown at once: which of its images, in what order, a page at a time.

What is chosen here holds for all of its rows and is answered from a few columns (analysis/window.py); the
gallery is then given one page of them, and the viewer, decisions and keys are those of any run.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, get_args

import streamlit as st

from lychee_app.analysis.window import SORTS, Kind
from lychee_app.errors import LycheeError
from lychee_app.ui import state, widgets
from lychee_app.ui.images import on_loopback
from lychee_app.ui.markup import faint
from lychee_app.ui.state import PageContext

V = TypeVar("V")


def draw(context: PageContext) -> None:
    """Above the images, where there are too many: what is shown of how many, and the pages."""
    standing = state.standing(context)
    if standing is None or (window := standing.window) is None:
        return
    t, run_id = context.t, standing.run.id
    elements = standing.run.question.elements

    def box(name: str, label: str, options: Sequence[V], words: Callable[[V], str], width: int) -> None:
        key = state.library_key(run_id, name)
        widgets.from_box(
            t(label), options, words, key=key, language=t.language, hide_label=False, width=width
        )

    def sort_words(sort: str) -> str:
        kind, _, place = sort.partition(":")
        return t(f"gallery.sort_{kind}", text=elements[int(place)]) if place else t(f"gallery.sort_{kind}")

    def star_words(stars: str) -> str:
        if stars.isdigit():
            return t("gallery.rated_from", stars="★" * int(stars)) if stars != "5" else "★★★★★"
        return t(f"gallery.rated_{stars}" if stars else "gallery.any_rating")

    with st.container(horizontal=True, vertical_alignment="bottom", key="library"):
        box("kind", "gallery.filter", get_args(Kind), lambda kind: t(f"gallery.filter_{kind}"), 140)
        st.text_input(t("library.text"), key=state.library_key(run_id, "text"), width=160)
        if elements:
            places = range(-1, len(elements))
            box("of", "library.of", places, lambda at: t("library.whole") if at < 0 else elements[at], 150)
        for name in ("low", "high"):
            key = state.library_key(run_id, name)
            st.number_input(
                t(f"library.{name}"), 0.0, 10.0, None, step=0.5, key=key, width=110, format="%.1f"
            )
        if on_loopback():
            box("stars", "library.stars", ("", *"54321", "none", "reject"), star_words, 125)
        sorts = [*SORTS, *(f"element:{place}" for place in range(len(elements)))]
        box("sort", "gallery.sort", sorts, sort_words, 130)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        count = t("library.shown", n=f"{len(window.shown):,}", total=f"{len(window.columns.table):,}")
        faint(count if window.shown else f"{count} {t('gallery.none')}")
        if window.pages > 1:
            key = state.page_key(run_id, window.wish)
            if st.session_state.get(key, 1) > window.pages:  # what was decided left fewer
                st.session_state[key] = window.pages
            st.pagination(window.pages, key=key)


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
            run_id = context.services.store.attach(Path(os.path.expanduser(path)))
            cut_short = context.services.store.cut_short(run_id)
        except LycheeError as error:
            return state.tell(error)
        st.session_state["library-path"] = ""
        state.forget_orders()
        state.open_run(run_id)
        if cut_short:
            names = context.t.listed(file.name for file in cut_short)
            state.tell(context.t("library.cut_short", n=len(cut_short), names=names), "warn")
    return None
