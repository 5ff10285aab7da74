"""The page over a scorer that believes in colours, for AppTest. The environment names the data folder."""

import streamlit as st

from lychee_app.settings import Settings
from lychee_app.ui import page
from lychee_app.ui.services import Services, opened
from tests.fakes import FakeScorer


@st.cache_resource
def services(home: str) -> Services:
    return opened(Settings.from_environment(), lambda name, settings: FakeScorer())


page.render(services(str(Settings.from_environment().data_folder)))
