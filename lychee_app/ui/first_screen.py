"""The first visit: what this does, the demo gallery in one click, and what the demo model is."""

from pathlib import Path

import streamlit as st

from lychee_app import demo
from lychee_app.ui import images, model_picker
from lychee_app.ui.markup import escaped, faint, media_url
from lychee_app.ui.state import PageContext

SCENES = 16


def draw(context: PageContext) -> None:
    t = context.t
    st.html(
        f'<div class="ly-hero"><h1>{escaped(t("hero"))}</h1><p>{escaped(t("hero.text"))}</p></div>{_scenes()}'
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            t("demo.start"),
            key="demo",
            type="primary",
            icon=":material/play_arrow:",
            on_click=images.demo,
            args=(context,),
        )
        faint(f"{t('demo.query')} “{_query()}”")
    st.html(f'<div class="ly-steps">{_step(context, 1)}{_step(context, 2)}{_step(context, 3)}</div>')
    st.html(
        f'<div class="ly-model"><b>{escaped(t("demo.model"))}</b> {escaped(t("demo.model.text"))} '
        f"{escaped(t('demo.photos'))}</div>"
    )
    model_picker.advice(context)


def _step(context: PageContext, number: int) -> str:
    title, text = context.t(f"step.{number}"), context.t(f"step.{number}.text")
    return f"<div><b>{escaped(title)}</b>{escaped(text)}</div>"


def _query() -> str:
    return getattr(demo, "GALLERY_QUERY", "")


def _scenes() -> str:
    """Pictures of the demo gallery, where the package carries them."""
    tags = "".join(
        f'<img src="{escaped(url)}" alt="">' for path in _gallery() if (url := media_url(path.read_bytes()))
    )
    return f'<div class="ly-scenes">{tags}</div>' if tags else ""


def _gallery() -> list[Path]:
    folder = Path(demo.__file__).with_name("gallery")
    return sorted(folder.glob("*.webp"))[:SCENES]
