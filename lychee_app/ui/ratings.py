"""Stars beside the images: those that sidecars hold, for the gallery; and those that follow from the scores,
written and taken back.
"""

from collections.abc import Sequence

import streamlit as st

from lychee_app import ratings
from lychee_app.errors import LycheeError
from lychee_app.export import LeftOut
from lychee_app.locale import Words
from lychee_app.ratings import Change, Journal, Plan, Rating, Tally, Wish
from lychee_app.ui import state, widgets
from lychee_app.ui.export import MOST_ROWS, put_off, taken_back, told, undoable, within
from lychee_app.ui.images import on_loopback
from lychee_app.ui.markup import escaped, faint, notice
from lychee_app.ui.state import PageContext, Standing


def found(standing: Standing) -> dict[int, Rating]:
    """By upload index. Those of a large run once they are asked for: to be read they take a while."""
    if standing.window and not standing.window.wish.stars:
        return {}
    beside = state.ratings_of(standing.run.id, standing.count, standing.order.sources.items)
    return ratings.inside(standing.run.images) | beside


@st.fragment(key="stars")
def draw(context: PageContext) -> None:
    """What is to be written; planned and shown before anything is touched."""
    if (standing := state.standing(context)) is None:
        st.rerun()
    t = context.t
    if standing.live or not on_loopback():
        return
    st.html(f"<b>{escaped(t('stars'))}</b>")
    if not any(source.path and not source.private for source in standing.order.sources.values()):
        return faint(t("stars.uploads"))
    faint(t("stars.help"))
    wish = _wish(context)
    if st.button(t("files.plan"), key="stars-plan", disabled=wish is None) and wish:
        files = standing.order.sources.items()
        st.session_state["planned"] = ratings.plan(standing.run, files, wish, standing.decisions)
        st.rerun()
    widgets.told(t, "stars")
    written(context, standing, "stars")
    return None


def _wish(context: PageContext) -> Wish | None:
    """As it was left, also where another view was shown in between. None, and said why, where it is none."""
    t = context.t
    before: Wish = st.session_state.get("wish", Wish())
    with st.container(horizontal=True, vertical_alignment="bottom", key="stars-from"):
        least = []
        for number, score in enumerate(before.stars_from, start=1):
            st.session_state.setdefault(f"stars-{number}", float(score))
            least.append(
                st.number_input(
                    t("stars.from", stars="★" * number),
                    min_value=0.0,
                    max_value=10.0,
                    step=0.5,
                    format="%0.1f",
                    key=f"stars-{number}",
                    width=110,
                )
            )
    with st.container(horizontal=True):
        st.session_state.setdefault("stars-picks", before.picks)
        st.session_state.setdefault("stars-keyword", before.keyword)
        st.session_state.setdefault("stars-embed", before.embed)
        picks = st.checkbox(t("stars.picks"), key="stars-picks")
        keyword = st.checkbox(t("stars.keyword"), key="stars-keyword")
        embed = st.checkbox(t("stars.embed"), key="stars-embed")
    if embed:
        notice(t("stars.embed.help"), "warn")
    try:
        wish = Wish(tuple(least), picks, keyword, embed=embed)
    except LycheeError as error:
        notice(t.error(error), "bad")
        return None
    st.session_state["wish"] = wish
    return wish


def confirm(context: PageContext, standing: Standing, place: state.Place = "stars") -> None:
    """Asks about what was planned; nothing is touched before this is answered, at `place`."""
    planned = st.session_state.get("planned")
    if not isinstance(planned, Plan) or planned.run_id != standing.run.id:
        return
    t = context.t

    @st.dialog(t("sorting.confirm" if planned.names else "stars.confirm"), on_dismiss=put_off)
    def dialog() -> None:
        st.html(_summary(t, planned, standing.run.request.prefilter))
        if planned.images:
            notice(t("stars.embed.help"), "warn")
        if planned.left_out:
            lines = [t("stars.left_out", n=len(planned.left_out)), *told(t, planned.left_out)]
            notice("\n".join(lines), "calm")
        words = t("stars.do.inside" if planned.images else "stars.do", n=len(planned.changes))
        if st.button(words, type="primary", key="stars-do", disabled=not planned.changes):
            put_off()
            _write(context, planned, place)
            st.rerun()

    dialog()


def _summary(t: Words, planned: Plan, keep: int | None) -> str:
    """keep: how many were judged in full, where not all were."""
    beside = planned.sidecars
    new = sum(change.before is None for change in beside)
    counts = t("stars.counts", new=new, changed=len(beside) - new, same=len(planned.same))
    inside = [t("stars.counts.inside", n=len(planned.images))] if planned.images else []
    names = within([change.sidecar for change in planned.changes])
    rows = "".join(
        f"<tr><td>{escaped(name)}</td><td>{_rated(t, change)}</td><td>{escaped(_how(t, change))}</td></tr>"
        for name, change in zip(names, planned.changes[:MOST_ROWS], strict=False)
    )
    more = len(planned.changes) - MOST_ROWS
    rest = f'<div class="ly-faint">{escaped(t("files.more", n=more))}</div>' if more > 0 else ""
    tally = Tally.of(planned.changes)
    rated = [] if planned.names else [t.stars_counted(tally.stars)]
    lines = [*inside, counts, *rated, *_of_others(t, tally, planned)]
    if planned.passed_over:
        lines.append(t("stars.passed_over", n=planned.passed_over, keep=keep))
    if planned.stood_for:
        lines.append(t("stars.stood_for", n=planned.stood_for))
    head = "<br>".join(map(escaped, lines))
    return f'<p class="ly-plain">{head}</p><table class="ly-table"><tbody>{rows}</tbody></table>{rest}'


def _of_others(t: Words, tally: Tally, planned: Plan) -> list[str]:
    """What becomes of the ratings and labels that are there."""
    counts = {
        "stars.replaced": tally.replaced,
        "stars.relabelled": tally.relabelled,
        "stars.unstarred": len(planned.unstarred),
        "stars.kept": len(planned.kept),
        "stars.kept.help": len(planned.kept),
    }
    return [t(key, n=n) for key, n in counts.items() if n]


def _how(t: Words, change: Change) -> str:
    """New, or changed; with the stars and the label that give way."""
    if change.before is None and not change.inside:
        return t("stars.new")
    was = t.listed(
        [
            *([t.stars(change.was.stars or 0)] if change.replaces_stars else []),
            *([change.was.label] if change.replaces_label else []),
        ]
    )
    how = t("stars.changed.was", was=was) if was else "" if change.inside else t("stars.changed")
    return " · ".join(part for part in (t("stars.inside") if change.inside else "", how) if part)


def _rated(t: Words, change: Change) -> str:
    """With the label and the keywords that go along."""
    rating = change.rating
    stars = "" if rating.stars is None else t.stars(rating.stars)
    parts = [stars, t("stars.label") if rating.label else "", *rating.keywords]
    return escaped(" · ".join(part for part in parts if part))


def _write(context: PageContext, planned: Plan, place: state.Place) -> None:
    t, store = context.t, context.services.store
    try:
        written = ratings.write(planned, store.moves_folder, store)
    except LycheeError as error:
        return state.tell(error, place=place)
    finally:
        state.forget_orders()
    failed = written.left_out[len(planned.left_out) :]
    tally, inside = Tally.of(written.changes), len(written.rewritten)
    if planned.names:
        lines = [t("sorting.named", n=len(tally.stars))]
    else:
        lines = [*_of_both(t, "done", len(written.changes) - inside, inside)]
        lines += _of_others(t, tally, planned)
    lines += told(t, failed)
    return state.tell("\n".join(lines), "warn" if failed else "good", place)


def _of_both(t: Words, what: str, sidecars: int, images: int) -> list[str]:
    """A line for each of the two that there are; of neither that of no sidecar."""
    lines = [t(f"stars.{what}", n=sidecars)] if sidecars or not images else []
    return [*lines, t(f"stars.{what}.inside", n=images)] if images else lines


def written(context: PageContext, standing: Standing, place: state.Place) -> None:
    """What was written for this run and can still be taken back."""
    t, journals = context.t, ratings.journals(context.services.store.moves_folder)
    done = [one for one in journals if one.run_id == standing.run.id]
    was = [t.listed(_of_both(t, "was", one.sidecars, one.images)) for one in done]
    undoable(t, "stars-back", was, lambda number: _take_back(context, done[number], place))


def _take_back(context: PageContext, journal: Journal, place: state.Place) -> None:
    t = context.t

    def undo() -> tuple[list[str], Sequence[LeftOut]]:
        undone = ratings.undo(journal.path, context.services.store)
        images = len(undone.images)
        lines = _of_both(t, "undone", len(undone.sidecars), images)
        return lines if undone.sidecars or images else [], undone.left_out

    taken_back(t, place, undo)
