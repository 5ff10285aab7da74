"""The model picker: what there is, what each needs, whether this machine has it, and its download."""

import streamlit as st

from lychee_app.errors import CheckpointError
from lychee_app.model import checkpoints
from lychee_app.model.checkpoints import CheckpointStatus
from lychee_app.sizes import disk_gb
from lychee_app.ui.markup import escaped, faint, notice
from lychee_app.ui.state import PageContext
from lychee_app.ui.widgets import from_box


def draw(context: PageContext) -> str:
    """Returns the chosen model's name."""
    statuses = context.services.catalogue.statuses()
    names = ["auto", "demo", "lychee"] if statuses is None else ["auto", *(one.name for one in statuses)]
    default = context.services.settings.model
    name = _pick(context, [*names, default], st.session_state.setdefault("model", default) or default)
    if statuses is None:
        _wait(context)
    else:
        _card(context, name, next((one for one in statuses if one.name == name), None))
    return name


def _pick(context: PageContext, names: list[str], chosen: str) -> str:
    return from_box(
        context.t("model"),
        list(dict.fromkeys([*names, chosen])),
        lambda name: context.t(f"model.{name}") if context.t.has(f"model.{name}") else name,
        key="model",
        language=context.t.language,
        help_text=context.t("model.help"),
        hide_label=False,
        free=True,
    )


@st.fragment(run_every=0.6)
def _wait(context: PageContext) -> None:
    if context.services.catalogue.statuses() is not None:
        st.rerun()
    st.html(f'<div class="ly-faint">{escaped(context.t("model.looking"))}</div>')


def _typed(context: PageContext, name: str) -> None:
    """A hub name or a folder that is not in the list: whether it is here, and the way to get it."""
    try:
        context.services.catalogue.locate(name)
    except CheckpointError as error:
        if error.code != "not-downloaded":
            return notice(context.t.error(error), "bad")
        faint(context.t("model.state.missing"))
        return _download(context, name)
    return faint(context.t("model.other.text"))


def _card(context: PageContext, name: str, status: CheckpointStatus | None) -> None:
    t = context.t
    if name == "auto":
        lines = [t("model.auto.text", name=t.model(context.services.catalogue.automatic))]
    elif status is None:
        return _typed(context, name)
    else:
        lines = [
            t(f"model.state.{status.state}"),
            t("model.size", disk=disk_gb(status.disk_bytes)),
            "" if name == "demo" else t.reason(status.advice.reason),
        ]
    text = (" " if name == "auto" else " · ").join(line for line in lines if line)
    if name == "demo" or (name == "auto" and context.services.catalogue.automatic == "demo"):
        text += "\n" + t("model.demo.text")
    faint(text)
    if status and status.state == "broken":
        notice(t.reason(status.problem), "bad")
    if status and status.state != "ready" and name != "demo":
        _download(context, name)
    return None


def advice(context: PageContext) -> None:
    """Which judge this machine should take, in one line, and one click to have it."""
    catalogue = context.services.catalogue
    if catalogue.statuses() is None:
        return _wait(context)
    if catalogue.advice is None:
        return faint(context.t.reason(checkpoints.too_small()))
    told = filter(None, (catalogue.advice.advised, catalogue.advice.looks_from_afar))
    faint("\n".join(map(context.t.reason, told)))
    if catalogue.advice.judge.download_bytes:
        _download(context, catalogue.advice.judge.name, key="advised")
    return None


def _download(context: PageContext, name: str, key: str = "download") -> None:
    """The button, how far it is, and why it failed."""
    download = context.services.catalogue.download_of(name)
    if download and not download.over:
        return _watch(context, name)
    if download and download.error:
        notice(context.t.error(download.error), "bad")
    if context.services.settings.hub_offline:
        return notice(context.t("model.offline"), "calm")
    st.button(
        context.t("model.download"),
        key=key,
        icon=":material/download:",
        on_click=context.services.catalogue.download,
        args=(name,),
        width="stretch",
    )
    return None


@st.fragment(run_every=1.0)
def _watch(context: PageContext, name: str) -> None:
    download = context.services.catalogue.download_of(name)
    if download is None or download.over:
        st.rerun()
    done, total = disk_gb(download.done_bytes), disk_gb(download.total_bytes)
    st.progress(
        download.share,
        text=context.t("model.fetching", done=done, total=total, percent=int(100 * download.share)),
    )
