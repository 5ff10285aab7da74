"""Deciding: image after image by keyboard, with others held beside it; then what becomes of the picks."""

from collections.abc import Sequence

import streamlit as st

from lychee_app.records import Decision
from lychee_app.ui import export, gallery, library, ratings, state
from lychee_app.ui.markup import faint
from lychee_app.ui.state import PageContext, Standing


def draw(context: PageContext, standing: Standing) -> None:
    """Parts that are drawn apart: a key that only moves on leaves the downloads as they are."""
    if not standing.run.images and not standing.window:
        return faint(context.t("run.empty"))
    library.draw(context)
    gallery.draw(context, "decide")
    _in_bulk(context)
    st.divider()
    export.draw(context)
    if not standing.window:  # stars of a library are the command's: rank --xmp
        ratings.draw(context)
    export.confirm(context, standing)
    ratings.confirm(context, standing)
    return None


@st.fragment(key="bulk")
def _in_bulk(context: PageContext) -> None:
    """How far one is, and everything above the cut-off in one step, which one undo takes back."""
    if (standing := state.standing(context)) is None:
        st.rerun()
    t, above = context.t, standing.above()
    if standing.run.request.columns:  # each has a cut-off of its own, and no image need be decided on
        return None
    picks, rejects = len(standing.decided("pick")), len(standing.decided("reject"))
    left = standing.count_undecided
    faint(t("decide.counts", picks=picks, rejects=rejects, left=left))
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
        first_of = {index: group.members for group in standing.order.groups for index in group.members}
        best = [index for index in above if _is_first(index, first_of.get(index, ()), above)]
        if len(best) < len(above):
            st.button(
                t("decide.above.best", n=len(best)),
                key="pick-best",
                icon=":material/burst_mode:",
                on_click=_all,
                args=(context, best, "pick"),
            )
        kept = set(above) | set(standing.decided("pick"))  # who picked one by hand wants it
        below = [index for index in standing.everything if index not in kept]
        st.button(
            t("decide.below", n=len(below)),
            key="reject-below",
            icon=":material/remove_done:",
            disabled=not below,
            on_click=_all,
            args=(context, below, "reject"),
        )
    return None


def _is_first(index: int, members: Sequence[int], above: Sequence[int]) -> bool:
    """Whether no other of its group comes before it. above: best first."""
    return all(above.index(index) <= above.index(other) for other in members if other in above)


def _all(context: PageContext, indices: list[int], decision: Decision) -> None:
    if run_id := context.run_id:
        decided: dict[int, Decision | None] = dict.fromkeys(indices, decision)
        steps = st.session_state.setdefault("bulk-steps", {})
        state.tried(lambda: steps.update({run_id: context.services.store.decide_all(run_id, decided)}))
        state.redraw(*DECIDED)


DECIDED = ("gallery", "bulk", "actions")
"""The parts that show decisions."""
