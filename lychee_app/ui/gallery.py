"""The ranked images: a dense grid, the viewer that opens from it, and the same viewer as a view of its own.

One component of ours (assets/gallery/): Streamlit has no gallery, sends one click at a time, and draws the
page again for each; here a thousand images scroll, sort and filter in the browser, and keys wait for nobody.
What the component asks for goes over the page's own addresses (web/routes.py); `data` tells it of a run.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePath
from typing import Any, Literal

import streamlit as st
from streamlit.components import v2 as components

from lychee_app import analysis
from lychee_app.numbers import count
from lychee_app.ranking import Ranked
from lychee_app.ratings import Rating
from lychee_app.records import Scored
from lychee_app.ui import charts, examples, markup, ratings, state
from lychee_app.ui.markup import asset
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.suggestion import suggestion

Arrangement = Literal["grid", "decide"]
SCRIPTS = ("base", "decisions", "rows", "grid", "viewer", "gallery")


@st.fragment(key="gallery")
def draw(context: PageContext, mode: Arrangement = "grid") -> None:
    """Drawn on its own when something of it changes: the charts above need not be."""
    if (standing := state.standing(context)) is None:
        st.rerun()
    with st.container(key=f"gallery-{mode}"):
        _component()(
            key=f"images-{mode}",
            data=data(context, standing, mode),
            on_decided_change=lambda: _decided(mode),
            on_unbin_change=lambda: charts.choose_bin(context, -1),
            on_like_change=lambda: examples.chosen(context, standing, st.session_state[f"images-{mode}"]),
        )


def _decided(mode: Arrangement) -> None:
    """The gallery itself knows already, and its cut-off stays where it is: nothing moves under the hand."""
    state.redraw(*(["bulk", "actions"] if mode == "decide" else ["distribution"]))


@cache
def _script() -> str:
    return asset("shared.js") + "".join(asset(f"gallery/{name}.js") for name in SCRIPTS)


def _component():
    return components.component("lychee_gallery", js=_script(), css=asset("gallery/gallery.css"))


def data(context: PageContext, standing: Standing, mode: Arrangement) -> dict[str, Any]:
    """All that the component shows. Pictures and raw output are fetched by it, one by one."""
    run, order, rated = standing.run, standing.order, ratings.found(standing)
    group_of = {index: group.best for group in order.groups for index in group.members}
    names = distinct_names([place.scored for place in order.ranked])
    return {
        "mode": mode,
        "run": run.id,
        "base": markup.base(),
        "lang": context.t.language,
        "live": standing.live,
        "total": len(order.ranked) if standing.window else run.total,
        "scored": standing.count_scored,
        "windowed": standing.window is not None,
        "elements": list(run.question.elements),
        "not_text": run.question.sent_not,
        "mode_explain": run.request.mode == "explain",
        "explain": run.request.mode == "judge" and bool(run.question.sent),
        "examples": [
            {"text": f"{sign} {one.name}", "kind": kind} for sign, one, kind in examples.beside(run.request)
        ],
        "rows": [
            _row(context, standing, place, rated)
            | {"group": group_of.get(place.scored.upload_index), "name": names[place.scored.upload_index]}
            for place in order.ranked
        ],
        "cut": _cut(context, standing),
        "bin": _bin(standing),
        "last_step": context.services.store.last_step(run.id),
        "bulk_step": st.session_state.get("bulk-steps", {}).get(run.id),
        "words": context.t.under("gallery"),
    }


def distinct_names(rows: Sequence[Scored]) -> dict[int, str]:
    """By upload index. Where several files of this machine have one name, with the folder they lie in; with
    the whole path, where that is one too.
    """
    names = {row.upload_index: row.name for row in rows}
    for whole in (False, True):
        often = {name for name, count in Counter(names.values()).items() if count > 1}
        for row in rows:
            if row.path and names[row.upload_index] in often:
                tail = PurePath(row.path).parts[-2:]
                names[row.upload_index] = row.path if whole else str(PurePath(*tail))
    return names


def _row(
    context: PageContext, standing: Standing, place: Ranked, rated: Mapping[int, Rating]
) -> dict[str, Any]:
    row, t = place.scored, context.t
    unwanted = row.not_reply.p_yes if row.not_reply else None
    return {
        "index": row.upload_index,
        "beside": row.beside,
        "hash": row.sha256[:12],
        "rank": place.rank,
        "score": row.score,
        "elements": list(row.elements),
        "not": None if unwanted is None else 10 * unwanted,
        "examples": [
            None
            if (reply := row.like_reply if sign == "≈" else row.unlike_reply) is None
            else 10 * (reply.p_yes or 0)
            for sign, _, _ in examples.beside(standing.run.request)
        ],
        "width": row.width_px,
        "height": row.height_px,
        "seen_width": row.seen_width_px,
        "seen_height": row.seen_height_px,
        "sharpness": row.sharpness,
        "thumb": bool(row.thumbnail) or (standing.window is not None and row.width_px > 0),
        "decision": standing.decisions.get(row.upload_index),
        "why": t.reason(row.reason),
        "notes": [t.reason(note) for note in row.notes],
        "says": _says(row),
        "stars": rated[row.upload_index].stars if row.upload_index in rated else None,
        **_taken(standing, row),
    }


def _says(row: Scored) -> str:
    """The sentence of explain mode."""
    return row.reply.text if row.reply and row.reply.mode == "explain" else ""


def _taken(standing: Standing, row: Scored) -> dict[str, Any]:
    """`date` is when the picture was taken, else when its file was last changed, in seconds as a clock beside
    it shows them; None where neither is known."""
    capture, modified = row.capture, standing.order.modified.get(row.upload_index)
    date = capture.clock_seconds
    if date is None and modified is not None:
        date = datetime.fromtimestamp(modified).replace(tzinfo=UTC).timestamp()
    return {
        "date": date,
        "when": capture.shown_time,
        "camera": capture.camera,
        "lens": capture.lens,
        "settings": capture.settings,
    }


def _cut(context: PageContext, standing: Standing) -> dict[str, Any] | None:
    """Where the line is drawn: somebody's own cut-off, else the suggested one. A sorting has none, nor has a
    large run in another order than by rank."""
    if standing.run.request.columns or (standing.window and standing.window.wish.sort != "rank"):
        return None
    cutoff, suggested = standing.cutoff, False
    if cutoff is None and not standing.live and (found := suggestion(context, standing)):
        cutoff, suggested = found.cutoff, True
    if cutoff is None:
        return None
    text = charts.told(context, charts.in_force(standing, cutoff))
    above = count(analysis.is_above(standing.numbers, cutoff))
    return {"above": above, "text": text, "suggested": suggested}


def _bin(standing: Standing) -> dict[str, Any] | None:
    """Of a large run, the bar chosen in the histogram; of others the browser knows it, and has all rows."""
    bar = state.bar_in_force(standing.numbers) if standing.window else None
    return {"label": bar.label} if bar else None
