"""What the browser tests serve: the page and its addresses, as app.py has them, over a scorer of colours."""

from pathlib import Path

from streamlit import App

from lychee_app.ui.server import in_browser, own_names_only
from lychee_app.web.routes import routes
from tests.support.fake_services import services

SCRIPT = Path(__file__).with_name("fake_page.py")

app = App(str(SCRIPT), routes=routes(services), middleware=own_names_only(), lifespan=in_browser)
