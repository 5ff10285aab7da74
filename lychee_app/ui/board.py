"""A sorting on the page: names typed in the sidebar, and the images under them, moved by hand."""

from pathlib import Path
from typing import Any

import streamlit as st

from lychee_app import decide, ratings, sorting
from lychee_app.errors import LycheeError, UsageError
from lychee_app.request import Column
from lychee_app.ui import routes, state, widgets
from lychee_app.ui.images import on_loopback
from lychee_app.ui.markup import notice
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
            return sorting.columns(typed)
        except UsageError as error:
            notice(t.error(error), "bad")
            return ()


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
        "base": routes.base(),
        "columns": [*titles, {"name": t("sorting.none"), "query": "", "least": ""}],
        "cards": cards,
        "words": {key: t(f"sorting.{key}") for key in ("to", "by_hand", "least", "empty")},
    }


def _moved(context: PageContext, standing: Standing) -> None:
    """A callback: the card was drawn, chosen or keyed to another column."""
    index, place, _ = st.session_state["board-columns"].get("moved") or (None, None, None)
    columns = standing.run.request.columns
    if not isinstance(index, int) or not isinstance(place, int) or index not in standing.order.by_index:
        return
    name = columns[place].name if 0 <= place < len(columns) else sorting.NONE
    state.tried(lambda: context.services.store.move(standing.run.id, index, name))
    state.redraw("board")


def _actions(context: PageContext, standing: Standing) -> None:
    """Folders and keywords, where the images are files of this machine."""
    t = context.t
    files = [one for one in standing.order.sources.values() if one.path and not one.private]
    if not (on_loopback() and files):
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key="board-actions"):
        ways: list[decide.Action] = ["copy", "move"]
        action = one_of(t("files.how"), ways, lambda way: t(f"files.{way}"), key="board-how", show_label=True)
        typed = st.text_input(t("files.folder"), key="board-to", placeholder=t("files.folder.placeholder"))
        folder = widgets.pasted_path(typed)
        if st.button(t(f"sorting.{action}"), key="board-carry", disabled=not folder):
            _carry(context, standing, Path(folder), action)
        if st.button(t("sorting.keywords"), key="board-keywords"):
            _write_names(context, standing)
    widgets.told(t, "board")


def names_of(context: PageContext, standing: Standing) -> dict[int, str | None] | None:
    """The name that each image of a sorting is under; None where the open run is none."""
    if not (columns := standing.run.request.columns):
        return None
    places = _places(context, standing)
    return {index: None if place is None else columns[place].name for index, place in places.items()}


def _places(context: PageContext, standing: Standing) -> dict[int, int | None]:
    return sorting.placed(standing.run, context.services.store.moved(standing.run.id))


def _carry(context: PageContext, standing: Standing, folder: Path, action: decide.Action) -> None:
    """Says what became of each name; taken back under Decide, as other copies and moves are."""
    t, store, lines, lost = context.t, context.services.store, [], 0
    files = standing.order.sources.items()
    try:
        for planned in sorting.plans(standing.run, _places(context, standing), files, folder, action):
            done = decide.carry_out(planned, store.moves_folder)
            if action == "move":
                store.relocate(done.moved)
            lost += len(done.left_out)
            lines.append(t(f"sorting.done.{action}", n=len(done.steps), name=planned.folder.name))
    except LycheeError as error:
        decide.recover(store)
        lines.append(t.error(error))
        lost += 1
    state.forget_orders()
    state.tell("\n".join(lines) or t("sorting.nothing"), "warn" if lost or not lines else "good", "board")
    st.rerun()


def _write_names(context: PageContext, standing: Standing) -> None:
    t, columns = context.t, standing.run.request.columns
    named = {
        index: columns[place].name for index, place in _places(context, standing).items() if place is not None
    }
    try:
        planned = ratings.plan(standing.run, standing.order.sources.items(), ratings.Wish(names=named))
        written = ratings.write(planned, context.services.store.moves_folder)
    except LycheeError as error:
        return state.tell(error, place="board")
    images = len(ratings.Tally.of(written.changes).stars)
    state.tell(t("sorting.named", n=images), "warn" if written.left_out else "good", "board")
    st.rerun()
