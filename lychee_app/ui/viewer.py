"""One image in large, with its score, its elements, a decision and its model output."""

import streamlit as st

from lychee_app.errors import LycheeError
from lychee_app.ui import card, output, pictures, state
from lychee_app.ui.shown import escaped, media_url, one_decimal
from lychee_app.ui.state import Here, Standing


def draw(here: Here, standing: Standing) -> None:
    """Opens the dialog where an image was chosen. It stays open over reruns until it is closed."""
    if st.session_state.get("zoomed") not in standing.order.by_index:
        return

    @st.dialog(here.t("viewer"), width="large", on_dismiss=_closed)
    def dialog() -> None:
        fresh = state.standing(here)
        if fresh is not None:
            _content(here, fresh)

    dialog()


def _closed() -> None:
    st.session_state.pop("zoomed", None)


def _content(here: Here, standing: Standing) -> None:
    index = st.session_state.get("zoomed")
    place = standing.order.by_index.get(index) if index is not None else None
    if place is None:
        return
    row = place.scored
    st.html(f'<div class="ly-stage">{picture(here, standing, row.upload_index)}</div>')
    rank = here.t("rank.of", rank=place.rank) if place.rank else here.t.reason(row.error or "")
    size = f" · {row.width_px} × {row.height_px} px" if row.width_px else ""
    st.html(
        f'<div class="ly-row"><span class="ly-name">{escaped(row.name)}<br>{escaped(rank + size)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{card.chips(standing.run.elements, row)}"
    )
    _tools(here, standing, row.upload_index)
    output.expander(here, standing, row, where="viewer")


def picture(here: Here, standing: Standing, index: int) -> str:
    """An <img> of the whole image; the thumbnail, or words, where it cannot be read any more."""
    row = standing.order.by_index[index].scored
    source = standing.order.sources.get(index)
    try:
        data = pictures.large(source, row.sha256, here.services.settings) if source and row.sha256 else b""
    except LycheeError:
        data = row.thumbnail
    url = media_url(data)
    if not url:
        return f'<span class="ly-faint">{escaped(here.t("card.no_picture"))}</span>'
    return f'<img src="{escaped(url)}" alt="{escaped(row.name)}">'


def _tools(here: Here, standing: Standing, index: int) -> None:
    t = here.t
    order = [place.scored.upload_index for place in standing.order.ranked]
    at = order.index(index)
    decision = standing.decisions.get(index)
    with st.container(horizontal=True, horizontal_alignment="distribute"):
        st.button(
            t("previous"),
            key="viewer-previous",
            disabled=at == 0,
            icon=":material/chevron_left:",
            on_click=_show,
            args=(order[max(at - 1, 0)],),
        )
        for kind, icon in (("pick", ":material/check:"), ("reject", ":material/close:")):
            st.button(
                t(kind),
                key=f"viewer-{kind}",
                icon=icon,
                type="primary" if decision == kind else "secondary",
                on_click=card.toggle,
                args=(here, index, kind, decision),
            )
        st.button(
            t("next"),
            key="viewer-next",
            disabled=at + 1 == len(order),
            icon=":material/chevron_right:",
            icon_position="right",
            on_click=_show,
            args=(order[min(at + 1, len(order) - 1)],),
        )


def _show(index: int) -> None:
    st.session_state["zoomed"] = index
