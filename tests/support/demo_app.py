"""The page as it is shipped, with the embedded model, for AppTest. The environment names the data folder."""

import streamlit as st

from lychee_app.services import Services, opened
from lychee_app.settings import Settings
from lychee_app.ui import page


@st.cache_resource
def services(home: str) -> Services:
    return opened(Settings.from_environment())


page.render(services(str(Settings.from_environment().data_folder)))
