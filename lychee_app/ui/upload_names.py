"""What uploaded files are called, `"` and line breaks included, which browsers send as %22, %0D and %0A.

WHATWG HTML, "multipart/form-data encoding algorithm": a % is sent as it is, so that nobody can tell `a"b`
from `a%22b` by what arrives. The page's own script tells it beforehand.
"""

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from lychee_app.ui import widgets

KEY = "upload-names"


def listen() -> None:
    """On every drawing of the page, so that names are told before their files come."""
    widgets.component("upload_names")(key=KEY, on_names_change=lambda: None)


def as_written(upload: UploadedFile) -> str:
    """The name of the file where it came from; for one of a folder, its path in there."""
    told: list[tuple[str, int]] = (st.session_state.get(KEY) or {}).get("names") or []
    for name, size_bytes in reversed(told):
        if size_bytes == upload.size and _sent(name) == upload.name:
            return name
    return upload.name


def _sent(name: str) -> str:
    return name.replace("\r", "%0D").replace("\n", "%0A").replace('"', "%22")
