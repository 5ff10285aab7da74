"""Where somebody is on the page: language, view, run, draft. Lives in the address and in the session.

The address holds what a refresh must bring back, the draft what was typed and added; the session holds what
may be lost.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NoReturn, get_args

import streamlit as st
from streamlit.errors import StreamlitAPIException

from lychee_app import analysis, ratings
from lychee_app.analysis import Bin
from lychee_app.analysis.window import Columns, Wish
from lychee_app.curate import Group, groups
from lychee_app.errors import LycheeError, StoreError
from lychee_app.locale import Words, language_of
from lychee_app.numbers import Numbers, numbers_of
from lychee_app.ranking import Ranked, best_axis, ranked
from lychee_app.ratings import Rating
from lychee_app.records import Axis, Cutoff, Decision, Run, Scored, Source, Status
from lychee_app.services import Services
from lychee_app.store import Draft, View

Section = Literal["results", "decide", "history"]
Place = Literal["page", "files", "stars", "board", "example"]
"""Where a message stands: above the page, or beside the buttons that it answers."""
LARGE = 3000
"""With more rows than this a run is shown a page at a time: the browser, and each drawing, would be slow."""
PAGE_ROWS = 200
MOST_GROUPED_LIVE = 1000
LINGER_SECONDS = 6.0
"""So long a message stands through drawings of its place."""
NEWEST = 8
"""Runs that are looked at for one in progress."""
SECTIONS: tuple[Section, ...] = get_args(Section)


@dataclass(frozen=True)
class PageContext:
    """What every part of the page is drawn with: the services, the words of the chosen language, the open
    run's id, if any, and the draft: what is typed and added in this tab and not ranked yet."""

    services: Services
    t: Words
    run_id: str | None
    draft: Draft


@dataclass(frozen=True)
class Order:
    """What follows from the rows of a run alone; computed once per version of the run."""

    run: Run
    ranked: tuple[Ranked, ...]
    by_index: dict[int, Ranked]
    axis: Axis
    sources: dict[int, Source]
    modified: dict[int, float]
    """When a file of this machine was last changed, in seconds since 1970."""
    groups: tuple[Group, ...] = ()
    """Images that are alike; none of a long run while it is scored, which is drawn again with every row."""

    @property
    def indices(self) -> list[int]:
        """Upload indices, best first."""
        return [place.scored.upload_index for place in self.ranked]

    @property
    def scored(self) -> tuple[Scored, ...]:
        return tuple(place.scored for place in self.ranked if place.rank is not None)

    @cached_property
    def numbers(self) -> Numbers:
        return numbers_of(self.run.images, len(self.run.question.elements))


@dataclass(frozen=True)
class Window:
    """What is shown of a run that is too large to be held: `order` then has the rows of one page alone.

    shown: upload indices of all that the wish leaves, in its order.
    """

    columns: Columns
    wish: Wish
    page: int
    pages: int
    shown: Sequence[int]


@dataclass(frozen=True)
class Standing:
    """The open run as it stands now."""

    order: Order
    view: View | None
    version: int
    decisions: dict[int, Decision]
    cutoff: Cutoff | None
    window: Window | None = None

    @property
    def run(self) -> Run:
        return self.order.run

    @property
    def live(self) -> bool:
        return self.view is not None and self.view.phase != "over"

    @property
    def numbers(self) -> Numbers:
        """What is counted of all rows, in upload order."""
        return self.window.columns.table if self.window else self.order.numbers

    def above(self) -> list[int]:
        """Upload indices of the images at or above the cut-off, best first."""
        if self.cutoff is None:
            return []
        if self.window:
            return self.window.columns.above(self.cutoff)
        return [row.upload_index for row in analysis.above(self.order.scored, self.cutoff)]

    def decided(self, decision: Decision) -> list[int]:
        """Upload indices, best first."""
        if self.window:
            made = [index for index, one in self.decisions.items() if one == decision]
            return self.window.columns.best_first(made)
        return [index for index in self.order.indices if self.decisions.get(index) == decision]

    @property
    def everything(self) -> list[int]:
        """Upload indices of all rows."""
        return self.window.columns.table.indices.tolist() if self.window else list(self.order.by_index)

    @property
    def count(self) -> int:
        """Of the rows so far."""
        return len(self.window.columns.table) if self.window else len(self.run.images)

    @property
    def count_scored(self) -> int:
        return self.window.columns.table.count_scored if self.window else len(self.order.scored)

    @property
    def count_undecided(self) -> int:
        """Of those that have a score: no others are gone through in Decide."""
        if self.window:
            return max(0, self.count_scored - len(self.decisions))
        return sum(row.upload_index not in self.decisions for row in self.order.scored)


def words() -> Words:
    """Those of the language in the address, else of the browser's."""
    return Words(language_of(st.query_params.get("lang") or st.context.locale or "en"))


def page_context(services: Services) -> PageContext:
    """What the address names. A tab that comes with a bare address is shown the run in progress, if there is
    one. Raises StoreError."""
    if "draft" not in st.session_state and not {"run", "draft", "place"} & set(st.query_params):
        going = [line.id for line in services.store.runs(limit=NEWEST) if line.status == "running"]
        if going:
            st.query_params["run"] = going[0]
    named = st.query_params.get("draft") or st.session_state.get("draft") or uuid.uuid4().hex
    st.session_state["draft"] = named
    draft = services.store.drafts.get(named) or Draft(named)
    return PageContext(services, words(), st.query_params.get("run"), draft)


def new_draft() -> None:
    """In a callback: what is added from now on lies in a draft of its own, and in the address."""
    st.session_state["draft"] = st.query_params["draft"] = uuid.uuid4().hex


def standing(context: PageContext) -> Standing | None:
    """The open run, or None when there is none of that id. Raises StoreError: unreadable."""
    if context.run_id is None:
        return None
    view = context.services.jobs.view(context.run_id)
    version, store = view.version if view else -1, context.services.store
    try:
        if view and view.done > LARGE:
            return _windowed(context, view)
        cutoff = store.cutoff(context.run_id)  # tells of a run that is gone, where its order is still cached
        removed = tuple(sorted(removed_of(context, context.run_id)))
        order = _order(context.services, context.run_id, version, view and view.status, removed)
    except StoreError as error:
        if error.code == "store-no-run":
            return None
        raise
    decisions = store.decisions(context.run_id)
    for index in removed:
        decisions.pop(index, None)
    return Standing(order, view, version, decisions, cutoff)


def _windowed(context: PageContext, view: View) -> Standing:
    """A large run: the page of it that is asked for."""
    services, run_id = context.services, view.run_id
    store = services.store
    cutoff, decisions = store.cutoff(run_id), store.decisions(run_id)
    columns, wish = _columns(services, run_id, view.version), wished(run_id)
    within: list[Collection[int]] = []
    if bar := bar_in_force(columns.table):
        wish = replace(wish, bar=bar.label)
        within.append(bar.upload_indexes)
    if wish.stars:
        found = ratings_of(run_id, len(columns.table), lambda: store.sources(run_id))
        within.append(_rated(found, wish.stars, columns))
    shown = columns.table.indices[columns.shown(wish, decisions, cutoff, within)].tolist()
    pages = max(1, -(-len(shown) // PAGE_ROWS))
    page = min(st.session_state.get(page_key(run_id, wish), 1), pages)
    some = tuple(shown[PAGE_ROWS * (page - 1) : PAGE_ROWS * page])
    order = _page_of(services, run_id, view.version, some)
    return Standing(order, view, view.version, decisions, cutoff, Window(columns, wish, page, pages, shown))


@st.cache_resource(max_entries=12, show_spinner=False)
def _page_of(_services: Services, run_id: str, version: int, indices: tuple[int, ...]) -> Order:
    """These rows of a large run."""
    columns = _columns(_services, run_id, version)
    return _order_of(_services.store.head(run_id), columns, _services.store.some(run_id, indices))


def _order_of(run: Run, columns: Columns, found: Sequence[tuple[Scored, Source]]) -> Order:
    """Some rows of a large run, with the ranks that they have among all."""
    places = tuple(Ranked(columns.rank(row.upload_index), row) for row, _ in found)
    by_index = {place.scored.upload_index: place for place in places}
    sources = {row.upload_index: source for row, source in found}
    run = replace(run, images=tuple(row for row, _ in found))
    return Order(run, places, by_index, columns.axis, sources, _changed(sources))


def picked(context: PageContext, standing: Standing, *, whole: bool = False) -> Standing:
    """The picks of a large run alone; any other as it is. whole: with all that a row has."""
    if standing.window is None:
        return standing
    store, run = context.services.store, standing.run
    found = store.some(run.id, standing.decided("pick"))
    if whole:
        found = [(store.row(run.id, row.upload_index), source) for row, source in found]
    order = _order_of(replace(run, total=len(found)), standing.window.columns, found)
    return replace(standing, order=order, window=None)


def library_key(run_id: str, name: str) -> str:
    """Where a tab keeps what is asked for of a large run: a field of Wish."""
    return f"library-{name}:{run_id}"


def page_key(run_id: str, wish: Wish) -> str:
    """Where it keeps which page of that it is on: another wish begins at its first."""
    return f"library-page:{run_id}:{wish}"


def bins_in_force(numbers: Numbers) -> Sequence[Bin]:
    """Of the kind that is switched on, lowest first."""
    kind = st.query_params.get("bins", "ranges")
    if kind == "ranges":
        return analysis.range_bins(numbers)[::-1]
    return analysis.margin_bins(numbers) if kind == "margin" else analysis.even_bins(numbers)


def bar_in_force(numbers: Numbers) -> Bin | None:
    """The bar chosen in the histogram: only its images are shown."""
    place = st.session_state.get("bin", -1)
    if place < 0:
        return None
    bins = bins_in_force(numbers)
    return bins[place] if place < len(bins) else None


def ratings_of(
    run_id: str, count: int, sources: Callable[[], Iterable[tuple[int, Source]]]
) -> dict[int, Rating]:
    """What the sidecars beside its images say, by upload index. Read once for each run that a tab shows: a
    refresh of the browser reads them again."""
    kept = st.session_state.get("ratings")
    if kept is None or kept[0] != (run_id, count):
        kept = (run_id, count), ratings.found(sources())
        st.session_state["ratings"] = kept
    return kept[1]


def _rated(found: Mapping[int, Rating], asked: str, columns: Columns) -> Collection[int]:
    """asked: a least number of stars; "none" or "reject"."""
    stars = {index: rating.stars or 0 for index, rating in found.items()}
    if asked == "none":
        return [index for index in columns.table.indices.tolist() if not stars.get(index)]
    if asked == "reject":
        return [index for index, count in stars.items() if count < 0]
    return [index for index, count in stars.items() if count >= int(asked)]


def wished(run_id: str) -> Wish:
    """What of a large run is asked for in this tab."""
    fields = {name: st.session_state.get(library_key(run_id, name)) for name in vars(Wish())}
    return replace(Wish(), **{name: value for name, value in fields.items() if value is not None})


@st.cache_resource(max_entries=2, show_spinner=False)
def _columns(_services: Services, run_id: str, version: int) -> Columns:
    return Columns(_services.store.table(run_id))


def removed_of(context: PageContext, run_id: str | None) -> frozenset[int]:
    """Upload indices of the run's images that were taken off: the page shows the run without them."""
    return context.draft.removed if run_id and context.draft.run_id == run_id else frozenset()


@st.cache_resource(max_entries=6, show_spinner=False)
def _order(
    _services: Services, run_id: str, version: int, status: Status | None, removed: tuple[int, ...]
) -> Order:
    """The status is part of what it is cached by: a run whose process died changes in nothing else."""
    whole, gone = _services.jobs.run(run_id), set(removed)
    kept = tuple(row for row in whole.images if row.upload_index not in gone)
    run = replace(whole, images=kept, total=whole.total - len(gone))
    places = tuple(ranked(run.images))
    by_index = {place.scored.upload_index: place for place in places}
    all_sources = sources(_services, run_id, whole.total)
    of_run = {index: source for index, source in all_sources.items() if index not in gone}
    modified = _modified(all_sources, run_id, whole.total)
    short = status != "running" or len(run.images) <= MOST_GROUPED_LIVE
    alike = groups(run.images) if short else ()
    return Order(run, places, by_index, best_axis(run.images), of_run, modified, alike)


@st.cache_resource(max_entries=6, show_spinner=False)
def sources(_services: Services, run_id: str, total: int) -> dict[int, Source]:
    """Of a run of that many images, by upload index. A live run has a new order with every row, and the same
    sources all along."""
    return dict(_services.store.sources(run_id))


@st.cache_resource(max_entries=6, show_spinner=False)
def _modified(_sources: dict[int, Source], run_id: str, total: int) -> dict[int, float]:
    return _changed(_sources)


def _changed(sources: Mapping[int, Source]) -> dict[int, float]:
    """When files of this machine were last changed, in seconds since 1970."""
    found = {}
    for index, source in sources.items():
        if source.path and not source.private:
            with suppress(OSError):
                found[index] = source.path.stat().st_mtime
    return found


def forget_orders() -> None:
    """After a run was renamed or deleted, or its files moved: what is cached about it no longer holds."""
    _order.clear()
    _columns.clear()
    _page_of.clear()
    sources.clear()
    _modified.clear()
    st.session_state.pop("ratings", None)


def open_run(run_id: str | None, place: Section = "results") -> None:
    """Goes to a run (None: to a fresh start). Call it in a callback, or rerun after it."""
    st.session_state.pop("bin", None)
    in_address("run", run_id)
    go(place)


def in_address(name: str, value: str | None) -> None:
    """In a callback. A refresh finds it there, and the browser's Back what was there before."""
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)


def section() -> Section:
    """Which view the address names."""
    named = st.query_params.get("place")
    return named if named in SECTIONS else SECTIONS[0]


def go(place: Section) -> None:
    """To another view. Each stands in the browser's history."""
    gone = ["compare", "page"] if place == "history" else ["compare", "page", "marked"]
    for part in gone:
        st.query_params.pop(part, None)
    in_address("place", None if place == SECTIONS[0] else place)


def compared() -> tuple[str, str] | None:
    """The two runs that the history compares, as the address names them."""
    ids = st.query_params.get("compare", "").split("~")
    return (ids[0], ids[1]) if len(ids) == 2 and all(ids) else None


def compare(first_id: str, second_id: str) -> None:
    st.query_params["compare"] = f"{first_id}~{second_id}"


def history_page() -> int:
    """From 1 on."""
    named = st.query_params.get("page", "")
    return max(1, int(named)) if named.isascii() and named.isdecimal() and len(named) < 7 else 1


def turn(page: int) -> None:
    """To another page of the history."""
    st.query_params["page"] = str(page)


def tell(error: LycheeError | str, kind: str = "bad", place: Place = "page") -> None:
    """Leaves a message for the next drawing of that place, and for those that follow soon after."""
    st.session_state[f"told:{place}"] = (error, kind, None)


def tried(action: Callable[[], object]) -> None:
    """In a callback. Where it cannot be done, the whole page is drawn again and says why."""
    try:
        action()
    except LycheeError as error:
        tell(error)
        st.rerun()


def told(place: Place) -> tuple[LycheeError | str, str] | None:
    """What is to be read there. A drawing may follow at once that has nothing to do with it."""
    key = f"told:{place}"
    if key not in st.session_state:
        return None
    error, kind, since = st.session_state[key]
    if since is not None and time.monotonic() - since > LINGER_SECONDS:
        del st.session_state[key]
        return None
    st.session_state[key] = error, kind, since or time.monotonic()
    return error, kind


def redraw(*keys: str) -> NoReturn:
    """In a callback: only the fragments of these keys are drawn again.

    The whole page is, where one of them is not there: a click that cuts a drawing short takes away the
    fragments that the drawing had not reached.
    """
    try:
        st.rerun(list(keys))
    except StreamlitAPIException:
        st.rerun()
