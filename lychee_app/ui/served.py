"""What `lychee app` serves; the twin of `app.py`, for an installed package."""

from streamlit import App

from lychee_app.services import shared
from lychee_app.ui.server import in_browser, own_names_only
from lychee_app.web.routes import routes

app = App("start.py", routes=routes(shared), middleware=own_names_only(), lifespan=in_browser)
