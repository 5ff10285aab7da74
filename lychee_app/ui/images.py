"""The pile: the images that are to be ranked. Fields and drops add to it; here it is seen and thinned out.

It is the open run's images, but for those that were taken off, and what was added since. What was added lies
in the draft (see store/drafts.py): nothing of it is held by this process or by a tab.
"""

import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import streamlit as st

from lychee_app import intake, sources
from lychee_app.errors import LycheeError, StoreError
from lychee_app.intake.sniff import HEAD_BYTES, sniff
from lychee_app.reasons import Reason
from lychee_app.records import Source
from lychee_app.request import Request
from lychee_app.sources import Rules
from lychee_app.ui import markup, state, widgets
from lychee_app.ui.markup import faint, notice
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.widgets import one_of

LOOPBACK = {"127.0.0.1", "::1", "localhost"}
ADDING = ["adding/walk.js", "adding/send.js", "adding/adding.js"]
BATCH_BYTES = 64 << 20
"""So much of what is added goes in one request; a file that is larger goes alone."""
Way = Literal["files", "folder", "path"]


@dataclass(frozen=True)
class Pile:
    """`of_run`: by upload index, images of the run that the draft lies beside; `removed` of it were taken
    off. `new`: by position in the draft, what was added since."""

    run_id: str | None
    of_run: dict[int, Source]
    removed: frozenset[int]
    new: dict[int, Source]

    @property
    def count(self) -> int:
        return len(self.of_run) + len(self.new)

    def paths(self) -> set[Path]:
        """Files of this machine that are in it."""
        sources = [*self.of_run.values(), *self.new.values()]
        return {source.path for source in sources if source.path and not source.private}


def pile(context: PageContext, standing: Standing | None) -> Pile:
    """As it lies now: beside the open run, else beside that which it was ranked as. Raises StoreError."""
    run_id = standing.run.id if standing else context.draft.run_id
    is_large = standing is not None and standing.window is not None  # too large to be thinned out by hand
    of_run = _sources_of(context, run_id) if run_id and not is_large else {}
    removed = state.removed_of(context, run_id) & of_run.keys()
    kept = {index: source for index, source in of_run.items() if index not in removed}
    new = context.services.store.drafts.images(context.draft.id) if context.draft.version else []
    return Pile(run_id if of_run else None, kept, removed, dict(new))


def _sources_of(context: PageContext, run_id: str) -> dict[int, Source]:
    """Nothing where it is gone or cannot be read: an open run tells of that."""
    try:
        total = context.services.store.head(run_id).total
        return state.sources(context.services, run_id, total)
    except StoreError:
        return {}


def draw(context: PageContext, pile: Pile, standing: Standing | None) -> None:
    """In the sidebar: the fields that add images, how many there are, and, beside a run, which."""
    t = context.t
    ways: list[Way] = ["files", "folder", "path"] if on_loopback() else ["files", "folder"]
    way = one_of(t("images"), ways, lambda way: t(f"way.{way}"), key="way", show_label=True, width="stretch")
    # All fields are drawn and all but one hidden: an upload goes on while another is looked at.
    rules = ["rules"] if way == "files" else []
    widgets.hide(*(f"add-{other}" for other in [*ways, *rules] if other != way))
    for name in ways:
        with st.container(key=f"add-{name}"):
            if name == "path":
                _path_field(context, pile)
            else:
                field(context, f"field-{name}", directory=name == "folder")
    _rules_fields(context)
    if pile.count:
        faint(t("pile.both" if pile.of_run and pile.new else "pile", n=pile.count, new=len(pile.new)))
    if context.draft.left_out:
        faint(t.left_out(context.draft.left_out))
    if standing is not None and pile.count:
        _list(context, pile, live=standing.live)
    _way_back(context, pile)


def _rules_fields(context: PageContext) -> None:
    """What of a folder is left out, whichever way it comes."""
    t = context.t
    with st.container(key="add-rules"), st.expander(t("rules"), key="rules", bind="query-params"):
        st.text_input(
            t("exclude"), key="exclude", placeholder=t("exclude.placeholder"), help=t("exclude.help")
        )
        st.toggle(t("include_hidden"), key="include_hidden")


def _rules() -> Rules:
    exclude = st.session_state.get("exclude") or ""
    return Rules(tuple(re.split("[,，、]", exclude)), bool(st.session_state.get("include_hidden")))


def fields() -> dict[str, str | bool]:
    """The way images are added and what stands in the fields of the rules, by their keys, but for what a page
    begins with."""
    kept = {key: st.session_state[key] for key in ("exclude", "include_hidden") if st.session_state.get(key)}
    way = st.session_state.get("way", "files")
    return kept if way == "files" else {**kept, "way": way}


def _list(context: PageContext, pile: Pile, live: bool) -> None:
    """Drawn only where it is open."""
    found = st.expander(context.t("pile.list"), key="pile-list", bind="query-params")
    if found.open:
        with found:
            show(context, pile, small=True, fixed=live)


def _way_back(context: PageContext, pile: Pile) -> None:
    t = context.t
    with st.container(horizontal=True):
        if pile.removed:
            st.button(
                t("pile.put_back", n=len(pile.removed)),
                key="put-back",
                on_click=_put_back,
                args=(context, pile.removed),
                type="tertiary",
                icon=":material/undo:",
            )
        if pile.count or context.run_id:
            st.button(
                t("pile.other"), key="other", on_click=_other, type="tertiary", icon=":material/restart_alt:"
            )


def field(context: PageContext, key: str, *, directory: bool = False, large: bool = False) -> None:
    """A button that chooses files, or a folder; what was chosen is sent by `adding`. `large`: with room and
    words for drops around it."""
    widgets.component("field", "adding/adding.css", ["adding/field.js"])(
        key=key, data={"words": context.t.under("adding"), "directory": directory, "large": large}
    )


def adding(context: PageContext) -> None:
    """Takes files and folders dropped on any part of the page, and what was chosen in a field: sends them to
    the draft (see upload.py), shows how far that is, and has the page drawn again when it is over."""
    data = {
        "words": context.t.under("adding"),
        "base": markup.base(),
        "draft": context.draft.id,
        "lang": context.t.language,
        "batch_bytes": BATCH_BYTES,
        "rules": sources.for_the_browser(_rules()),
    }
    widgets.component("adding", "adding/adding.css", ADDING)(key="adding", data=data, on_over_change=_over)


def _over() -> None:
    over = st.session_state["adding"].get("over", {})
    lines = [str(line) for line in over.get("told", ())]
    if refused := over.get("refused"):
        state.tell("\n".join([str(refused), *lines]))
    elif lines:
        state.tell("\n".join(lines), "warn")


def _path_field(context: PageContext, pile: Pile) -> None:
    st.text_input(
        context.t("path"),
        key="path",
        placeholder=context.t("path.placeholder"),
        help=context.t("path.help"),
        on_change=_named,
        args=(context, pile),
    )
    if error := st.session_state.get("path_refused"):
        notice(context.t.error(error), "bad")


def _named(context: PageContext, pile: Pile) -> None:
    """Adds what is found there and empties the field; where nothing is, it stays to be mended. A file that is
    in the pile is not there twice, and one that was taken off comes back to its place."""
    st.session_state["path_refused"] = None
    if not (path := widgets.pasted_path(st.session_state["path"])):
        return
    try:
        found = sources.find([path], _rules())
        _require_image(Path(os.path.expanduser(path)))
        known, gone = pile.paths(), _taken_off(context, pile)
        named = {source.path for source in found.sources}
        back = {index for path, index in gone.items() if path in named}
        fresh = [one for one in found.sources if one.path not in known and one.path not in gone]
        if back:
            context.services.store.drafts.put_back(context.draft.id, back)
        if fresh:
            _add(context, fresh, found.left_out)
    except LycheeError as error:
        st.session_state["path_refused"] = error
        return
    st.session_state["path"] = ""
    lines = [context.t("exclude.unmet", glob=glob) for glob in found.unmet]
    if not fresh and not back:
        lines.append(context.t("pile.known", n=len(found.sources)))
    if lines:
        state.tell("\n".join(lines), "calm")


def _require_image(path: Path) -> None:
    """A file that is named and is no image is told at once. Raises ImageError; what cannot be read waits."""
    with suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                sniff(file.read(HEAD_BYTES))


def _taken_off(context: PageContext, pile: Pile) -> dict[Path, int]:
    of_run = _sources_of(context, pile.run_id) if pile.run_id and pile.removed else {}
    found = ((of_run[index], index) for index in pile.removed)
    return {source.path: index for source, index in found if source.path and not source.private}


def _add(context: PageContext, added: Sequence[Source], left_out: Sequence[Reason] = ()) -> None:
    context.services.store.drafts.add(context.draft.id, added, left_out)


def _put_back(context: PageContext, removed: frozenset[int]) -> None:
    _tried(lambda: context.services.store.drafts.put_back(context.draft.id, removed))


def _other() -> None:
    """Starts afresh with other images; the query stays. What was added and not ranked stays in the browser's
    history, a step back."""
    state.new_draft()
    state.open_run(None)


def show(context: PageContext, pile: Pile, *, small: bool = False, fixed: bool = False) -> None:
    """The images of the pile, each with a button that takes it off. `fixed`: while its run goes on, not those
    of the run."""
    run = [
        _tile(f"run:{index}", source, f"thumb/{pile.run_id}/{index}", fixed)
        for index, source in pile.of_run.items()
    ]
    new = [
        _tile(f"new:{position}", source, f"added/{context.draft.id}/{position}", False)
        for position, source in pile.new.items()
    ]
    data = {
        "images": [*run, *new],
        "base": markup.base(),
        "small": small,
        "words": {"remove": context.t("pile.remove")},
    }
    widgets.component("pile", "pile.css")(
        key="pile", data=data, on_removed_change=lambda: _removed(context, pile)
    )


def _tile(key: str, source: Source, path: str, fixed: bool) -> dict[str, object]:
    return {"key": key, "name": intake.shown_name(source), "url": path, "fixed": fixed}


def _removed(context: PageContext, pile: Pile) -> None:
    keys = [key.partition(":") for key in st.session_state["pile"].get("removed") or ()]
    of_run = {int(place) for kind, _, place in keys if kind == "run"} & pile.of_run.keys()
    new = {int(place) for kind, _, place in keys if kind == "new"}
    drafts = context.services.store.drafts
    if of_run and pile.run_id:
        run_id = pile.run_id
        _tried(lambda: drafts.leave_out(context.draft.id, run_id, of_run))
    if new:
        _tried(lambda: drafts.take_off(context.draft.id, new))


def _tried(action: Callable[[], None]) -> None:
    try:
        action()
    except LycheeError as error:
        state.tell(error)


def on_loopback() -> bool:
    """Paths of this machine are offered only to somebody who sits at it."""
    return st.get_option("server.address") in LOOPBACK


def demo(context: PageContext) -> None:
    """The demo gallery in one click: its images, the demo model, and its query where none is typed."""
    from lychee_app import demo, query

    try:
        folder = context.services.settings.data_folder / "demo-gallery"
        _write_gallery(folder)
        typed = st.session_state["query"] if st.session_state["query"].strip() else ""
        asked = typed or demo.gallery_query(context.t.language)
        question = query.ask(asked, st.session_state["but_not"] if typed else "")
        gallery = sources.find([folder]).sources
        run_id = context.services.jobs.start(Request(question, model="demo"), gallery)
    except LycheeError as error:
        return state.tell(error)
    state.open_run(run_id)


def _write_gallery(folder: Path) -> None:
    """Raises LycheeError where the folder cannot be written."""
    from lychee_app import demo

    try:
        demo.write_gallery(folder, replace=True)
    except OSError as error:
        raise LycheeError("demo-gallery", path=str(folder), detail=error.strerror or str(error)) from error
