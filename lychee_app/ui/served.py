"""What `lychee app` serves; the twin of `app.py`, for an installed package."""

from streamlit import App

from lychee_app.services import shared
from lychee_app.web.routes import routes
from lychee_app.web.server import in_browser, own_names_only

app = App("start.py", routes=routes(shared), middleware=own_names_only(), lifespan=in_browser)
