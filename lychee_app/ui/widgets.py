"""Parts that several places of the page are made of: choices, and our own components."""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeVar
from urllib.request import url2pathname

import streamlit as st
from streamlit.components import v2 as components

from lychee_app.errors import LycheeError
from lychee_app.locale import DEFAULT, Words
from lychee_app.ui import state
from lychee_app.ui.markup import asset, notice

T = TypeVar("T", bound=str)
V = TypeVar("V")


def told(t: Words, place: state.Place) -> None:
    """What happened since that place was last drawn: an error in full, anything else as it is."""
    if message := state.told(place):
        text, kind = message
        notice(t.error(text) if isinstance(text, LycheeError) else text, kind)


def one_of(
    label: str,
    options: Sequence[T],
    words: Callable[[T], str],
    *,
    key: str,
    on_change: Callable[[], None] | None = None,
    help_text: str | None = None,
    show_label: bool = False,
    width: Literal["content", "stretch"] = "content",
    in_address: bool = False,
) -> T:
    """The option that is on: the first one until somebody chooses, and whenever the chosen one is gone.

    `words` are read as Markdown: they are the page's own. in_address: under `key`, for a refresh and for the
    browser's Back.
    """
    if in_address:
        st.session_state[key] = st.query_params.get(key)
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0]

    def changed() -> None:
        if in_address:
            value = st.session_state[key]
            state.in_address(key, None if value == options[0] else value)
        if on_change:
            on_change()

    chosen = st.segmented_control(
        label,
        options,
        required=True,
        format_func=words,
        key=key,
        on_change=changed,
        help=help_text,
        width=width,
        label_visibility="visible" if show_label else "collapsed",
    )
    return options[0] if chosen is None else chosen


def from_box(
    label: str,
    options: Sequence[V],
    words: Callable[[V], str],
    *,
    key: str,
    language: str,
    on_change: Callable[[], None] = lambda: None,
    help_text: str | None = None,
    hide_label: bool = True,
    free: bool = False,
    width: int | Literal["stretch"] = "stretch",
) -> V:
    """What is chosen in a box; it lies in the session under `key`. The first one until somebody chooses.

    free: a text of one's own may be typed. Each language has a box of its own: a box sends the words that it
    shows, and those of another language would be a value that nobody chose. Options are shown as text.
    """
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0]
    box = f"{key}-{language}"
    st.session_state[box] = st.session_state[key]

    def chosen() -> None:
        st.session_state[key] = st.session_state[box]
        on_change()

    st.selectbox(
        label,
        options,
        format_func=words,
        key=box,
        accept_new_options=free,
        on_change=chosen,
        help=help_text,
        label_visibility="collapsed" if hide_label else "visible",
        width=width,
    )
    return st.session_state[key]


def own_words(t: Words) -> None:
    """Streamlit's own words, which it has in English only, in the language of the page."""
    theirs, ours = Words(DEFAULT).under("own"), t.under("own")
    words = [[theirs[key], ours[key]] for key in theirs]
    component("own_words")(key="own-words", data={"language": t.language, "words": words})


def hide(*keys: str) -> None:
    """Leaves the elements of these keys out of sight; what was put into them stays there."""
    classes = ", ".join(f".st-key-{re.sub('[^a-zA-Z0-9_-]', '-', key)}" for key in keys)
    st.html(f"<style>{classes}, div:has(> :is({classes})) {{ display: none; }}</style>")  # with their gaps


FILE_ADDRESS = re.compile("file:(?://(?:localhost)?)?(/(?!/).*)", re.IGNORECASE)
ESCAPED = re.compile(r"\\([^\w*?\[])")
"""What a shell writes of a space or a bracket; an asterisk so written is no part of a glob, and stays."""
QUOTES = ('""', "''", "“”", "‘’", "«»", "「」")


def pasted_path(text: str) -> str:
    """The path that was typed or pasted: file managers copy one in quotes, or as a file:// address, and
    terminals with a backslash before each space.

    A path that is there as it stands is left so, whatever it holds. `~` is for whoever opens it.
    """
    path = text.strip()
    if not path or _is_there(path):
        return path
    for opening, closing in QUOTES:
        if len(path) > 2 and path.startswith(opening) and path.endswith(closing):
            path = path[1:-1].strip()
    if address := FILE_ADDRESS.fullmatch(path):
        return url2pathname(address[1])
    return path if os.sep == "\\" or _is_there(path) else ESCAPED.sub(r"\1", path)


def _is_there(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False


def component(name: str, style: str = "charts.css", scripts: Sequence[str] = ()):
    """One of our components; its script is that of assets/<name>.js, or of `scripts`, after shared.js."""
    script = "".join(map(asset, ("shared.js", *(scripts or (f"{name}.js",)))))
    return components.component(f"lychee_{name}", js=script, css=asset(style))
