"""The script of fake_app.py, run for every visitor."""

from lychee_app.ui import page
from tests.support.fake_services import services

page.render(services())
