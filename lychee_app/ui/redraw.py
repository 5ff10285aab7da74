"""Which parts of the page are drawn again after a callback."""

from typing import NoReturn

import streamlit as st
from streamlit.errors import StreamlitAPIException


def parts(*keys: str) -> NoReturn:
    """In a callback: only the fragments of these keys are drawn again.

    The whole page is, where one of them is not there: a click that cuts a drawing short takes away the
    fragments that the drawing had not reached.
    """
    try:
        st.rerun(list(keys))
    except StreamlitAPIException:
        st.rerun()
