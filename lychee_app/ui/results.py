"""The answer to a query: findings in words, the distribution, the images in upload order, the gallery.

Each part is a fragment: a click draws again what it changes, and a thousand cells are not sent for a pick.
"""

import streamlit as st

from lychee_app.ui import charts, findings, gallery
from lychee_app.ui.state import Here


def draw(here: Here) -> None:
    findings.draw(here)
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, key="distribution"):
        charts.distribution(here)
    with right.container(border=True, key="overview"):
        charts.overview(here)
    gallery.draw(here)
