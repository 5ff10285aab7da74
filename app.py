"""Starts the page: `streamlit run app.py`."""

from streamlit import App

from lychee_app.services import shared
from lychee_app.ui.server import in_browser, own_names_only
from lychee_app.web.routes import routes

app = App("lychee_app/ui/start.py", routes=routes(shared), middleware=own_names_only(), lifespan=in_browser)
