"""What is done with a run's answer: files to download, names to paste, images to copy or move."""

import os
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import streamlit as st

from lychee_app import analysis, decide, export, sizes, sorting, sources
from lychee_app.decide import Action, Done, Plan
from lychee_app.errors import LycheeError
from lychee_app.export import LeftOut
from lychee_app.intake.names import path_safe
from lychee_app.locale import Words
from lychee_app.records import Decision, Run, Source
from lychee_app.ui import state, widgets
from lychee_app.ui.findings import sentence
from lychee_app.ui.images import on_loopback
from lychee_app.ui.markup import escaped, faint, notice
from lychee_app.ui.state import PageContext, Standing, Window
from lychee_app.ui.widgets import one_of

LEFT_OUT_FILE = "left-out.txt"
"""In the ZIP, where picks are missing from it: which, and why."""
MIMES = {
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "zip": "application/zip",
    "pdf": "application/pdf",
}
MOST_NAMES, MOST_ROWS, MOST_UNDOABLE = 8, 12, 3


@st.fragment(key="actions")
def draw(context: PageContext) -> None:
    if (standing := state.standing(context)) is None:
        st.rerun()
    st.html(f"<b>{escaped(context.t('export'))}</b>")
    whole = partial(state.picked, context, standing, whole=True)
    if standing.window:
        _listed(context, standing, standing.window)
        if (count := len(standing.decided("pick"))) > state.LARGE:
            return faint(context.t("library.many", n=f"{count:,}", most=f"{state.LARGE:,}"))
        faint(context.t("library.picks"))
        standing = state.picked(context, standing)
    _downloads(context, standing, whole)
    if on_loopback() and any(
        source.path and not source.private for source in standing.order.sources.values()
    ):
        st.html(f"<b>{escaped(context.t('files'))}</b>")
        _files(context, standing)
    return None


def _stem(run: Run) -> str:
    return export.clean_name(run.title or run.question.sent or run.name, fallback="lychee", max_bytes=60)


def _listed(context: PageContext, standing: Standing, window: Window) -> None:
    """Of a large run: what the filter leaves, in its order, in a few columns."""
    run, columns = standing.run, window.columns
    rows = zip(window.shown, *columns.of(window.shown), strict=True)
    stem = _stem(run)
    st.download_button(
        context.t("library.csv", n=len(window.shown)),
        data=lambda: export.columns_csv(rows, standing.decisions).encode(),
        file_name=f"{stem}-list.csv",
        mime="text/csv",
        key="export-list",
        on_click="ignore",
        icon=":material/download:",
    )


def _downloads(context: PageContext, standing: Standing, whole: Callable[[], Standing]) -> None:
    """Nothing is made before it is asked for. whole: the same with all that its rows have."""
    t, run, decisions = context.t, standing.run, standing.decisions
    picks, fixed_dates = standing.decided("pick"), bool(st.session_state.get("zip-fixed"))
    stem = _stem(run)
    rows = [standing.order.by_index[index].scored for index in picks]
    with st.container(horizontal=True, key="downloads"):
        _download(t("export.csv"), f"{stem}.csv", lambda: _csv(context, whole(), decisions).encode())
        _download(t("export.json"), f"{stem}.json", lambda: _json(context, whole(), decisions).encode())
        _download(t("export.html"), f"{stem}.html", lambda: _report(context, whole()).encode())
        _download(
            t("export.zip", n=len(picks)),
            f"{stem}.zip",
            lambda: zipped(context, standing, fixed_dates=fixed_dates),
            icon=":material/folder_zip:",
            disabled=not picks,
        )
        _download(
            t("export.sheet", n=len(picks)),
            f"{stem}.pdf",
            lambda: _sheet(context, whole(), picks),
            key="export-sheet",
            icon=":material/grid_on:",
            disabled=not picks,
        )
        names = {
            "label": t("export.names", n=len(picks)),
            "done": t("copied"),
            "text": export.names_text(rows),
        }
        widgets.component("copy")(key="export-names", data=names, width="content")
    st.checkbox(t("export.fixed"), key="zip-fixed", help=t("export.fixed.help"), disabled=not picks)
    if not picks:
        faint(t("export.no_picks"))
    _tell_gone(context, [row.name for row in rows if _is_gone(standing.order.sources.get(row.upload_index))])


def _sheet(context: PageContext, standing: Standing, picks: Sequence[int]) -> bytes:
    from lychee_app.export.sheet import to_pdf

    return to_pdf(standing.run, picks, language=context.t.language).data


def _download(
    label: str,
    file_name: str,
    make: Callable[[], bytes],
    *,
    key: str = "",
    icon: str = ":material/download:",
    disabled: bool = False,
) -> None:
    suffix = file_name.rpartition(".")[2]
    st.download_button(
        label,
        data=make,
        file_name=file_name,
        mime=MIMES[suffix],
        key=key or f"export-{suffix}",
        on_click="ignore",
        disabled=disabled,
        icon=icon,
    )


def _tell_gone(context: PageContext, names: Sequence[str]) -> None:
    if not names:
        return
    lines = [context.t("export.gone", n=len(names)), *names[:MOST_NAMES]]
    if more := len(names) - len(names[:MOST_NAMES]):
        lines.append(context.t("files.more", n=more))
    notice("\n".join(lines), "warn")


def _is_gone(source: Source | None) -> bool:
    return source is None or (source.path is not None and not source.path.is_file())


def _csv(context: PageContext, standing: Standing, decisions: Mapping[int, Decision]) -> str:
    return export.to_csv(standing.run, decisions, columns=names_of(context, standing))


def _json(context: PageContext, standing: Standing, decisions: Mapping[int, Decision]) -> str:
    return export.to_json(standing.run, decisions, columns=names_of(context, standing))


def names_of(context: PageContext, standing: Standing) -> dict[int, str | None] | None:
    """The name that each image of a sorting is under; None where the open run is none."""
    if not (columns := standing.run.request.columns):
        return None
    found = places(context, standing).items()
    return {index: None if place is None else columns[place].name for index, place in found}


def places(context: PageContext, standing: Standing) -> dict[int, int | None]:
    """Of a sorting: see sorting.placed."""
    return sorting.placed(standing.run, context.services.store.moved(standing.run.id))


def _report(context: PageContext, standing: Standing) -> str:
    cut_set = standing.cutoff is not None
    notes = [sentence(context.t, one, cut_set) for one in analysis.findings(standing.run, standing.cutoff)]
    return export.to_html(standing.run, standing.decisions, language=context.t.language, notes=notes)


def sorted_zip(context: PageContext, standing: Standing) -> None:
    """Of a sorting: a folder for each name."""
    named = names_of(context, standing) or {}
    under = {index: name for index, name in named.items() if name is not None}
    _download(
        context.t("sorting.zip", n=len(under)),
        f"{_stem(standing.run)}.zip",
        lambda: zipped(context, standing, under=under),
        key="board-zip",
        icon=":material/folder_zip:",
        disabled=not under,
    )


def zipped(
    context: PageContext,
    standing: Standing,
    *,
    fixed_dates: bool = False,
    under: Mapping[int, str] | None = None,
) -> bytes:
    """The picks, or the images `under` a name each in a folder of that; and a list of those left out. In
    memory, where Streamlit keeps every download."""
    with tempfile.TemporaryDirectory() as folder:
        path, files = Path(folder) / "picks.zip", standing.order.sources.items()
        chosen = standing.decided("pick") if under is None else list(under)
        made = export.write_zip(path, standing.run, chosen, files, fixed_dates=fixed_dates, under=under)
        if made.left_out:
            lines = [f"{one.name}: {context.t.reason(one.reason)}" for one in made.left_out]
            text = "\n".join([context.t("export.left_out", n=len(lines)), *lines, ""])
            with zipfile.ZipFile(path, "a") as archive:
                listed = export.member(LEFT_OUT_FILE, None if fixed_dates else time.time())
                archive.writestr(listed, text.encode("utf-8", "backslashreplace"))
        return path.read_bytes()


def _files(context: PageContext, standing: Standing) -> None:
    """Copy or move, planned and shown before anything is touched."""
    t = context.t
    with st.container(horizontal=True, vertical_alignment="bottom", key="carry"):
        kinds: list[Decision] = ["pick", "reject"]
        what = one_of(
            t("files.what"),
            kinds,
            lambda what: t(f"files.{what}", n=len(standing.decided(what))),
            key="carry-what",
            show_label=True,
        )
        ways: list[Action] = ["copy", "move"]
        action = one_of(t("files.how"), ways, lambda way: t(f"files.{way}"), key="carry-how", show_label=True)
        st.session_state.setdefault("carry-to", _last_folder(context))
        typed = st.text_input(t("files.folder"), key="carry-to", placeholder=t("files.folder.placeholder"))
        folder = widgets.pasted_path(typed)
    chosen = standing.decided(what)
    others = _others(standing, chosen)
    if others and st.checkbox(t("files.alike", n=len(others)), key="carry-alike"):
        chosen = [*chosen, *others]
    if st.button(t("files.plan"), key="carry-plan", disabled=not (chosen and folder)):
        st.session_state["carried-to"] = typed
        try:
            wanted = ((index, one) for index, one in standing.order.sources.items() if index in chosen)
            files = sources.with_new_sidecars(wanted)
            planned = decide.plan(standing.run, chosen, files, Path(folder), action)
        except LycheeError as error:
            notice(t.error(error), "bad")
        else:
            if planned.steps:
                st.session_state["planned"] = planned
                st.rerun()
            notice("\n".join([t("files.nothing"), *told(t, planned.left_out)]), "calm")
    widgets.told(t, "files")
    copied_and_moved(context, standing, "files")


def _others(standing: Standing, chosen: Sequence[int]) -> list[int]:
    """Those of their groups that nothing is decided on."""
    held = set(chosen)
    groups = [group for group in standing.order.groups if held & set(group.members)]
    return [index for group in groups for index in group.members if index not in standing.decisions]


def _last_folder(context: PageContext) -> str:
    """As it was typed in this tab, else where files were last copied or moved to."""
    if typed := st.session_state.get("carried-to"):
        return typed
    done = decide.journals(context.services.store.moves_folder)
    return str(done[0].folder) if done else ""


def confirm(context: PageContext, standing: Standing, place: state.Place = "files") -> None:
    """Asks about what was planned; nothing is touched before this is answered, at `place`."""
    planned = st.session_state.get("planned")
    if not isinstance(planned, Plan) or planned.run_id != standing.run.id:
        return
    t = context.t

    @st.dialog(t(f"files.confirm.{planned.action}"), on_dismiss=put_off)
    def dialog() -> None:
        st.html(_summary(context, planned, [column.name for column in standing.run.request.columns]))
        if planned.left_out:
            lines = [t("files.left_out", n=len(planned.left_out)), *told(t, planned.left_out)]
            notice("\n".join(lines), "calm")
        words = t(f"files.do.{planned.action}", n=len(planned.steps))
        if st.button(words, type="primary", key="carry-do"):
            put_off()
            _carry_out(context, planned, place)
            st.rerun()

    dialog()


def put_off() -> None:
    """What was planned is not asked about any more."""
    st.session_state.pop("planned", None)


def told(t: Words, left_out: Sequence[LeftOut]) -> list[str]:
    """A line for each of the first, and one for the rest."""
    lines = [f"{path_safe(one.name)}: {t.reason(one.reason)}" for one in left_out[:MOST_NAMES]]
    more = len(left_out) - len(lines)
    return [*lines, t("files.more", n=more)] if more else lines


def _summary(context: PageContext, planned: Plan, names: Sequence[str]) -> str:
    """names: of a sorting, in their order."""
    files, goal = within([step.source for step in planned.steps]), planned.folder
    rows = "".join(
        f"<tr><td>{escaped(name)}</td><td>→ {escaped(path_safe(step.target.relative_to(goal)))}</td></tr>"
        for name, step in zip(files, planned.steps[:MOST_ROWS], strict=False)
    )
    more = len(planned.steps) - MOST_ROWS
    rest = f'<div class="ly-faint">{escaped(context.t("files.more", n=more))}</div>' if more > 0 else ""
    folder, size = escaped(path_safe(planned.folder)), sizes.files(planned.size_bytes)
    counts = Counter(step.target.parent.name for step in planned.steps if step.target.parent != goal)
    each = "".join(f"<br>{escaped(name)}: {counts[name]}" for name in names if name in counts)
    return (
        f'<p class="ly-plain"><code>{folder}</code> · {size}{each}</p>'
        f'<table class="ly-table"><tbody>{rows}</tbody></table>{rest}'
    )


def within(paths: Sequence[Path]) -> list[str]:
    """Each path, as it may be shown, within the folder that holds them all; whole where there is none."""
    try:
        folder = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # no path at all, or on two drives
        return [path_safe(path) for path in paths]
    return [path_safe(path.relative_to(folder)) for path in paths]


def _carry_out(context: PageContext, planned: Plan, place: state.Place) -> None:
    store = context.services.store
    try:
        done = decide.carry_out(planned, store.moves_folder)
        if done.action == "move":
            store.relocate(done.moved)
    except LycheeError as error:
        decide.recover(store)
        state.forget_orders()
        return state.tell(error, place=place)
    state.forget_orders()
    t, lost = context.t, done.left_out[len(planned.left_out) :]
    lines = [t(f"files.done.{done.action}", n=len(done.steps))]
    lines += [t(f"files.lost.{done.action}", n=len(lost)), *told(t, lost)] if lost else []
    return state.tell("\n".join(lines), "warn" if lost else "good", place)


def copied_and_moved(context: PageContext, standing: Standing, place: state.Place) -> None:
    """Every copy and move of this run that can still be taken back."""
    t, journals = context.t, decide.journals(context.services.store.moves_folder)
    done = [one for one in journals if one.run_id == standing.run.id]
    was = [t(f"files.was.{one.action}", n=len(one.steps), folder=path_safe(one.folder)) for one in done]
    undoable(t, "take-back", was, lambda number: _take_back(context, done[number], place))


def undoable(t: Words, key: str, was: Sequence[str], take_back: Callable[[int], None]) -> None:
    """The newest of what was done, in words, newest first, each with a button that takes it back by its
    number."""
    for number, words in enumerate(was[:MOST_UNDOABLE]):
        with st.container(horizontal=True, vertical_alignment="center"):
            faint(words)
            st.button(
                t("files.undo"),
                key=f"{key}-{number}",
                icon=":material/undo:",
                on_click=take_back,
                args=(number,),
            )


def _take_back(context: PageContext, done: Done, place: state.Place) -> None:
    t, store = context.t, context.services.store

    def undo() -> tuple[list[str], Sequence[LeftOut]]:
        undone = decide.undo_and_relocate(done, store)
        lines = [t("files.undone", n=len(undone.steps))] if undone.steps or not undone.there else []
        lines += [t("files.undone.there", n=len(undone.there))] if undone.there else []
        return lines, undone.left_out

    taken_back(t, place, undo)


def taken_back(t: Words, place: state.Place, undo: Callable[[], tuple[list[str], Sequence[LeftOut]]]) -> None:
    """In a callback: does it, says there what it says, and what could not be taken back."""
    try:
        lines, left_out = undo()
    except LycheeError as error:
        state.tell(error, place=place)
    else:
        kept = told(t, left_out)
        state.tell("\n".join([*lines, *kept]), "warn" if kept else "good", place)
    state.forget_orders()
    st.rerun()
