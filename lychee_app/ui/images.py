"""The images a run is about: those of the open run, and those just dropped or named by a path."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import streamlit as st

from lychee_app import sources
from lychee_app.errors import LycheeError, UsageError
from lychee_app.records import Found, Source
from lychee_app.request import Request
from lychee_app.ui import state, widgets
from lychee_app.ui.markup import faint, notice
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.widgets import one_of

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
Way = Literal["files", "folder", "path"]
NOTHING: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
UPLOADERS: tuple[Way, ...] = ("files", "folder")


@dataclass(frozen=True)
class Pile:
    """`of_run` are the images of the open run, `new` those that came since."""

    of_run: tuple[Source, ...] = ()
    new: tuple[Source, ...] = field(default=())

    @property
    def count(self) -> int:
        return len(self.of_run) + len(self.new)

    def sources(self) -> list[Source]:
        return [*self.of_run, *self.new]


def draw(context: PageContext, standing: Standing | None) -> Pile:
    t = context.t
    of_run = tuple(standing.order.sources.values()) if standing else ()
    ways: list[Way] = ["files", "folder", "path"] if on_loopback() else ["files", "folder"]
    way = one_of(t("images"), ways, lambda way: t(f"way.{way}"), key="way", show_label=True, width="stretch")
    # All ways are drawn and all but one hidden: Streamlit forgets what lies in a field that is not drawn.
    widgets.hide(*(_key(other) for other in ways if other != way))
    _uploaders(context)
    if "path" in ways:
        _path_field(context)
    new = _named(context) if way == "path" else _dropped(context)
    pile = Pile(of_run, tuple(new))
    if pile.count:
        faint(t("pile.both" if pile.of_run and pile.new else "pile", n=pile.count, new=len(pile.new)))
    if of_run:
        st.button(
            t("pile.other"), key="other", on_click=_other, type="tertiary", icon=":material/restart_alt:"
        )
    return pile


def on_loopback() -> bool:
    """Paths of this machine are offered only to somebody who sits at it."""
    return st.get_option("server.address") in LOOPBACK


def taken() -> None:
    """What was new belongs to a run now; only what comes later is new, whichever run is open then."""
    ids, paths = st.session_state.get("taken", NOTHING)
    if st.session_state["way"] == "path":
        paths = paths | {_path()}
    else:
        ids = ids | {upload.file_id for upload in _uploads()}
    st.session_state["taken"] = (ids, paths)


def _uploaders(context: PageContext) -> None:
    widgets.uploader_words(context.t("upload.choose"), context.t("upload.drop"))
    for way in UPLOADERS:
        st.file_uploader(
            context.t(f"way.{way}.label"),
            accept_multiple_files="directory" if way == "folder" else True,
            key=_key(way),
            label_visibility="collapsed",
        )


def drop_anywhere(context: PageContext) -> None:
    """Files and folders dropped on any part of the page go to the uploader of files."""
    field = _key("files").replace(":", "-")
    data = {"words": {"drop": context.t("drop.here")}, "target": f".st-key-{field}"}
    widgets.component("drop")(key="drop", data=data, on_dropped_change=lambda: _was_dropped(context))


def _was_dropped(context: PageContext) -> None:
    found = st.session_state["drop"].get("dropped") or {}
    if found.get("files"):
        st.session_state["way"] = "files"
    if left := found.get("left"):
        state.tell(context.t("drop.left", n=left), "calm")


def _path_field(context: PageContext) -> None:
    st.text_input(
        context.t("path"),
        key=_key("path"),
        placeholder=context.t("path.placeholder"),
        help=context.t("path.help"),
    )


def _dropped(context: PageContext) -> Sequence[Source]:
    already = _taken(context)[0]
    return [
        Source(upload.name, data=upload.getvalue()) for upload in _uploads() if upload.file_id not in already
    ]


def _uploads() -> list:
    """What lies in both uploaders; switching between them loses nothing."""
    return [upload for way in UPLOADERS for upload in st.session_state.get(_key(way)) or []]


def _path() -> str:
    return widgets.pasted_path(st.session_state.get(_key("path"), ""))


def _key(way: Way) -> str:
    """Of the field. A new key empties an uploader."""
    return way if way == "path" else f"uploads:{way}:{st.session_state.get('fresh', 0)}"


def _taken(context: PageContext) -> tuple[frozenset[str], frozenset[str]]:
    """Ids of uploads, and paths. With no run open (it was deleted) all that still lies there is new."""
    return st.session_state.get("taken", NOTHING) if context.run_id else NOTHING


def _named(context: PageContext) -> Sequence[Source]:
    path = _path()
    if not path or path in _taken(context)[1]:
        return []
    try:
        return list(_found(path).sources)
    except UsageError as error:
        notice(context.t.error(error), "bad")
        return []


@st.cache_data(ttl=20, max_entries=4, show_spinner=False)
def _found(path: str) -> Found:
    return sources.find([path])


def _other() -> None:
    """Starts afresh with other images; the query stays."""
    st.session_state["fresh"] = st.session_state.get("fresh", 0) + 1
    st.session_state.pop("taken", None)
    st.session_state[_key("path")] = ""
    state.open_run(None)


def demo(context: PageContext) -> None:
    """The demo gallery in one click: its images, its query, the demo model."""
    from lychee_app import demo, query

    try:
        folder = context.services.settings.data_folder / "demo-gallery"
        _write_gallery(folder)
        question = query.ask(demo.GALLERY_QUERY)
        gallery = sources.find([folder]).sources
        run_id = context.services.jobs.start(Request(question, model="demo"), gallery)
    except LycheeError as error:
        return state.tell(error)
    st.session_state["model"] = "demo"
    state.open_run(run_id)


def _write_gallery(folder: Path) -> None:
    """Raises LycheeError where the folder cannot be written."""
    from lychee_app import demo

    try:
        demo.write_gallery(folder, replace=True)
    except OSError as error:
        raise LycheeError("demo-gallery", path=str(folder), detail=error.strerror or str(error)) from error
