"""The page's HTML and style sheet. Every name, query and reply from outside is made safe to show here.

Streamlit reads Markdown in most labels, so texts from outside stay out of labels; they are shown by `st.html`
after `escaped`, by `st.code`, or by our own components, which write with `textContent`.
"""

import base64
import html
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import streamlit as st

from lychee_app.locale import Words
from lychee_app.query import Question

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
ASSETS = Path(__file__).with_name("assets")
VERSION_LETTERS = 12


def escaped(text: object) -> str:
    """As text in HTML, also inside a quoted attribute. Bytes of a name that are no text: U+FFFD."""
    return html.escape(_LONE_SURROGATE.sub("\ufffd", str(text)), quote=True)


def prose(text: str) -> str:
    """A sentence of ours as HTML; what it has between backticks, a command or a path, is set as code."""
    parts = escaped(text).split("`")
    if len(parts) % 2 == 0:  # a name from outside holds one
        return escaped(text)
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def notice(text: str, kind: str = "warn") -> None:
    """A line that wants to be read. `kind`: warn, bad, good or calm. `text` is shown as it is."""
    role = "alert" if kind == "bad" else "status"
    st.html(f'<div class="ly-notice {kind}" role="{role}">{prose(text)}</div>')


def sent(t: Words, question: Question) -> None:
    """What goes to the model, where it is not what was typed."""
    if (question.sent, question.sent_not) == (question.typed.strip(), question.typed_not.strip()):
        return
    line = f"{escaped(t('sent'))} <code>{escaped(question.sent)}</code>"
    if question.sent_not:
        line += f" {escaped(t('sent.not'))} <code>{escaped(question.sent_not)}</code>"
    st.html(f'<div class="ly-sent">{line}</div>')


def faint(text: str) -> None:
    """A quiet line, shown as it is."""
    st.html(f'<div class="ly-faint ly-plain">{prose(text)}</div>')


def image_tag(url: str, name: str = "") -> str:
    return f'<img src="{escaped(url)}" alt="{escaped(name)}" loading="lazy">'


def strip(urls: Iterable[str]) -> str:
    """A line of small pictures."""
    tags = "".join(f"<div>{image_tag(url)}</div>" for url in urls)
    return f'<div class="ly-strip">{tags}</div>'


def data_url(data: bytes, mime: str) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"


def signed(change: float) -> str:
    """One decimal with its sign, a true minus; 0.0 has none."""
    text = f"{change:+.1f}".replace("-", "−")
    return "0.0" if text in {"+0.0", "−0.0"} else text


def page_style(title: str) -> None:
    """The icon is a file of ours: Streamlit would fetch that of a `:material/...:` name from the web."""
    st.set_page_config(
        page_title=title, page_icon=str(ASSETS / "logo.svg"), layout="wide", initial_sidebar_state="auto"
    )
    st.html(f"<style>:root {{ color-scheme: {_scheme()}; }} {asset('page.css')}</style>")


def _scheme() -> str:
    """Streamlit tells it to the page, but not to dialogs and menus, which stand outside it."""
    return st.context.theme.type or "light dark"


@cache
def asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


@cache
def logo() -> str:
    """An <img>: inline SVG does not survive the cleaning of `st.html`."""
    return f'<img src="{data_url(asset("logo.svg").encode(), "image/svg+xml")}" alt="">'


def base() -> str:
    """What the addresses of web/routes.py begin with, as a browser asks for them."""
    prefix = st.get_option("server.baseUrlPath").strip("/")
    return f"/{prefix}/lychee" if prefix else "/lychee"


def thumbnail(run_id: str, index: int, version: str) -> str:
    """The address of an image's thumbnail. It holds for as long as the run is kept, whatever the page shows
    meanwhile: a browser may come to it late. version: part of a hash of what is shown."""
    return f"{base()}/thumb/{run_id}/{index}?v={version[:VERSION_LETTERS]}"
