"""The answer to a query: findings in words, the distribution, the images in upload order, the gallery."""

import streamlit as st

from lychee_app.ui import charts, findings, gallery
from lychee_app.ui.state import Here, Standing


def draw(here: Here, standing: Standing) -> None:
    findings.draw(here, standing)
    left, right = st.columns(2, gap="medium")
    with left.container(border=True, key="distribution"):
        bins = charts.distribution(here, standing)
    with right.container(border=True, key="overview"):
        charts.overview(here)
    gallery.draw(here, bins)
