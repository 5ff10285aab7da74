"""Starts the page: `streamlit run app.py`."""

from streamlit import App

from lychee_app.ui.alone import own_names_only
from lychee_app.ui.opening import in_browser

app = App("lychee_app/ui/start.py", middleware=own_names_only(), lifespan=in_browser)
