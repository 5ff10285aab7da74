"""One image of a run as a card: rank, score, name, elements, bar; and the small buttons under it."""

import streamlit as st

from lychee_app.ranking import Ranked
from lychee_app.records import Decision, Run, Scored
from lychee_app.ui import output, state
from lychee_app.ui.shown import escaped, one_decimal, thumbnail_tag
from lychee_app.ui.state import Here, Standing


def draw(here: Here, standing: Standing, place: Ranked) -> None:
    index = place.scored.upload_index
    with st.container(border=True, key=f"card-{index}"):
        st.html(markup(here, standing, place))
        with st.container(horizontal=True, key=f"tools-{index}", wrap=False):
            _tools(here, standing, index)
        output.expander(here, standing, place.scored, where="card")


def markup(here: Here, standing: Standing, place: Ranked) -> str:
    """The card's picture and facts. All texts from outside are escaped here."""
    row, t = place.scored, here.t
    decision = standing.decisions.get(row.upload_index)
    picture = thumbnail_tag(row) or f'<span class="ly-noimage">{escaped(t("card.no_picture"))}</span>'
    rank = f'<span class="ly-rank">{place.rank}</span>' if place.rank else ""
    mark = f'<span class="ly-mark {decision}">{escaped(t(f"marked.{decision}"))}</span>' if decision else ""
    return (
        f'<div class="ly-card {decision or ""}" data-index="{row.upload_index}">'
        f'<div class="ly-thumb">{picture}{rank}{mark}</div>'
        f'<div class="ly-row"><span class="ly-name" title="{escaped(row.name)}">{escaped(row.name)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{_bar(row)}{chips(here, standing.run, row)}{_troubles(here, row)}</div>"
    )


def _bar(row: Scored) -> str:
    return "" if row.score is None else f'<div class="ly-bar"><i style="--p:{10 * row.score:.1f}%"></i></div>'


def chips(here: Here, run: Run, row: Scored) -> str:
    """One chip per element, as warm as its score; and one for what is not wanted, which lowers the score."""
    tags = [_chip(text, score) for text, score in zip(run.elements, row.elements, strict=False)]
    if row.not_reply is not None and row.not_reply.p_yes is not None:
        tags.append(_chip(f"{here.t('but_not')}: {run.sent_not}", 10 * row.not_reply.p_yes, "not"))
    return f'<div class="ly-chips">{"".join(tags)}</div>' if tags else ""


def _chip(text: str, score: float | None, heat: str = "") -> str:
    heat = "none" if score is None else heat
    style = "" if score is None else f' style="--p:{10 * score:.0f}%"'
    return (
        f'<span class="ly-chip {heat}"{style} title="{escaped(text)}"><span>{escaped(text)}</span>'
        f"<b>{one_decimal(score)}</b></span>"
    )


def _troubles(here: Here, row: Scored) -> str:
    reason = f'<div class="ly-reason">{escaped(here.t.reason(row.error))}</div>' if row.error else ""
    notes = "".join(f'<div class="ly-note">{escaped(here.t.reason(note))}</div>' for note in row.notes)
    return reason + notes


def _tools(here: Here, standing: Standing, index: int) -> None:
    t, decision = here.t, standing.decisions.get(index)
    st.button(
        "", key=f"zoom-{index}", help=t("zoom"), icon=":material/zoom_in:", on_click=state.zoom, args=(index,)
    )
    for kind, icon in (("pick", ":material/check:"), ("reject", ":material/close:")):
        on = decision == kind
        st.button(
            "",
            key=f"{kind}-{index}",
            help=t(f"un{kind}" if on else kind),
            icon=icon,
            type="primary" if on else "secondary",
            on_click=toggle,
            args=(here, index, kind, decision),
        )


def toggle(here: Here, index: int, kind: Decision, before: Decision | None) -> None:
    """Decides, or takes the same decision off."""
    if run_id := here.run_id:
        decision = None if before == kind else kind
        state.tried(lambda: here.services.store.decide(run_id, index, decision))
