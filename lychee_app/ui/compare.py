"""Two queries over the same images: which images rose, which fell, and by how much."""

import altair as alt
import pandas as pd
import streamlit as st

from lychee_app.errors import LycheeError
from lychee_app.ranking import ranked
from lychee_app.records import Run, Scored
from lychee_app.ui import asked
from lychee_app.ui.shown import escaped, faint, notice, one_decimal, signed, thumbnail_tag
from lychee_app.ui.state import Here

MOST_ROWS = 60


def draw(here: Here, first_id: str, second_id: str) -> None:
    st.button(here.t("compare.back"), key="compare-back", icon=":material/arrow_back:", on_click=_back)
    try:
        runs = [here.services.jobs.run(run_id) for run_id in (first_id, second_id)]
    except LycheeError as error:
        return notice(here.t.error(error), "bad")
    first, second = sorted(runs, key=lambda run: run.created)  # A is the earlier one
    pairs = matched(first, second)
    st.html(f'<div class="ly-head">{_side(here, "A", first)}{_side(here, "B", second)}</div>')
    if not pairs:
        return notice(here.t("compare.none"), "calm")
    faint(here.t("compare.count", n=len(pairs)))
    _chart(here, pairs)
    _table(here, pairs, _ranks(first), _ranks(second))
    return None


def _side(here: Here, name: str, run: Run) -> str:
    about = " · ".join(escaped(fact) for fact in asked.facts(here.t, run))
    line = f'<div class="ly-query"><b>{name}</b> {asked.heading(here.t, run)}</div>'
    return f'{line}<div class="ly-faint">{about}</div>'


def _back() -> None:
    st.session_state.pop("compared", None)


def matched(first: Run, second: Run) -> list[tuple[Scored, Scored]]:
    """Images that are in both runs, by content; copies are paired in upload order. Largest change first."""
    waiting: dict[str, list[Scored]] = {}
    for row in second.images:
        if row.sha256 and row.score is not None:
            waiting.setdefault(row.sha256, []).append(row)
    pairs = [
        (row, waiting[row.sha256].pop(0))
        for row in first.images
        if row.score is not None and waiting.get(row.sha256)
    ]
    return sorted(pairs, key=lambda pair: -abs(change(*pair)))


def change(before: Scored, after: Scored) -> float:
    return (after.score or 0.0) - (before.score or 0.0)


def _ranks(run: Run) -> dict[int, int | None]:
    return {place.scored.upload_index: place.rank for place in ranked(run.images)}


def _chart(here: Here, pairs: list[tuple[Scored, Scored]]) -> None:
    """On the diagonal nothing changed; above it an image matches B better."""
    rows = [(a.score, b.score, a.name, one_decimal(a.score), one_decimal(b.score)) for a, b in pairs]
    frame = pd.DataFrame(rows, columns=["a", "b", "name", "A", "B"])
    scale = alt.Scale(domain=[0, 10])
    points = (
        alt.Chart(frame)
        .mark_circle(size=70, opacity=0.75, color="#c2405a")
        .encode(
            x=alt.X("a:Q", scale=scale, title=here.t("compare.axis", run="A")),
            y=alt.Y("b:Q", scale=scale, title=here.t("compare.axis", run="B")),
            tooltip=["name:N", "A:N", "B:N"],
        )
    )
    ends = pd.DataFrame({"a": [0, 10], "b": [0, 10]})
    diagonal = alt.Chart(ends).mark_line(strokeDash=[4, 4], color="#9a8f89").encode(x="a:Q", y="b:Q")
    st.altair_chart(diagonal + points, height=340, width=560, key="compare-chart")


def _table(
    here: Here,
    pairs: list[tuple[Scored, Scored]],
    first: dict[int, int | None],
    second: dict[int, int | None],
) -> None:
    t = here.t
    lines = "".join(
        f'<tr><td style="width:72px"><div class="ly-strip"><div>{thumbnail_tag(a)}</div></div></td>'
        f"<td>{escaped(a.name)}</td>"
        f'<td class="n">{one_decimal(a.score)} <span class="ly-faint">#{first[a.upload_index]}</span></td>'
        f'<td class="n">{one_decimal(b.score)} <span class="ly-faint">#{second[b.upload_index]}</span></td>'
        f'<td class="n">{signed(change(a, b))}</td></tr>'
        for a, b in pairs[:MOST_ROWS]
    )
    columns = "".join(f'<th class="n">{name}</th>' for name in ("A", "B", "B − A"))
    head = f"<th></th><th>{escaped(t('image'))}</th>{columns}"
    st.html(f'<table class="ly-table"><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>')
    if len(pairs) > MOST_ROWS:
        faint(t("compare.more", n=len(pairs) - MOST_ROWS))
