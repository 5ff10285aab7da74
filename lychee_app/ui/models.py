"""The model picker: what there is, what each needs, whether this machine has it."""

import streamlit as st

from lychee_app.errors import CheckpointError
from lychee_app.model import checkpoints
from lychee_app.model.checkpoints import CheckpointStatus
from lychee_app.sizes import disk_gb, memory_gb
from lychee_app.ui import fetching
from lychee_app.ui.choice import from_box
from lychee_app.ui.shown import escaped, faint, notice
from lychee_app.ui.state import Here


def draw(here: Here) -> str:
    """Returns the chosen model's name."""
    statuses = here.services.shelf.statuses()
    names = ["auto", "demo", "lychee"] if statuses is None else ["auto", *(one.name for one in statuses)]
    default = here.services.settings.model
    name = _pick(here, [*names, default], st.session_state.setdefault("model", default) or default)
    if statuses is None:
        _wait(here)
    else:
        _card(here, name, next((one for one in statuses if one.name == name), None))
    return name


def _pick(here: Here, names: list[str], chosen: str) -> str:
    return from_box(
        here.t("model"),
        list(dict.fromkeys([*names, chosen])),
        lambda name: here.t(f"model.{name}") if here.t.has(f"model.{name}") else name,
        key="model",
        language=here.t.language,
        help_text=here.t("model.help"),
        hide_label=False,
        free=True,
    )


@st.fragment(run_every=0.6)
def _wait(here: Here) -> None:
    if here.services.shelf.statuses() is not None:
        st.rerun()
    st.html(f'<div class="ly-faint">{escaped(here.t("model.looking"))}</div>')


def _typed(here: Here, name: str) -> None:
    """A hub name or a folder that is not in the list: whether it is here, and the way to get it."""
    try:
        checkpoints.locate(name, here.services.settings)
    except CheckpointError as error:
        if error.code != "not-downloaded":
            return notice(here.t.error(error), "bad")
        faint(here.t("model.state.missing"))
        return fetching.draw(here, name)
    return faint(here.t("model.other.text"))


def _card(here: Here, name: str, status: CheckpointStatus | None) -> None:
    t = here.t
    if name == "auto":
        lines = [t("model.auto.text"), t(f"model.auto.{here.services.shelf.automatic}")]
    elif status is None:
        return _typed(here, name)
    else:
        lines = [
            t(f"model.state.{status.state}"),
            t("model.needs", gb=memory_gb(status.needs_bytes), disk=disk_gb(status.disk_bytes)),
            t.how(status.how),
        ]
    text = (" " if name == "auto" else " · ").join(line for line in lines if line)
    if name == "demo" or (name == "auto" and here.services.shelf.automatic == "demo"):
        text += "\n" + t("model.demo.text")
    faint(text)
    if status and status.state == "broken":
        notice(status.problem, "bad")
    if status and status.state != "ready" and name != "demo":
        fetching.draw(here, name)
    return None
