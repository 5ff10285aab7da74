"""The page, opened for the first time, and the store behind it."""

import pytest
from streamlit.testing.v1 import AppTest

from lychee_app.settings import Settings
from lychee_app.store import Store
from tests.support.page import visit


@pytest.fixture
def page(settings: Settings) -> AppTest:
    return visit()


@pytest.fixture
def store(settings: Settings) -> Store:
    return Store.open(settings.data_folder)
