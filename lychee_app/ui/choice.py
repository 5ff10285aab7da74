"""A row of buttons of which exactly one is on."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import streamlit as st

T = TypeVar("T", bound=str)


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
) -> T:
    """The option that is on: the first one until somebody chooses, and whenever the chosen one is gone.

    `words` are read as Markdown: they are the page's own.
    """
    if st.session_state.get(key) not in options:
        st.session_state[key] = options[0]
    chosen = st.segmented_control(
        label,
        options,
        required=True,
        format_func=words,
        key=key,
        on_change=on_change,
        help=help_text,
        width=width,
        label_visibility="visible" if show_label else "collapsed",
    )
    return options[0] if chosen is None else chosen
