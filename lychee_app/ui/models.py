"""The model picker: what there is, what each needs, whether this machine has it, and the download."""

import threading
from dataclasses import dataclass, field

import streamlit as st

from lychee_app.errors import CheckpointError, LycheeError
from lychee_app.model import checkpoints
from lychee_app.model.checkpoints import CheckpointStatus
from lychee_app.settings import Settings
from lychee_app.ui.shown import escaped, faint, gigabytes, notice
from lychee_app.ui.state import Here


def draw(here: Here) -> str:
    """Returns the chosen model's name."""
    statuses = here.services.shelf.statuses()
    names = ["auto", "demo", "lychee"] if statuses is None else ["auto", *(one.name for one in statuses)]
    default = here.services.settings.model
    names = list(dict.fromkeys([*names, default, st.session_state.get("model", default)]))
    st.session_state.setdefault("model", default)
    name = st.selectbox(
        here.t("model"),
        names,
        format_func=lambda name: here.t(f"model.{name}") if here.t.has(f"model.{name}") else name,
        key="model",
        accept_new_options=True,
        help=here.t("model.help"),
    )
    name = name or default
    if statuses is None:
        _wait(here)
    else:
        _card(here, name, next((one for one in statuses if one.name == name), None))
    return name


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
        return _download(here, name)
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
            t("model.needs", gb=gigabytes(status.needs_bytes), disk=gigabytes(status.disk_bytes)),
            t.how(status.how),
        ]
    text = (" " if name == "auto" else " · ").join(line for line in lines if line)
    if name == "demo" or (name == "auto" and here.services.shelf.automatic == "demo"):
        text += "\n" + t("model.demo.text")
    faint(text)
    if status and status.state == "broken":
        notice(status.problem, "bad")
    if status and status.state != "ready" and name != "demo":
        _download(here, name)
    return None


@dataclass
class _Fetch:
    """One download of this process, watched by any tab."""

    done_bytes: int = 0
    total_bytes: int = 0
    error: LycheeError | None = None
    over: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


@st.cache_resource(show_spinner=False)
def _fetches() -> dict[str, _Fetch]:
    return {}


def _download(here: Here, name: str) -> None:
    fetch = _fetches().get(name)
    if fetch and not fetch.over:
        return _watch(here, name)
    if fetch and fetch.error:
        notice(here.t.error(fetch.error), "bad")
    if here.services.settings.hub_offline:
        return notice(here.t("model.offline"), "calm")
    st.button(
        here.t("model.download"),
        key="download",
        icon=":material/download:",
        on_click=_begin,
        args=(here, name),
        width="stretch",
    )
    return None


def _begin(here: Here, name: str) -> None:
    fetch = _fetches()[name] = _Fetch()
    arguments = (name, here.services.settings, fetch)
    threading.Thread(target=_fetch, args=arguments, name="lychee-download", daemon=True).start()


def _fetch(name: str, settings: Settings, fetch: _Fetch) -> None:
    from lychee_app.model.download import download

    def progress(done_bytes: int, total_bytes: int) -> None:
        fetch.done_bytes, fetch.total_bytes = done_bytes, total_bytes

    try:
        download(name, settings, progress)
    except LycheeError as error:
        fetch.error = error
    finally:
        fetch.over = True


@st.fragment(run_every=1.0)
def _watch(here: Here, name: str) -> None:
    fetch = _fetches()[name]
    if fetch.over:
        here.services.shelf.look_again()
        st.rerun()
    share = fetch.done_bytes / fetch.total_bytes if fetch.total_bytes else 0.0
    text = here.t("model.fetching", done=gigabytes(fetch.done_bytes), total=gigabytes(fetch.total_bytes))
    st.progress(min(share, 1.0), text=text)
