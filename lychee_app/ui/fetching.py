"""A model's download from the page: the button, how far it is, and why it failed.

One download per model and process, whoever looks on: it goes on when the tab that began it is closed.
"""

import threading
from dataclasses import dataclass

import streamlit as st

from lychee_app.errors import LycheeError
from lychee_app.settings import Settings
from lychee_app.sizes import disk_gb
from lychee_app.ui.shown import notice
from lychee_app.ui.state import Here

_BEGINNING = threading.Lock()


@dataclass
class Fetch:
    """One download of this process, written by its thread alone and watched by any tab."""

    done_bytes: int = 0
    total_bytes: int = 0
    error: LycheeError | None = None
    over: bool = False

    @property
    def share(self) -> float:
        """0 to 1; 0 while the size is not known."""
        return min(self.done_bytes / self.total_bytes, 1.0) if self.total_bytes else 0.0


@st.cache_resource(show_spinner=False)
def fetches() -> dict[str, Fetch]:
    """By model name, in all tabs the same."""
    return {}


def draw(here: Here, name: str) -> None:
    fetch = fetches().get(name)
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
        on_click=begin,
        args=(here, name),
        width="stretch",
    )
    return None


def begin(here: Here, name: str) -> None:
    """Starts it, unless another tab has done so in the meantime."""
    with _BEGINNING:
        former = fetches().get(name)
        if former and not former.over:
            return
        fetch = fetches()[name] = Fetch()
    arguments = (name, here.services.settings, fetch)
    threading.Thread(target=_fetch, args=arguments, name="lychee-download", daemon=True).start()


def _fetch(name: str, settings: Settings, fetch: Fetch) -> None:
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
    fetch = fetches()[name]
    if fetch.over:
        here.services.shelf.look_again()
        st.rerun()
    done, total = disk_gb(fetch.done_bytes), disk_gb(fetch.total_bytes)
    st.progress(
        fetch.share, text=here.t("model.fetching", done=done, total=total, percent=int(100 * fetch.share))
    )
