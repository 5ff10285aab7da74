"""The script that the server runs for every visitor. Only a call: Streamlit shows what stands alone in it."""

from lychee_app.ui import page

page.main()
