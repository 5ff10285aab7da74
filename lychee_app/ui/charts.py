"""The distribution with its cut-off, the images in upload order, and the element table.

They are drawn by small components of our own (assets/*.js): Vega-Lite has no handle that is dragged on a
histogram, and its tooltips would need every thumbnail inlined. The cut-off has a native twin beside it, a
number field, for those who would rather type; both write the same state.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import streamlit as st

from lychee_app import analysis
from lychee_app.analysis import Bin, Calibration
from lychee_app.analysis.cut import TOP_SHOWN
from lychee_app.numbers import Numbers, count
from lychee_app.ranking import one_decimal
from lychee_app.reasons import Reason
from lychee_app.records import Axis, Cutoff, Scored, logit
from lychee_app.ui import markup, state, widgets
from lychee_app.ui.markup import escaped, faint
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.suggestion import Suggestion, calibration, suggestion
from lychee_app.ui.widgets import one_of

DIGITS: dict[Axis, int] = {"score": 1, "margin": 2}
TICKS = 400
"""Below the bars."""
THUMBNAILS = 2000
"""Past this many images the heat grid's tooltips have no picture."""


@st.fragment(key="distribution")
def distribution(context: PageContext) -> None:
    """The histogram and its controls."""
    t, standing = context.t, state.standing(context)
    if standing is None:
        st.rerun()
    st.html(f"<b>{escaped(t('histogram'))}</b>")
    kinds = ["ranges", "even"] + (["margin"] if standing.order.axis == "margin" else [])
    kind = one_of(
        t("bins"),
        kinds,
        lambda kind: t(f"bins.{kind}"),
        key="bins",
        on_change=lambda: choose_bin(context, -1),  # the gallery, too: its cut-off is told on their axis
        in_address=True,
    )
    bins = state.bins_in_force(standing.numbers)
    if not bins:
        return faint(t("histogram.empty"))
    _histogram(context, standing, kind, bins)
    _cut_controls(context, standing, bins[0].axis)
    return None


def _histogram(context: PageContext, standing: Standing, kind: str, bins: Sequence[Bin]) -> None:
    t, axis = context.t, bins[0].axis
    suggested = suggestion(context, standing)
    cut = _on(standing, standing.cutoff, axis)
    hinted = _on(standing, suggested.cutoff if suggested else None, axis)
    hint = hinted.value if hinted else None
    start = cut.value if cut else hint if hint is not None else bins[len(bins) // 2].low
    data = {
        "run": standing.run.id,
        "kind": kind,
        "members": None if standing.window else [list(one.upload_indexes) for one in bins],
        "selected": st.session_state.get("bin", -1) if standing.window else None,
        "edges": [bins[0].low, *(one.high for one in bins)],
        "counts": [one.count for one in bins],
        "labels": [one.label for one in bins],
        "ticks": [one.label for one in bins] if kind == "ranges" else [f"{one.low:g}" for one in bins],
        "centred": kind == "ranges",
        "heat": [_heat(one) for one in bins],
        **_points(standing.numbers, axis),
        "cut": start,
        "above": count(analysis.is_above(standing.numbers, Cutoff(start, axis))),
        "unset": cut is None,
        "suggested": hint,
        "curve": _curve(bins, suggested.calibration if suggested else None),
        "digits": DIGITS[axis],
        "words": {
            "title": t("histogram"),
            "cut": t("cut"),
            "tag": t("cut.tag"),
            "unset": t("cut.drag"),
            "curve": t("cut.curve"),
        },
    }
    key = "histogram"
    widgets.component("histogram")(
        key=key,
        data=data,
        on_cut_change=lambda: _cut_dragged(context, key, axis),
        on_bar_change=lambda: choose_bin(context, int(st.session_state[key]["bar"])),
    )


def _curve(bins: Sequence[Bin], fitted: Calibration | None) -> list[tuple[float, float]]:
    """(place on the axis, chance that an image there is wanted), four to a bin; none where none is fitted."""
    if fitted is None:
        return []
    places = [one.low + step * (one.high - one.low) / 4 for one in bins for step in range(4)] + [
        bins[-1].high
    ]
    margins = (
        places if bins[0].axis == "margin" else [logit(min(max(at / 10, 1e-4), 1 - 1e-4)) for at in places]
    )
    return [(at, round(fitted.chance(margin), 4)) for at, margin in zip(places, margins, strict=True)]


def _offer(context: PageContext, cutoff: Cutoff, suggested: Suggestion) -> str:
    t, fitted, value = context.t, suggested.calibration, told(context, cutoff)
    if fitted:
        return t("cut.suggest.picks", value=value, n=fitted.count, count=suggested.count)
    return t("cut.suggest", value=value, n=suggested.count)


def _on(standing: Standing, cutoff: Cutoff | None, axis: Axis) -> Cutoff | None:
    return analysis.on_axis(standing.numbers, cutoff, axis) if cutoff else None


def in_force(standing: Standing, cutoff: Cutoff) -> Cutoff:
    """The same on the axis that the histogram shows; as it is where it has no exact place there."""
    axis: Axis = "margin" if st.query_params.get("bins") == "margin" else "score"
    return _on(standing, cutoff, axis) or cutoff


def told(context: PageContext, cutoff: Cutoff) -> str:
    """The number; a logit says that it is one."""
    text = f"{cutoff.value:.{DIGITS[cutoff.axis]}f}"
    return text if cutoff.axis == "score" else context.t("cut.at.margin", value=text)


def _heat(one: Bin) -> float:
    """The colour of a bar: the mean score of what may lie in it, on the one scale of the whole page."""
    return round(5 * (one.low + one.high) if one.axis == "score" else 10 * one.mean_score, 1)


def _points(numbers: Numbers, axis: Axis) -> dict[str, Any]:
    """`points`: where images lie, of many some at even steps of the ranking. `steps`: where a cut-off may be
    dragged to, and how many images lie there or above, but below the next."""
    values = (numbers.margins if axis == "margin" else numbers.scores)[numbers.with_score]
    values = np.sort(values[np.isfinite(values)])
    some = np.linspace(0, len(values) - 1, min(len(values), TICKS)).round().astype(int)
    scale = 10 ** DIGITS[axis]
    at = np.floor(values * scale)
    at += (at + 1) / scale <= values
    at -= at / scale > values
    if axis == "score":
        at[values >= TOP_SHOWN] = 10 * scale
    steps, counts = np.unique(at, return_counts=True)
    pairs = zip((steps / scale).tolist(), counts.tolist(), strict=True)
    return {"points": values[some].tolist(), "steps": list(pairs)}


def _cut_dragged(context: PageContext, key: str, axis: Axis) -> None:
    value = st.session_state[key].get("cut")
    if value is not None and context.run_id:
        set_cut(context, Cutoff(float(value), axis))


def set_cut(context: PageContext, cutoff: Cutoff | None) -> None:
    if run_id := context.run_id:
        state.tried(lambda: context.services.store.set_cutoff(run_id, cutoff))
        _redraw(context, "findings", "distribution", "gallery")


def choose_bin(context: PageContext, place: int) -> None:
    """A callback. Of a large run, the bar of that place filters the gallery; -1: none does."""
    st.session_state["bin"] = place
    _redraw(context, "distribution", "gallery")


def _redraw(context: PageContext, *keys: str) -> None:
    """Of a large run also how many are left, and their pages."""
    standing = state.standing(context)
    state.redraw(*(("results",) if standing and standing.window else keys))


def _cut_controls(context: PageContext, standing: Standing, axis: Axis) -> None:
    t = context.t
    suggested = suggestion(context, standing)
    with st.container(horizontal=True, vertical_alignment="bottom", key="cut-controls"):
        on_this_axis = _on(standing, standing.cutoff, axis)
        current = on_this_axis.value if on_this_axis else None
        key = f"cut:{context.run_id}:{axis}:{current}"
        low, high = (0.0, 10.0) if axis == "score" else (-1e4, 1e4)
        st.session_state.setdefault(key, current)
        st.number_input(
            t("cut"),
            low,
            high,
            None,
            step=0.1,
            key=key,
            format=f"%.{DIGITS[axis]}f",
            width=150,
            placeholder=_set_at(context, standing.cutoff),
            on_change=lambda: _cut_typed(context, key, axis),
        )
        if suggested:
            offered = in_force(standing, suggested.cutoff)
            words = _offer(context, offered, suggested)
            st.button(
                words,
                key="suggest",
                on_click=set_cut,
                args=(context, offered),
                icon=":material/content_cut:",
            )
        if standing.cutoff:
            st.button(t("cut.clear"), key="uncut", on_click=set_cut, args=(context, None), type="tertiary")
    if isinstance(why_not := calibration(context, standing), Reason):
        faint(t.reason(why_not))
    if standing.cutoff:
        above = t("cut.above", n=len(standing.above()), total=standing.count_scored)
        faint(above if on_this_axis else f"{above} · {_set_at(context, standing.cutoff)}")


def _set_at(context: PageContext, cutoff: Cutoff | None) -> str:
    """What an empty field says: no cut-off, or one on the other axis that has no exact place on this one."""
    if cutoff is None:
        return context.t("cut.none")
    return context.t(f"cut.at.{cutoff.axis}", value=f"{cutoff.value:.{DIGITS[cutoff.axis]}f}")


def _cut_typed(context: PageContext, key: str, axis: Axis) -> None:
    value = st.session_state[key]
    set_cut(context, None if value is None else Cutoff(float(value), axis))


@st.fragment(key="overview")
def overview(context: PageContext) -> None:
    """Upload order or elements, in the same place."""
    t, standing = context.t, state.standing(context)
    if standing is None:
        st.rerun()
    st.html(f"<b>{escaped(t('overview'))}</b>")
    kinds = ["order", "elements"] if standing.run.question.elements else ["order"]
    kind = "order"
    if len(kinds) > 1:
        kind = one_of(
            t("overview"), kinds, lambda kind: t(f"overview.{kind}"), key="overview_kind", in_address=True
        )
    if kind == "elements":
        _elements(context, standing)
    else:
        _heat_grid(context, standing)


def _heat_grid(context: PageContext, standing: Standing) -> None:
    rows, above = standing.run.images, set(standing.above())
    with_thumbnails = len(rows) <= THUMBNAILS and not standing.live
    data = {
        "rows": [
            _cell(context, standing, row, with_thumbnails) | {"above": row.upload_index in above}
            for row in rows
        ],
        "total": standing.run.total,
        "words": {"order": context.t("overview.order.legend"), "label": context.t("overview")},
    }
    widgets.component("heatgrid")(key="heatgrid", data=data)


def _cell(context: PageContext, standing: Standing, row: Scored, with_thumbnail: bool) -> dict:
    place = standing.order.by_index[row.upload_index]
    cell = {
        "index": row.upload_index,
        "name": row.name,
        "score": row.score,
        "text": one_decimal(row.score),
        "note": context.t("rank.of", rank=place.rank) if place.rank else context.t.reason(row.reason),
    }
    if with_thumbnail and row.thumbnail:
        cell["thumb"] = markup.thumbnail(standing.run.id, row.upload_index, row.sha256)
    return cell


def _elements(context: PageContext, standing: Standing) -> None:
    t = context.t
    table = analysis.element_table(standing.run)
    held = set(table.indices.tolist())
    rows = []
    for place in standing.order.ranked:
        row = place.scored
        if row.upload_index in held:
            parts = [*row.elements, row.score]
            texts = [one_decimal(one) for one in parts]
            rank = "–" if place.rank is None else str(place.rank)
            cells = {"scores": parts, "texts": texts}
            rows.append({"index": row.upload_index, "rank": rank, "name": row.name, **cells})
    data = {
        "elements": [column.text for column in table.columns],
        "rows": rows,
        "words": {"rank": "#", "image": t("image"), "whole": t("score")},
    }
    widgets.component("elements")(key="elements", data=data)
    faint(t("overview.elements.legend"))
