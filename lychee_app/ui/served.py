"""What `lychee app` serves; the twin of `app.py`, for an installed package."""

from streamlit import App

from lychee_app.ui.alone import own_names_only
from lychee_app.ui.opening import in_browser

app = App("start.py", middleware=own_names_only(), lifespan=in_browser)
