"""What `lychee app` serves; the twin of `app.py`, for an installed package."""

from streamlit import App

from lychee_app.ui.alone import own_names_only

app = App("start.py", middleware=own_names_only())
