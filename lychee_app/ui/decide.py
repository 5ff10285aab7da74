"""Deciding: image after image by keyboard, another pinned beside it; then what becomes of the picks."""

import streamlit as st

from lychee_app.records import Decision
from lychee_app.ui import actions, card, redraw, state, style, viewer
from lychee_app.ui.shown import escaped, faint, one_decimal, thumbnail_tag
from lychee_app.ui.state import Here, Standing

AROUND = 9
"""Thumbnails in the film strip under the stage."""


def draw(here: Here, standing: Standing) -> None:
    """Two parts that are drawn apart: a key that only moves on leaves the downloads as they are."""
    if not standing.run.images:
        return faint(here.t("run.empty"))
    _one_by_one(here)
    st.divider()
    actions.draw(here)
    actions.confirm(here, standing)
    return None


@st.fragment(key="one-by-one")
def _one_by_one(here: Here) -> None:
    if (standing := state.standing(here)) is None:
        st.rerun()
    order = _order(standing)
    _counts(here, standing)
    focus = _focus(order)
    pinned = st.session_state.get("pinned")
    if pinned in standing.order.by_index:
        left, right = st.columns(2)
        with left:
            _stage(here, standing, focus, "focus")
        with right:
            _stage(here, standing, pinned, "pinned")
    else:
        _stage(here, standing, focus, "focus")
    style.component("keys")(key="let-go", height=1)
    _keys(here, standing, order, focus)
    _film(standing, order, focus)
    _above(here, standing)


def _focus(order: list[int]) -> int:
    """The image under the keys; the best one at first."""
    focus = st.session_state.get("focus")
    return focus if focus in order else order[0]


def _counts(here: Here, standing: Standing) -> None:
    picks, rejects = len(standing.decided("pick")), len(standing.decided("reject"))
    left = len(standing.order.ranked) - picks - rejects
    faint(here.t("decide.counts", picks=picks, rejects=rejects, left=left))


def _stage(here: Here, standing: Standing, index: int, name: str) -> None:
    place = standing.order.by_index[index]
    row, t = place.scored, here.t
    decision = standing.decisions.get(index)
    mark = f'<span class="ly-mark {decision}">{escaped(t(f"marked.{decision}"))}</span>' if decision else ""
    rank = f'<span class="ly-rank">{place.rank}</span>' if place.rank else ""
    pin = f"{escaped(t('pinned'))} · " if name == "pinned" else ""
    st.html(
        f'<div class="ly-decide {name}" data-index="{index}"><div class="ly-stage">'
        f"{viewer.picture(here, standing, index)}{rank}{mark}</div>"
        f'<div class="ly-row"><span class="ly-name">{pin}{escaped(row.name)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{card.chips(here, standing.run, row)}</div>"
    )


def _keys(here: Here, standing: Standing, order: list[int], focus: int) -> None:
    """Every button has a key. C and R belong to Streamlit."""
    t, at = here.t, order.index(focus)
    pinned = st.session_state.get("pinned")
    with st.container(horizontal=True, key="keys"):
        st.button(
            t("previous"), key="key-left", shortcut="Left", on_click=_go, args=(here, -1), disabled=at == 0
        )
        for kind, key, icon in (("pick", "P", ":material/check:"), ("reject", "X", ":material/close:")):
            st.button(
                t(kind),
                key=f"key-{kind}",
                shortcut=key,
                icon=icon,
                type="primary" if standing.decisions.get(focus) == kind else "secondary",
                on_click=_decide,
                args=(here, kind),
            )
        st.button(
            t("undo"), key="key-undo", shortcut="U", icon=":material/undo:", on_click=_undo, args=(here,)
        )
        st.button(
            t("unpin" if pinned is not None else "pin"),
            key="key-pin",
            shortcut="B",
            icon=":material/push_pin:",
            on_click=_pin,
            args=(here,),
            help=t("pin.help"),
        )
        st.button(
            t("next"),
            key="key-right",
            shortcut="Right",
            on_click=_go,
            args=(here, 1),
            disabled=at + 1 == len(order),
        )


def _order(standing: Standing) -> list[int]:
    """Upload indices, best first."""
    return [place.scored.upload_index for place in standing.order.ranked]


def _go(here: Here, steps: int) -> None:
    """Along the ranking from where one is now, which a quick key may have changed since the last drawing."""
    if standing := state.standing(here):
        order = _order(standing)
        at = order.index(_focus(order)) + steps
        st.session_state["focus"] = order[min(max(at, 0), len(order) - 1)]


def _pin(here: Here) -> None:
    if st.session_state.get("pinned") is not None:
        st.session_state["pinned"] = None
    elif standing := state.standing(here):
        st.session_state["pinned"] = _focus(_order(standing))


def _decide(here: Here, decision: Decision) -> None:
    """Decides on the image in focus and goes on to the next."""
    standing = state.standing(here)
    if (run_id := here.run_id) and standing:
        focus = _focus(_order(standing))
        state.tried(lambda: here.services.store.decide(run_id, focus, decision))
        _go(here, 1)
        _decided()


def _decided() -> None:
    """What shows decisions is drawn again."""
    redraw.parts("one-by-one", "actions")


def _undo(here: Here) -> None:
    """Takes the last step back and shows the image it was about."""
    if run_id := here.run_id:
        state.tried(lambda: _undone(here, run_id))


def _undone(here: Here, run_id: str) -> None:
    if restored := here.services.store.undo(run_id):
        st.session_state["focus"] = next(iter(restored))
        _decided()


def _film(standing: Standing, order: list[int], focus: int) -> None:
    """Where one is in the ranking, and what was decided around it."""
    at = order.index(focus)
    first = min(max(at - AROUND // 2, 0), max(len(order) - AROUND, 0))
    frames = []
    for index in order[first : first + AROUND]:
        classes = " ".join(filter(None, ["on" if index == focus else "", standing.decisions.get(index)]))
        frames.append(f'<div class="{classes}">{thumbnail_tag(standing.order.by_index[index].scored)}</div>')
    st.html(f'<div class="ly-strip">{"".join(frames)}</div>')


def _above(here: Here, standing: Standing) -> None:
    """Everything above the cut-off in one step, which one undo takes back."""
    t, above = here.t, standing.above()
    if standing.cutoff is None:
        return faint(t("decide.no_cut"))
    with st.container(horizontal=True):
        st.button(
            t("decide.above", n=len(above)),
            key="pick-above",
            icon=":material/done_all:",
            disabled=not above,
            on_click=_all,
            args=(here, above, "pick"),
        )
        kept = set(above) | set(standing.decided("pick"))  # who picked one by hand wants it
        below = [index for index in standing.order.by_index if index not in kept]
        st.button(
            t("decide.below", n=len(below)),
            key="reject-below",
            icon=":material/remove_done:",
            disabled=not below,
            on_click=_all,
            args=(here, below, "reject"),
        )
    return None


def _all(here: Here, indices: list[int], decision: Decision) -> None:
    if run_id := here.run_id:
        state.tried(lambda: here.services.store.decide_all(run_id, dict.fromkeys(indices, decision)))
        _decided()
