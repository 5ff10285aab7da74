"""Example images: chosen from a card or a file, shown beside the query, and taken off again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import streamlit as st

from lychee_app.engines.example import example_at
from lychee_app.errors import LycheeError
from lychee_app.intake import same_name_safe
from lychee_app.records import Source
from lychee_app.request import Example, Request
from lychee_app.ui import state, widgets
from lychee_app.ui.markup import data_url, escaped, faint, image_tag
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.widgets import one_of
from lychee_app.web import pictures

Kind = Literal["like", "unlike"]
KINDS: tuple[Kind, ...] = ("like", "unlike")
SIGNS = {"like": "≈", "unlike": "≉"}


def given() -> dict[Kind, Example | None]:
    """What is chosen in this tab."""
    return {kind: st.session_state.get(kind) for kind in KINDS}


def fill(request: Request) -> None:
    """Those of a run or a draft."""
    st.session_state["like"], st.session_state["unlike"] = request.like, request.unlike


def beside(request: Request) -> list[tuple[str, Example, str]]:
    """(sign, example, kind of chip) of each that is not all that the score says."""
    found = [("≈", request.like, ""), ("≉", request.unlike, "not")]
    some = [(sign, one, kind) for sign, one, kind in found if one]
    return some if request.question.sent or len(some) > 1 or request.unlike else []


def chosen(context: PageContext, standing: Standing, told: Mapping[str, Any]) -> None:
    """A callback: a card of the open run, as the gallery names it."""
    index, kind, _ = told.get("like") or (None, None, None)
    source = standing.order.sources.get(index) if isinstance(index, int) else None
    if kind not in KINDS or source is None:
        return
    row = standing.order.by_index[index].scored if index in standing.order.by_index else None
    if source.path is None or row is None:
        return
    try:
        example = example_at(source.path, context.services.settings, row.name)
    except LycheeError as error:
        state.tell(error)
    else:
        st.session_state[kind] = example
    st.rerun()


def draw(context: PageContext) -> None:
    """In the sidebar, below the words: what is chosen, and a way to choose a file."""
    t = context.t
    # Laid out first: a part that another moved down would be there twice until the browser clears it away.
    places = {kind: st.container(key=f"example-{kind}") for kind in KINDS}
    for kind, example in given().items():
        if example is not None:
            with places[kind]:
                st.html(_shown(context, kind, example))
                st.button(
                    t("example_image.remove"),
                    key=f"drop-{kind}",
                    icon=":material/close:",
                    type="tertiary",
                    on_click=_drop,
                    args=(kind,),
                )
    with st.popover(t("example_image"), icon=":material/image_search:", width="stretch", key="example-image"):
        kind = one_of(
            t("example_image.kind"), KINDS, lambda kind: t(f"example_image.{kind}"), key="example-kind"
        )
        faint(t("example_image.help"))
        key = f"example-{st.session_state.get('examples-refused', 0)}"
        with st.container(key="example-file"):
            st.file_uploader(
                t("example_image.file"),
                key=key,
                on_change=_uploaded,
                args=(context, kind, key),
                label_visibility="collapsed",
            )
        widgets.told(t, "example")


def _shown(context: PageContext, kind: Kind, example: Example) -> str:
    try:
        small = pictures.small(Source(example.name, path=Path(example.path)), context.services.settings)
    except (LycheeError, OSError):
        small = b""
    picture = image_tag(data_url(small, "image/webp")) if small else ""
    said = context.t(f"example_image.{kind}")
    return f'<div class="ly-example">{picture}<span>{escaped(said)}: {escaped(example.name)}</span></div>'


def _drop(kind: Kind) -> None:
    st.session_state[kind] = None


def _uploaded(context: PageContext, kind: Kind, key: str) -> None:
    """A callback: the file is kept where uploads are. One that will not do is told beside the field, which is
    empty again: what was chosen before stays."""
    file = st.session_state.get(key)
    if file is None:
        return
    store, settings = context.services.store, context.services.settings
    try:
        kept = store.upload(store.keep(file.getvalue()))
        st.session_state[kind] = example_at(kept, settings, same_name_safe(file.name))
    except LycheeError as error:
        state.tell(error, place="example")
        st.session_state["examples-refused"] = st.session_state.get("examples-refused", 0) + 1
