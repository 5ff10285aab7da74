"""The script behind the page, which the server runs for every visitor."""

from lychee_app.ui import page

page.main()
