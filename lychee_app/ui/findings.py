"""The findings of `analysis`, put into words. Every sentence is computed; none is canned."""

import streamlit as st

from lychee_app import analysis
from lychee_app.analysis import Finding
from lychee_app.locale import Words
from lychee_app.ui import state
from lychee_app.ui.markup import escaped, notice
from lychee_app.ui.state import PageContext
from lychee_app.ui.suggestion import suggestion

TONE = {
    "flat": "warn",
    "saturated": "warn",
    "element_nowhere": "warn",
    "element_missing_in_top": "warn",
    "unscored": "warn",
    "below_six": "calm",
    "skewed": "calm",
    "duplicates": "calm",
    "passed_over": "calm",
}


@st.fragment(key="findings")
def draw(context: PageContext) -> None:
    """The caveats; then all findings but the count of images without a score, which the run bar tells with
    the button to retry them.

    Nothing is found while the run is live: what two images of two hundred show would be taken back again.
    """
    if (standing := state.standing(context)) is None:
        st.rerun()
    for caveat in analysis.caveats(standing.run, standing.numbers):
        notice(context.t.reason(caveat), "warn")
    if standing.live:
        # The room of the line that comes at the end: nothing moves then.
        st.html('<div class="ly-findings" aria-hidden="true">&nbsp;</div>')
        return
    suggested = suggestion(context, standing)
    cutoff = standing.cutoff or (suggested.cutoff if suggested and suggested.calibration else None)
    found = analysis.findings(standing.run, cutoff, standing.numbers)
    found = [one for one in found if one.kind != "unscored"]
    if not found:
        return
    items = [
        f'<span class="ly-finding {TONE.get(one.kind, "")}"><span class="ly-plain">'
        f"{escaped(sentence(context.t, one, standing.cutoff is not None))}</span></span>"
        for one in found
    ]
    if len(items) == 1:
        st.html(f'<div class="ly-findings">{items[0]}</div>')
        return
    count = escaped(context.t("findings.more", n=len(items) - 1))
    st.html(
        f'<details class="ly-findings"><summary>{items[0]}<span class="ly-more">{count}</span></summary>'
        f"{''.join(items[1:])}</details>"
    )


def sentence(t: Words, finding: Finding, cut_set: bool = True) -> str:
    """`cut_set`: the cut-off is somebody's own, not the suggested one."""
    key = f"finding.{finding.kind}"
    if finding.kind == "first_n_stand_out":
        key += f".{finding.axis}"
    elif finding.kind == "skewed":
        key += ".right" if finding.value > 0 else ".left"
    elif finding.kind == "element_missing_in_top":
        key += ("" if cut_set else ".suggested") + (".only" if finding.total == 1 else "")
    elif finding.kind == "complete" and not finding.count:
        key += ".none"
    return t(
        key,
        count=finding.count,
        n=finding.count,
        total=finding.total,
        value=f"{finding.value:.1f}",
        low=f"{finding.low:.1f}" if finding.kind == "flat" else f"{finding.low:.0f}",
        high=f"{finding.high:.1f}" if finding.kind == "flat" else f"{finding.high:.0f}",
        number=(finding.element or 0) + 1,
        text=finding.text,
    )
