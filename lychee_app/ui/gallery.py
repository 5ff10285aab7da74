"""The ranked images as cards, with filters and pages. The first ones are set off; those without a score come
last."""

from collections.abc import Sequence

import streamlit as st
from natsort import natsorted

from lychee_app.analysis import Bin
from lychee_app.intake.sources import BY_PATH
from lychee_app.ranking import Ranked, one_decimal
from lychee_app.records import Decision, Run, Scored
from lychee_app.ui import charts, output, state
from lychee_app.ui.markup import escaped, faint, thumbnail_tag
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.widgets import from_box, one_of

PODIUM = 3
PAGE_SIZES = (12, 24, 48)
"""Without the podium. The grid has 2, 3, 4 or 6 columns (page.css), so that a page fills its rows."""
PAGE_BUTTON_PX = 60
"""Room for each number and arrow: left to itself beside another control, pagination drops numbers."""
FILTERS = ("all", "above", "pick", "reject", "undecided", "unscored")


@st.fragment(key="gallery")
def draw(context: PageContext) -> None:
    """Drawn on its own when something in it is clicked: the charts above need not be."""
    if (standing := state.standing(context)) is None:
        st.rerun()
    with st.container(key="gallery"):
        st.html(f'<span class="ly-order sort-{_sorted_by().partition(":")[0]}"></span>')
        places = _chosen(context, standing)
        podium = [place for place in places if _set_off(place)]
        rest = places[len(podium) :]
        page, size = _pager(context, len(podium), len(rest))
        if podium and page == 0:
            with st.container(key="podium"):
                _cards(context, standing, podium)
        if not places:
            faint(context.t("gallery.none"))
        with st.container(key="grid"):
            _cards(context, standing, rest[page * size : (page + 1) * size])
        if len(rest) > size:
            _pages(context, page, len(rest), size)


def _cards(context: PageContext, standing: Standing, places: Sequence[Ranked]) -> None:
    for place in places:
        draw_card(context, standing, place)


def _set_off(place: Ranked) -> bool:
    return place.rank is not None and place.rank <= PODIUM and _sorted_by() == "rank"


def _sorted_by() -> str:
    return st.session_state.get("sort", "rank")


def _chosen(context: PageContext, standing: Standing) -> list[Ranked]:
    """The controls, and what they leave, in the order asked for."""
    t = context.t
    counts = {name: len(_filtered(standing, name)) for name in FILTERS}
    told_by_all = {"undecided"} if not standing.decisions else set()
    offered = [
        name
        for name in FILTERS
        if name in ("all", st.session_state.get("shown")) or (counts[name] and name not in told_by_all)
    ]
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        name = one_of(
            t("filter"),
            offered,
            lambda name: f"{t(f'filter.{name}')} {counts[name]}",
            key="shown",
            on_change=_first_page,
        )
        chosen = _bin(context, charts.bins_in_force(standing))
        st.space("stretch")
        _order_control(context, standing)
    places = _filtered(standing, name)
    if chosen is not None:
        held = set(chosen.upload_indexes)
        places = [place for place in places if place.scored.upload_index in held]
    return _ordered(standing, places)


def _filtered(standing: Standing, name: str) -> list[Ranked]:
    places = standing.order.ranked
    if name == "all":
        return list(places)
    if name == "unscored":
        return [place for place in places if place.rank is None]
    if name == "above":
        above = set(standing.above())
        return [place for place in places if place.scored.upload_index in above]
    wanted = None if name == "undecided" else name
    return [place for place in places if standing.decisions.get(place.scored.upload_index) == wanted]


def _bin(context: PageContext, bins: Sequence[Bin]) -> Bin | None:
    """The bar chosen in the histogram, shown as a chip that takes it off again."""
    place = st.session_state.get("bin", -1)
    if not 0 <= place < len(bins):
        return None
    text = context.t("filter.bin", range=bins[place].label.replace("<", "\\<"))
    st.button(text, key="unbin", icon=":material/filter_alt_off:", on_click=charts.choose_bin, args=(-1,))
    return bins[place]


def _first_page() -> None:
    st.session_state["page"] = 1


def _order_control(context: PageContext, standing: Standing) -> None:
    """By rank, as uploaded, by name, or by one element."""
    t = context.t
    elements = standing.run.question.elements
    options = ["rank", "upload", "name", *(f"element:{k}" for k in range(len(elements)))]

    def words(option: str) -> str:
        if not option.startswith("element:"):
            return t(f"sort.{option}")
        return t("sort.element", text=elements[int(option.partition(":")[2])])

    from_box(t("sort"), options, words, key="sort", language=t.language, on_change=_first_page, width=190)


def _ordered(standing: Standing, places: list[Ranked]) -> list[Ranked]:
    by = _sorted_by()
    if by == "upload":
        return sorted(places, key=lambda place: place.scored.upload_index)
    if by == "name":
        return natsorted(places, key=lambda place: place.scored.name, alg=BY_PATH)
    if by.startswith("element:"):
        number = int(by.partition(":")[2])
        return sorted(places, key=lambda place: -_element(place, number))
    return places


def _element(place: Ranked, number: int) -> float:
    scores = place.scored.elements
    score = scores[number] if number < len(scores) else None
    return -1.0 if score is None else score


def _pager(context: PageContext, podium: int, rest: int) -> tuple[int, int]:
    """(page from 0, images per page), kept within what there is. The podium is on top of the first page."""
    size = st.session_state.get("page_size", PAGE_SIZES[0])
    last = max(0, (rest - 1) // size)
    page = min(max(st.session_state.get("page", 1) - 1, 0), last)
    if podium + rest:
        first = podium + page * size + 1 if page else 1
        final = podium + min((page + 1) * size, rest)
        faint(context.t("gallery.range", first=first, last=final, n=podium + rest))
    return page, size


def _pages(context: PageContext, page: int, count: int, size: int) -> None:
    pages = -(-count // size)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="center"):
        key = f"page:{pages}:{st.session_state.get('page', 1)}"
        width = PAGE_BUTTON_PX * (min(pages, 7) + 2)
        st.pagination(pages, default=page + 1, width=width, key=key, on_change=_turn, args=(key,))
        from_box(
            context.t("page_size"),
            PAGE_SIZES,
            lambda n: context.t("page_size.n", n=n),
            key="page_size",
            language=context.t.language,
            on_change=_first_page,
            width=150,
        )


def _turn(key: str) -> None:
    st.session_state["page"] = st.session_state[key]


def draw_card(context: PageContext, standing: Standing, place: Ranked) -> None:
    index = place.scored.upload_index
    with st.container(border=True, key=f"card-{index}"):
        st.html(markup(context, standing, place))
        with st.container(horizontal=True, key=f"tools-{index}", wrap=False):
            _tools(context, standing, index)
        output.expander(context, standing, place.scored, where="card")


def markup(context: PageContext, standing: Standing, place: Ranked) -> str:
    """A card's picture and facts. All texts from outside are escaped here."""
    row, t = place.scored, context.t
    decision = standing.decisions.get(row.upload_index)
    picture = thumbnail_tag(row) or f'<span class="ly-noimage">{escaped(t("card.no_picture"))}</span>'
    rank = f'<span class="ly-rank">{place.rank}</span>' if place.rank else ""
    mark = f'<span class="ly-mark {decision}">{escaped(t(f"marked.{decision}"))}</span>' if decision else ""
    return (
        f'<div class="ly-card {decision or ""}" data-index="{row.upload_index}">'
        f'<div class="ly-thumb">{picture}{rank}{mark}</div>'
        f'<div class="ly-row"><span class="ly-name" title="{escaped(row.name)}">{escaped(row.name)}</span>'
        f'<span class="ly-score">{one_decimal(row.score)}</span></div>'
        f"{_bar(row)}{chips(context, standing.run, row)}{_troubles(context, row)}</div>"
    )


def _bar(row: Scored) -> str:
    return "" if row.score is None else f'<div class="ly-bar"><i style="--p:{10 * row.score:.1f}%"></i></div>'


def chips(context: PageContext, run: Run, row: Scored) -> str:
    """One chip per element, as warm as its score; and one for what is not wanted, which lowers the score."""
    question = run.question
    tags = [_chip(text, score) for text, score in zip(question.elements, row.elements, strict=False)]
    if row.not_reply is not None and row.not_reply.p_yes is not None:
        tags.append(_chip(f"{context.t('but_not')}: {question.sent_not}", 10 * row.not_reply.p_yes, "not"))
    return f'<div class="ly-chips">{"".join(tags)}</div>' if tags else ""


def _chip(text: str, score: float | None, heat: str = "") -> str:
    heat = "none" if score is None else heat
    style = "" if score is None else f' style="--p:{10 * score:.0f}%"'
    return (
        f'<span class="ly-chip {heat}"{style} title="{escaped(text)}"><span>{escaped(text)}</span>'
        f"<b>{one_decimal(score)}</b></span>"
    )


def _troubles(context: PageContext, row: Scored) -> str:
    reason = f'<div class="ly-reason">{escaped(context.t.reason(row.reason))}</div>' if row.reason else ""
    notes = "".join(f'<div class="ly-note">{escaped(context.t.reason(note))}</div>' for note in row.notes)
    return reason + notes


def _tools(context: PageContext, standing: Standing, index: int) -> None:
    t, decision = context.t, standing.decisions.get(index)
    st.button(
        "", key=f"zoom-{index}", help=t("zoom"), icon=":material/zoom_in:", on_click=state.zoom, args=(index,)
    )
    for kind, icon in (("pick", ":material/check:"), ("reject", ":material/close:")):
        on = decision == kind
        st.button(
            "",
            key=f"{kind}-{index}",
            help=t(f"un{kind}" if on else kind),
            icon=icon,
            type="primary" if on else "secondary",
            on_click=toggle,
            args=(context, index, kind, decision),
        )


def toggle(context: PageContext, index: int, kind: Decision, before: Decision | None) -> None:
    """Decides, or takes the same decision off."""
    if run_id := context.run_id:
        decision = None if before == kind else kind
        state.tried(lambda: context.services.store.decide(run_id, index, decision))
