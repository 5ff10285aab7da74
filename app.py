"""Starts the page: `streamlit run app.py`."""

from lychee_app.ui import page

page.main()
