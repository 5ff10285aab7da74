"""A sorting on the page: names typed in the sidebar, and the images under them, moved by hand."""

from pathlib import Path
from typing import Any

import streamlit as st

from lychee_app import decide, ratings, sorting, sources
from lychee_app.errors import LycheeError, UsageError
from lychee_app.request import Column
from lychee_app.ui import examples, export, markup, state, widgets
from lychee_app.ui import ratings as ui_ratings
from lychee_app.ui.images import on_loopback
from lychee_app.ui.markup import faint, notice
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.widgets import one_of


def names(context: PageContext) -> tuple[Column, ...]:
    """The field in the sidebar, and what is typed there; () while it is empty or will not do."""
    t = context.t
    with st.expander(t("sorting"), key="sorting", icon=":material/view_column:", bind="query-params"):
        typed = st.text_area(
            t("sorting.names"),
            key="names",
            placeholder=t("sorting.placeholder"),
            help=t("sorting.help"),
            height=120,
        )
        if not typed.strip():
            return ()
        try:
            found = sorting.columns(typed)
        except UsageError as error:
            notice(t.error(error), "bad")
            return ()
        asked = [st.session_state[key] for key in ("query", "but_not")]
        if any(text.strip() for text in asked) or any(examples.given().values()):
            notice(t("sorting.alone"), "warn")
        return found


def fill(columns: tuple[Column, ...]) -> None:
    """What was asked, to be changed and asked again."""
    st.session_state["names"] = sorting.as_text(columns)


def fields() -> dict[str, str | bool]:
    """The names as they are typed, whether they will do or not."""
    typed = st.session_state.get("names")
    return {"names": typed} if typed else {}


@st.fragment(key="board")
def draw(context: PageContext) -> None:
    """The images under their names; nothing where the open run is no sorting."""
    if (standing := state.standing(context)) is None:
        st.rerun()
    if not standing.run.request.columns:
        return
    moved = context.services.store.moved(standing.run.id)
    widgets.component("board", "board.css")(
        key="board-columns",
        data=_data(context, standing, moved),
        on_moved_change=lambda: _moved(context, standing),
    )
    if not standing.live:
        _actions(context, standing)


def _data(context: PageContext, standing: Standing, moved: dict[int, str]) -> dict[str, Any]:
    t, run = context.t, standing.run
    groups = sorting.listed(run, sorting.placed(run, moved))
    columns = run.request.columns
    titles = [
        {"name": column.name, "query": column.query, "least": f"{column.least:g}"} for column in columns
    ]
    cards = [
        [
            {
                "index": row.upload_index,
                "name": row.name,
                "hash": row.sha256[:12],
                "thumb": bool(row.thumbnail),
                "score": row.elements[number] if number < len(row.elements) else row.score,
                "moved": row.upload_index in moved,
            }
            for row in group
        ]
        for number, group in enumerate(groups)
    ]
    return {
        "run": run.id,
        "base": markup.base(),
        "columns": [*titles, {"name": t("sorting.none"), "query": "", "least": ""}],
        "cards": cards,
        "words": {key: t(f"sorting.{key}") for key in ("to", "by_hand", "least", "empty", "keys")},
    }


def _moved(context: PageContext, standing: Standing) -> None:
    """A callback: the card was drawn, chosen or keyed to another column, or taken back: None is where it
    goes by itself."""
    index, place, _ = st.session_state["board-columns"].get("moved") or (None, None, None)
    columns = standing.run.request.columns
    if not isinstance(index, int) or index not in standing.order.by_index:
        return
    name = None
    if isinstance(place, int):
        name = columns[place].name if 0 <= place < len(columns) else sorting.NONE
    state.tried(lambda: context.services.store.move(standing.run.id, index, name))
    state.redraw("board")


def _actions(context: PageContext, standing: Standing) -> None:
    """A ZIP; folders and keywords, where the images are files of this machine."""
    t = context.t
    export.sorted_zip(context, standing)
    files = [one for one in standing.order.sources.values() if one.path and not one.private]
    if not files:
        return faint(t("sorting.uploads"))
    if not on_loopback():
        return None
    with st.container(horizontal=True, vertical_alignment="bottom", key="board-actions"):
        ways: list[decide.Action] = ["copy", "move"]
        action = one_of(t("files.how"), ways, lambda way: t(f"files.{way}"), key="board-how", show_label=True)
        typed = st.text_input(t("files.folder"), key="board-to", placeholder=t("files.folder.placeholder"))
        folder = widgets.pasted_path(typed)
        if st.button(t("files.plan"), key="board-carry", disabled=not folder):
            _plan(context, standing, Path(folder), action)
        if st.button(t("sorting.keywords"), key="board-keywords"):
            _plan_names(context, standing)
    widgets.told(t, "board")
    export.copied_and_moved(context, standing, "board")
    ui_ratings.written(context, standing, "board")
    return None


def _plan(context: PageContext, standing: Standing, folder: Path, action: decide.Action) -> None:
    """Nothing is touched before it is confirmed."""
    t, files = context.t, sources.with_new_sidecars(standing.order.sources.items())
    try:
        planned = sorting.plan(standing.run, export.places(context, standing), files, folder, action)
    except LycheeError as error:
        return state.tell(error, place="board")
    if planned.steps:
        st.session_state["planned"] = planned
        st.rerun()
    lines = [t("files.nothing"), *export.told(t, planned.left_out)] if planned.left_out else []
    return state.tell("\n".join(lines) or t("sorting.nothing"), "calm", "board")


def _plan_names(context: PageContext, standing: Standing) -> None:
    """As keywords. Nothing is touched before it is confirmed."""
    t, named = context.t, export.names_of(context, standing) or {}
    names = {index: name for index, name in named.items() if name is not None}
    try:
        planned = ratings.plan(standing.run, standing.order.sources.items(), ratings.Wish(names=names))
    except LycheeError as error:
        return state.tell(error, place="board")
    if planned.changes:
        st.session_state["planned"] = planned
        st.rerun()
    if planned.left_out:
        lines = [t("stars.left_out", n=len(planned.left_out)), *export.told(t, planned.left_out)]
    else:
        lines = [t("sorting.named.already") if planned.same else t("sorting.nothing")]
    return state.tell("\n".join(lines), "calm", "board")
