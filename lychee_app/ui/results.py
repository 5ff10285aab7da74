"""The answer to a query: findings in words, the distribution, the images in upload order, the gallery.

Each part is a fragment: a click draws again what it changes, and a thousand cells are not sent for a pick.
"""

import streamlit as st

from lychee_app.ui import charts, findings, gallery
from lychee_app.ui.state import Here


def draw(here: Here) -> None:
    # Each part has a place of its own, even while there is nothing to find: a part that moved up or down
    # would be on the page twice until the browser has cleared the old one away.
    words, charted, ranked = (st.container() for _ in range(3))
    with words:
        findings.draw(here)
    with charted:
        _charts(here)
    with ranked:
        gallery.draw(here)


def _charts(here: Here) -> None:
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, key="distribution"):
        charts.distribution(here)
    with right.container(border=True, key="overview"):
        charts.overview(here)
