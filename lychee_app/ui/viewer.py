"""One image in large, with its score, its elements, a decision and its model output."""

import io

import streamlit as st

from lychee_app import intake
from lychee_app.errors import LycheeError
from lychee_app.ranking import Ranked, one_decimal
from lychee_app.records import ImageBudget, Source
from lychee_app.settings import Settings
from lychee_app.ui import gallery, output, state
from lychee_app.ui.markup import escaped, media_url
from lychee_app.ui.state import PageContext, Standing

LARGE_PX = 1_600_000
"""About 1.6 megapixels: fills a large dialog."""


def draw(context: PageContext, standing: Standing) -> None:
    """Opens the dialog where an image was chosen. It stays open over reruns until it is closed."""
    if st.session_state.get("zoomed") not in standing.order.by_index:
        return

    @st.dialog(context.t("viewer"), width="large", on_dismiss=_closed)
    def dialog() -> None:
        fresh = state.standing(context)
        if fresh is not None:
            _content(context, fresh)

    dialog()


def _closed() -> None:
    st.session_state.pop("zoomed", None)


def _content(context: PageContext, standing: Standing) -> None:
    index = st.session_state.get("zoomed")
    place = standing.order.by_index.get(index) if index is not None else None
    if place is None:
        return
    row = place.scored
    stage = f'<div class="ly-stage">{picture(context, standing, row.upload_index)}</div>'
    st.html(stage + _heading(context, standing, place))
    rank = context.t("rank.of", rank=place.rank) if place.rank else context.t.reason(row.reason)
    size = f" · {row.width_px} × {row.height_px} px" if row.width_px else ""
    st.html(
        f'<div class="ly-row"><span class="ly-name">{escaped(row.name)}<br>{escaped(rank + size)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{gallery.chips(context, standing.run, row)}"
    )
    _tools(context, standing, row.upload_index)
    output.expander(context, standing, row, where="viewer")


def _heading(context: PageContext, standing: Standing, place: Ranked) -> str:
    """A style that puts the rank behind the title, which Streamlit draws once for all images of a dialog."""
    if place.rank is None:
        return ""
    words = context.t("viewer.rank", rank=place.rank, n=len(standing.order.scored))
    return f'<style>[role="dialog"] h2::after {{ content: " {words}"; }}</style>'


def picture(context: PageContext, standing: Standing, index: int) -> str:
    """An <img> of the whole image; the thumbnail, or words, where it cannot be read any more."""
    row = standing.order.by_index[index].scored
    source = standing.order.sources.get(index)
    try:
        data = large(source, row.sha256, context.services.settings) if source and row.sha256 else b""
    except LycheeError:
        data = row.thumbnail
    url = media_url(data)
    if not url:
        return f'<span class="ly-faint">{escaped(context.t("card.no_picture"))}</span>'
    return f'<img src="{escaped(url)}" alt="{escaped(row.name)}">'


def _tools(context: PageContext, standing: Standing, index: int) -> None:
    """On one line, on a phone too: there is no room for icons."""
    t, order = context.t, standing.order.indices
    at = order.index(index)
    decision = standing.decisions.get(index)
    with st.container(horizontal=True, horizontal_alignment="distribute", wrap=False, gap="xsmall"):
        st.button(
            t("previous"),
            key="viewer-previous",
            shortcut="Left",
            disabled=at == 0,
            on_click=_go,
            args=(context, -1),
        )
        for kind in ("pick", "reject"):
            st.button(
                t(kind),
                key=f"viewer-{kind}",
                type="primary" if decision == kind else "secondary",
                on_click=gallery.toggle,
                args=(context, index, kind, decision),
            )
        st.button(
            t("next"),
            key="viewer-next",
            shortcut="Right",
            disabled=at + 1 == len(order),
            on_click=_go,
            args=(context, 1),
        )


def _go(context: PageContext, steps: int) -> None:
    """Along the ranking from where one is now, which a quick key may have changed since the last drawing."""
    standing, index = state.standing(context), st.session_state.get("zoomed")
    if standing and index in standing.order.by_index:
        st.session_state["zoomed"] = standing.order.beside(index, steps)


def large(source: Source, sha256: str, settings: Settings) -> bytes:
    """The image upright and in sRGB, for people to look at. Raises ImageError."""
    return _large(source, sha256, settings)


@st.cache_data(max_entries=48, show_spinner=False)
def _large(_source: Source, sha256: str, _settings: Settings) -> bytes:
    """Cached by content, not by name."""
    file = io.BytesIO()
    candidate = intake.reread((0, _source), sha256, ImageBudget(token_px=1, max_tokens=LARGE_PX), _settings)
    candidate.image.save(file, "WEBP", quality=90, method=2)
    return file.getvalue()
