"""The script `lychee app` serves; the twin of `app.py`, for an installed package."""

from lychee_app.ui import page

page.main()
