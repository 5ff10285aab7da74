"""The ranked images: filters, pages, cards. The first ones are set off; those without a score come last."""

from collections.abc import Sequence

import streamlit as st

from lychee_app.analysis import Bin
from lychee_app.ranking import Ranked
from lychee_app.ui import card, charts, state
from lychee_app.ui.choice import from_box, one_of
from lychee_app.ui.shown import faint
from lychee_app.ui.state import Here, Standing

PODIUM = 3
PAGE_SIZES = (12, 24, 48)
"""Without the podium. The grid has 2, 3, 4 or 6 columns (page.css), so that a page fills its rows."""
PAGE_BUTTON_PX = 60
"""Room for each number and arrow: left to itself beside another control, pagination drops numbers."""
FILTERS = ("all", "above", "pick", "reject", "undecided", "unscored")


@st.fragment(key="gallery")
def draw(here: Here) -> None:
    """Drawn on its own when something in it is clicked: the charts above need not be."""
    if (standing := state.standing(here)) is None:
        st.rerun()
    with st.container(key="gallery"):
        st.html(f'<span class="ly-order sort-{_sorted_by().partition(":")[0]}"></span>')
        places = _chosen(here, standing)
        podium = [place for place in places if _set_off(place)]
        rest = places[len(podium) :]
        page, size = _pager(here, len(podium), len(rest))
        if podium and page == 0:
            with st.container(key="podium"):
                _cards(here, standing, podium)
        if not places:
            faint(here.t("gallery.none"))
        with st.container(key="grid"):
            _cards(here, standing, rest[page * size : (page + 1) * size])
        if len(rest) > size:
            _pages(here, page, len(rest), size)


def _cards(here: Here, standing: Standing, places: Sequence[Ranked]) -> None:
    for place in places:
        card.draw(here, standing, place)


def _set_off(place: Ranked) -> bool:
    return place.rank is not None and place.rank <= PODIUM and _sorted_by() == "rank"


def _sorted_by() -> str:
    return st.session_state.get("sort", "rank")


def _chosen(here: Here, standing: Standing) -> list[Ranked]:
    """The controls, and what they leave, in the order asked for."""
    t = here.t
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
        chosen = _bin(here, charts.bins_in_force(standing))
        st.space("stretch")
        _order_control(here, standing)
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


def _bin(here: Here, bins: Sequence[Bin]) -> Bin | None:
    """The bar chosen in the histogram, shown as a chip that takes it off again."""
    place = st.session_state.get("bin", -1)
    if not 0 <= place < len(bins):
        return None
    text = here.t("filter.bin", range=charts.label(bins[place]).replace("<", "\\<"))
    st.button(text, key="unbin", icon=":material/filter_alt_off:", on_click=charts.choose_bin, args=(-1,))
    return bins[place]


def _first_page() -> None:
    st.session_state["page"] = 1


def _order_control(here: Here, standing: Standing) -> None:
    """By rank, as uploaded, by name, or by one element."""
    t = here.t
    options = ["rank", "upload", "name", *(f"element:{k}" for k in range(len(standing.run.elements)))]

    def words(option: str) -> str:
        if not option.startswith("element:"):
            return t(f"sort.{option}")
        return t("sort.element", text=standing.run.elements[int(option.partition(":")[2])])

    from_box(t("sort"), options, words, key="sort", language=t.language, on_change=_first_page, width=190)


def _ordered(standing: Standing, places: list[Ranked]) -> list[Ranked]:
    by = _sorted_by()
    if by == "upload":
        return sorted(places, key=lambda place: place.scored.upload_index)
    if by == "name":
        return sorted(places, key=lambda place: place.scored.name.casefold())
    if by.startswith("element:"):
        number = int(by.partition(":")[2])
        return sorted(places, key=lambda place: -_element(place, number))
    return places


def _element(place: Ranked, number: int) -> float:
    scores = place.scored.elements
    score = scores[number] if number < len(scores) else None
    return -1.0 if score is None else score


def _pager(here: Here, podium: int, rest: int) -> tuple[int, int]:
    """(page from 0, images per page), kept within what there is. The podium is on top of the first page."""
    size = st.session_state.get("page_size", PAGE_SIZES[0])
    last = max(0, (rest - 1) // size)
    page = min(max(st.session_state.get("page", 1) - 1, 0), last)
    if podium + rest:
        first = podium + page * size + 1 if page else 1
        final = podium + min((page + 1) * size, rest)
        faint(here.t("gallery.range", first=first, last=final, n=podium + rest))
    return page, size


def _pages(here: Here, page: int, count: int, size: int) -> None:
    pages = -(-count // size)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="center"):
        key = f"page:{pages}:{st.session_state.get('page', 1)}"
        width = PAGE_BUTTON_PX * (min(pages, 7) + 2)
        st.pagination(pages, default=page + 1, width=width, key=key, on_change=_turn, args=(key,))
        from_box(
            here.t("page_size"),
            PAGE_SIZES,
            lambda n: here.t("page_size.n", n=n),
            key="page_size",
            language=here.t.language,
            on_change=_first_page,
            width=150,
        )


def _turn(key: str) -> None:
    st.session_state["page"] = st.session_state[key]
