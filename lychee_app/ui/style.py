"""How the page looks: its title, its style sheet, and our own components with theirs."""

import base64
import re
from functools import cache
from pathlib import Path

import streamlit as st
from streamlit.components import v2 as components

ASSETS = Path(__file__).with_name("assets")


def draw(title: str) -> None:
    st.set_page_config(page_title=title, page_icon=_icon(), layout="wide", initial_sidebar_state="auto")
    st.html(f"<style>:root {{ color-scheme: {_scheme()}; }} {asset('page.css')}</style>")


def _scheme() -> str:
    """Streamlit tells it to the page, but not to dialogs and menus, which stand outside it."""
    return st.context.theme.type or "light dark"


def uploader(choose: str, drop: str) -> None:
    """Words for the upload field, whose own are English only. They are the page's, never from outside."""
    st.html(f"<style>:root {{ --ly-choose: '{choose}'; --ly-drop: '{drop}'; }}</style>")


def hide(*keys: str) -> None:
    """Leaves the elements of these keys out of sight; what was put into them stays there."""
    classes = ", ".join(f".st-key-{re.sub('[^a-zA-Z0-9_-]', '-', key)}" for key in keys)
    st.html(f"<style>{classes} {{ display: none; }}</style>")


@cache
def asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def component(name: str):
    """One of our components; its script is assets/<name>.js, after shared.js. All share one style sheet."""
    script = asset("shared.js") + asset(f"{name}.js")
    return components.component(f"lychee_{name}", js=script, css=asset("charts.css"))


@cache
def logo() -> str:
    """An <img>: inline SVG does not survive the cleaning of `st.html`."""
    data = base64.b64encode(asset("logo.svg").encode()).decode()
    return f'<img src="data:image/svg+xml;base64,{data}" alt="">'


def _icon() -> str:
    """A file of ours. Streamlit would fetch the icon of a `:material/...:` name from the web."""
    return str(ASSETS / "logo.svg")
