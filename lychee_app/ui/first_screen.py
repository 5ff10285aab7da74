"""Before anything is ranked: one place to put images, or, once there are some, the images themselves."""

from functools import cache
from pathlib import Path

import streamlit as st

from lychee_app import demo
from lychee_app.ui import images, model_picker
from lychee_app.ui.images import Pile
from lychee_app.ui.markup import data_url, escaped, faint, image_tag
from lychee_app.ui.state import PageContext

SCENES = 8


def draw(context: PageContext, pile: Pile) -> None:
    if pile.count:
        _waiting(context, pile)
    else:
        _empty(context)


def _waiting(context: PageContext, pile: Pile) -> None:
    """The pile as it will be ranked."""
    t = context.t
    asks = not st.session_state["query"].strip()
    st.html(f'<div class="ly-head"><h1>{escaped(t("pile", n=pile.count))}</h1></div>')
    faint(t("pile.ask" if asks else "pile.ready"))
    images.show(context, pile)


def _empty(context: PageContext) -> None:
    """One sentence, one target for drops, one demo, one line on the judge."""
    t = context.t
    st.html(f'<div class="ly-hero"><h1>{escaped(t("hero"))}</h1></div>')
    with st.container(key="add-here"):
        images.field(context, "field-here", large=True)
    with st.container(horizontal=True, vertical_alignment="center", key="try"):
        st.button(
            t("demo.start"), key="demo", icon=":material/play_arrow:", on_click=images.demo, args=(context,)
        )
        st.html(_scenes(), width="content")
    model_picker.advice(context)


@cache
def _scenes() -> str:
    """Pictures of the demo gallery, small."""
    urls = (data_url(path.read_bytes(), "image/webp") for path in _gallery())
    return f'<div class="ly-scenes">{"".join(map(image_tag, urls))}</div>'


def _gallery() -> list[Path]:
    folder = Path(demo.__file__).with_name("gallery")
    return sorted(folder.glob("*.webp"))[:SCENES]
