"""One image in large, with its score, its elements, a decision and its model output."""

import streamlit as st

from lychee_app.errors import LycheeError
from lychee_app.ranking import Ranked
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
    stage = f'<div class="ly-stage">{picture(here, standing, row.upload_index)}</div>'
    st.html(stage + _heading(here, standing, place))
    rank = here.t("rank.of", rank=place.rank) if place.rank else here.t.reason(row.error or "")
    size = f" · {row.width_px} × {row.height_px} px" if row.width_px else ""
    st.html(
        f'<div class="ly-row"><span class="ly-name">{escaped(row.name)}<br>{escaped(rank + size)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{card.chips(here, standing.run, row)}"
    )
    _tools(here, standing, row.upload_index)
    output.expander(here, standing, row, where="viewer")


def _heading(here: Here, standing: Standing, place: Ranked) -> str:
    """A style that puts the rank behind the title, which Streamlit draws once for all images of a dialog."""
    if place.rank is None:
        return ""
    words = here.t("viewer.rank", rank=place.rank, n=len(standing.order.scored))
    return f'<style>[role="dialog"] h2::after {{ content: " {words}"; }}</style>'


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
    """On one line, on a phone too: there is no room for icons."""
    t, order = here.t, _order(standing)
    at = order.index(index)
    decision = standing.decisions.get(index)
    with st.container(horizontal=True, horizontal_alignment="distribute", wrap=False, gap="xsmall"):
        st.button(
            t("previous"),
            key="viewer-previous",
            shortcut="Left",
            disabled=at == 0,
            on_click=_go,
            args=(here, -1),
        )
        for kind in ("pick", "reject"):
            st.button(
                t(kind),
                key=f"viewer-{kind}",
                type="primary" if decision == kind else "secondary",
                on_click=card.toggle,
                args=(here, index, kind, decision),
            )
        st.button(
            t("next"),
            key="viewer-next",
            shortcut="Right",
            disabled=at + 1 == len(order),
            on_click=_go,
            args=(here, 1),
        )


def _order(standing: Standing) -> list[int]:
    """Upload indices, best first."""
    return [place.scored.upload_index for place in standing.order.ranked]


def _go(here: Here, steps: int) -> None:
    """Along the ranking from where one is now, which a quick key may have changed since the last drawing."""
    standing, index = state.standing(here), st.session_state.get("zoomed")
    if standing and index in standing.order.by_index:
        order = _order(standing)
        at = order.index(index) + steps
        st.session_state["zoomed"] = order[min(max(at, 0), len(order) - 1)]
