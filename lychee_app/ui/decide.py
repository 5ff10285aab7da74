"""Deciding: image after image by keyboard, another pinned beside it; then what becomes of the picks."""

import streamlit as st

from lychee_app.ranking import one_decimal
from lychee_app.records import Decision
from lychee_app.ui import export, gallery, state, viewer, widgets
from lychee_app.ui.markup import escaped, faint, thumbnail_tag
from lychee_app.ui.state import PageContext, Standing

AROUND = 9
"""Thumbnails in the film strip under the stage."""


def draw(context: PageContext, standing: Standing) -> None:
    """Two parts that are drawn apart: a key that only moves on leaves the downloads as they are."""
    if not standing.run.images:
        return faint(context.t("run.empty"))
    _one_by_one(context)
    st.divider()
    export.draw(context)
    export.confirm(context, standing)
    return None


@st.fragment(key="one-by-one")
def _one_by_one(context: PageContext) -> None:
    if (standing := state.standing(context)) is None:
        st.rerun()
    order = standing.order.indices
    _counts(context, standing)
    focus = _focus(order)
    pinned = st.session_state.get("pinned")
    if pinned in standing.order.by_index:
        left, right = st.columns(2)
        with left:
            _stage(context, standing, focus, "focus")
        with right:
            _stage(context, standing, pinned, "pinned")
    else:
        _stage(context, standing, focus, "focus")
    widgets.component("keys")(key="let-go", height=1)
    _keys(context, standing, order, focus)
    _film(standing, order, focus)
    _above(context, standing)


def _focus(order: list[int]) -> int:
    """The image under the keys; the best one at first."""
    focus = st.session_state.get("focus")
    return focus if focus in order else order[0]


def _counts(context: PageContext, standing: Standing) -> None:
    picks, rejects = len(standing.decided("pick")), len(standing.decided("reject"))
    left = len(standing.order.ranked) - picks - rejects
    faint(context.t("decide.counts", picks=picks, rejects=rejects, left=left))


def _stage(context: PageContext, standing: Standing, index: int, name: str) -> None:
    place = standing.order.by_index[index]
    row, t = place.scored, context.t
    decision = standing.decisions.get(index)
    mark = f'<span class="ly-mark {decision}">{escaped(t(f"marked.{decision}"))}</span>' if decision else ""
    rank = f'<span class="ly-rank">{place.rank}</span>' if place.rank else ""
    pin = f"{escaped(t('pinned'))} · " if name == "pinned" else ""
    st.html(
        f'<div class="ly-decide {name}" data-index="{index}"><div class="ly-stage">'
        f"{viewer.picture(context, standing, index)}{rank}{mark}</div>"
        f'<div class="ly-row"><span class="ly-name">{pin}{escaped(row.name)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{gallery.chips(context, standing.run, row)}</div>"
    )


def _keys(context: PageContext, standing: Standing, order: list[int], focus: int) -> None:
    """Every button has a key. C and R belong to Streamlit."""
    t, at = context.t, order.index(focus)
    pinned = st.session_state.get("pinned")
    with st.container(horizontal=True, key="keys"):
        st.button(
            t("previous"), key="key-left", shortcut="Left", on_click=_go, args=(context, -1), disabled=at == 0
        )
        for kind, key, icon in (("pick", "P", ":material/check:"), ("reject", "X", ":material/close:")):
            st.button(
                t(kind),
                key=f"key-{kind}",
                shortcut=key,
                icon=icon,
                type="primary" if standing.decisions.get(focus) == kind else "secondary",
                on_click=_decide,
                args=(context, kind),
            )
        st.button(
            t("undo"), key="key-undo", shortcut="U", icon=":material/undo:", on_click=_undo, args=(context,)
        )
        st.button(
            t("unpin" if pinned is not None else "pin"),
            key="key-pin",
            shortcut="B",
            icon=":material/push_pin:",
            on_click=_pin,
            args=(context,),
            help=t("pin.help"),
        )
        st.button(
            t("next"),
            key="key-right",
            shortcut="Right",
            on_click=_go,
            args=(context, 1),
            disabled=at + 1 == len(order),
        )


def _go(context: PageContext, steps: int) -> None:
    """Along the ranking from where one is now, which a quick key may have changed since the last drawing."""
    if standing := state.standing(context):
        st.session_state["focus"] = standing.order.beside(_focus(standing.order.indices), steps)


def _pin(context: PageContext) -> None:
    if st.session_state.get("pinned") is not None:
        st.session_state["pinned"] = None
    elif standing := state.standing(context):
        st.session_state["pinned"] = _focus(standing.order.indices)


def _decide(context: PageContext, decision: Decision) -> None:
    """Decides on the image in focus and goes on to the next."""
    standing = state.standing(context)
    if (run_id := context.run_id) and standing:
        focus = _focus(standing.order.indices)
        state.tried(lambda: context.services.store.decide(run_id, focus, decision))
        _go(context, 1)
        _decided()


def _decided() -> None:
    """What shows decisions is drawn again."""
    state.redraw("one-by-one", "actions")


def _undo(context: PageContext) -> None:
    """Takes the last step back and shows the image it was about."""
    if run_id := context.run_id:
        state.tried(lambda: _undone(context, run_id))


def _undone(context: PageContext, run_id: str) -> None:
    if restored := context.services.store.undo(run_id):
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


def _above(context: PageContext, standing: Standing) -> None:
    """Everything above the cut-off in one step, which one undo takes back."""
    t, above = context.t, standing.above()
    if standing.cutoff is None:
        return faint(t("decide.no_cut"))
    with st.container(horizontal=True):
        st.button(
            t("decide.above", n=len(above)),
            key="pick-above",
            icon=":material/done_all:",
            disabled=not above,
            on_click=_all,
            args=(context, above, "pick"),
        )
        kept = set(above) | set(standing.decided("pick"))  # who picked one by hand wants it
        below = [index for index in standing.order.by_index if index not in kept]
        st.button(
            t("decide.below", n=len(below)),
            key="reject-below",
            icon=":material/remove_done:",
            disabled=not below,
            on_click=_all,
            args=(context, below, "reject"),
        )
    return None


def _all(context: PageContext, indices: list[int], decision: Decision) -> None:
    if run_id := context.run_id:
        state.tried(lambda: context.services.store.decide_all(run_id, dict.fromkeys(indices, decision)))
        _decided()
