"""The sidebar: what is asked, of which images, by which model. Ends in the one button that starts a run."""

from dataclasses import dataclass, replace
from typing import get_args

import streamlit as st

from lychee_app import query, sorting
from lychee_app.domain import domain_of, not_understood
from lychee_app.errors import CheckpointError, LycheeError, QueryError, StoreError, UsageError
from lychee_app.locale import Words, languages
from lychee_app.negation import either, negation
from lychee_app.prompt import DEFAULT_INSTRUCTION
from lychee_app.query import Question, Steps
from lychee_app.records import Mode, Run
from lychee_app.request import Bursts, Precision, Request
from lychee_app.settings import LEAST_TOKENS, MOST_TOKENS
from lychee_app.sizes import disk_gb
from lychee_app.ui import board, examples, images, markup, model_picker, state
from lychee_app.ui.images import Pile
from lychee_app.ui.markup import escaped, notice, sent
from lychee_app.ui.state import PageContext, Standing
from lychee_app.ui.widgets import one_of

EXAMPLES = ("cafe", "cat", "cake")


@dataclass(frozen=True)
class Asked:
    """Everything the sidebar says. `request` is None while the query is empty or refused (`is_typed`)."""

    request: Request | None
    is_typed: bool
    pile: Pile


def draw(context: PageContext, standing: Standing | None, pile: Pile) -> None:
    run = standing.run if standing else None
    _follow(context, run)
    _brand(context)
    # Laid out first: a part that another moved down would be there twice until the browser clears it away.
    typed, sent, pictures, judged = (st.container() for _ in range(4))
    steps = _steps_chosen()
    with typed:
        question = _query(context, steps)
        examples.draw(context)
        columns = board.names(context)
    wished, is_typed = examples.given(), bool(st.session_state["query"].strip())
    if columns:
        question, wished, is_typed = sorting.question(columns), {}, True
    elif not is_typed and any(wished.values()):
        question = query.beside_examples(st.session_state["but_not"], steps=steps)
    with pictures:
        images.draw(context, pile, standing)
    with judged:
        model = model_picker.draw(context)
        mode = _mode(context)
        bursts = _bursts(context)
        instruction, tokens, precision, prefilter = _advanced(context)
    as_typed = question or Question(st.session_state["query"], "", (), st.session_state["but_not"], "")
    wanted = Request(
        as_typed,
        mode,
        model,
        instruction,
        tokens,
        precision=precision,
        prefilter=prefilter,
        columns=columns,
        bursts=bursts,
        **wished,
    )
    with judged:
        _keep(context, wanted, run)
    with sent:
        question = question and _sent(context, question, model, run)
    request = question and replace(wanted, question=question)
    with st.container(key="start"):
        _start(context, Asked(request, is_typed, pile), standing)


def _brand(context: PageContext) -> None:
    with st.container(
        horizontal=True, horizontal_alignment="distribute", vertical_alignment="center", wrap=True
    ):
        st.html(
            f'<div class="ly-brand">{markup.logo()}<span>{escaped(context.t("brand"))}</span></div>',
            width="content",
        )
        st.segmented_control(
            context.t("language"),
            list(languages()),
            default=context.t.language,
            required=True,
            format_func=languages().__getitem__,
            key="language",
            on_change=_speak,
            label_visibility="collapsed",
        )


def _speak() -> None:
    st.query_params["lang"] = st.session_state["language"]


def _follow(context: PageContext, run: Run | None) -> None:
    """When another run is opened, its question goes into the boxes, to be changed and asked again; what was
    typed beside it, where there is that."""
    place, draft = (context.draft.id, run.id if run else None), context.draft
    before = st.session_state.get("followed")
    if before == place:
        return
    st.session_state["followed"] = place
    st.session_state.pop("untouched", None)
    if draft.request and (draft.run_id == place[1] or (run is None and (before or ("",))[0] != draft.id)):
        _fill(context, draft.request, draft.id)
        st.session_state.update(draft.fields)
    elif run is not None:
        _fill(context, run.request, run.id)
    elif before:
        st.session_state["untouched"] = None  # the address alone does not bring back what stands there


def _fill(context: PageContext, request: Request, origin: str) -> None:
    question = request.question
    examples.fill(request)
    board.fill(request.columns)
    st.session_state["query"] = question.typed
    st.session_state["but_not"] = question.typed_not
    st.session_state["model"] = request.model
    st.session_state["mode"] = request.mode
    st.session_state["elements_of"] = origin
    st.session_state[_parts_key(question.sent)] = list(question.elements)
    st.session_state["instruction"] = request.instruction
    st.session_state["tokens"] = _tokens(context, request)
    st.session_state["precision"] = request.precision
    st.session_state["prefilter"] = request.prefilter
    st.session_state["bursts"] = request.bursts == "one"


def _keep(context: PageContext, typed: Request, run: Run | None) -> None:
    """In the draft, so that a refresh finds it, as soon as the address alone would not bring it back. Where
    that cannot be, it is said, and tried again with the next drawing; what is typed is in this tab till then.
    """
    draft, beside = context.draft, run.id if run else context.draft.run_id
    fields = _fields()
    if "untouched" not in st.session_state:
        is_new = _words(typed) == _words(run.request if run else None)  # typing may end the first drawing
        st.session_state["untouched"] = (typed, fields) if is_new else None
    untouched = st.session_state["untouched"]
    if not draft.version and (typed, fields) == untouched:
        return
    if (draft.request, draft.run_id, draft.fields) != (typed, beside, fields):
        try:
            context.services.store.drafts.write(draft.id, typed, beside, fields)
        except StoreError as error:
            notice(context.t.error(error))


def _words(request: Request | None) -> tuple[str, str]:
    return (request.question.typed, request.question.typed_not) if request else ("", "")


def _fields() -> dict[str, str | bool]:
    """What is chosen beside the request, where it is not what a page begins with."""
    steps = {f"step:{name}": False for name, on in vars(_steps_chosen()).items() if not on}
    return {**images.fields(), **board.fields(), **steps}


def _tokens(context: PageContext, request: Request) -> int:
    """The most image tokens asked for: a number of its own, or this machine's default."""
    asked = request.max_image_tokens
    return context.services.settings.max_image_tokens if asked is None else asked


def _query(context: PageContext, steps: Steps) -> Question | None:
    t = context.t
    typed = st.text_area(t("query"), key="query", placeholder=t("query.placeholder"), height=92)
    _offer_but_not(context, typed)
    st.pills(
        t("examples"),
        EXAMPLES,
        format_func=lambda name: t(f"example.{name}"),
        key="example",
        on_change=_use_example,
        args=(t,),
        label_visibility="collapsed",
    )
    typed_not = st.text_input(t("but_not"), key="but_not", placeholder=t("but_not.placeholder"))
    if not typed.strip():
        return None
    try:
        found = query.ask(typed, typed_not, steps=steps)
        parts = _parts(context, found)
        return query.ask(typed, typed_not, steps=steps, parts=parts)
    except QueryError as error:
        notice(t.error(error), "bad")
        return None


def _offer_but_not(context: PageContext, typed: str) -> None:
    """One click moves what the query does not want to where it counts."""
    if not (found := negation(typed)):
        return
    kept, unwanted = found
    said = context.t("unwanted" if kept else "unwanted.only")
    st.html(f'<div class="ly-sent">{escaped(said)} <code>{escaped(unwanted)}</code></div>')
    st.button(context.t("unwanted.move"), key="unwanted", on_click=_move, args=(kept, unwanted))


def _move(kept: str, unwanted: str) -> None:
    st.session_state["query"] = kept
    st.session_state["but_not"] = either(st.session_state["but_not"].strip(), unwanted)


def _use_example(t: Words) -> None:
    if name := st.session_state.get("example"):
        st.session_state["query"] = t(f"example.{name}.query")
        st.session_state["but_not"] = ""
        st.session_state["example"] = None


def _parts(context: PageContext, found: Question) -> list[str]:
    """The elements as chips: each can be taken off, others typed in.

    They start from a default, which is sent with every drawing. A value put into the session is sent with one
    drawing, and the browser misses that where the next comes right behind it, as after Rank.
    """
    kept = st.session_state.get(_parts_key(found.sent), found.elements)
    key = f"chips:{st.session_state.get('elements_of', '')}:{found.sent}"
    return st.multiselect(
        context.t("elements"),
        list(dict.fromkeys([*found.elements, *kept, *st.session_state.get(key, ())])),
        kept,
        key=key,
        accept_new_options=True,
        max_selections=query.MAX_ELEMENTS,
        placeholder=context.t("elements.placeholder"),
        help=context.t("elements.help"),
    )


def _parts_key(sent: str) -> str:
    """Where the elements of a run that was opened are kept, for its query."""
    return f"parts:{sent}"


def _sent(context: PageContext, question: Question, model: str, run: Run | None) -> Question | None:
    """The question as that model will be asked, and what the model does not know of it; None where it knows
    nothing. What will be sent is said where it differs from what is typed, and the open run's head does not
    say it already."""
    t, judge = context.t, context.services.catalogue.resolved(model)
    try:
        question = context.services.jobs.prepared(Request(question, model=judge)).question
    except UsageError as error:
        notice(t.error(error), "bad")
        return None
    except CheckpointError:
        pass  # the model picker says so
    if run is None or _sent_texts(question) != _sent_texts(run.question):
        sent(t, question)
    domain = domain_of(judge, context.services.catalogue.checkpoint_hash(judge))
    for reason in not_understood(domain, question):
        notice(t.reason(reason), "warn")
    return question


def _mode(context: PageContext) -> Mode:
    modes: list[Mode] = ["judge", "explain"]
    return one_of(
        context.t("mode"),
        modes,
        lambda mode: context.t(f"mode.{mode}"),
        key="mode",
        help_text=context.t("mode.help"),
        show_label=True,
        width="stretch",
    )


def _steps_chosen() -> Steps:
    """The steps as they stand; their switches are drawn further down."""
    chosen = {name: st.session_state.get(f"step:{name}", True) for name in vars(Steps())}
    return Steps(**chosen)


def _bursts(context: PageContext) -> Bursts:
    st.session_state.setdefault("bursts", False)
    one = st.checkbox(context.t("bursts"), key="bursts", help=context.t("bursts.help"))
    return "one" if one else "all"


def _advanced(context: PageContext) -> tuple[str, int | None, Precision, int | None]:
    """The instruction, the most image tokens where they are not the machine's default, the precision, and how
    many are judged in full."""
    t, usual = context.t, context.services.settings.max_image_tokens
    st.session_state.setdefault("instruction", DEFAULT_INSTRUCTION)
    st.session_state.setdefault("tokens", usual)
    with st.expander(t("advanced"), key="advanced", bind="query-params"):
        instruction = st.text_area(t("instruction"), key="instruction", height=80)
        bounds = LEAST_TOKENS, MOST_TOKENS
        tokens = st.number_input(t("tokens"), *bounds, step=64, key="tokens", help=t("tokens.help"))
        st.session_state.setdefault("prefilter", None)
        prefilter = st.number_input(
            t("prefilter"),
            1,
            step=50,
            key="prefilter",
            help=t("prefilter.help"),
            placeholder=t("prefilter.all"),
        )
        st.session_state.setdefault("precision", "auto")
        precision = st.selectbox(
            t("precision"), get_args(Precision), key="precision", help=t("precision.help")
        )
        for name in vars(Steps()):
            st.session_state.setdefault(f"step:{name}", True)
            st.toggle(t(f"step.{name}"), key=f"step:{name}")
    wanted = None if tokens == usual else int(tokens)
    return instruction.strip() or DEFAULT_INSTRUCTION, wanted, precision or "auto", prefilter


def _start(context: PageContext, asked: Asked, standing: Standing | None) -> None:
    """One button whose words say what it will do."""
    label, ready = _what(context, asked, standing)
    again = standing is not None and _nothing_new(context, asked, standing)
    kind = "secondary" if again else "primary"
    live = standing is not None and standing.live
    # Never greyed out for want of a query: what is being typed comes to the server with the click itself.
    pressed = st.button(label, type=kind, width="stretch", disabled=live, key="rank", shortcut="Ctrl+Enter")
    if asked.request is not None and ((pressed and ready) or _has_arrived(context, asked.request)):
        _begin(context, asked, asked.request, standing)
    elif pressed:
        st.session_state["start_refused"] = label
    if ready or st.session_state.get("start_refused") != label:
        st.session_state.pop("start_refused", None)
    else:  # however often the page is drawn again meanwhile
        notice(label, "bad")


def _has_arrived(context: PageContext, request: Request) -> bool:
    """Whether the model that ranking waited for is here now. A download that failed is not waited for."""
    waited = st.session_state.get("rank_when_here")
    download = context.services.catalogue.download_of(waited) if waited else None
    if download is None or not download.over or context.services.catalogue.statuses() is None:
        return False
    del st.session_state["rank_when_here"]
    return download.error is None and waited == request.model and not _to_download(context, request)


def _what(context: PageContext, asked: Asked, standing: Standing | None) -> tuple[str, bool]:
    t, pile = context.t, asked.pile
    if standing and standing.live:
        return t("start.running"), False
    if asked.request is None or not pile.count:
        wanted = "images" if asked.request else "query"
        return t("start.bad_query" if wanted == "query" and asked.is_typed else f"start.no_{wanted}"), False
    if missing := _to_download(context, asked.request):
        return t("start.get", gb=disk_gb(missing), n=pile.count), True
    if _only_adds(context, asked, standing):
        return t("start.add", n=len(pile.new)), True
    if standing and _nothing_new(context, asked, standing):
        return t("start.again", n=pile.count), True
    return t("start.rank", n=pile.count), True


def _to_download(context: PageContext, request: Request) -> int:
    """Bytes of a model that is known and not here; 0 for one that is."""
    statuses = context.services.catalogue.statuses() or []
    found = next((one for one in statuses if one.name == request.model), None)
    return found.disk_bytes if found and found.state == "missing" else 0


def _same(context: PageContext, asked: Asked, run: Run) -> bool:
    """Whether the run already answers what is asked."""
    request = asked.request
    return request is not None and (
        _sent_texts(request.question) == _sent_texts(run.question)
        and (request.mode, request.instruction) == (run.request.mode, run.request.instruction)
        and request.bursts == run.request.bursts
        and request.precision in (run.request.precision, run.precision)
        and request.prefilter == run.request.prefilter
        and request.columns == run.request.columns
        and (request.like, request.unlike) == (run.request.like, run.request.unlike)
        and _by_the_same_model(context, request, run)
    )


def _sent_texts(question: Question) -> tuple[str, ...]:
    return question.sent, question.sent_not, *question.elements


def _by_the_same_model(context: PageContext, request: Request, run: Run) -> bool:
    """The model itself, and how large it is given an image: more than a model takes is what it takes."""
    catalogue, tokens = context.services.catalogue, _tokens(context, request)
    return catalogue.resolved(request.model) == catalogue.resolved(run.model) and (
        tokens == _tokens(context, run.request) or catalogue.tokens(run.model, tokens) == run.token_budget
    )


def _nothing_new(context: PageContext, asked: Asked, standing: Standing) -> bool:
    """The run answers what is asked, of the very images that are there."""
    pile = asked.pile
    return not pile.new and not pile.removed and _same(context, asked, standing.run)


def _only_adds(context: PageContext, asked: Asked, standing: Standing | None) -> bool:
    """The same question with more images: only those are scored."""
    pile = asked.pile
    if standing is None or not pile.of_run or not pile.new or pile.removed:
        return False
    return _same(context, asked, standing.run)


def _begin(context: PageContext, asked: Asked, request: Request, standing: Standing | None) -> None:
    """A model that is not here is downloaded first; then this is called again."""
    jobs, pile, left_out = context.services.jobs, asked.pile, context.draft.left_out
    new = list(pile.new.values())
    if _to_download(context, request):
        context.services.catalogue.download(request.model)
        st.session_state["rank_when_here"] = request.model
        st.rerun()
    try:
        if standing and _only_adds(context, asked, standing):
            run_id = standing.run.id
            jobs.add(run_id, new, left_out)
        elif pile.run_id:
            run_id = jobs.start_after(pile.run_id, request, list(pile.of_run), new, left_out)
        else:
            run_id = jobs.start(request, new, left_out)
        if context.draft.version:
            context.services.store.drafts.ranked(context.draft.id, run_id)
    except LycheeError as error:
        state.tell(error)
        st.rerun()
    st.session_state["followed"] = context.draft.id, run_id
    st.session_state.pop("untouched", None)
    state.open_run(run_id)
    st.rerun()
